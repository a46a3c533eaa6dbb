//! How much each place counts in its neighbourhood's search for the sharpest frame. Twin of `shaders/vote.wgsl`.
//!
//! Energy differs by orders of magnitude between a strong edge and fine texture. Dividing it by its sum over all frames
//! lets every place vote with the same weight, so that the blurred halo of a strong edge cannot outvote what lies under
//! it.

use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::VOTE_RADIUS;

/// 1 / (mean of `energy` over the (2·[`VOTE_RADIUS`]+1)² cells around + `floor`); edge cells are replicated.
///
/// `energy` is the focus measure summed over the frames.
pub fn vote(energy: &Plane<f32>, floor: f32) -> Plane<f32> {
    let radius = i64::from(VOTE_RADIUS);
    let cells = ((2 * radius + 1) * (2 * radius + 1)) as f32;
    let mut out = Plane::filled(energy.size, 0.0);
    out.data.par_chunks_mut(energy.size.width as usize).enumerate().for_each(|(y, out)| {
        for (x, out) in out.iter_mut().enumerate() {
            let mut sum = 0.0;
            for dy in -radius..=radius {
                for dx in -radius..=radius {
                    sum += energy.clamped(x as i64 + dx, y as i64 + dy);
                }
            }
            *out = 1.0 / (sum / cells + floor);
        }
    });
    out
}
