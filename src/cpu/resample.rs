//! Brings rows of a photo into the reference geometry and exposure. Twin of `shaders/resample.wgsl`.
//!
//! Two passes of cubic convolution (Keys 1981), first across, then down (Catmull and Smith 1980): 8 taps instead of 16.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;
use wide::f32x4;

use super::spare;
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
    let mut out: Plane<[f32; 4]> = spare::plane(Size::new(size.width, rows.len() as u32));
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
    let mut out: Plane<[f32; 4]> = spare::plane(Size::new(width, rows.len() as u32));
    let photo = pixels.size().width as usize;
    out.data.par_chunks_exact_mut(width as usize).zip(rows).for_each_init(
        || vec![[0.0; 4]; photo + 2 * PAD],
        |padded, (out, row)| {
            widen_row(pixels, row, padded);
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
fn widen_row(pixels: &Pixels, row: u32, padded: &mut [[f32; 4]]) {
    match pixels {
        Pixels::U8(plane) => widen::<u8>(plane.row(row), padded, 1.0 / 255.0),
        Pixels::U16(plane) => widen::<u16>(plane.row(row), padded, 1.0 / 65535.0),
    }
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
            let [a, b, c, d] = std::array::from_fn(|k| f32x4::from(padded[first[i] as usize + k]));
            let [u, v, w, x] = weights.map(|weights| f32x4::splat(weights[i]));
            *out = (u * a + v * b + w * c + x * d).to_array();
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
        let row = |k: i32, i: usize| (whole[i] + k).clamp(0, last) as usize * width + start + i;
        if whole.iter().all(|at| *at == whole[0]) {
            // Nearly always: the whole block looks at the same rows.
            let [a, b, c, d] = [-1, 0, 1, 2].map(|k| &across.data[row(k, 0)..][..out.len()]);
            for (i, out) in out.iter_mut().enumerate() {
                let weights = weights.map(|weights| weights[i]);
                *out = mix([a[i], b[i], c[i], d[i]], weights, gains, (start + i) as f32);
            }
        } else {
            for (i, out) in out.iter_mut().enumerate() {
                let taps = [-1, 0, 1, 2].map(|k| across.data[row(k, i)]);
                *out = mix(taps, weights.map(|weights| weights[i]), gains, (start + i) as f32);
            }
        }
    }
}

/// Four pixels weighed, in the light of the reference.
#[inline(always)]
fn mix(taps: [[f32; 4]; 4], weights: [f32; 4], gains: &[[f32; 4]; 3], x: f32) -> [f32; 4] {
    let [a, b, c, d] = taps.map(f32x4::from);
    let [u, v, w, z] = weights.map(f32x4::splat);
    let value = u * a + v * b + w * c + z * d;
    let [flat, slope, bend] = gains.map(f32x4::from);
    let gain = flat + slope * f32x4::splat(x) + bend * f32x4::splat(x * x);
    let toe = (f32x4::splat(25.0) * value).fast_min(f32x4::splat(1.0));
    (value * gain + f32x4::splat(0.055) * (gain - f32x4::splat(1.0)) * toe).to_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gains::TERMS;
    use crate::params::CUBIC;

    const SIZE: Size = Size::new(61, 47);

    /// A photo of 16 bits that shows `value`, 0…1.
    fn photo(value: impl Fn(f64, f64) -> [f64; 3]) -> Pixels {
        let pixel = |index: usize| {
            let (x, y) = (index % SIZE.width as usize, index / SIZE.width as usize);
            value(x as f64, y as f64).map(|value| (value * 65535.0).round() as u16)
        };
        Pixels::U16(Plane::new(SIZE, (0..SIZE.area()).map(pixel).collect()))
    }

    /// Every pixel at which `transform` leads at least `margin` pixels into the photo must be as `expected` says of where it
    /// leads; how many there are.
    fn check(
        out: &Plane<[f32; 4]>,
        transform: &Transform,
        margin: f64,
        bound: f64,
        expected: impl Fn(f64, f64) -> [f64; 3],
    ) -> usize {
        let mut count = 0;
        for (index, got) in out.data.iter().enumerate() {
            let (x, y) = (index % SIZE.width as usize, index / SIZE.width as usize);
            let [u, v] = transform.apply(x as f64, y as f64);
            let inside = |at: f64, side: u32| at >= margin && at <= f64::from(side) - 1.0 - margin;
            if inside(u, SIZE.width) && inside(v, SIZE.height) {
                count += 1;
                for (wanted, got) in expected(u, v).iter().zip(got) {
                    assert!((wanted - f64::from(*got)).abs() <= bound, "({x}, {y}): {got} is not {wanted}");
                }
            }
        }
        count
    }

    #[test]
    fn identity_keeps_every_value() {
        let mixed = |index: usize| [index * 7919, index * 104_729, index * 31];
        let bytes = Plane::new(SIZE, (0..SIZE.area()).map(|i| mixed(i).map(|v| v as u8)).collect());
        let words = Plane::new(SIZE, (0..SIZE.area()).map(|i| mixed(i).map(|v| v as u16)).collect());
        let floats = |[r, g, b]: [f32; 3]| [r, g, b, 1.0];
        let from_bytes = bytes.data.iter().map(|p| floats(p.map(|v| f32::from(v) * (1.0 / 255.0)))).collect();
        let from_words =
            words.data.iter().map(|p| floats(p.map(|v| f32::from(v) * (1.0 / 65535.0)))).collect();
        for (pixels, expected) in [(Pixels::U8(bytes), from_bytes), (Pixels::U16(words), from_words)] {
            let expected = Plane::new(SIZE, expected);
            for rows in [0..SIZE.height, 0..9, 20..33, 40..SIZE.height] {
                let out = resample(&pixels, &Transform::IDENTITY, &GainField::UNITY, SIZE, rows.clone());
                assert_eq!(out, expected.rows(rows));
            }
        }
    }

    /// Cubic convolution reproduces linear functions, one pass after the other too.
    /// Cubics with another parameter than −1/2 are up to 0.0482 px off on a ramp.
    #[test]
    fn ramps_stay_ramps() {
        let ramp = |x: f64, y: f64| {
            [100.0 * x + 500.0, 900.0 * y, 37.0 * y - 50.0 * x + 9000.0].map(|v| v / 65535.0)
        };
        let pixels = photo(ramp);
        let turned = Transform::similarity(0.03, 0.06, [1.3, -0.7], [30.0, 23.0]);
        let sheared = Transform::affine([0.93, 0.11, 1.7, -0.08, 1.05, 2.4]);
        let askew = Transform { perspective: [6e-4, -4e-4], ..turned };
        for transform in [turned, sheared, askew] {
            let out = resample(&pixels, &transform, &GainField::UNITY, SIZE, 0..SIZE.height);
            let bound = if CUBIC == -0.5 { 1e-6 } else { 0.0482 * 900.0 / 65535.0 };
            assert!(check(&out, &transform, 4.0, bound, ramp) > 1500);
        }
    }

    /// What four taps half-way between pixels make of a wave.
    #[test]
    fn waves_between_pixels_are_right() {
        let k = std::f64::consts::TAU / 16.0;
        let wave = |x: f64, y: f64| {
            [(k * x).cos(), (k * y).sin(), (k * x).cos() * (k * y).sin()].map(|v| 0.5 + 0.4 * v)
        };
        let half = Transform::affine([1.0, 0.0, 0.5, 0.0, 1.0, 0.5]);
        let out = resample(&photo(wave), &half, &GainField::UNITY, SIZE, 0..SIZE.height);
        // Both ways; 16 bits are rounded to half a step, of which taps make up to 1.4² as much.
        let outer = f64::from(CUBIC) / 8.0;
        let kept = (1.0 - 2.0 * outer) * (0.5 * k).cos() + 2.0 * outer * (1.5 * k).cos();
        let bound = (kept * kept - 1.0).abs() * 0.4 + 0.5 * 1.4 * 1.4 / 65535.0;
        assert!(check(&out, &half, 2.0, bound, wave) > 2000);
    }

    #[test]
    fn edge_pixels_go_on_beyond_the_frame() {
        let pixels = photo(|x, y| [0.01 * x, 0.01 * y, 0.5]);
        let beyond = Transform::affine([1.0, 0.0, 1000.0, 0.0, 1.0, -2000.0]);
        let out = resample(&pixels, &beyond, &GainField::UNITY, SIZE, 7..30);
        let Pixels::U16(plane) = &pixels else { unreachable!("photos here have 16 bits") };
        let corner = plane.at(SIZE.width - 1, 0).map(|value| f32::from(value) / 65535.0);
        for pixel in &out.data {
            assert!(pixel.iter().zip(&corner).all(|(got, wanted)| (got - wanted).abs() < 1e-6), "{pixel:?}");
        }
    }

    fn encode(light: f64) -> f64 {
        if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
    }

    fn decode(value: f64) -> f64 {
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    }

    /// A gain of f^(1/2.4) is f times the light: exactly above the toe of sRGB, nearly on it.
    #[test]
    fn gains_are_factors_of_light() {
        let factors = [1.2, 0.8, 1.0];
        let channels = factors.map(|factor: f64| [factor.powf(1.0 / 2.4), 0.0, 0.0, 0.0]);
        let ramp = |x: f64, y: f64| [(x + 61.0 * y) / 3500.0; 3];
        let out = resample(&photo(ramp), &Transform::IDENTITY, &GainField { channels }, SIZE, 0..SIZE.height);
        let mut counts = [0; 2];
        for (index, got) in out.data.iter().enumerate() {
            let value = (index as f64 / 3500.0 * 65535.0).round() / 65535.0;
            for (factor, got) in factors.iter().zip(got) {
                let (wanted, got) = (encode(factor * decode(value)), f64::from(*got));
                if value.min(wanted) > 0.041 {
                    counts[0] += 1;
                    assert!((wanted - got).abs() < 2e-6, "{value} times {factor}: {got} is not {wanted}");
                } else {
                    counts[1] += 1;
                    assert!(
                        (wanted - got).abs() <= 0.015 * wanted + 1e-6,
                        "{value} times {factor}: {got} is not {wanted}"
                    );
                }
            }
            assert_eq!(got[3], 1.0);
        }
        assert!(counts[0] > 7000 && counts[1] > 300, "{counts:?}");
    }

    #[test]
    fn gains_vary_over_the_reference() {
        let channels: [[f64; TERMS]; 3] =
            [[1.05, 0.1, -0.04, 0.06], [0.9, -0.03, 0.08, 0.0], [1.0, 0.0, 0.0, -0.1]];
        let transform = Transform::similarity(0.02, 0.01, [2.0, 1.0], [30.0, 23.0]);
        let gains = GainField { channels };
        let out = resample(&photo(|_, _| [0.5; 3]), &transform, &gains, SIZE, 20..31);
        let half = (0.5f64 * 65535.0).round() / 65535.0;
        for (index, got) in out.data.iter().enumerate() {
            let (x, y) = (index % SIZE.width as usize, index / SIZE.width as usize + 20);
            let (x, y) = ((x as f64 - 30.0) / 30.5, (y as f64 - 23.0) / 30.5);
            for ([flat, across, down, radial], got) in channels.iter().zip(got) {
                let gain = flat + across * x + down * y + radial * (x * x + y * y);
                let wanted = half * gain + 0.055 * (gain - 1.0);
                assert!((wanted - f64::from(*got)).abs() < 2e-6, "({x}, {y}): {got} is not {wanted}");
            }
        }
    }
}
