//! How much a frame counts in a band. Twin of `shaders/weigh.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;

/// (`energy` + `floor`)^`powers[0]` · `finest`^`powers[1]` · `prior`, pixel by pixel.
pub fn weigh(
    energy: &Plane<f32>,
    finest: &Plane<f32>,
    prior: &Plane<f32>,
    floor: f32,
    powers: [u32; 2],
) -> Plane<f32> {
    assert!(energy.size == finest.size && energy.size == prior.size, "all planes are of one band");
    let width = energy.size.width as usize;
    let mut out = prior.clone();
    let rows = energy.data.par_chunks_exact(width).zip(finest.data.par_chunks_exact(width));
    out.data.par_chunks_exact_mut(width).zip(rows).for_each(|(out, (energy, finest))| {
        for _ in 0..powers[0] {
            multiply(out, energy, floor);
        }
        for _ in 0..powers[1] {
            multiply(out, finest, 0.0);
        }
    });
    out
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn multiply(out: &mut [f32], factor: &[f32], floor: f32) {
    for (out, factor) in out.iter_mut().zip(factor) {
        *out *= factor + floor;
    }
}
