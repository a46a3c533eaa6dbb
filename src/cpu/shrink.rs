//! Halves a plane for the pyramid. Twin of `shaders/shrink.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::spare;
use crate::frame::{Plane, Size};

/// Every other pixel of every other row of `plane` smoothed by the binomial 1, 4, 6, 4, 1 (Burt and Adelson 1983), edge
/// pixels replicated: pixel k of the result lies on pixel 2k. The fourth channel is 1, and stays so.
pub fn shrink(plane: &Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    let half = plane.size.grid(2);
    let mut out = spare::plane(half);
    let rows = |y: u32| plane.row(y).as_flattened();
    halve::<4>(plane.size, &rows, out.data.as_flattened_mut());
    out
}

/// [`shrink`] of one channel.
pub fn shrink_gray(plane: &Plane<f32>) -> Plane<f32> {
    let mut out: Plane<f32> = spare::plane(plane.size.grid(2));
    halve::<1>(plane.size, &|y| plane.row(y), &mut out.data);
    out
}

/// Halves rows of `C` interleaved channels.
fn halve<'a, const C: usize>(size: Size, row: &(impl Fn(u32) -> &'a [f32] + Sync), out: &mut [f32]) {
    let last = i64::from(size.height) - 1;
    let half = size.grid(2).width as usize;
    let width = size.width as usize;
    out.par_chunks_exact_mut(half * C).enumerate().for_each_init(
        || vec![0.0f32; (width + 4) * C],
        |padded, (y, out)| {
            let taps = std::array::from_fn(|k| row((2 * y as i64 + k as i64 - 2).clamp(0, last) as u32));
            weigh_rows(taps, &mut padded[2 * C..(2 + width) * C]);
            for pixel in [0, 1] {
                padded.copy_within(2 * C..3 * C, pixel * C);
                padded.copy_within((1 + width) * C..(2 + width) * C, (2 + width + pixel) * C);
            }
            match C {
                4 => decimate4(padded, out),
                _ => decimate1(padded, out),
            }
        },
    );
}

/// 1, 4, 6, 4, 1 of 16 over five rows.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn weigh_rows(rows: [&[f32]; 5], out: &mut [f32]) {
    let [a, b, c, d, e] = rows.map(|row| &row[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (a[x] + 4.0 * b[x] + 6.0 * c[x] + 4.0 * d[x] + e[x]) * (1.0 / 16.0);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn decimate4(padded: &[f32], out: &mut [f32]) {
    for (x, out) in out.chunks_exact_mut(4).enumerate() {
        let taps: &[f32; 20] = padded[8 * x..8 * x + 20].try_into().expect("five pixels");
        for c in 0..4 {
            out[c] = (taps[c] + 4.0 * taps[4 + c] + 6.0 * taps[8 + c] + 4.0 * taps[12 + c] + taps[16 + c])
                * (1.0 / 16.0);
        }
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn decimate1(padded: &[f32], out: &mut [f32]) {
    for (x, out) in out.iter_mut().enumerate() {
        let taps: &[f32; 5] = padded[2 * x..2 * x + 5].try_into().expect("five pixels");
        *out = (taps[0] + 4.0 * taps[1] + 6.0 * taps[2] + 4.0 * taps[3] + taps[4]) * (1.0 / 16.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixel_k_lies_on_pixel_2k() {
        for size in [Size::new(41, 28), Size::new(40, 29)] {
            let ramp = |index: usize| {
                let (x, y) = ((index % size.width as usize) as f32, (index / size.width as usize) as f32);
                [x, y, 3.0 * x - y, 1.0]
            };
            let half = shrink(&Plane::new(size, (0..size.area()).map(ramp).collect()));
            assert_eq!(half.size, size.grid(2));
            for y in 1..half.size.height - 1 {
                for x in 1..half.size.width - 1 {
                    let (across, down) = (2.0 * x as f32, 2.0 * y as f32);
                    assert_eq!(half.at(x, y), [across, down, 3.0 * across - down, 1.0]);
                }
            }
        }
    }

    #[test]
    fn a_point_spreads_as_the_binomial() {
        let mut plane = Plane::filled(Size::new(13, 11), [0.0; 4]);
        plane.data[6 * 13 + 5][2] = 256.0;
        let half = shrink(&plane);
        // Column 5 is one off columns 4 and 6; row 6 is on row 6 and two off its neighbours.
        let weight = |x: u32, y: u32| {
            [0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 0.0][x as usize] * [0.0, 0.0, 1.0, 6.0, 1.0, 0.0][y as usize]
        };
        for y in 0..6 {
            for x in 0..7 {
                assert_eq!(half.at(x, y), [0.0, 0.0, weight(x, y), 0.0], "({x}, {y})");
            }
        }
        let channel = Plane::new(plane.size, plane.data.iter().map(|pixel| pixel[2]).collect());
        let gray: Vec<f32> = half.data.iter().map(|pixel| pixel[2]).collect();
        assert_eq!(shrink_gray(&channel).data, gray);
    }

    #[test]
    fn edges_are_replicated() {
        for size in [Size::new(1, 1), Size::new(2, 1), Size::new(1, 5), Size::new(6, 4)] {
            assert_eq!(shrink_gray(&Plane::filled(size, 0.75)), Plane::filled(size.grid(2), 0.75));
        }
        // The first pixel stands for two more before it: 1 + 4 + 6 of 16.
        let edge = Plane::new(Size::new(6, 1), vec![16.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(shrink_gray(&edge).data, [11.0, 1.0, 0.0]);
    }
}
