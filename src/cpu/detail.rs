//! A band of the Laplacian pyramid and its energy. Twin of `shaders/detail.wgsl`.

use multiversion::multiversion;

use super::lines::Lines;
use super::shrink::shrink;
use crate::params::ENERGY_SCALE;

/// The three colours that `plane` starts with, less those of `half` expanded (Burt and Adelson 1983), and the band's
/// energy over all colours, decimated like `half`.
///
/// `half` is `plane` shrunk.
pub fn detail(plane: &Lines, half: &Lines) -> (Lines, Lines) {
    assert_eq!(plane.size.grid(2), half.size, "the coarser plane has half the size");
    let width = plane.size.width as usize;
    let (whole, narrow) = (0..width, 0..half.size.width as usize);
    let mut band = Lines::new(plane.size, 3);
    let mut energy = Lines::new(plane.size, 1);
    let mut between = Vec::new();
    let rows = band.data.chunks_exact_mut(3 * width).zip(energy.data.chunks_exact_mut(width));
    for (y, (band, energy)) in rows.enumerate() {
        for (channel, band) in band.chunks_exact_mut(width).enumerate() {
            expand_down(y, half.around(y / 2, channel, &narrow), &mut between);
            subtract(plane.part(y, channel, &whole), &between, band);
        }
        square(band, energy);
    }
    let energy = shrink(&energy);
    (band, energy)
}

/// Row `y` of the finer plane expanded down from the three rows of the coarser one around row `y`/2: as wide as those, with a
/// pixel more at either end.
pub(super) fn expand_down(y: usize, taps: [&[f32]; 3], padded: &mut Vec<f32>) {
    let width = taps[0].len();
    padded.resize(width + 2, 0.0);
    if y.is_multiple_of(2) {
        on_row(taps, &mut padded[1..=width]);
    } else {
        off_row(taps, &mut padded[1..=width]);
    }
    (padded[0], padded[width + 1]) = (padded[1], padded[width]);
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn on_row(taps: [&[f32]; 3], out: &mut [f32]) {
    let [before, here, after] = taps;
    let (before, here, after) = (&before[..out.len()], &here[..out.len()], &after[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (before[x] + 6.0 * here[x] + after[x]) * 0.125;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn off_row(taps: [&[f32]; 3], out: &mut [f32]) {
    let (here, after) = (&taps[1][..out.len()], &taps[2][..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (here[x] + after[x]) * 0.5;
    }
}

/// Both pixels of a pair that the middle one of three is expanded across to.
#[inline(always)]
pub(super) fn pair([before, here, after]: [f32; 3]) -> [f32; 2] {
    [(before + 6.0 * here + after) * 0.125, (here + after) * 0.5]
}

/// A row of the band: `row` less `between` expanded across.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn subtract(row: &[f32], between: &[f32], band: &mut [f32]) {
    let (pairs, odd) = row.as_chunks::<2>();
    let (out, odd_out) = band.as_chunks_mut::<2>();
    let inner = &between[..pairs.len() + 2];
    for (k, (row, out)) in pairs.iter().zip(out).enumerate() {
        let expanded = pair([inner[k], inner[k + 1], inner[k + 2]]);
        *out = [row[0] - expanded[0], row[1] - expanded[1]];
    }
    if let ([row], [out]) = (odd, odd_out) {
        let k = pairs.len();
        *out = row - pair([between[k], between[k + 1], between[k + 2]])[0];
    }
}

/// Squares of the three colours of a row of the band, added up.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn square(band: &[f32], energy: &mut [f32]) {
    let width = energy.len();
    let (r, rest) = band.split_at(width);
    let (g, b) = rest.split_at(width);
    let b = &b[..width];
    for (x, energy) in energy.iter_mut().enumerate() {
        *energy = ENERGY_SCALE * (r[x] * r[x] + g[x] * g[x] + b[x] * b[x]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn lines(size: Size, value: impl Fn(usize, usize) -> [f32; 3]) -> Lines {
        let mut lines = Lines::new(size, 3);
        let width = size.width as usize;
        for y in 0..size.height as usize {
            for x in 0..width {
                for (channel, value) in value(x, y).into_iter().enumerate() {
                    lines.data[(3 * y + channel) * width + x] = value;
                }
            }
        }
        lines
    }

    #[test]
    fn ramps_have_no_detail() {
        for size in [Size::new(31, 24), Size::new(30, 25)] {
            let ramp = lines(size, |x, y| [x as f32, y as f32, 2.0 * x as f32 - y as f32]);
            let (band, energy) = detail(&ramp, &shrink(&ramp));
            for y in 4..size.height as usize - 5 {
                for channel in 0..3 {
                    let inner = band.part(y, channel, &(4..size.width as usize - 5));
                    assert!(inner.iter().all(|value| *value == 0.0), "row {y}: {inner:?}");
                }
            }
            assert_eq!(energy.row(6)[7], 0.0);
            assert!(energy.row(6)[0] > 0.0, "the ramp ends at the edge");
        }
    }

    /// A pattern of single pixels is all detail; its energy adds up the colours.
    #[test]
    fn energy_counts_squared_twentieths() {
        let size = Size::new(32, 29);
        let sign = |x: usize, y: usize| if (x + y).is_multiple_of(2) { 1.0f32 } else { -1.0 };
        let board = lines(size, |x, y| [0.5 + 0.1 * sign(x, y), 0.5 - 0.2 * sign(x, y), 0.5]);
        let (band, energy) = detail(&board, &shrink(&board));
        assert_eq!(energy.size, size.grid(2));
        for y in 4..10 {
            for x in 4..11 {
                let [r, g, b] = [0, 1, 2].map(|channel| band.part(y, channel, &(x..x + 1))[0]);
                let sign = sign(x, y);
                assert!((r - 0.1 * sign).abs().max((g + 0.2 * sign).abs()).max(b.abs()) < 1e-6);
                // 2² + 4² twentieths squared.
                assert!((energy.row(y)[x] - 20.0).abs() < 0.001, "{}", energy.row(y)[x]);
            }
        }
    }
}
