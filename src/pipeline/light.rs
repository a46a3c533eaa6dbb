//! Exposure and white balance of the frames against the reference, channel by channel and across the picture.

use super::refine::Placed;
use super::register::to_linear;
use super::scratch::Scratch;
use super::stream::{Interrupt, check};
use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Plane, Size};
use crate::gains::{GainField, Patch, fit};
use crate::params::Edge;

/// Cells on which light is compared, at most: defocus moves light about, but not far.
const MAX_CELLS: usize = 100_000;
/// Patches across the longer side.
const PATCHES: u32 = 24;
/// Means of light between which a patch is trusted: neither lost in noise nor cut off.
const TRUSTED: std::ops::Range<f32> = 0.002..0.8;

/// What evens out every one of `frames` to the one with the index `reference`.
///
/// # Errors
/// [`crate::error::Error::Io`] from the scratch file, [`crate::error::Error::Device`],
/// [`crate::error::Error::Interrupted`].
pub fn gains<B: Backend>(
    backend: &B,
    frames: &[Placed],
    reference: usize,
    scratch: &mut Scratch,
    interrupt: &Interrupt,
) -> Result<Vec<GainField>> {
    let target = means(backend, &frames[reference], scratch)?;
    let mut gains = Vec::with_capacity(frames.len());
    for (index, frame) in frames.iter().enumerate() {
        check(interrupt)?;
        if index == reference {
            gains.push(GainField::UNITY);
            continue;
        }
        let means = means(backend, frame, scratch)?;
        let mut field = GainField::UNITY;
        for (channel, (target, mean)) in field.channels.iter_mut().zip(target.iter().zip(&means)) {
            *channel = fit(&patches(target, mean));
        }
        tracing::debug!("frame {index}: {field:?}");
        gains.push(field);
    }
    Ok(gains)
}

/// Mean light of patches of a frame as the reference sees it, by channel; negative where it does not reach.
fn means<B: Backend>(backend: &B, frame: &Placed, scratch: &mut Scratch) -> Result<[Plane<f32>; 3]> {
    let color = scratch.color(frame.record)?;
    let (mut size, mut cell) = (color.size, 1.0);
    while size.area() > MAX_CELLS {
        (size, cell) = (size.grid(2), 2.0 * cell);
    }
    let longer = size.width.max(size.height);
    let patches = |side: u32| ((side * PATCHES + longer / 2) / longer).clamp(1, side);
    let patches = Size::new(patches(size.width), patches(size.height));
    let transform = frame.transform.to_grid(cell);
    let channel = |channel: usize| {
        let light = color.data.iter().map(|pixel| to_linear(f32::from(pixel[channel]) / 255.0)).collect();
        let mut plane = backend.upload(Plane::new(color.size, light));
        let mut side = 1.0;
        while side < cell {
            (plane, side) = (backend.reduce(&plane), 2.0 * side);
        }
        let warped = backend.warp(&plane, &transform, 1.0, Edge::Mark, size);
        backend.blocks(&warped, patches)
    };
    Ok([channel(0)?, channel(1)?, channel(2)?])
}

/// Where both show enough light to compare.
fn patches(target: &Plane<f32>, mean: &Plane<f32>) -> Vec<Patch> {
    let Size { width, height } = target.size;
    let place = |at: usize, side: u32| (2.0 * at as f64 + 1.0) / f64::from(side) - 1.0;
    let aspect = f64::from(height) / f64::from(width);
    let both = target.data.iter().zip(&mean.data).enumerate();
    both.filter(|&(_, (target, mean))| TRUSTED.contains(target) && TRUSTED.contains(mean))
        .map(|(index, (target, mean))| Patch {
            x: place(index % width as usize, width),
            y: place(index / width as usize, height) * aspect,
            ratio: f64::from(target / mean),
            weight: 1.0,
        })
        .collect()
}
