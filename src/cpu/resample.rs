//! Brings rows of a photo into the reference geometry and exposure. Twin of `shaders/resample.wgsl`.
//!
//! Two passes of cubic convolution (Keys 1981), first across, then down (Catmull and Smith 1980): 8 taps instead of 16.

use std::ops::Range;

use multiversion::multiversion;

use super::lines::Lines;
use crate::frame::{Pixels, Size};
use crate::gains::GainField;
use crate::params::cubic;
use crate::transform::Transform;

/// Rows `rows` of `pixels` seen from the reference, 0…1 in three channels, encoded as `pixels` are, evened out by `gains`;
/// overshoot is kept, edge pixels are replicated.
///
/// `transform` maps pixels of the reference, `size` of them, to those of `pixels`.
pub fn resample(
    pixels: &Pixels,
    transform: &Transform,
    gains: &GainField,
    size: Size,
    rows: Range<u32>,
) -> Lines {
    let mut out = Lines::new(Size::new(size.width, rows.len() as u32), 3);
    let view = View { pixels, transform, gains, size };
    let mut strip = Strip::default();
    strip.start(0..size.width as usize, rows.end as usize);
    let length = out.row_length();
    for (y, out) in rows.zip(out.data.chunks_exact_mut(length)) {
        strip.make(&view, y as usize, out);
    }
    out
}

/// A photo as it is seen from the reference.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) pixels: &'a Pixels,
    /// Reference → photo in pixels.
    pub(super) transform: &'a Transform,
    pub(super) gains: &'a GainField,
    /// Size of the reference.
    pub(super) size: Size,
}

/// Least rows of the reference that go through together: what lies between both passes stays in a core's cache, and few
/// rows of the photo are gone over twice.
const CHUNK: usize = 32;
/// Pixels beyond either end of a row that taps reach.
const PAD: usize = 4;
/// Pixels that go through together.
const GROUP: usize = 16;

/// Some columns of the reference, made row by row.
#[derive(Default)]
pub(super) struct Strip {
    columns: Range<usize>,
    /// Row behind the last that will be asked for.
    end: usize,
    /// Rows of the reference that `across` serves.
    served: Range<usize>,
    /// First of the photo's rows in `across`.
    top: u32,
    /// How many of them.
    rows: usize,
    /// Rows of the photo in the columns of the reference: three channels one after the other.
    across: Vec<f32>,
    /// The part of a photo's row that is looked at, as floats, channel by channel.
    padded: Vec<f32>,
    taps: Taps,
}

impl Strip {
    /// Turns to columns `columns` of another photo, of rows before `end`.
    pub(super) fn start(&mut self, columns: Range<usize>, end: usize) {
        (self.columns, self.end, self.served) = (columns, end, 0..0);
    }

    /// Row `y` of the reference, channel by channel; rows are asked for from top to bottom.
    pub(super) fn make(&mut self, view: &View<'_>, y: usize, out: &mut [f32]) {
        let m = view.transform.to_f32();
        if !self.served.contains(&y) {
            // A turned photo has as many rows more as its rows fall along the strip.
            let fall = view.transform.matrix[3].abs() * self.columns.len() as f64;
            let rows = CHUNK.max((2.0 * fall) as usize);
            self.fill(view, &m, y..y + rows.min(self.end - y));
        }
        let (left, last) = (self.columns.start, self.rows - 1);
        self.taps.resize(self.columns.len());
        let [first, end] = [self.top as i32, self.top as i32 + last as i32];
        rows_at(&m, left, y as f32, [first as f32 - 2.0, end as f32 + 2.0], &mut self.taps.places);
        self.taps.look_up(first - PAD as i32, 0);
        let gains = view.gains.row(view.size, y as u32);
        down_row(&self.across, last, &self.taps, &gains, left, out);
    }

    /// Takes in what rows `rows` of the reference look at.
    fn fill(&mut self, view: &View<'_>, m: &[f32; 8], rows: Range<usize>) {
        let (photo, columns) = (view.pixels.size(), self.columns.clone());
        self.served = rows.clone();
        let source = view.transform.source_rows(
            photo,
            columns.start as u32..columns.end as u32,
            rows.start as u32..rows.end as u32,
        );
        (self.top, self.rows) = (source.start, source.len());
        let width = columns.len();
        self.across.resize(self.rows * 3 * width, 0.0);
        for (out, row) in self.across.chunks_exact_mut(3 * width).zip(source) {
            let ends = [columns.start, columns.end - 1].map(|x| column(m, x as f32, row as f32));
            // Farther out nothing changes.
            let place = |u: f32| u.max(-3.0).min(photo.width as f32 + 2.0).floor() as i64;
            let first = place(ends[0].min(ends[1])) - PAD as i64;
            let last = place(ends[0].max(ends[1])) + PAD as i64;
            to_floats(view.pixels, row, first, last, &mut self.padded);
            self.taps.resize(width);
            // Rounding, and maps that no photo has, must not lead beyond what is there.
            let ends = [first + 1, last - 2].map(|end| end as f32);
            columns_at(m, columns.start, row as f32, ends, &mut self.taps.places);
            self.taps.look_up(first as i32, 1);
            across_row(&self.padded, &self.taps, out);
        }
    }
}

