//! Puts fused bands together again. Twin of `shaders/collapse.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::detail::{between_rows, pair};
use crate::frame::Plane;

/// The weighted mean in `sum` plus `half` expanded: the next finer plane of the fused picture, rows from `top` (even) on.
pub fn collapse(sum: &Plane<[f32; 4]>, half: &Plane<[f32; 4]>, top: u32) -> Plane<[f32; 4]> {
    let width = sum.size.width as usize;
    let mut out = Plane::filled(sum.size, [0.0; 4]);
    out.data.par_chunks_exact_mut(width).enumerate().for_each_init(
        || vec![[0.0; 4]; half.size.width as usize],
        |between, (y, out)| {
            between_rows(half, top + y as u32, between);
            add_mean(sum.row(y as u32), between, out);
        },
    );
    out
}

/// The weighted mean alone: the base.
pub fn collapse_base(sum: &Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    let mean = |&[r, g, b, weight]: &[f32; 4]| [r / weight, g / weight, b / weight, 1.0];
    Plane::new(sum.size, sum.data.iter().map(mean).collect())
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_mean(sum: &[[f32; 4]], half: &[[f32; 4]], out: &mut [[f32; 4]]) {
    for (k, (sum, out)) in sum.chunks(2).zip(out.chunks_mut(2)).enumerate() {
        let expanded = pair(half, k);
        for (i, (sum, out)) in sum.iter().zip(out).enumerate() {
            for c in 0..4 {
                out[c] = sum[c] / sum[3] + expanded[i][c];
            }
        }
    }
}
