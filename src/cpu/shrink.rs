//! Halves a plane for the pyramid. Twin of `shaders/shrink.wgsl`.

use multiversion::multiversion;

use super::lines::Lines;

/// Every other pixel of every other row of `plane` smoothed by the binomial 1, 4, 6, 4, 1 (Burt and Adelson 1983), edge
/// pixels replicated: pixel k of the result lies on pixel 2k.
pub fn shrink(plane: &Lines) -> Lines {
    let mut out = Lines::new(plane.size.grid(2), plane.channels);
    let whole = 0..plane.size.width as usize;
    let half = out.size.width as usize;
    let rows = out.data.chunks_exact_mut(half * plane.channels).enumerate();
    let mut padded = Vec::new();
    for (y, out) in rows {
        for (channel, out) in out.chunks_exact_mut(half).enumerate() {
            shrink_row(plane.around(2 * y, channel, &whole), &mut padded, out);
        }
    }
    out
}

/// A row of half the width from five rows.
pub(super) fn shrink_row(taps: [&[f32]; 5], padded: &mut Vec<f32>, out: &mut [f32]) {
    pad(taps, padded);
    decimate(padded, out);
}

/// The sum of five rows by the binomial, with two more pixels at either end.
pub(super) fn pad(taps: [&[f32]; 5], padded: &mut Vec<f32>) {
    let width = taps[0].len();
    padded.resize(width + 4, 0.0);
    weigh_rows(taps, &mut padded[2..width + 2]);
    let (first, last) = (padded[2], padded[width + 1]);
    padded[..2].fill(first);
    padded[width + 2..].fill(last);
}

/// 1, 4, 6, 4, 1 of 16 over five rows.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn weigh_rows(rows: [&[f32]; 5], out: &mut [f32]) {
    let width = out.len();
    let [a, b, c, d, e] = rows;
    let (a, b, c, d, e) = (&a[..width], &b[..width], &c[..width], &d[..width], &e[..width]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (a[x] + 4.0 * b[x] + 6.0 * c[x] + 4.0 * d[x] + e[x]) * (1.0 / 16.0);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn decimate(padded: &[f32], out: &mut [f32]) {
    let padded = &padded[..2 * out.len() + 3];
    for (x, out) in out.iter_mut().enumerate() {
        let taps: &[f32; 5] = padded[2 * x..2 * x + 5].try_into().expect("five pixels");
        *out = (taps[0] + 4.0 * taps[1] + 6.0 * taps[2] + 4.0 * taps[3] + taps[4]) * (1.0 / 16.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn lines(size: Size, value: impl Fn(f32, f32) -> f32) -> Lines {
        let mut lines = Lines::new(size, 1);
        let width = size.width as usize;
        lines
            .data
            .iter_mut()
            .enumerate()
            .for_each(|(i, out)| *out = value((i % width) as f32, (i / width) as f32));
        lines
    }

    #[test]
    fn pixel_k_lies_on_pixel_2k() {
        for size in [Size::new(41, 28), Size::new(40, 29)] {
            let half = shrink(&lines(size, |x, y| 3.0 * x - y));
            assert_eq!(half.size, size.grid(2));
            for y in 1..half.size.height as usize - 1 {
                for x in 1..half.size.width as usize - 1 {
                    assert_eq!(half.row(y)[x], 6.0 * x as f32 - 2.0 * y as f32);
                }
            }
        }
    }

    #[test]
    fn a_point_spreads_as_the_binomial() {
        let mut plane = Lines::new(Size::new(13, 11), 3);
        plane.data[6 * 39 + 13 + 5] = 256.0;
        let half = shrink(&plane);
        // Column 5 is one off columns 4 and 6; row 6 is on row 6 and two off its neighbours.
        let (across, down) = ([0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 6.0, 1.0, 0.0]);
        for (y, down) in down.iter().enumerate() {
            let expected = [[0.0; 7], across.map(|weight| weight * down), [0.0; 7]];
            assert_eq!(half.row(y), expected.as_flattened(), "row {y}");
        }
    }

    #[test]
    fn edges_are_replicated() {
        for size in [Size::new(1, 1), Size::new(2, 1), Size::new(1, 5), Size::new(6, 4)] {
            assert_eq!(shrink(&lines(size, |_, _| 0.75)), lines(size.grid(2), |_, _| 0.75));
        }
        // The first pixel stands for two more before it: 1 + 4 + 6 of 16.
        let edge = lines(Size::new(6, 1), |x, _| if x == 0.0 { 16.0 } else { 0.0 });
        assert_eq!(shrink(&edge).data, [11.0, 1.0, 0.0]);
    }
}
