//! One face over both paths, so that the pipeline is written once.

use std::sync::Arc;

use crate::cpu;
use crate::error::{Error, Result};
use crate::frame::{Luma, Plane, Size};
use crate::gpu::{self, Gpu, Recorder};
use crate::params::{ALIGN_SUMS, ConfidenceRule, Edge, window_radius};
use crate::transform::{NormalEquations, Transform};

/// The stages over planes that live where the backend computes.
///
/// Planes are in the pipeline's order of magnitude: luma 0…1, focus measures in squared units of luma, ≥ 0, and
/// negative where a warped frame does not reach. Only what returns host data waits for the device. What is taken by
/// value may be changed in place.
pub trait Backend {
    /// A plane of one float a pixel.
    type Gray: Clone;
    /// A plane of four floats a pixel.
    type Rgba: Clone;
    /// A frame's colour.
    type Color;
    /// The running depth argmax.
    type Peak;

    /// What `map.json` says under `device`.
    fn name(&self) -> &str;

    /// Focus measure and luma of a full-resolution frame on the grid of `cell`-pixel cells.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for every method that returns host data.
    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)>;

    /// Takes a plane in.
    fn upload(&self, plane: Plane<f32>) -> Self::Gray;

    /// Hands a plane out.
    fn download(&self, plane: Self::Gray) -> Result<Plane<f32>>;

    /// Mean of each 2×2 block.
    fn reduce(&self, plane: &Self::Gray) -> Self::Gray;

    /// `plane` at `transform` of each pixel of a plane of `size`, times `gain`; `edge` says what stands outside.
    fn warp(
        &self,
        plane: &Self::Gray,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Self::Gray;

    /// Sums for one alignment step of `warped` against `reference`.
    fn align(&self, reference: &Self::Gray, warped: &Self::Gray) -> Result<NormalEquations>;

    /// Mean focus measure of each of `blocks` equal parts; negative where uncovered.
    fn blocks(&self, measure: &Self::Gray, blocks: Size) -> Result<Plane<f32>>;

    /// Distances between all frames by `features` (a row per frame, a column per block) under `weights` (a row).
    fn distance(&self, features: &Plane<f32>, weights: &Plane<f32>) -> Result<Plane<f32>>;

    /// `sum` + `scale`·`plane`.
    fn accumulate(&self, sum: Self::Gray, plane: &Self::Gray, scale: f32) -> Self::Gray;

    /// How much each place counts, from the mean focus measure of all frames.
    fn vote(&self, energy: &Self::Gray, floor: f32) -> Self::Gray;

    /// `measure`·`weight` gathered from each cell's neighbourhood.
    fn aggregate(&self, measure: &Self::Gray, weight: &Self::Gray) -> Self::Gray;

    /// The argmax before any level.
    fn peak_start(&self, size: Size) -> Self::Peak;

    /// Adds `value` to the sums only: the first two levels complete no triple.
    fn peak_add(&self, peak: Self::Peak, value: &Self::Gray) -> Self::Peak;

    /// Takes in the triple (before, middle, after) around `level`; `first` and `last` say whether before or after is an
    /// outermost level.
    fn peak_update(
        &self,
        peak: Self::Peak,
        triple: [&Self::Gray; 3],
        level: u32,
        first: bool,
        last: bool,
    ) -> Self::Peak;

    /// Depth in levels, and the peak's height over the mean; `ratios` has one focus step ratio per level.
    fn offset(&self, peak: &Self::Peak, ratios: &[f32]) -> (Self::Gray, Self::Gray);

    /// Confidence 0…1 of the measured depth `raw` by `rule`.
    fn confidence(
        &self,
        raw: &Self::Gray,
        filled: &Self::Gray,
        height: &Self::Gray,
        rule: &ConfidenceRule,
    ) -> Self::Gray;

    /// Takes sRGB-encoded colour in.
    fn upload_color(&self, plane: Plane<[u8; 3]>) -> Self::Color;

    /// A plane of zeros.
    fn rgba_start(&self, size: Size) -> Self::Rgba;

    /// Adds to `sum` the colour of a frame where `depth` lies less than one level from `level`, weighted.
    fn blend(
        &self,
        sum: Self::Rgba,
        depth: &Self::Gray,
        color: &Self::Color,
        transform: &Transform,
        gain: f32,
        level: f32,
    ) -> Self::Rgba;

    /// The picture that guides the fill, from a blended sum.
    fn guide(&self, sum: &Self::Rgba) -> Self::Rgba;

    /// Depth 0…`levels`−1 for every cell, smoothed and filled along the colours of `guide`.
    fn bilateral(
        &self,
        depth: &Self::Gray,
        confidence: &Self::Gray,
        guide: &Self::Rgba,
        levels: u32,
    ) -> Self::Gray;

    /// Hands a plane of four floats a pixel out.
    fn download_rgba(&self, plane: Self::Rgba) -> Result<Plane<[f32; 4]>>;
}

