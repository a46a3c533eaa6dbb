//! Fuses frames into one picture: the stages of [`super::resample`] to [`super::collapse`], band of rows by band.

use std::ops::Range;

use super::{Gpu, Image, Recorder, Texels};
use crate::error::Result;
use crate::frame::{Pixels, Size, Window};
use crate::gains::GainField;
use crate::params::{FINEST_FLOOR, FUSION_HALO, Standing};
use crate::pyramid::{Output, Pyramid};
use crate::transform::Transform;

/// Pixels of a band that is fused at a time: halos are a twentieth at 24 MP; a plane of it fits what every device binds.
const AREA: usize = 3 << 20;

/// The stages.
pub struct Stages {
    /// Also for others than these.
    pub smooth: super::smooth::Smooth,
    resample: super::resample::Resample,
    shrink: super::shrink::Shrink,
    detail: super::detail::Detail,
    prior: super::prior::Prior,
    weigh: super::weigh::Weigh,
    fuse: super::fuse::Fuse,
    collapse: super::collapse::Collapse,
}

impl Stages {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        Self {
            smooth: super::smooth::Smooth::new(gpu),
            resample: super::resample::Resample::new(gpu),
            shrink: super::shrink::Shrink::new(gpu),
            detail: super::detail::Detail::new(gpu),
            prior: super::prior::Prior::new(gpu),
            weigh: super::weigh::Weigh::new(gpu),
            fuse: super::fuse::Fuse::new(gpu),
            collapse: super::collapse::Collapse::new(gpu),
        }
    }
}

/// A picture that grows by frames.
pub struct Fusion {
    pyramid: Pyramid,
    /// From the picture down to the base.
    levels: Vec<Level>,
}

/// One plane of the pyramid.
struct Level {
    size: Size,
    /// Rows of its bands.
    bands: Vec<Range<u32>>,
    /// Weighted sums of every band.
    sums: Vec<Texels>,
    /// Of the frame that is being added, but for the first plane: colour, energy of the finest band (of the base the
    /// weight), prior.
    frame: Option<(Texels, Image, Image)>,
}

/// A photo to add.
#[derive(Clone, Copy)]
pub struct Photo<'a> {
    /// Its pixels.
    pub pixels: &'a Pixels,
    /// Picture → photo.
    pub transform: &'a Transform,
    /// Evens it out.
    pub gains: &'a GainField,
    /// Depth map and confidence, on the pyramid's second plane.
    pub depth: [&'a Image; 2],
    /// Which levels it is sharp at.
    pub standing: &'a Standing,
}

impl Fusion {
    /// A picture without frames.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for all methods.
    pub fn new(gpu: &Gpu, recorder: &Recorder<'_>, pyramid: Pyramid) -> Result<Self> {
        trim(gpu, recorder)?;
        let level = |(index, size): (usize, &Size)| {
            let bands = split(*size);
            recorder.record(|encoder| {
                let sum = |rows: &Range<u32>| gpu.zeros(encoder, Size::new(size.width, rows.len() as u32));
                let sums = bands.iter().map(sum).collect();
                let frame = (index > 0).then(|| (gpu.texels(*size), gpu.gray(*size), gpu.gray(*size)));
                Level { size: *size, sums, bands, frame }
            })
        };
        let levels = pyramid.sizes.iter().enumerate().map(level).collect();
        Ok(Self { pyramid, levels })
    }

    /// Adds a frame.
    pub fn add(
        &mut self,
        gpu: &Gpu,
        recorder: &Recorder<'_>,
        stages: &Stages,
        photo: Photo<'_>,
    ) -> Result<()> {
        let base = self.pyramid.bands();
        for level in 0..base {
            let [this, next] = &self.levels[level..level + 2] else { unreachable!("the base is no band") };
            for band in 0..this.bands.len() {
                recorder.record(|encoder| {
                    add_band(gpu, encoder, stages, &self.pyramid, level, [this, next], band, photo);
                });
            }
        }
        let last = &self.levels[base];
        let (color, weight, _) = last.frame.as_ref().expect("the base is not the first plane");
        for (rows, sum) in last.bands.iter().zip(&last.sums) {
            recorder.record(|encoder| {
                let (color, weight) = (color.rows(rows.clone()), rows_gray(gpu, encoder, weight, rows));
                stages.fuse.encode_base(gpu, encoder, sum, &color, &weight);
            });
        }
        recorder.pace()
    }

