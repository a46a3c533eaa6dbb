//! Brings rows of a photo into the reference geometry and exposure. Twin of `shaders/resample.wgsl`.
//!
//! Two passes of cubic convolution (Keys 1981), first across, then down (Catmull and Smith 1980): 8 taps instead of 16.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

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
    let mut out: Plane<[f32; 4]> = spare::plane(Size::new(size.width, rows.len() as u32));
    let width = size.width as usize;
    let chunks =
        out.data.par_chunks_mut(width * CHUNK).zip((rows.start..rows.end).into_par_iter().step_by(CHUNK));
    chunks.for_each_init(Strip::default, |strip, (out, top)| {
        let rows = top..(top + CHUNK as u32).min(rows.end);
        let gains: Vec<_> = rows.clone().map(|y| gains.row(size, y)).collect();
        for left in (0..width).step_by(STRIP) {
            let columns = left..(left + STRIP).min(width);
            strip.fill(pixels, transform, &m, rows.clone(), columns.clone());
            for ((out, y), gains) in out.chunks_exact_mut(width).zip(rows.clone()).zip(&gains) {
                strip.down(&m, gains, left, y as f32, &mut out[columns.clone()]);
            }
        }
    });
    out
}

/// Rows and columns of the reference that go through together: what lies between both passes stays in a core's cache.
const CHUNK: usize = 64;
const STRIP: usize = 256;
/// Pixels beyond either end of a row that taps reach.
const PAD: usize = 4;
/// Pixels whose weights are worked out together.
const BLOCK: usize = 32;

/// Some columns of the reference in some rows of the photo.
#[derive(Default)]
struct Strip {
    /// First of the photo's rows.
    top: u32,
    /// How many of them.
    rows: usize,
    width: usize,
    data: Vec<[f32; 4]>,
    /// The part of a photo's row that is looked at, as floats.
    padded: Vec<[f32; 4]>,
}

impl Strip {
    /// Takes in what rows `rows` of the reference look at in its columns `columns`.
    fn fill(
        &mut self,
        pixels: &Pixels,
        transform: &Transform,
        m: &[f32; 8],
        rows: Range<u32>,
        columns: Range<usize>,
    ) {
        let photo = pixels.size();
        let source = transform.source_rows(photo, columns.start as u32..columns.end as u32, rows);
        (self.top, self.rows, self.width) = (source.start, source.len(), columns.len());
        self.data.resize(self.rows * self.width, [0.0; 4]);
        for (out, row) in self.data.chunks_exact_mut(self.width).zip(source) {
            let ends = [columns.start, columns.end - 1].map(|x| column(m, x as f32, row as f32));
            // Farther out nothing changes.
            let place = |u: f32| u.max(-3.0).min(photo.width as f32 + 2.0).floor() as i64;
            let first = place(ends[0].min(ends[1])) - PAD as i64;
            let last = place(ends[0].max(ends[1])) + PAD as i64;
            widen_row(pixels, row, first, last, &mut self.padded);
            across_row(&self.padded, m, row as f32, columns.start, first as f32, photo.width as f32, out);
        }
    }

    /// Columns of row `y` of the reference, from `left` on.
    fn down(&self, m: &[f32; 8], gains: &[[f32; 4]; 3], left: usize, y: f32, out: &mut [[f32; 4]]) {
        down_row(self, m, gains, left, y, out);
    }
}

/// Column of the photo at which its row `row` meets column `x` of the reference.
#[inline(always)]
fn column(m: &[f32; 8], x: f32, row: f32) -> f32 {
    let y = (m[3] * x + m[5] - row * (m[6] * x + 1.0)) / (row * m[7] - m[4]);
    (m[0] * x + m[1] * y + m[2]) / (m[6] * x + m[7] * y + 1.0)
}