/// The CPU path, on the current rayon pool.
pub struct CpuBackend;

impl Backend for CpuBackend {
    type Gray = Arc<Plane<f32>>;
    type Rgba = Arc<Plane<[f32; 4]>>;
    type Color = Plane<[u8; 3]>;
    type Peak = cpu::peak::Peak;

    fn name(&self) -> &str {
        "cpu"
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        let moments = cpu::sharpness::sharpness(luma, cell);
        let measure = cpu::window::window(&moments, window_radius(cell));
        Ok((measure.into(), moments.luma.into()))
    }

    fn upload(&self, plane: Plane<f32>) -> Self::Gray {
        plane.into()
    }

    fn download(&self, plane: Self::Gray) -> Result<Plane<f32>> {
        Ok(Arc::unwrap_or_clone(plane))
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        cpu::reduce::reduce(plane).into()
    }

    fn warp(
        &self,
        plane: &Self::Gray,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Self::Gray {
        cpu::warp::warp(plane, transform, gain, edge, size).into()
    }

    fn align(&self, reference: &Self::Gray, warped: &Self::Gray) -> Result<NormalEquations> {
        Ok(cpu::align::align(reference, warped))
    }

    fn blocks(&self, measure: &Self::Gray, blocks: Size) -> Result<Plane<f32>> {
        Ok(cpu::blocks::blocks(measure, blocks))
    }

    fn distance(&self, features: &Plane<f32>, weights: &Plane<f32>) -> Result<Plane<f32>> {
        Ok(cpu::distance::distance(features, weights))
    }

    fn accumulate(&self, mut sum: Self::Gray, plane: &Self::Gray, scale: f32) -> Self::Gray {
        cpu::accumulate::accumulate(Arc::make_mut(&mut sum), plane, scale);
        sum
    }

    fn vote(&self, energy: &Self::Gray, floor: f32) -> Self::Gray {
        cpu::vote::vote(energy, floor).into()
    }

    fn aggregate(&self, measure: &Self::Gray, weight: &Self::Gray) -> Self::Gray {
        cpu::aggregate::aggregate(measure, weight).into()
    }

    fn peak_start(&self, size: Size) -> Self::Peak {
        cpu::peak::Peak::start(size)
    }

    fn peak_add(&self, mut peak: Self::Peak, value: &Self::Gray) -> Self::Peak {
        peak.add(value);
        peak
    }

    fn peak_update(
        &self,
        mut peak: Self::Peak,
        triple: [&Self::Gray; 3],
        level: u32,
        first: bool,
        last: bool,
    ) -> Self::Peak {
        peak.update(triple.map(|plane| &**plane), level, first, last);
        peak
    }

    fn offset(&self, peak: &Self::Peak, ratios: &[f32]) -> (Self::Gray, Self::Gray) {
        let (depth, height) = cpu::offset::offset(peak, ratios);
        (depth.into(), height.into())
    }

    fn confidence(
        &self,
        raw: &Self::Gray,
        filled: &Self::Gray,
        height: &Self::Gray,
        rule: &ConfidenceRule,
    ) -> Self::Gray {
        cpu::confidence::confidence(raw, filled, height, rule).into()
    }

    fn upload_color(&self, plane: Plane<[u8; 3]>) -> Self::Color {
        plane
    }

    fn rgba_start(&self, size: Size) -> Self::Rgba {
        Plane::filled(size, [0.0; 4]).into()
    }

    fn blend(
        &self,
        mut sum: Self::Rgba,
        depth: &Self::Gray,
        color: &Self::Color,
        transform: &Transform,
        gain: f32,
        level: f32,
    ) -> Self::Rgba {
        cpu::blend::blend(Arc::make_mut(&mut sum), depth, color, transform, gain, level);
        sum
    }

    fn guide(&self, sum: &Self::Rgba) -> Self::Rgba {
        cpu::guide::guide(sum).into()
    }

    fn bilateral(
        &self,
        depth: &Self::Gray,
        confidence: &Self::Gray,
        guide: &Self::Rgba,
        levels: u32,
    ) -> Self::Gray {
        cpu::bilateral::bilateral(depth, confidence, guide, levels).into()
    }

    fn download_rgba(&self, plane: Self::Rgba) -> Result<Plane<[f32; 4]>> {
        Ok(Arc::unwrap_or_clone(plane))
    }
}

/// The GPU path.
pub struct GpuBackend<'a> {
    gpu: &'a Gpu,
    recorder: Recorder<'a>,
    band_rows: u32,
    sharpness: gpu::sharpness::Sharpness,
    window: gpu::window::Window,
    reduce: gpu::reduce::Reduce,
    warp: gpu::warp::Warp,
    align: gpu::align::Align,
    blocks: gpu::blocks::Blocks,
    distance: gpu::distance::Distance,
    accumulate: gpu::accumulate::Accumulate,
    vote: gpu::vote::Vote,
    aggregate: gpu::aggregate::Aggregate,
    peak: gpu::peak::PeakSearch,
    offset: gpu::offset::Offset,
    confidence: gpu::confidence::Confidence,
    blend: gpu::blend::Blend,
    guide: gpu::guide::Guide,
    bilateral: gpu::bilateral::Bilateral,
}

