//! Planes to compare stages on: seeded noise, and pictures with structure.

use std::ops::Range;

use nearfar::cpu::lines::Lines;
use nearfar::frame::{Pixels, Plane, Size};
use nearfar::transform::Transform;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Single pixels, less than a workgroup, its multiples and what lies beside them.
pub const SIZES: [Size; 6] = [
    Size::new(1, 1),
    Size::new(3, 2),
    Size::new(63, 5),
    Size::new(64, 64),
    Size::new(65, 67),
    Size::new(257, 129),
];
/// For a few stages: many workgroups, no multiple of anything.
pub const LARGE: Size = Size::new(2047, 1025);

/// Even noise in `range`.
pub fn random(size: Size, seed: u64, range: Range<f32>) -> Plane<f32> {
    let mut rng = Pcg64::seed_from_u64(seed);
    Plane::new(size, (0..size.area()).map(|_| rng.random_range(range.clone())).collect())
}

/// Noise of four channels in 0…1.
pub fn random_rgba(size: Size, seed: u64) -> Plane<[f32; 4]> {
    let mut rng = Pcg64::seed_from_u64(seed);
    Plane::new(size, (0..size.area()).map(|_| std::array::from_fn(|_| rng.random_range(0.0..1.0))).collect())
}

/// A gradient with soft-edged discs and bars on it, 0…1.
pub fn picture(size: Size) -> Plane<f32> {
    let pixel = |index: usize| {
        let (x, y) = ((index % size.width as usize) as f32, (index / size.width as usize) as f32);
        let slope = 0.4 * x / size.width as f32 + 0.2 * y / size.height as f32;
        let disc = ((x % 48.0) - 24.0).hypot((y % 40.0) - 20.0) - 12.0;
        // Edges get softer to the right.
        let soft = 0.5 + 6.0 * x / size.width as f32;
        let bars = 0.5 + 0.5 * (0.9 * x + 0.31 * y).sin();
        slope + 0.3 / (1.0 + (disc / soft).exp()) + 0.1 * bars / soft
    };
    Plane::new(size, (0..size.area()).map(pixel).collect())
}

/// Both kinds, scaled to 0…`scale`.
pub fn both(size: Size, seed: u64, scale: f32) -> [Plane<f32>; 2] {
    let drawn = Plane::new(size, picture(size).data.iter().map(|value| value * scale).collect());
    [random(size, seed, 0.0..scale), drawn]
}

/// [`picture`] in three shifted colours.
pub fn picture_rgba(size: Size) -> Plane<[f32; 4]> {
    let gray = picture(size);
    let shifted = |index: usize, by: i64| {
        let (x, y) = (index as i64 % i64::from(size.width), index as i64 / i64::from(size.width));
        gray.clamped(x + by, y - by)
    };
    Plane::new(size, (0..size.area()).map(|i| [shifted(i, 0), shifted(i, 3), shifted(i, -9), 1.0]).collect())
}

/// A drawn photo of 8 bits and a noisy one of 16.
pub fn photos(size: Size, seed: u64) -> [Pixels; 2] {
    let drawn =
        picture_rgba(size).data.iter().map(|&[r, g, b, _]| [r, g, b].map(|v| (v * 255.0) as u8)).collect();
    let noise = random_rgba(size, seed);
    let noise = noise.data.iter().map(|&[r, g, b, _]| [r, g, b].map(|v| (v * 65535.0) as u16)).collect();
    [Pixels::U8(Plane::new(size, drawn)), Pixels::U16(Plane::new(size, noise))]
}

/// Maps of a picture of `size`: none, small and large turns, both homographies, and one beyond the frame altogether.
pub fn views(size: Size) -> [Transform; 6] {
    let [width, height] = [size.width, size.height].map(f64::from);
    let near = Transform::similarity(0.0213, 0.0171, [1.37, -2.61], [width / 2.0, height / 2.0]);
    let turned = Transform::similarity(-0.0413, -0.31, [0.41, 0.83], [width / 2.0, height / 2.0]);
    [
        Transform::IDENTITY,
        near,
        turned,
        tilted(near, size),
        Transform { perspective: [-0.021 / width, 0.043 / height], ..turned },
        Transform::similarity(0.0, 0.0, [-5000.3, 3000.7], [0.0, 0.0]),
    ]
}

/// `transform` seen askew: distances across a picture of `size` change by some percent.
pub fn tilted(transform: Transform, size: Size) -> Transform {
    Transform { perspective: [0.037 / f64::from(size.width), -0.023 / f64::from(size.height)], ..transform }
}

/// Rows of a picture `height` high: all, those at the top, in the middle and at the bottom.
pub fn bands(height: u32) -> [Range<u32>; 4] {
    [0..height, 0..height.div_ceil(3), height / 3..(2 * height).div_ceil(3), 2 * height / 3..height]
}

/// [`random_rgba`] of both signs, as a band of the pyramid is.
pub fn random_band(size: Size, seed: u64) -> Plane<[f32; 4]> {
    let noise = random_rgba(size, seed);
    Plane::new(size, noise.data.iter().map(|pixel| pixel.map(|value| value - 0.5)).collect())
}

/// The first `channels` of `plane`, row by row.
pub fn lines<const N: usize>(plane: &Plane<[f32; N]>, channels: usize) -> Lines {
    let mut lines = Lines::new(plane.size, channels);
    let width = plane.size.width as usize;
    for (index, pixel) in plane.data.iter().enumerate() {
        let (x, y) = (index % width, index / width);
        for (channel, value) in pixel.iter().take(channels).enumerate() {
            lines.data[(y * channels + channel) * width + x] = *value;
        }
    }
    lines
}

/// One channel row by row.
pub fn gray_lines(plane: &Plane<f32>) -> Lines {
    Lines { size: plane.size, channels: 1, data: plane.data.clone() }
}

/// What [`lines`] and [`gray_lines`] came from.
pub fn pixels<const N: usize>(lines: &Lines) -> Plane<[f32; N]> {
    let width = lines.size.width as usize;
    let at = |index: usize| {
        std::array::from_fn(|channel| lines.row(index / width)[channel * width + index % width])
    };
    Plane::new(lines.size, (0..lines.size.area()).map(at).collect())
}

/// The colours of a plane whose fourth channel has no meaning, or none worth comparing.
pub fn colours(plane: &Plane<[f32; 4]>) -> Plane<[f32; 3]> {
    Plane::new(plane.size, plane.data.iter().map(|&[r, g, b, _]| [r, g, b]).collect())
}
