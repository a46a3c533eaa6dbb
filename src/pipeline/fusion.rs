//! Fuses frames into one picture, band of rows by band, in memory that does not grow with their number.
//!
//! Every frame is split into a Laplacian pyramid (Burt and Adelson 1983) and added to the picture's, weighted in each band
//! by its energy there and in the finest band (Ogden et al. 1985 selected by the first alone), and by how near its focus is
//! to the depth map. Weights are smooth and shared by all colours, so no pixel stands alone, and where nothing is sharp all
//! frames near the depth are averaged, which lowers noise instead of picking it.

use std::ops::Range;

use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::params::{
    BAND_FLOOR, Edge, FINEST_FLOOR, FUSION_BANDS, FUSION_BASE_SIDE, FUSION_HALO, FusionRule, Standing,
};
use crate::transform::Transform;

/// A picture that grows by frames.
pub struct Fusion<'a, B: Backend> {
    backend: &'a B,
    rule: FusionRule,
    /// Depth map and confidence, on the pyramid's second plane.
    depth: [B::Gray; 2],
    /// From the picture down to the base.
    levels: Vec<Level<B>>,
}

/// One plane of the pyramid.
struct Level<B: Backend> {
    size: Size,
    /// Rows of its bands.
    bands: Vec<Range<u32>>,
    /// Weighted sums of every band; absent only while one is added to.
    sums: Vec<Option<B::Rgba>>,
    /// Of the frame that is being added: colour, energy of the finest band, prior.
    frame: Option<(B::Rgba, B::Gray, B::Gray)>,
}

impl<'a, B: Backend> Fusion<'a, B> {
    /// A picture of `size` without frames; depth map and confidence lie on cells of `cell` pixels.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for all methods.
    pub fn new(backend: &'a B, size: Size, rule: FusionRule, depth: [B::Gray; 2], cell: u32) -> Result<Self> {
        let fits = |[band, finest]: [u32; 2]| band <= 5 && band + finest <= 10;
        assert!(fits(rule.finest) && fits(rule.coarser), "weights fit single precision");
        backend.trim()?;
        let mut bands = 1;
        while bands < FUSION_BANDS && size.width.min(size.height) >> (bands + 1) >= FUSION_BASE_SIDE {
            bands += 1;
        }
        let mut sizes = vec![size];
        (0..bands as usize).for_each(|level| sizes.push(sizes[level].grid(2)));
        let level = |size: &Size| {
            let bands = split(*size, backend.fusion_area());
            let sums =
                bands.iter().map(|rows| Some(backend.rgba_start(Size::new(size.width, rows.len() as u32))));
            Level { size: *size, sums: sums.collect(), bands, frame: None }
        };
        let levels = sizes.iter().map(level).collect();
        // Pixel k of the second plane is pixel 2k of the picture; cells lie around their middles.
        let (scale, shift) = (2.0 / f64::from(cell), (1.0 - f64::from(cell)) / (2.0 * f64::from(cell)));
        let to_cells = Transform::affine([scale, 0.0, shift, 0.0, scale, shift]);
        let depth = depth.map(|plane| backend.warp(&plane, &to_cells, 1.0, Edge::Replicate, sizes[1]));
        Ok(Self { backend, rule, depth, levels })
    }

    /// Adds a frame, which `transform` leads to from the picture and `gains` even out.
    pub fn add(
        &mut self,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        standing: &Standing,
    ) -> Result<()> {
        let base = self.levels.len() - 1;
        for level in 0..base {
            let finer = &mut self.levels[level..];
            let Some((this, [next, ..])) = finer.split_first_mut() else {
                unreachable!("the base is no band")
            };
            next.frame.get_or_insert_with(|| {
                let gray = || self.backend.upload(Plane::filled(next.size, 0.0));
                (self.backend.rgba_start(next.size), gray(), gray())
            });
            let floor = BAND_FLOOR / 4f32.powi(level as i32);
            for band in 0..this.bands.len() {
                let backend = self.backend;
                let core = this.bands[band].clone();
                let rows = with_halo(&core, &this.bands, this.size);
                let half = rows.start / 2..rows.end.div_ceil(2);
                let (plane, finest, prior);
                match &this.frame {
                    None => {
                        plane = backend.resample(pixels, transform, gains, this.size, rows.clone());
                        finest = None;
                        let [depth, confidence] = &self.depth;
                        prior = backend.prior(
                            [depth, confidence],
                            &self.rule.prior,
                            standing,
                            transform,
                            half.clone(),
                        );
                    }
                    Some((color, energy, weight)) => {
                        let window = |plane: &B::Gray| backend.rows_gray(plane, rows.clone());
                        plane = backend.rows(color, rows.clone());
                        finest = Some(backend.shrink_gray(&window(energy)));
                        prior = backend.shrink_gray(&window(weight));
                    }
                }
                let smaller = backend.shrink(&plane);
                let (detail, energy) = backend.detail(&plane, &smaller);
                let finest = finest.unwrap_or_else(|| backend.smooth(&energy, FINEST_FLOOR));
                let powers = if level == 0 { self.rule.finest } else { self.rule.coarser };
                let weight = backend.weigh(&energy, &finest, &prior, floor, powers);
                replace(&mut this.sums[band], |sum| {
                    backend.fuse(sum, &detail, &weight, core.start - rows.start)
                });
                let kept = core.start / 2 - half.start..core.end.div_ceil(2) - half.start;
                let (at, last) = (core.start / 2, level + 1 == base);
                let (color, energy, prior_plane) = next.frame.take().expect("made above");
                next.frame = Some((
                    backend.put_rows(color, at, &smaller, kept.clone()),
                    // The base counts as the band above it: its weights take the place of the energy.
                    backend.put_rows_gray(energy, at, if last { &weight } else { &finest }, kept.clone()),
                    backend.put_rows_gray(prior_plane, at, &prior, kept),
                ));
            }
        }
        let last = &mut self.levels[base];
        let (color, weight, _) = last.frame.as_ref().expect("every band fills the next");
        for (rows, sum) in last.bands.iter().zip(&mut last.sums) {
            let (color, weight) =
                (self.backend.rows(color, rows.clone()), self.backend.rows_gray(weight, rows.clone()));
            replace(sum, |sum| self.backend.fuse_base(sum, &color, &weight));
        }
        self.backend.pace()
    }

