//! Variance of the Laplacian in a square window of cells. Twin of `shaders/window.wgsl`.
//!
//! Two box passes, across then down, each summing in ascending order; edge cells are replicated.

use multiversion::multiversion;
use rayon::prelude::*;

use super::sharpness::Moments;
use crate::frame::Plane;

/// Focus measure per cell: variance of the Laplacian over the (2·`radius`+1)² cells around it, ≥ 0, in squared
/// units of full-scale luma.
pub fn window(moments: &Moments, radius: u32) -> Plane<f32> {
    let laplacian = across(&moments.laplacian, radius);
    let energy = across(&moments.energy, radius);
    let size = energy.size;
    let side = (2 * radius + 1) as f32;
    let per_window = 1.0 / (side * side);
    let mut out = Plane::filled(size, 0.0);
    out.data.par_chunks_exact_mut(size.width as usize).enumerate().for_each_init(
        || (vec![0.0; size.width as usize], vec![0.0; size.width as usize]),
        |(mean, square), (y, out)| {
            mean.fill(0.0);
            square.fill(0.0);
            for dy in -i64::from(radius)..=i64::from(radius) {
                let row = (y as i64 + dy).clamp(0, i64::from(size.height) - 1) as u32;
                add(mean, laplacian.row(row));
                add(square, energy.row(row));
            }
            variance(mean, square, per_window, out);
        },
    );
    out
}

fn across(plane: &Plane<f32>, radius: u32) -> Plane<f32> {
    let (width, radius) = (plane.size.width as usize, radius as usize);
    let mut out = Plane::filled(plane.size, 0.0);
    out.data.par_chunks_exact_mut(width).zip(plane.data.par_chunks_exact(width)).for_each_init(
        || vec![0.0; width + 2 * radius],
        |padded, (out, row)| {
            padded[..radius].fill(row[0]);
            padded[radius..radius + width].copy_from_slice(row);
            padded[radius + width..].fill(row[width - 1]);
            for offset in 0..=2 * radius {
                add(out, &padded[offset..offset + width]);
            }
        },
    );
    out
}

/// Adds `row` to `sum`, element by element.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn add(sum: &mut [f32], row: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn variance(mean: &[f32], square: &[f32], per_window: f32, out: &mut [f32]) {
    for ((out, mean), square) in out.iter_mut().zip(mean).zip(square) {
        let mean = mean * per_window;
        *out = (square * per_window - mean * mean).max(0.0);
    }
}
