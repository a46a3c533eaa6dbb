//! How much each place counts in its neighbourhood's search for the sharpest frame. Twin of `shaders/vote.wgsl`.
//!
//! Energy differs by orders of magnitude between a strong edge and fine texture. Dividing it by its mean over all frames
//! lets every place vote with the same weight, so that the blurred halo of a strong edge cannot outvote what lies under
//! it.

use rayon::prelude::*;

use super::window::add;
use crate::frame::Plane;
use crate::params::VOTE_RADIUS;

/// 1 / (mean of `energy` over the (2·[`VOTE_RADIUS`]+1)² cells around + `floor`); edge cells are replicated.
///
/// `energy` is the mean focus measure of the frames.
pub fn vote(energy: &Plane<f32>, floor: f32) -> Plane<f32> {
    let (radius, width) = (VOTE_RADIUS as usize, energy.size.width as usize);
    let side = 2 * radius + 1;
    let cells = (side * side) as f32;
    let mut out = Plane::filled(energy.size, 0.0);
    out.data.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0.0; width + 2 * radius],
        |padded, (y, out)| {
            for dy in 0..side {
                let row = (y as i64 + dy as i64 - radius as i64).clamp(0, i64::from(energy.size.height) - 1);
                let row = energy.row(row as u32);
                padded[..radius].fill(row[0]);
                padded[radius..radius + width].copy_from_slice(row);
                padded[radius + width..].fill(row[width - 1]);
                for dx in 0..side {
                    add(out, &padded[dx..dx + width]);
                }
            }
            for value in out {
                *value = 1.0 / (*value / cells + floor);
            }
        },
    );
    out
}