impl<'a> GpuBackend<'a> {
    /// Builds all pipelines on `gpu`; full-resolution luma goes through in bands of at most `band_rows` rows.
    pub fn new(gpu: &'a Gpu, band_rows: u32) -> Self {
        Self {
            gpu,
            recorder: Recorder::new(gpu),
            band_rows,
            sharpness: gpu::sharpness::Sharpness::new(),
            window: gpu::window::Window::new(gpu),
            reduce: gpu::reduce::Reduce::new(gpu),
            warp: gpu::warp::Warp::new(gpu),
            align: gpu::align::Align::new(gpu),
            blocks: gpu::blocks::Blocks::new(gpu),
            distance: gpu::distance::Distance::new(gpu),
            accumulate: gpu::accumulate::Accumulate::new(gpu),
            vote: gpu::vote::Vote::new(gpu),
            aggregate: gpu::aggregate::Aggregate::new(gpu),
            peak: gpu::peak::PeakSearch::new(gpu),
            offset: gpu::offset::Offset::new(gpu),
            confidence: gpu::confidence::Confidence::new(gpu),
            blend: gpu::blend::Blend::new(gpu),
            guide: gpu::guide::Guide::new(gpu),
            bilateral: gpu::bilateral::Bilateral::new(gpu),
        }
    }
}

