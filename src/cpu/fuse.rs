//! Adds a frame's band to the fused picture's. Twin of `shaders/fuse.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;

/// Adds `band`'s colour times its weight to `sum`, whose fourth channel adds the weights up.
///
/// Row 0 of `sum` is row `skip` (even) of `band`; `weight` has half its size, between whose pixels weights are
/// interpolated: pixel k lies on pixel 2k.
pub fn fuse(sum: &mut Plane<[f32; 4]>, band: &Plane<[f32; 4]>, weight: &Plane<f32>, skip: u32) {
    assert_eq!(weight.size, band.size.grid(2), "weights are on half the band's grid");
    let width = sum.size.width as usize;
    let last = weight.size.height - 1;
    sum.data.par_chunks_exact_mut(width).enumerate().for_each_init(
        || vec![0.0; weight.size.width as usize],
        |between, (y, sum)| {
            let y = y as u32 + skip;
            let (here, after) = (weight.row(y / 2), weight.row((y / 2 + y % 2).min(last)));
            middle(here, after, between);
            add_band(sum, band.row(y), between);
        },
    );
}

/// Adds `plane`, the base of a pyramid, likewise; `weight` has its size.
pub fn fuse_base(sum: &mut Plane<[f32; 4]>, plane: &Plane<[f32; 4]>, weight: &Plane<f32>) {
    for ((sum, pixel), weight) in sum.data.iter_mut().zip(&plane.data).zip(&weight.data) {
        add(sum, pixel, *weight);
    }
}

#[inline(always)]
fn add(sum: &mut [f32; 4], pixel: &[f32; 4], weight: f32) {
    let [r, g, b, _] = *pixel;
    let value = [r, g, b, 1.0];
    for c in 0..4 {
        sum[c] += weight * value[c];
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn middle(here: &[f32], after: &[f32], out: &mut [f32]) {
    let (here, after) = (&here[..out.len()], &after[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (here[x] + after[x]) * 0.5;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_band(sum: &mut [[f32; 4]], band: &[[f32; 4]], half: &[f32]) {
    for (k, (sum, band)) in sum.chunks_mut(2).zip(band.chunks(2)).enumerate() {
        let (here, after) = (half[k], half[(k + 1).min(half.len() - 1)]);
        for ((sum, pixel), weight) in sum.iter_mut().zip(band).zip([here, (here + after) * 0.5]) {
            add(sum, pixel, weight);
        }
    }
}
