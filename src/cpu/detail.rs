//! A band of the Laplacian pyramid and its energy. Twin of `shaders/detail.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::shrink::shrink_gray;
use super::spare;
use crate::frame::Plane;
use crate::params::ENERGY_SCALE;

/// `plane` less `half` expanded (Burt and Adelson 1983), with the fourth channel of no meaning, and the band's energy
/// over all colours, decimated like `half`.
///
/// `half` is `plane` shrunk.
pub fn detail(plane: &Plane<[f32; 4]>, half: &Plane<[f32; 4]>) -> (Plane<[f32; 4]>, Plane<f32>) {
    assert_eq!(plane.size.grid(2), half.size, "the coarser plane has half the size");
    let width = plane.size.width as usize;
    let mut band: Plane<[f32; 4]> = spare::plane(plane.size);
    let mut energy: Plane<f32> = spare::plane(plane.size);
    let rows = band.data.par_chunks_exact_mut(width).zip(energy.data.par_chunks_exact_mut(width));
    rows.enumerate().for_each_init(
        || padded(half),
        |between, (y, (band, energy))| {
            between_rows(half, y as u32, between);
            subtract(plane.row(y as u32), between, band);
            square(band, energy);
        },
    );
    let decimated = shrink_gray(&energy);
    spare::give(energy);
    (band, decimated)
}

/// Room for a row of `half` with a pixel more at either end.
pub(super) fn padded(half: &Plane<[f32; 4]>) -> Vec<[f32; 4]> {
    vec![[0.0; 4]; half.size.width as usize + 2]
}

/// Row `y` of `half` expanded down: a row as wide as `half`, its ends replicated.
pub(super) fn between_rows(half: &Plane<[f32; 4]>, y: u32, padded: &mut [[f32; 4]]) {
    let inner = padded.len() - 1;
    let out = &mut padded[1..inner];
    let last = half.size.height - 1;
    let k = (y / 2).min(last);
    let (here, after) = (half.row(k).as_flattened(), half.row((k + 1).min(last)).as_flattened());
    let out = out.as_flattened_mut();
    if y.is_multiple_of(2) {
        on_row(half.row(k.saturating_sub(1)).as_flattened(), here, after, out);
    } else {
        off_row(here, after, out);
    }
    (padded[0], padded[inner]) = (padded[1], padded[inner - 1]);
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

/// Both pixels of a pair that the middle one of three is expanded across to.
#[inline(always)]
pub(super) fn pair(three: &[[f32; 4]]) -> [[f32; 4]; 2] {
    let [before, here, after] = [three[0], three[1], three[2]];
    [
        std::array::from_fn(|c| (before[c] + 6.0 * here[c] + after[c]) * 0.125),
        std::array::from_fn(|c| (here[c] + after[c]) * 0.5),
    ]
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn subtract(row: &[[f32; 4]], half: &[[f32; 4]], band: &mut [[f32; 4]]) {
    for ((row, band), three) in row.chunks(2).zip(band.chunks_mut(2)).zip(half.windows(3)) {
        let expanded = pair(three);
        for (i, (row, band)) in row.iter().zip(band).enumerate() {
            for c in 0..4 {
                band[c] = row[c] - expanded[i][c];
            }
        }
    }
}

/// Squares of all colours, added up.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn square(band: &[[f32; 4]], energy: &mut [f32]) {
    for ([r, g, b, _], energy) in band.iter().zip(energy) {
        *energy = ENERGY_SCALE * (r * r + g * g + b * b);
    }
}

#[cfg(test)]
mod tests {
    use super::super::shrink::shrink;
    use super::*;
    use crate::frame::Size;

    fn plane(size: Size, value: impl Fn(usize, usize) -> [f32; 4]) -> Plane<[f32; 4]> {
        let width = size.width as usize;
        Plane::new(size, (0..size.area()).map(|index| value(index % width, index / width)).collect())
    }

    #[test]
    fn ramps_have_no_detail() {
        let size = Size::new(31, 24);
        let ramp = plane(size, |x, y| [x as f32, y as f32, 2.0 * x as f32 - y as f32, 1.0]);
        let (band, energy) = detail(&ramp, &shrink(&ramp));
        for y in 4..size.height - 5 {
            for x in 4..size.width - 5 {
                assert_eq!(band.at(x, y), [0.0; 4], "({x}, {y})");
            }
        }
        assert_eq!(energy.at(7, 6), 0.0);
        assert!(energy.at(0, 6) > 0.0, "the ramp ends at the edge");
    }

    /// A pattern of single pixels is all detail; its energy adds up the colours, and nothing else.
    #[test]
    fn energy_counts_squared_twentieths() {
        let size = Size::new(32, 29);
        let board = plane(size, |x, y| {
            let sign = if (x + y) % 2 == 0 { 1.0 } else { -1.0 };
            [0.5 + 0.1 * sign, 0.5 - 0.2 * sign, 0.5, 9.0 * sign]
        });
        let (band, energy) = detail(&board, &shrink(&board));
        assert_eq!(energy.size, size.grid(2));
        for y in 4..10 {
            for x in 4..11 {
                let [r, g, b, _] = band.at(x, y);
                let sign = if (x + y) % 2 == 0 { 1.0 } else { -1.0 };
                assert!((r - 0.1 * sign).abs().max((g + 0.2 * sign).abs()).max(b.abs()) < 1e-6);
                // 2² + 4² twentieths squared.
                assert!((energy.at(x, y) - 20.0).abs() < 0.001, "{}", energy.at(x, y));
            }
        }
    }
}
