//! Halves a plane: one level of the registration pyramid. Twin of `shaders/reduce.wgsl`.

use rayon::prelude::*;

use crate::frame::{Plane, Size};

/// Mean of each 2×2 block; an odd last row or column is replicated.
pub fn reduce(plane: &Plane<f32>) -> Plane<f32> {
    let Size { width, height } = plane.size;
    let half = plane.size.grid(2);
    let mut out = Plane::filled(half, 0.0);
    out.data.par_chunks_exact_mut(half.width as usize).enumerate().for_each(|(y, out)| {
        let above = plane.row(2 * y as u32);
        let below = plane.row((2 * y as u32 + 1).min(height - 1));
        for (x, out) in out.iter_mut().enumerate() {
            let (left, right) = (2 * x, (2 * x + 1).min(width as usize - 1));
            *out = 0.25 * (above[left] + above[right] + below[left] + below[right]);
        }
    });
    out
}