    /// The part `window` of the picture, in `bits` (8 or 16) a channel.
    pub fn finish(mut self, window: &Window, bits: u8) -> Result<Pixels> {
        let backend = self.backend;
        self.levels.iter_mut().for_each(|level| level.frame = None);
        backend.trim()?;
        let mut picture: Option<B::Rgba> = None;
        let mut out = Output::new(window, bits);
        for (index, level) in self.levels.into_iter().enumerate().rev() {
            let mut plane = (index > 0).then(|| backend.rgba_start(level.size));
            for (rows, sum) in level.bands.iter().zip(level.sums.into_iter().flatten()) {
                let band = match &picture {
                    None => backend.collapse_base(&sum),
                    Some(half) => backend.collapse(&sum, half, rows.start),
                };
                match plane.take() {
                    Some(whole) => {
                        plane = Some(backend.put_rows(whole, rows.start, &band, 0..rows.len() as u32))
                    }
                    None => out.put(rows.start, &backend.download_rgba(band)?),
                }
            }
            picture = plane;
            backend.trim()?;
        }
        Ok(out.pixels)
    }
}

/// Changes what is in `place` by value, so that nothing is copied.
fn replace<T>(place: &mut Option<T>, change: impl FnOnce(T) -> T) {
    *place = place.take().map(change);
}

/// Bands of about `area` pixels, all of one even number of rows but for the last.
fn split(size: Size, area: usize) -> Vec<Range<u32>> {
    let most = (area / size.width.max(1) as usize).max(4 * FUSION_HALO as usize) as u32;
    let rows = size.height.div_ceil(size.height.div_ceil(most)).next_multiple_of(2);
    (0..size.height).step_by(rows as usize).map(|top| top..(top + rows).min(size.height)).collect()
}

/// A band with what its fusion looks at. At the ends of the picture it looks at more, so that all bands are alike and
/// devices need planes of one size only.
fn with_halo(core: &Range<u32>, bands: &[Range<u32>], size: Size) -> Range<u32> {
    let rows = (bands[0].len() as u32 + 2 * FUSION_HALO).min(size.height);
    let start = core.start.saturating_sub(FUSION_HALO).min(size.height - rows) / 2 * 2;
    let end = (core.end + FUSION_HALO).max(start + rows);
    start..end.min(size.height)
}

/// The picture as it is written.
struct Output {
    window: Window,
    pixels: Pixels,
}

impl Output {
    fn new(window: &Window, bits: u8) -> Self {
        let size = Size::new(window.width, window.height);
        let pixels = match bits {
            8 => Pixels::U8(Plane::filled(size, [0; 3])),
            _ => Pixels::U16(Plane::filled(size, [0; 3])),
        };
        Self { window: *window, pixels }
    }

    /// Takes the rows in `band`, the first of which is row `top` of the picture.
    fn put(&mut self, top: u32, band: &Plane<[f32; 4]>) {
        use rayon::prelude::*;
        let Window { x, y, width, height } = self.window;
        let (from, to) = (top.max(y), (top + band.size.height).min(y + height));
        if from >= to {
            return;
        }
        let row = |at: usize| &band.row(from + at as u32 - top)[x as usize..(x + width) as usize];
        let range = (from - y) as usize * width as usize..(to - y) as usize * width as usize;
        // `as` saturates.
        match &mut self.pixels {
            Pixels::U8(plane) => {
                plane.data[range].par_chunks_exact_mut(width as usize).enumerate().for_each(|(at, out)| {
                    for (out, &[r, g, b, _]) in out.iter_mut().zip(row(at)) {
                        *out = [r, g, b].map(|value| (value * 255.0 + 0.5) as u8);
                    }
                });
            }
            Pixels::U16(plane) => {
                plane.data[range].par_chunks_exact_mut(width as usize).enumerate().for_each(|(at, out)| {
                    for (out, &[r, g, b, _]) in out.iter_mut().zip(row(at)) {
                        *out = [r, g, b].map(|value| (value * 65535.0 + 0.5) as u16);
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_the_picture_and_have_their_halos() {
        for (width, height, area) in
            [(6000, 4000, 1 << 20), (900, 601, 40_000), (30, 7, 1 << 20), (64, 200, 1)]
        {
            let size = Size::new(width, height);
            let bands = split(size, area);
            assert_eq!((bands[0].start, bands[bands.len() - 1].end), (0, height));
            assert!(bands.windows(2).all(|pair| pair[0].end == pair[1].start));
            for core in &bands {
                let rows = with_halo(core, &bands, size);
                assert!(core.start.is_multiple_of(2) && rows.start.is_multiple_of(2));
                assert!(rows.start + FUSION_HALO <= core.start || rows.start == 0);
                assert!(rows.end >= core.end + FUSION_HALO || rows.end == height);
            }
        }
    }
}