/// Pixels `first` to `last` of a row as floats; edge pixels are replicated.
#[inline(always)]
fn widen<T: Copy + Into<f32>>(row: &[[T; 3]], first: i64, last: i64, padded: &mut Vec<[f32; 4]>, unit: f32) {
    let wide = |pixel: &[T; 3]| {
        let [r, g, b] = pixel.map(|value| value.into() * unit);
        [r, g, b, 1.0]
    };
    let end = row.len() as i64;
    padded.clear();
    let before = first.min(0).unsigned_abs() as usize;
    padded.extend(std::iter::repeat_n(wide(&row[0]), before));
    let inside = first.clamp(0, end) as usize..(last + 1).clamp(0, end) as usize;
    padded.extend(row[inside].iter().map(wide));
    let length = (last + 1 - first) as usize;
    padded.resize(length, wide(&row[row.len() - 1]));
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn widen_row(pixels: &Pixels, row: u32, first: i64, last: i64, padded: &mut Vec<[f32; 4]>) {
    match pixels {
        Pixels::U8(plane) => widen::<u8>(plane.row(row), first, last, padded, 1.0 / 255.0),
        Pixels::U16(plane) => widen::<u16>(plane.row(row), first, last, padded, 1.0 / 65535.0),
    }
}

/// Whole pixels and weights of four taps for a block of places, none of them negative and all below 2²².
struct Taps {
    whole: [u32; BLOCK],
    weights: [[f32; BLOCK]; 4],
}

impl Taps {
    #[inline(always)]
    fn new(places: &[f32; BLOCK]) -> Self {
        // Adding this leaves the nearest whole number in the last bits: a conversion would not be vectorised, as it has to
        // ask for NaN. Whole places may count as the end of the pixel before, with the same taps.
        const WHOLE: f32 = 8_388_608.0;
        let mut taps = Self { whole: [0; BLOCK], weights: [[0.0; BLOCK]; 4] };
        for (i, place) in places.iter().enumerate() {
            let rounded = (place - 0.5) + WHOLE;
            taps.whole[i] = rounded.to_bits() & 0x7f_ffff;
            let four = cubic(place - (rounded - WHOLE));
            for (weights, weight) in taps.weights.iter_mut().zip(four) {
                weights[i] = weight;
            }
        }
        taps
    }
}

/// Columns of the reference from `left` on in row `row` of a photo `far` pixels wide, of which `padded` holds those from
/// `first` on.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn across_row(
    padded: &[[f32; 4]],
    m: &[f32; 8],
    row: f32,
    left: usize,
    first: f32,
    far: f32,
    out: &mut [[f32; 4]],
) {
    for (start, out) in (left..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut places = [PAD as f32; BLOCK];
        for (i, place) in places.iter_mut().enumerate().take(out.len()) {
            *place = column(m, (start + i) as f32, row).max(-3.0).min(far + 2.0) - first;
        }
        let Taps { whole, weights } = Taps::new(&places);
        for (i, out) in out.iter_mut().enumerate() {
            let taps: &[[f32; 4]; 4] = padded[whole[i] as usize - 1..][..4].try_into().expect("four pixels");
            for c in 0..4 {
                out[c] = weights[0][i] * taps[0][c]
                    + weights[1][i] * taps[1][c]
                    + weights[2][i] * taps[2][c]
                    + weights[3][i] * taps[3][c];
            }
        }
    }
}

/// Values of a block: four channels of every pixel.
const VALUES: usize = 4 * BLOCK;

/// Each of `values` for all channels of its pixel.
#[inline(always)]
fn spread(values: &[f32; BLOCK], out: &mut [f32; VALUES]) {
    for (out, value) in out.chunks_exact_mut(4).zip(values) {
        out.fill(*value);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn down_row(strip: &Strip, m: &[f32; 8], gains: &[[f32; 4]; 3], left: usize, y: f32, out: &mut [[f32; 4]]) {
    let (last, width) = (strip.rows - 1, strip.width);
    let mut repeated = [[0.0; VALUES]; 3];
    for (repeated, gain) in repeated.iter_mut().zip(gains) {
        repeated.chunks_exact_mut(4).for_each(|out| out.copy_from_slice(gain));
    }
    let [flat, slope, bend] = &repeated;
    // Filled anew for every block: to return them would copy them.
    let (mut gathered, mut spreads, mut across) = ([[0.0; VALUES]; 4], [[0.0; VALUES]; 4], [0.0; VALUES]);
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let (mut columns, mut places) = ([0.0f32; BLOCK], [0.0f32; BLOCK]);
        for i in 0..BLOCK {
            let x = (left + start + i) as f32;
            columns[i] = x;
            let v = (m[3] * x + m[4] * y + m[5]) / (m[6] * x + m[7] * y + 1.0);
            places[i] = (v - strip.top as f32).max(-2.0).min(last as f32 + 2.0) + PAD as f32;
        }
        let Taps { whole, weights } = Taps::new(&places);
        let row = |k: usize, i: usize| (whole[i] as usize + k).saturating_sub(PAD + 1).min(last);
        let taps: [&[f32]; 4] = if whole[..out.len()].iter().all(|at| *at == whole[0]) {
            // Nearly always the whole block looks at the same rows.
            [0, 1, 2, 3].map(|k| strip.data[row(k, 0) * width + start..][..out.len()].as_flattened())
        } else {
            for (k, gathered) in gathered.iter_mut().enumerate() {
                for (i, tap) in gathered.chunks_exact_mut(4).take(out.len()).enumerate() {
                    tap.copy_from_slice(&strip.data[row(k, i) * width + start + i]);
                }
            }
            [0, 1, 2, 3].map(|k| &gathered[k][..4 * out.len()])
        };
        weights.iter().zip(&mut spreads).for_each(|(weights, out)| spread(weights, out));
        spread(&columns, &mut across);
        let out = out.as_flattened_mut();
        let taps = taps.map(|taps| &taps[..out.len()]);
        let weights = &spreads;
        for (i, out) in out.iter_mut().enumerate() {
            let value = weights[0][i] * taps[0][i]
                + weights[1][i] * taps[1][i]
                + weights[2][i] * taps[2][i]
                + weights[3][i] * taps[3][i];
            let gain = flat[i] + slope[i] * across[i] + bend[i] * across[i] * across[i];
            let toe = 25.0 * value;
            let toe = if toe < 1.0 { toe } else { 1.0 };
            *out = value * gain + 0.055 * (gain - 1.0) * toe;
        }
    }
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
