//! Brings rows of a photo into the reference geometry and exposure. Twin of `shaders/resample.wgsl`.
//!
//! Two passes of cubic convolution (Keys 1981), first across, then down (Catmull and Smith 1980): 8 taps instead of 16.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::{Pixels, Plane, Size};
use crate::gains::GainField;
use crate::params::cubic;
use crate::transform::Transform;

/// Rows `rows` of `pixels` seen from the reference, 0…1, encoded as `pixels` are, evened out by `gains`; overshoot is
/// kept, edge pixels are replicated, the fourth channel is 1.
///
/// `transform` maps pixels of the reference, `size` of them, to those of `pixels`.
pub fn resample(
    pixels: &Pixels,
    transform: &Transform,
    gains: &GainField,
    size: Size,
    rows: Range<u32>,
) -> Plane<[f32; 4]> {
    let m = transform.to_f32();
    let source = transform.source_rows(pixels.size(), size, &rows);
    let across = across(pixels, &m, size.width, source.clone());
    let mut out = Plane::filled(Size::new(size.width, rows.len() as u32), [0.0; 4]);
    out.data.par_chunks_exact_mut(size.width as usize).zip(rows).for_each(|(out, y)| {
        down_row(&across, source.start, &m, &gains.row(size, y), y as f32, out);
    });
    out
}

/// Pixels beyond either end of a row that taps reach.
const PAD: usize = 4;
/// Pixels that go through together.
const BLOCK: usize = 32;

/// Columns of the reference in the rows `rows` of the photo.
fn across(pixels: &Pixels, m: &[f32; 8], width: u32, rows: Range<u32>) -> Plane<[f32; 4]> {
    let mut out = Plane::filled(Size::new(width, rows.len() as u32), [0.0; 4]);
    let photo = pixels.size().width as usize;
    out.data.par_chunks_exact_mut(width as usize).zip(rows).for_each_init(
        || vec![[0.0; 4]; photo + 2 * PAD],
        |padded, (out, row)| {
            match pixels {
                Pixels::U8(plane) => widen::<u8>(plane.row(row), padded, 1.0 / 255.0),
                Pixels::U16(plane) => widen::<u16>(plane.row(row), padded, 1.0 / 65535.0),
            }
            across_row(padded, m, row as f32, out);
        },
    );
    out
}

/// A row as floats with replicated ends.
#[inline(always)]
fn widen<T: Copy + Into<f32>>(row: &[[T; 3]], padded: &mut [[f32; 4]], unit: f32) {
    for (out, pixel) in padded[PAD..].iter_mut().zip(row) {
        let [r, g, b] = pixel.map(|value| value.into() * unit);
        *out = [r, g, b, 1.0];
    }
    let (first, last) = (padded[PAD], padded[PAD + row.len() - 1]);
    padded[..PAD].fill(first);
    padded[PAD + row.len()..].fill(last);
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn across_row(padded: &[[f32; 4]], m: &[f32; 8], row: f32, out: &mut [[f32; 4]]) {
    let far = (padded.len() - 2 * PAD) as f32;
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut first = [0u32; BLOCK];
        let mut weights = [[0.0f32; BLOCK]; 4];
        for i in 0..BLOCK {
            let x = (start + i) as f32;
            // Where on the reference's column x the photo's row lies, and from there the photo's column.
            let y = (m[3] * x + m[5] - row * (m[6] * x + 1.0)) / (row * m[7] - m[4]);
            let u = (m[0] * x + m[1] * y + m[2]) / (m[6] * x + m[7] * y + 1.0);
            // Farther out nothing changes. Not negative once the pad is added, so that truncation is the floor.
            let padded = u.clamp(-2.0, far + 1.0) + PAD as f32;
            let whole = padded as i32;
            first[i] = whole as u32 - 1;
            let part = padded - whole as f32;
            let four = cubic(part);
            for k in 0..4 {
                weights[k][i] = four[k];
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            let taps = &padded[first[i] as usize..][..4];
            for channel in 0..4 {
                out[channel] = weights[0][i] * taps[0][channel]
                    + weights[1][i] * taps[1][channel]
                    + weights[2][i] * taps[2][channel]
                    + weights[3][i] * taps[3][channel];
            }
        }
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn down_row(
    across: &Plane<[f32; 4]>,
    top: u32,
    m: &[f32; 8],
    gains: &[[f32; 4]; 3],
    y: f32,
    out: &mut [[f32; 4]],
) {
    let last = across.size.height as i32 - 1;
    let width = across.size.width as usize;
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut whole = [0i32; BLOCK];
        let mut weights = [[0.0f32; BLOCK]; 4];
        for i in 0..BLOCK {
            let x = (start + i) as f32;
            let v = (m[3] * x + m[4] * y + m[5]) / (m[6] * x + m[7] * y + 1.0);
            let v = (v - top as f32).clamp(-2.0, last as f32 + 2.0);
            let floor = v.floor();
            whole[i] = floor as i32;
            let four = cubic(v - floor);
            for k in 0..4 {
                weights[k][i] = four[k];
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            let x = start + i;
            let tap = |k: i32| &across.data[(whole[i] + k).clamp(0, last) as usize * width + x];
            let taps = [tap(-1), tap(0), tap(1), tap(2)];
            let (x, mut value) = (x as f32, [0.0; 4]);
            for channel in 0..4 {
                value[channel] = weights[0][i] * taps[0][channel]
                    + weights[1][i] * taps[1][channel]
                    + weights[2][i] * taps[2][channel]
                    + weights[3][i] * taps[3][channel];
                let gain = gains[0][channel] + gains[1][channel] * x + gains[2][channel] * x * x;
                value[channel] =
                    value[channel] * gain + 0.055 * (gain - 1.0) * (25.0 * value[channel]).min(1.0);
            }
            *out = value;
        }
    }
}