impl Backend for GpuBackend<'_> {
    type Gray = gpu::Image;
    type Rgba = gpu::Image;
    type Color = gpu::Image;
    type Peak = gpu::peak::Peak;

    fn name(&self) -> &str {
        &self.gpu.name
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        let (size, grid) = (luma.size(), luma.size().grid(cell));
        let longest = grid.width.max(grid.height).max(size.width.div_ceil(gpu::sharpness::PACK));
        if longest > self.gpu.max_texture_side {
            return Err(Error::Device(format!(
                "{}: pictures of {size} need textures of {longest} texels a side, it has {}; use --device cpu",
                self.gpu.name, self.gpu.max_texture_side
            )));
        }
        Ok(self.recorder.record(|encoder| {
            let moments = self.sharpness.encode(self.gpu, encoder, luma, cell, self.band_rows);
            self.window.encode(self.gpu, encoder, &moments, window_radius(cell))
        }))
    }

    fn upload(&self, plane: Plane<f32>) -> Self::Gray {
        self.recorder.record(|encoder| self.gpu.upload(encoder, &plane))
    }

    fn download(&self, plane: Self::Gray) -> Result<Plane<f32>> {
        self.recorder.download(&plane)
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        self.recorder.record(|encoder| self.reduce.encode(self.gpu, encoder, plane))
    }

    fn warp(
        &self,
        plane: &Self::Gray,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Self::Gray {
        self.recorder
            .record(|encoder| self.warp.encode(self.gpu, encoder, plane, transform, gain, edge, size))
    }

    fn align(&self, reference: &Self::Gray, warped: &Self::Gray) -> Result<NormalEquations> {
        let mut sums = [0.0; ALIGN_SUMS];
        if reference.size.width >= 3 && reference.size.height >= 3 {
            let buffer =
                self.recorder.record(|encoder| self.align.encode(self.gpu, encoder, reference, warped));
            for run in self.recorder.download_buffer(&buffer)?.chunks_exact(ALIGN_SUMS) {
                sums.iter_mut().zip(run).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        Ok(NormalEquations::from_sums(&sums))
    }

    fn blocks(&self, measure: &Self::Gray, blocks: Size) -> Result<Plane<f32>> {
        let means = self.recorder.record(|encoder| self.blocks.encode(self.gpu, encoder, measure, blocks));
        self.recorder.download(&means)
    }

    fn distance(&self, features: &Plane<f32>, weights: &Plane<f32>) -> Result<Plane<f32>> {
        let distances = self.recorder.record(|encoder| {
            let (features, weights) = (self.gpu.upload(encoder, features), self.gpu.upload(encoder, weights));
            self.distance.encode(self.gpu, encoder, &features, &weights)
        });
        self.recorder.download(&distances)
    }

    fn accumulate(&self, sum: Self::Gray, plane: &Self::Gray, scale: f32) -> Self::Gray {
        self.recorder.record(|encoder| self.accumulate.encode(self.gpu, encoder, &sum, plane, scale))
    }

    fn vote(&self, energy: &Self::Gray, floor: f32) -> Self::Gray {
        self.recorder.record(|encoder| self.vote.encode(self.gpu, encoder, energy, floor))
    }

    fn aggregate(&self, measure: &Self::Gray, weight: &Self::Gray) -> Self::Gray {
        self.recorder.record(|encoder| self.aggregate.encode(self.gpu, encoder, measure, weight))
    }

    fn peak_start(&self, size: Size) -> Self::Peak {
        self.recorder.record(|encoder| self.peak.start(self.gpu, encoder, size))
    }

    fn peak_add(&self, peak: Self::Peak, value: &Self::Gray) -> Self::Peak {
        self.recorder.record(|encoder| self.peak.add(self.gpu, encoder, &peak, value))
    }

    fn peak_update(
        &self,
        peak: Self::Peak,
        triple: [&Self::Gray; 3],
        level: u32,
        first: bool,
        last: bool,
    ) -> Self::Peak {
        self.recorder.record(|encoder| self.peak.update(self.gpu, encoder, &peak, triple, level, first, last))
    }

    fn offset(&self, peak: &Self::Peak, ratios: &[f32]) -> (Self::Gray, Self::Gray) {
        self.recorder.record(|encoder| self.offset.encode(self.gpu, encoder, peak, ratios))
    }

    fn confidence(
        &self,
        raw: &Self::Gray,
        filled: &Self::Gray,
        height: &Self::Gray,
        rule: &ConfidenceRule,
    ) -> Self::Gray {
        self.recorder.record(|encoder| self.confidence.encode(self.gpu, encoder, raw, filled, height, rule))
    }

    fn upload_color(&self, plane: Plane<[u8; 3]>) -> Self::Color {
        self.recorder.record(|encoder| self.gpu.upload_color(encoder, &plane))
    }

    fn rgba_start(&self, size: Size) -> Self::Rgba {
        self.recorder.record(|encoder| self.blend.start(self.gpu, encoder, size))
    }

    fn blend(
        &self,
        sum: Self::Rgba,
        depth: &Self::Gray,
        color: &Self::Color,
        transform: &Transform,
        gain: f32,
        level: f32,
    ) -> Self::Rgba {
        self.recorder.record(|encoder| {
            self.blend.encode(self.gpu, encoder, &sum, depth, color, transform, gain, level)
        })
    }

    fn guide(&self, sum: &Self::Rgba) -> Self::Rgba {
        self.recorder.record(|encoder| self.guide.encode(self.gpu, encoder, sum))
    }

    fn bilateral(
        &self,
        depth: &Self::Gray,
        confidence: &Self::Gray,
        guide: &Self::Rgba,
        levels: u32,
    ) -> Self::Gray {
        self.recorder
            .record(|encoder| self.bilateral.encode(self.gpu, encoder, depth, confidence, guide, levels))
    }

    fn download_rgba(&self, plane: Self::Rgba) -> Result<Plane<[f32; 4]>> {
        self.recorder.download(&plane)
    }
}