/// Column of the photo at which its row `row` meets column `x` of the reference.
#[inline(always)]
fn column(m: &[f32; 8], x: f32, row: f32) -> f32 {
    let y = (m[3] * x + m[5] - row * (m[6] * x + 1.0)) / (row * m[7] - m[4]);
    (m[0] * x + m[1] * y + m[2]) / (m[6] * x + m[7] * y + 1.0)
}

/// Pixels `first` to `last` of a row as floats, channel by channel; edge pixels are replicated.
#[inline(always)]
fn row_to_floats<T: Copy + Into<f32>>(
    row: &[[T; 3]],
    first: i64,
    last: i64,
    padded: &mut Vec<f32>,
    unit: f32,
) {
    let end = row.len() as i64;
    let length = (last + 1 - first) as usize;
    padded.resize(3 * length, 0.0);
    let (r, rest) = padded.split_at_mut(length);
    let (g, b) = rest.split_at_mut(length);
    let inside = first.clamp(0, end) as usize..(last + 1).clamp(0, end) as usize;
    let before = (inside.start as i64 - first) as usize;
    let row_inside = &row[inside];
    let (r_in, g_in, b_in) = (
        &mut r[before..][..row_inside.len()],
        &mut g[before..][..row_inside.len()],
        &mut b[before..][..row_inside.len()],
    );
    for (x, [r, g, b]) in row_inside.iter().enumerate() {
        r_in[x] = (*r).into() * unit;
        g_in[x] = (*g).into() * unit;
        b_in[x] = (*b).into() * unit;
    }
    let after = before + row_inside.len();
    for (channel, out) in [r, g, b].into_iter().enumerate() {
        out[..before].fill(row[0][channel].into() * unit);
        out[after..].fill(row[row.len() - 1][channel].into() * unit);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn to_floats(pixels: &Pixels, row: u32, first: i64, last: i64, padded: &mut Vec<f32>) {
    match pixels {
        Pixels::U8(plane) => row_to_floats::<u8>(plane.row(row), first, last, padded, 1.0 / 255.0),
        Pixels::U16(plane) => row_to_floats::<u16>(plane.row(row), first, last, padded, 1.0 / 65535.0),
    }
}

/// Where pixels of a row are looked up, and by which taps.
#[derive(Default)]
struct Taps {
    /// All of them within ±2²².
    places: Vec<f32>,
    /// The second tap of each place, counted from the first pixel that is there.
    whole: Vec<u32>,
    weights: [Vec<f32>; 4],
    runs: Vec<Run>,
}

/// Pixels of a row that look at neighbours one after the other: some ten to a thousand, as photos are of one size; single
/// ones if a photo is mirrored or upside down, which is right and slow.
struct Run {
    pixels: Range<usize>,
    /// The first one's second tap.
    whole: usize,
}

impl Taps {
    fn resize(&mut self, width: usize) {
        self.places.resize(width, 0.0);
        self.whole.resize(width, 0);
        self.weights.iter_mut().for_each(|weights| weights.resize(width, 0.0));
    }

    /// Works out taps from the places, the first pixel that is there being `first`; those of a run lie `step` apart.
    fn look_up(&mut self, first: i32, step: u32) {
        let [a, b, c, d] = &mut self.weights;
        look_up(&self.places, first, &mut self.whole, [a, b, c, d]);
        self.runs.clear();
        let (mut start, mut next) = (0, self.whole[0]);
        let (groups, rest) = self.whole.as_chunks::<GROUP>();
        let groups = groups.iter().map(|group| (Some(group), &group[..])).chain([(None, rest)]);
        for ((group, pixels), at) in groups.zip((0..).step_by(GROUP)) {
            if group.is_some_and(|group| goes_on(group, next, step)) {
                next += step * GROUP as u32;
                continue;
            }
            for (whole, i) in pixels.iter().zip(at..) {
                if *whole != next {
                    self.runs.push(Run { pixels: start..i, whole: self.whole[start] as usize });
                    start = i;
                }
                next = whole + step;
            }
        }
        self.runs.push(Run { pixels: start..self.whole.len(), whole: self.whole[start] as usize });
    }
}

/// Whether `whole` starts with `next` and goes on by `step`.
fn goes_on(whole: &[u32; GROUP], next: u32, step: u32) -> bool {
    let mut apart = 0;
    for (i, whole) in whole.iter().enumerate() {
        apart |= whole ^ (next + step * i as u32);
    }
    apart == 0
}

/// Second taps, counted from `first`, and weights of places.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn look_up(places: &[f32], first: i32, whole: &mut [u32], weights: [&mut [f32]; 4]) {
    // Adding this leaves a whole number in the last bits: a conversion would not be vectorised, as it has to ask for NaN.
    const WHOLE: f32 = 12_582_912.0;
    let width = places.len();
    let [a, b, c, d] = weights;
    let (a, b, c, d) = (&mut a[..width], &mut b[..width], &mut c[..width], &mut d[..width]);
    let whole = &mut whole[..width];
    let zero = WHOLE.to_bits().wrapping_add_signed(first);
    for (i, place) in places.iter().enumerate() {
        let floor = place.floor();
        whole[i] = (floor + WHOLE).to_bits().wrapping_sub(zero);
        [a[i], b[i], c[i], d[i]] = cubic(place - floor);
    }
}

/// Where row `row` of a photo meets columns of the reference from `left` on; not beyond `low` and `high`.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn columns_at(m: &[f32; 8], left: usize, row: f32, [low, high]: [f32; 2], places: &mut [f32]) {
    for (x, place) in (left as u32..).zip(places) {
        *place = column(m, x as f32, row).max(low).min(high);
    }
}

