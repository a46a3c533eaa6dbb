//! What the user says of the ends of the order.

use super::clusters::Level;
use super::faults::Scale;
use super::features::Features;
use super::path::Ends;
use crate::error::{Error, Result};

/// Where the user says one end of the range is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Anchor {
    /// The frame with this index.
    Frame(usize),
    /// The frame sharpest around this point: fractions of the reference's width and height, 0…1.
    Point(f64, f64),
}

/// Both ends of the range; `None`: the end of the order that is found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anchors {
    /// Nearest to the camera.
    pub near: Option<Anchor>,
    /// Farthest from the camera.
    pub far: Option<Anchor>,
}

/// What is said of anchors that are no two ends.
pub const ONE_LEVEL: &str =
    "--near and --far mean one level of focus: name two frames or points at different distances";

impl Anchors {
    /// The frames that are named as ends. What a point means is left to levels, as one frame is easily the sharpest there
    /// by noise.
    pub fn frames(self) -> Ends {
        let frame = |anchor| if let Anchor::Frame(frame) = anchor { Some(frame) } else { None };
        Ends { first: self.near.and_then(frame), last: self.far.and_then(frame) }
    }
}

/// The level `anchor` means, as given by `option`.
///
/// # Errors
/// [`Error::Usage`] if there is nothing to measure around a point.
pub fn find(
    features: &Features,
    scale: &Scale,
    levels: &[Level],
    anchor: Anchor,
    option: &str,
) -> Result<usize> {
    match anchor {
        Anchor::Frame(frame) => {
            let level = levels.iter().position(|level| level.frames.contains(&frame));
            Ok(level.expect("an anchor is never left out as not sharp"))
        }
        Anchor::Point(x, y) => {
            let means: Vec<&[f32]> = levels.iter().map(|level| &level.mean[..]).collect();
            scale.sharpest_around(features.grid, &means, (x, y)).ok_or_else(|| {
                Error::Usage(format!(
                    "{option} {x},{y}: nothing there has texture to focus on: name another point or a frame"
                ))
            })
        }
    }
}