    /// The part `window` of the picture, in `bits` (8 or 16) a channel.
    pub fn finish(
        mut self,
        gpu: &Gpu,
        recorder: &Recorder<'_>,
        stages: &Stages,
        window: &Window,
        bits: u8,
    ) -> Result<Pixels> {
        self.levels.iter_mut().for_each(|level| level.frame = None);
        trim(gpu, recorder)?;
        let mut picture: Option<Texels> = None;
        let mut out = Output::new(window, bits);
        for (index, level) in self.levels.into_iter().enumerate().rev() {
            let plane = (index > 0).then(|| gpu.texels(level.size));
            for (rows, sum) in level.bands.into_iter().zip(level.sums) {
                let band = recorder.record(|encoder| {
                    let band = match &picture {
                        None => stages.collapse.encode_base(gpu, encoder, &sum),
                        Some(half) => collapse(gpu, encoder, stages, &sum, half, rows.start),
                    };
                    if let Some(plane) = &plane {
                        gpu.copy_texels(encoder, &band, 0..rows.len() as u32, plane, rows.start);
                    }
                    band
                });
                if plane.is_none() {
                    let band = recorder.download_texels(&band)?;
                    let row = |(): &mut (), y: u32, colours: &mut [[f32; 3]]| {
                        for (colour, [r, g, b, _]) in colours.iter_mut().zip(band.row(y - rows.start)) {
                            *colour = [*r, *g, *b];
                        }
                    };
                    out.put(rows.clone(), || (), row);
                }
            }
            picture = plane;
            trim(gpu, recorder)?;
        }
        Ok(out.pixels)
    }
}

/// Adds a frame to a band of rows of one plane, and makes those of the next.
#[expect(clippy::too_many_arguments, reason = "the device and the encoder, and what is added to what")]
fn add_band(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    stages: &Stages,
    pyramid: &Pyramid,
    level: usize,
    [this, next]: [&Level; 2],
    band: usize,
    photo: Photo<'_>,
) {
    let core = this.bands[band].clone();
    let rows = with_halo(&core, &this.bands, this.size);
    let half = rows.start / 2..rows.end.div_ceil(2);
    let (plane, finest, prior);
    match &this.frame {
        None => {
            let Photo { pixels, transform, gains, depth: [depth, confidence], standing } = photo;
            plane = stages.resample.encode(gpu, encoder, pixels, transform, gains, this.size, rows.clone());
            finest = None;
            let rule = &pyramid.rule.prior;
            let rows = half.clone();
            prior = stages.prior.encode(gpu, encoder, depth, confidence, rule, standing, transform, rows);
        }
        Some((color, energy, weight)) => {
            plane = color.rows(rows.clone());
            let [energy, weight] = [energy, weight].map(|plane| rows_gray(gpu, encoder, plane, &rows));
            finest = Some(stages.shrink.encode_gray(gpu, encoder, &energy));
            prior = stages.shrink.encode_gray(gpu, encoder, &weight);
        }
    }
    let smaller = stages.shrink.encode(gpu, encoder, &plane);
    let (detail, energy) = stages.detail.encode(gpu, encoder, &plane, &smaller);
    let finest = finest.unwrap_or_else(|| stages.smooth.encode(gpu, encoder, &energy, FINEST_FLOOR));
    let (floor, powers) = (pyramid.floor(level), pyramid.powers(level));
    let weight = stages.weigh.encode(gpu, encoder, &energy, &finest, &prior, floor, powers);
    stages.fuse.encode(gpu, encoder, &this.sums[band], &detail, &weight, core.start - rows.start);
    let (color, energy_plane, prior_plane) = next.frame.as_ref().expect("only the first plane is no frame's");
    let (at, count) = (core.start / 2, core.end.div_ceil(2) - core.start / 2);
    let skip = at - half.start;
    gpu.copy_texels(encoder, &smaller, skip..skip + count, color, at);
    // The base counts as the band above it: its weights take the place of the energy.
    let kept = if level + 1 == pyramid.bands() { &weight } else { &finest };
    gpu.copy_rows(encoder, kept, skip, energy_plane, at, count);
    gpu.copy_rows(encoder, &prior, skip, prior_plane, at, count);
}

fn collapse(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    stages: &Stages,
    sum: &Texels,
    half: &Texels,
    top: u32,
) -> Texels {
    // Only what is looked at is bound: whole planes of large pictures are more than devices bind.
    let first = (top / 2).saturating_sub(1);
    let last = ((top + sum.size.height).div_ceil(2) + 1).min(half.size.height);
    stages.collapse.encode(gpu, encoder, sum, &half.rows(first..last), top - 2 * first)
}

/// A copy of some rows.
fn rows_gray(gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image, rows: &Range<u32>) -> Image {
    let copy = gpu.gray(Size::new(plane.size.width, rows.len() as u32));
    gpu.copy_rows(encoder, plane, rows.start, &copy, 0, rows.len() as u32);
    copy
}

/// Lets go of memory that was kept for planes to come, where other ones are to come.
fn trim(gpu: &Gpu, recorder: &Recorder<'_>) -> Result<()> {
    recorder.submit();
    gpu.trim()
}

/// Bands of about [`AREA`] pixels, all of one even number of rows but for the last.
fn split(size: Size) -> Vec<Range<u32>> {
    let most = (AREA / size.width.max(1) as usize).max(4 * FUSION_HALO as usize) as u32;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_the_picture_and_have_their_halos() {
        for (width, height) in
            [(6000, 4000), (9504, 6337), (900, 601), (60_000, 1201), (100_000, 1201), (30, 7)]
        {
            let size = Size::new(width, height);
            let bands = split(size);
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
