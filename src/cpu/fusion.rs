//! Fuses frames into one picture: the stages of [`super::resample`] to [`super::collapse`], in one sweep a band.

use rayon::prelude::*;

use super::collapse::{collapse, collapse_base, collapse_row};
use super::fuse::fuse_base;
use super::lines::Lines;
use super::resample::View;
use super::sweep::{Band, CHANNELS, Part, Source, Sweep};
use crate::frame::{Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::params::{FUSION_HALO, Standing};
use crate::pyramid::{Output, Pyramid};
use crate::transform::Transform;

/// Columns of the coarser plane that go through together: some rows of all that is made of them fit a core's cache.
const STRIP: usize = 256;
/// Least rows of the coarser plane that a thread goes through: it looks at some more on either side.
const LEAST_ROWS: usize = 48;

/// A picture that grows by frames.
pub struct Fusion {
    pyramid: Pyramid,
    /// Weighted sums of every plane of the pyramid, and the weights.
    sums: Vec<Lines>,
    /// Of the frame that is being added, all planes but the first: colours, energy of the finest band, prior.
    frame: Vec<Lines>,
}

impl Fusion {
    /// A picture without frames.
    pub fn new(pyramid: Pyramid) -> Self {
        let planes =
            |sizes: &[Size], channels| sizes.iter().map(|size| Lines::new(*size, channels)).collect();
        Self { sums: planes(&pyramid.sizes, 4), frame: planes(&pyramid.sizes[1..], CHANNELS), pyramid }
    }

    /// Adds a frame, which `transform` leads to from the picture and `gains` even out; depth map and confidence lie on the
    /// pyramid's second plane.
    pub fn add(
        &mut self,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        depth: [&Plane<f32>; 2],
        standing: &Standing,
    ) {
        let Self { pyramid, sums, frame } = self;
        let view = View { pixels, transform, gains, size: pyramid.sizes[0] };
        for (level, sum) in sums.iter_mut().enumerate().take(pyramid.bands()) {
            let (before, next) = frame.split_at_mut(level);
            let band = Band {
                size: pyramid.sizes[level],
                source: match before.last() {
                    None => Source::Photo { view, depth, rule: &pyramid.rule.prior, standing },
                    Some(plane) => Source::Plane(plane),
                },
                floor: pyramid.floor(level),
                powers: pyramid.powers(level),
                last: level + 1 == pyramid.bands(),
                halo: FUSION_HALO,
            };
            let rows = next[0].size.height.div_ceil(4 * rayon::current_num_threads() as u32) as usize;
            add_band(&band, sum, &mut next[0], [rows.max(LEAST_ROWS), STRIP]);
        }
        let base = pyramid.bands();
        fuse_base(&mut sums[base], &frame[base - 1]);
    }

    /// The part `window` of the picture, in `bits` (8 or 16) a channel.
    pub fn finish(mut self, window: &Window, bits: u8) -> Pixels {
        self.frame.clear();
        let base = self.sums.pop().expect("a pyramid has a base");
        let mut half = collapse_base(&base);
        while self.sums.len() > 1 {
            let sum = self.sums.pop().expect("there are more");
            half = collapse(&sum, &half, 0);
        }
        let (sum, mut out) = (&self.sums[0], Output::new(window, bits));
        out.put(
            0..sum.size.height,
            || (Vec::new(), vec![0.0; 3 * sum.size.width as usize]),
            |(between, row), y, colours| {
                collapse_row(sum.row(y as usize), &half, y as usize, between, row);
                let (r, rest) = row.split_at(sum.size.width as usize);
                let (g, b) = rest.split_at(sum.size.width as usize);
                for (x, colour) in colours.iter_mut().enumerate() {
                    *colour = [r[x], g[x], b[x]];
                }
            },
        );
        out.pixels
    }
}

/// Adds a frame to one band, and makes its next plane, in parts of so many rows and columns of that.
fn add_band(band: &Band<'_>, sum: &mut Lines, next: &mut Lines, [rows, columns]: [usize; 2]) {
    let (width, height) = (next.size.width as usize, next.size.height as usize);
    let (sum_rows, next_rows) = (2 * rows * sum.row_length(), rows * next.row_length());
    let parts = sum.data.par_chunks_mut(sum_rows).zip(next.data.par_chunks_mut(next_rows)).enumerate();
    parts.for_each_init(Sweep::default, |sweep, (index, (sum, next))| {
        let rows = index * rows..((index + 1) * rows).min(height);
        let _span = tracing::trace_span!("sweep", width, ?rows).entered();
        for left in (0..width).step_by(columns) {
            let columns = left..(left + columns).min(width);
            sweep.run(band, Part { rows: rows.clone(), columns }, sum, next);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::detail::detail;
    use super::super::fuse::fuse;
    use super::super::prior::prior;
    use super::super::resample::resample;
    use super::super::shrink::shrink;
    use super::super::smooth::smooth;
    use super::super::weigh::weigh;
    use super::*;
    use crate::params::{FINEST_FLOOR, FusionRule, Prior};

    const SIZE: Size = Size::new(165, 201);
    const RULE: FusionRule = FusionRule {
        finest: [1, 6],
        coarser: [5, 5],
        prior: Prior { radius: 2.0, wide: 1.0, floor: 0.1, guessed: 0.5 },
    };
    const STANDING: Standing = Standing { level: 2.0, half: 0.0, frame: SIZE };

    /// A photo of `size` whose sharp half depends on `side`.
    fn photo(size: Size, side: f32) -> Pixels {
        let pixel = |index: usize| {
            let (x, y) = ((index % size.width as usize) as f32, (index / size.width as usize) as f32);
            let sharp = 0.5 + 0.5 * (side * (0.03 * x + 0.05 * y)).sin();
            let fine = 0.2 * sharp * (1.9 * x + 0.7 * y).sin() * (0.9 * y - 0.3 * x).cos();
            let coarse = 0.5 + 0.2 * (0.11 * x).sin() + 0.1 * (0.07 * y + 1.0).cos();
            [coarse + fine, 0.9 * coarse - fine, 0.3 + fine].map(|value| (65535.0 * value) as u16)
        };
        Pixels::U16(Plane::new(size, (0..size.area()).map(pixel).collect()))
    }

    fn depth(size: Size) -> [Plane<f32>; 2] {
        let grid = size.grid(2);
        let wave = |k: f32| (0..grid.area()).map(|i| 0.5 + 0.5 * (k * i as f32).sin()).collect();
        [Plane::new(grid, wave(0.003)), Plane::new(grid, wave(0.011))]
    }

    fn merged(photos: &[Pixels], rule: FusionRule) -> Plane<[u16; 3]> {
        let size = photos[0].size();
        let mut fusion = Fusion::new(Pyramid::new(size, rule));
        let [depth, confidence] = depth(size);
        for photo in photos {
            let standing = Standing { frame: size, ..STANDING };
            fusion.add(photo, &Transform::IDENTITY, &GainField::UNITY, [&depth, &confidence], &standing);
        }
        let window = Window { x: 0, y: 0, width: size.width, height: size.height };
        let Pixels::U16(plane) = fusion.finish(&window, 16) else { unreachable!("16 bits were asked for") };
        plane
    }

    fn largest_difference(a: &Plane<[u16; 3]>, b: &Plane<[u16; 3]>) -> u16 {
        let pairs = a.data.as_flattened().iter().zip(b.data.as_flattened());
        pairs.map(|(a, b)| a.abs_diff(*b)).max().expect("there are pixels")
    }

    /// A mean of the same is the same, whatever the weights; odd and even sides, and pictures smaller than a halo.
    #[test]
    fn bands_add_up_to_the_picture() {
        let small = [(1, 1), (1, 300), (300, 1), (3, 2), (16, 9), (8, 300)].map(|(w, h)| Size::new(w, h));
        for size in small.into_iter().chain([SIZE, Size::new(1100, 250)]) {
            let photo = photo(size, 1.0);
            let Pixels::U16(expected) = &photo else { unreachable!("photos here have 16 bits") };
            for count in [1, 2] {
                let out = merged(&vec![photo.clone(); count], RULE);
                assert!(
                    largest_difference(&out, expected) <= 1,
                    "{size}: {}",
                    largest_difference(&out, expected)
                );
            }
        }
    }

    #[test]
    fn what_is_sharp_counts() {
        let photos = [photo(SIZE, 1.0), photo(SIZE, -1.0)];
        let fused = merged(&photos, RULE);
        let mean = merged(&photos, FusionRule::even([0, 0], Prior::NONE));
        let energy = |plane: &Plane<[u16; 3]>| {
            let steps = plane.data.windows(2).map(|pair| f64::from(pair[1][2]) - f64::from(pair[0][2]));
            steps.map(|step| step * step).sum::<f64>()
        };
        assert!(energy(&fused) > 1.3 * energy(&mean), "{} against {}", energy(&fused), energy(&mean));
    }

    /// The plane `next` and the sum that whole planes, one stage after the other, make of `band`.
    fn whole(band: &Band<'_>, start: &Lines) -> [Lines; 2] {
        let gray = |lines: Lines| Plane::new(lines.size, lines.data);
        let (plane, finest, prior_plane) = match &band.source {
            Source::Photo { view, depth, rule, standing } => {
                let rows = 0..band.size.height;
                let plane = resample(view.pixels, view.transform, view.gains, view.size, rows);
                let rows = 0..band.size.grid(2).height;
                (plane, None, prior(depth[0], depth[1], rule, standing, view.transform, rows))
            }
            Source::Plane(lines) => {
                let shrunk = |channel: usize| shrink(&channels(lines, channel..channel + 1));
                (channels(lines, 0..3), Some(gray(shrunk(3))), gray(shrunk(4)))
            }
        };
        let half = shrink(&plane);
        let (detail, energy) = detail(&plane, &half);
        let energy = gray(energy);
        let finest = finest.unwrap_or_else(|| smooth(&energy, FINEST_FLOOR));
        let weight = weigh(&energy, &finest, &prior_plane, band.floor, band.powers);
        let mut sum = start.clone();
        let line = |plane: &Plane<f32>| Lines { size: plane.size, channels: 1, data: plane.data.clone() };
        fuse(&mut sum, &detail, &line(&weight), 0);
        let mut next = Lines::new(half.size, CHANNELS);
        let kept = line(if band.last { &weight } else { &finest });
        let length = next.row_length();
        for (y, out) in next.data.chunks_exact_mut(length).enumerate() {
            let row = [half.row(y), kept.row(y), line(&prior_plane).row(y)].concat();
            out.copy_from_slice(&row);
        }
        [sum, next]
    }

    fn channels(lines: &Lines, which: std::ops::Range<usize>) -> Lines {
        let columns = 0..lines.size.width as usize;
        let mut out = Lines::new(lines.size, which.len());
        out.data.clear();
        for y in 0..lines.size.height as usize {
            which.clone().for_each(|channel| out.data.extend(lines.part(y, channel, &columns)));
        }
        out
    }

    /// `band` in parts, added to `start`, and the next plane.
    fn in_parts(band: &Band<'_>, start: &Lines, parts: [usize; 2]) -> [Lines; 2] {
        let (mut sum, mut next) = (start.clone(), Lines::new(band.size.grid(2), CHANNELS));
        add_band(band, &mut sum, &mut next, parts);
        [sum, next]
    }

    const PARTS: [[usize; 2]; 5] = [[1000, 1000], [48, 32], [10, 17], [1, 50], [60, 3]];

    /// Sweeps over parts make what the stages make of whole planes, without a seam, whatever the map and the photo's size.
    #[test]
    fn parts_of_photos_leave_no_seam() {
        let gains =
            GainField { channels: [[1.1, 0.1, 0.0, 0.0], [0.9, 0.0, -0.1, 0.1], [1.0, 0.0, 0.0, 0.0]] };
        let near = Transform::similarity(0.01, 0.02, [1.4, -3.3], [80.0, 90.0]);
        let turned = Transform::similarity(-0.02, 0.4, [0.4, 2.3], [80.0, 90.0]);
        let upside_down = Transform::similarity(0.01, std::f64::consts::PI, [0.3, -0.6], [80.0, 90.0]);
        let askew = Transform { perspective: [2e-4, -1e-4], ..near };
        let [depth, confidence] = depth(SIZE);
        let mut start = Lines::new(SIZE, 4);
        start.data.iter_mut().enumerate().for_each(|(i, value)| *value = (i % 7) as f32);
        for photo in [photo(SIZE, 1.0), photo(Size::new(120, 170), 1.0)] {
            for transform in [near, turned, upside_down, askew] {
                let view = View { pixels: &photo, transform: &transform, gains: &gains, size: SIZE };
                let source = Source::Photo {
                    view,
                    depth: [&depth, &confidence],
                    rule: &RULE.prior,
                    standing: &STANDING,
                };
                let band =
                    Band { size: SIZE, source, floor: 0.04, powers: [1, 6], last: false, halo: FUSION_HALO };
                let expected = whole(&band, &start);
                for parts in PARTS {
                    assert!(in_parts(&band, &start, parts) == expected, "parts of {parts:?}, {transform:?}");
                }
                // A column less, as columns go by two, and a seam shows.
                let narrow = Band { halo: FUSION_HALO - 2, ..band };
                assert!(in_parts(&narrow, &start, [48, 32]) != expected);
            }
        }
    }

    #[test]
    fn parts_of_planes_leave_no_seam() {
        for size in [SIZE, Size::new(64, 70), Size::new(3, 2), Size::new(1, 1)] {
            let mut plane = Lines::new(size, CHANNELS);
            let wave = |i: usize| 0.5 + 0.4 * (0.37 * i as f32).sin() * (0.011 * i as f32).cos();
            plane.data.iter_mut().enumerate().for_each(|(i, value)| *value = wave(i));
            let start = Lines::new(size, 4);
            for last in [false, true] {
                let source = Source::Plane(&plane);
                let band = Band { size, source, floor: 0.01, powers: [5, 5], last, halo: FUSION_HALO };
                let expected = whole(&band, &start);
                for parts in PARTS {
                    assert!(in_parts(&band, &start, parts) == expected, "{size} in parts of {parts:?}");
                }
            }
        }
    }
}
