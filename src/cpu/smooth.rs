//! Smooths a plane by a binomial. Twin of `shaders/smooth.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::lines::around;
use super::shrink::pad;
use crate::frame::Plane;

/// `plane` smoothed by 1, 4, 6, 4, 1 both ways (σ = 1 px), edge pixels replicated, plus `offset`.
pub fn smooth(plane: &Plane<f32>, offset: f32) -> Plane<f32> {
    let width = plane.size.width as usize;
    let last = plane.size.height as usize - 1;
    let mut out = Plane::filled(plane.size, 0.0);
    out.data.par_chunks_exact_mut(width).enumerate().for_each_init(Vec::new, |padded, (y, out)| {
        smooth_row(around(y, last).map(|row| plane.row(row as u32)), offset, padded, out);
    });
    out
}

/// A row smoothed, from it and two on either side.
pub(super) fn smooth_row(taps: [&[f32]; 5], offset: f32, padded: &mut Vec<f32>, out: &mut [f32]) {
    pad(taps, padded);
    across(padded, offset, out);
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn across(padded: &[f32], offset: f32, out: &mut [f32]) {
    let padded = &padded[..out.len() + 4];
    for (x, out) in out.iter_mut().enumerate() {
        let sum = padded[x] + 4.0 * padded[x + 1] + 6.0 * padded[x + 2] + 4.0 * padded[x + 3] + padded[x + 4];
        *out = sum * (1.0 / 16.0) + offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn a_point_spreads_as_the_binomial() {
        let mut plane = Plane::filled(Size::new(12, 9), 0.0);
        plane.data[4 * 12 + 6] = 256.0;
        let weights = [1.0, 4.0, 6.0, 4.0, 1.0];
        let weight =
            |from: u32, to: u32| weights.get((to + 2).wrapping_sub(from) as usize).copied().unwrap_or(0.0);
        let smoothed = smooth(&plane, 0.5);
        for y in 0..9 {
            for x in 0..12 {
                assert_eq!(smoothed.at(x, y), weight(6, x) * weight(4, y) + 0.5, "({x}, {y})");
            }
        }
    }

    #[test]
    fn edges_are_replicated() {
        for size in [Size::new(1, 1), Size::new(2, 3), Size::new(40, 1)] {
            assert_eq!(smooth(&Plane::filled(size, 3.0), 0.25), Plane::filled(size, 3.25));
        }
        let edge = Plane::new(Size::new(5, 1), vec![16.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(smooth(&edge, 0.0).data, [11.0, 5.0, 1.0, 0.0, 0.0]);
    }
}