/// Rows of a photo at which columns from `left` on of row `y` of the reference are; not beyond `low` and `high`.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn rows_at(m: &[f32; 8], left: usize, y: f32, [low, high]: [f32; 2], places: &mut [f32]) {
    for (x, place) in (left as u32..).zip(places) {
        let x = x as f32;
        let v = (m[3] * x + m[4] * y + m[5]) / (m[6] * x + m[7] * y + 1.0);
        *place = v.max(low).min(high);
    }
}

/// A row of the photo in the reference's columns.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn across_row(padded: &[f32], taps: &Taps, out: &mut [f32]) {
    let (length, width) = (padded.len() / 3, out.len() / 3);
    let [w0, w1, w2, w3] = &taps.weights;
    let (w0, w1, w2, w3) = (&w0[..width], &w1[..width], &w2[..width], &w3[..width]);
    for Run { pixels: Range { start, end }, whole } in &taps.runs {
        for channel in 0..3 {
            let from = &padded[channel * length + whole - 1..][..end - start + 3];
            let out = &mut out[channel * width..][..width];
            // Runs are short: whole groups, the last of which starts earlier, leave no pixels that go one by one.
            let mut at = *start;
            while at + GROUP <= *end {
                let taps: &[f32; GROUP + 3] = from[at - start..][..GROUP + 3].try_into().expect("a group");
                let (w0, w1, w2, w3) = (group(w0, at), group(w1, at), group(w2, at), group(w3, at));
                let out: &mut [f32; GROUP] = (&mut out[at..at + GROUP]).try_into().expect("a group");
                for i in 0..GROUP {
                    out[i] =
                        w0[i] * taps[i] + w1[i] * taps[i + 1] + w2[i] * taps[i + 2] + w3[i] * taps[i + 3];
                }
                at = if at + GROUP == *end { *end } else { (at + GROUP).min(end - GROUP) };
            }
            for i in at..*end {
                let taps = &from[i - start..][..4];
                out[i] = w0[i] * taps[0] + w1[i] * taps[1] + w2[i] * taps[2] + w3[i] * taps[3];
            }
        }
    }
}

#[inline(always)]
fn group(values: &[f32], at: usize) -> &[f32; GROUP] {
    values[at..at + GROUP].try_into().expect("a group")
}

