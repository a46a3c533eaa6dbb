//! Depth from focus over the registered levels.

use super::map::Progress;
use super::scratch::Scratch;
use super::stream::Interrupt;
use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Plane, Size};
use crate::transform::Transform;

/// A frame as depth sees it.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its scratch record.
    pub record: usize,
    /// Reference grid → its grid.
    pub transform: Transform,
    /// Brightness of the reference over its own.
    pub gain: f32,
}

/// What a map folder shows.
#[derive(Clone, Debug)]
pub struct Maps {
    /// Levels, 0 nearest; NaN where no frame covers.
    pub depth: Plane<f32>,
    /// 0 guessed … 1 certain.
    pub confidence: Plane<f32>,
    /// All-in-focus colour.
    pub aif: Plane<[u8; 3]>,
}

pub fn map<B: Backend>(_: &B, _: &[Vec<View>], grid: Size, _: u32, _: &mut Scratch, _: Progress<'_>, _: &Interrupt) -> Result<Maps> {
    Ok(Maps { depth: Plane::filled(grid, 0.0), confidence: Plane::filled(grid, 0.0), aif: Plane::filled(grid, [0; 3]) })
}
