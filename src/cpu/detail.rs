//! A band of the Laplacian pyramid and its energy. Twin of `shaders/detail.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::shrink::shrink_gray;
use crate::frame::Plane;
use crate::params::ENERGY_SCALE;

/// `plane` less `half` expanded (Burt and Adelson 1983), with the fourth channel of no meaning, and the band's energy
/// over all colours, decimated like `half`.
///
/// `half` is `plane` shrunk.
pub fn detail(plane: &Plane<[f32; 4]>, half: &Plane<[f32; 4]>) -> (Plane<[f32; 4]>, Plane<f32>) {
    assert_eq!(plane.size.grid(2), half.size, "the coarser plane has half the size");
    let width = plane.size.width as usize;
    let mut band = Plane::filled(plane.size, [0.0; 4]);
    let mut energy = Plane::filled(plane.size, 0.0);
    let rows = band.data.par_chunks_exact_mut(width).zip(energy.data.par_chunks_exact_mut(width));
    rows.enumerate().for_each_init(
        || vec![[0.0; 4]; half.size.width as usize],
        |between, (y, (band, energy))| {
            between_rows(half, y as u32, between);
            subtract(plane.row(y as u32), between, band, energy);
        },
    );
    (band, shrink_gray(&energy))
}

/// Row `y` of `half` expanded down: a row as wide as `half`.
pub(super) fn between_rows(half: &Plane<[f32; 4]>, y: u32, out: &mut [[f32; 4]]) {
    let last = half.size.height - 1;
    let k = (y / 2).min(last);
    let (here, after) = (half.row(k).as_flattened(), half.row((k + 1).min(last)).as_flattened());
    let out = out.as_flattened_mut();
    if y.is_multiple_of(2) {
        on_row(half.row(k.saturating_sub(1)).as_flattened(), here, after, out);
    } else {
        off_row(here, after, out);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn on_row(before: &[f32], here: &[f32], after: &[f32], out: &mut [f32]) {
    let (before, here, after) = (&before[..out.len()], &here[..out.len()], &after[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (before[x] + 6.0 * here[x] + after[x]) * 0.125;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn off_row(here: &[f32], after: &[f32], out: &mut [f32]) {
    let (here, after) = (&here[..out.len()], &after[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (here[x] + after[x]) * 0.5;
    }
}

/// Both pixels of a pair that `row`, half as wide, is expanded across to.
#[inline(always)]
pub(super) fn pair(row: &[[f32; 4]], k: usize) -> [[f32; 4]; 2] {
    let (before, here, after) = (row[k.saturating_sub(1)], row[k], row[(k + 1).min(row.len() - 1)]);
    [
        std::array::from_fn(|c| (before[c] + 6.0 * here[c] + after[c]) * 0.125),
        std::array::from_fn(|c| (here[c] + after[c]) * 0.5),
    ]
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn subtract(row: &[[f32; 4]], half: &[[f32; 4]], band: &mut [[f32; 4]], energy: &mut [f32]) {
    for (k, ((row, band), energy)) in
        row.chunks(2).zip(band.chunks_mut(2)).zip(energy.chunks_mut(2)).enumerate()
    {
        let expanded = pair(half, k);
        for (i, (row, band)) in row.iter().zip(band).enumerate() {
            for c in 0..4 {
                band[c] = row[c] - expanded[i][c];
            }
            let [r, g, b, _] = *band;
            energy[i] = ENERGY_SCALE * (r * r + g * g + b * b);
        }
    }
}