/// A row of the reference from rows of the photo in its columns, of which `last` is the last.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn down_row(across: &[f32], last: usize, taps: &Taps, gains: &[[f32; 4]; 3], left: usize, out: &mut [f32]) {
    let width = out.len() / 3;
    for Run { pixels: Range { start, end }, whole } in &taps.runs {
        let (start, count) = (*start, end - start);
        let (w0, w1) = (&taps.weights[0][start..][..count], &taps.weights[1][start..][..count]);
        let (w2, w3) = (&taps.weights[2][start..][..count], &taps.weights[3][start..][..count]);
        let mut rows = [0; 4];
        for (k, row) in rows.iter_mut().enumerate() {
            *row = 3 * width * (whole + k).saturating_sub(PAD + 1).min(last);
        }
        for channel in 0..3 {
            let across = &across[channel * width + start..];
            let (a, b) = (&across[rows[0]..][..count], &across[rows[1]..][..count]);
            let (c, d) = (&across[rows[2]..][..count], &across[rows[3]..][..count]);
            let (flat, slope, bend) = (gains[0][channel], gains[1][channel], gains[2][channel]);
            let out = &mut out[channel * width + start..][..count];
            for (i, (x, out)) in ((left + start) as u32..).zip(out).enumerate() {
                let x = x as f32;
                let value = w0[i] * a[i] + w1[i] * b[i] + w2[i] * c[i] + w3[i] * d[i];
                let gain = flat + slope * x + bend * x * x;
                let toe = 25.0 * value;
                let toe = if toe < 1.0 { toe } else { 1.0 };
                *out = value * gain + 0.055 * (gain - 1.0) * toe;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Plane;
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

    /// The colours of every pixel, row by row.
    fn pixels(lines: &Lines) -> Vec<[f32; 3]> {
        let width = lines.size.width as usize;
        let at = |index: usize| [0, 1, 2].map(|c| lines.row(index / width)[c * width + index % width]);
        (0..lines.size.area()).map(at).collect()
    }

    /// Every pixel at which `transform` leads at least `margin` pixels into the photo must be as `expected` says of where it
    /// leads; how many there are.
    fn check(
        out: &Lines,
        transform: &Transform,
        margin: f64,
        bound: f64,
        expected: impl Fn(f64, f64) -> [f64; 3],
    ) -> usize {
        let mut count = 0;
        for (index, got) in pixels(out).iter().enumerate() {
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
        let from_bytes = bytes.data.iter().map(|p| p.map(|v| f32::from(v) * (1.0 / 255.0))).collect();
        let from_words = words.data.iter().map(|p| p.map(|v| f32::from(v) * (1.0 / 65535.0))).collect();
        for (photo, expected) in [(Pixels::U8(bytes), from_bytes), (Pixels::U16(words), from_words)] {
            let expected: Plane<[f32; 3]> = Plane::new(SIZE, expected);
            for rows in [0..SIZE.height, 0..9, 20..33, 40..SIZE.height] {
                let out = resample(&photo, &Transform::IDENTITY, &GainField::UNITY, SIZE, rows.clone());
                assert_eq!(pixels(&out), expected.rows(rows).data);
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
        let photo = photo(ramp);
        let turned = Transform::similarity(0.03, 0.06, [1.3, -0.7], [30.0, 23.0]);
        let sheared = Transform::affine([0.93, 0.11, 1.7, -0.08, 1.05, 2.4]);
        let askew = Transform { perspective: [6e-4, -4e-4], ..turned };
        for transform in [turned, sheared, askew] {
            let out = resample(&photo, &transform, &GainField::UNITY, SIZE, 0..SIZE.height);
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

    /// Maps that no photo has: a quarter turn, a line of the picture that is infinitely far away, none at all.
    #[test]
    fn strange_maps_come_back() {
        let quarter = Transform::affine([0.0, -1.0, 40.0, 1.0, 0.0, 3.0]);
        let pole = Transform { perspective: [-1.0 / 30.0, 0.0], ..quarter };
        let fall = Transform { perspective: [-1.0 / 20.0, -1.0 / 23.0], ..Transform::IDENTITY };
        let flat = Transform::affine([0.0, 0.0, 30.0, 0.0, 0.0, 20.0]);
        let nowhere = Transform::affine([f64::NAN; 6]);
        for transform in [quarter, pole, fall, flat, nowhere] {
            let out =
                resample(&photo(|x, _| [0.01 * x; 3]), &transform, &GainField::UNITY, SIZE, 0..SIZE.height);
            assert_eq!(out.data.len(), 3 * SIZE.area());
        }
    }

    #[test]
    fn edge_pixels_go_on_beyond_the_frame() {
        let photo = photo(|x, y| [0.01 * x, 0.01 * y, 0.5]);
        let beyond = Transform::affine([1.0, 0.0, 1000.0, 0.0, 1.0, -2000.0]);
        let out = resample(&photo, &beyond, &GainField::UNITY, SIZE, 7..30);
        let Pixels::U16(plane) = &photo else { unreachable!("photos here have 16 bits") };
        let corner = plane.at(SIZE.width - 1, 0).map(|value| f32::from(value) / 65535.0);
        for pixel in pixels(&out) {
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
        for (index, got) in pixels(&out).iter().enumerate() {
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
        for (index, got) in pixels(&out).iter().enumerate() {
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
