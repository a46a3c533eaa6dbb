//! The GPU path.

use std::cell::OnceCell;

use super::Backend;
use crate::error::{Error, Result};
use crate::frame::{Luma, Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::gpu::{self, Gpu, Recorder};
use crate::params::{ALIGN_SUMS, ConfidenceRule, Edge, MOTION_SUMS, Slice, Standing, window_radius};
use crate::pyramid::Pyramid;
use crate::transform::{NormalEquations, Transform};

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
    place: gpu::place::Place,
    nearest: gpu::nearest::Nearest,
    confidence: gpu::confidence::Confidence,
    blend: gpu::blend::Blend,
    guide: gpu::guide::Guide,
    bilateral: gpu::bilateral::Bilateral,
    merging: OnceCell<Merging>,
}

/// The stages that only merging needs.
struct Merging {
    motion: gpu::motion::Motion,
    front: gpu::front::Front,
    stages: gpu::fusion::Stages,
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
            place: gpu::place::Place::new(gpu),
            nearest: gpu::nearest::Nearest::new(gpu),
            confidence: gpu::confidence::Confidence::new(gpu),
            blend: gpu::blend::Blend::new(gpu),
            guide: gpu::guide::Guide::new(gpu),
            bilateral: gpu::bilateral::Bilateral::new(gpu),
            merging: OnceCell::new(),
        }
    }

    /// The stages that only merging needs, built with the first frame that does.
    fn merging(&self) -> &Merging {
        self.merging.get_or_init(|| Merging {
            motion: gpu::motion::Motion::new(self.gpu),
            front: gpu::front::Front::new(self.gpu),
            stages: gpu::fusion::Stages::new(self.gpu),
        })
    }
}

impl Backend for GpuBackend<'_> {
    type Gray = gpu::Image;
    type Rgba = gpu::Texels;
    type Color = gpu::Image;
    type Peak = gpu::peak::Peak;
    type Fusion = gpu::fusion::Fusion;

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
        if !self.gpu.binds(grid) {
            return Err(Error::Device(format!(
                "{}: pictures of {size} need planes of more memory than its shaders can be given; use --device cpu",
                self.gpu.name
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
        self.recorder.record(|encoder| self.peak.add(self.gpu, encoder, &peak, value));
        peak
    }

    fn peak_update(
        &self,
        peak: Self::Peak,
        triple: [&Self::Gray; 3],
        level: u32,
        first: bool,
        last: bool,
    ) -> Self::Peak {
        self.recorder.record(|encoder| {
            self.peak.update(self.gpu, encoder, &peak, triple, level, first, last);
        });
        peak
    }

    fn offset(&self, peak: &Self::Peak, ratios: &[f32]) -> (Self::Gray, Self::Gray) {
        self.recorder.record(|encoder| self.offset.encode(self.gpu, encoder, peak, ratios))
    }

    fn place(&self, depth: &Self::Gray, places: &[f32]) -> Self::Gray {
        self.recorder.record(|encoder| self.place.encode(self.gpu, encoder, depth, places))
    }

    fn nearest(&self, depth: &Self::Gray, focused: &[f32]) -> Self::Gray {
        self.recorder.record(|encoder| self.nearest.encode(self.gpu, encoder, depth, focused))
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
        self.recorder.record(|encoder| self.gpu.zeros(encoder, size))
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
            self.blend.encode(self.gpu, encoder, &sum, depth, color, transform, gain, level);
        });
        sum
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
        self.recorder.download_texels(&plane)
    }

    fn smooth(&self, plane: &Self::Gray, offset: f32) -> Self::Gray {
        self.recorder.record(|encoder| self.merging().stages.smooth.encode(self.gpu, encoder, plane, offset))
    }

    fn motion(
        &self,
        fixed: &Self::Gray,
        moving: &Self::Gray,
        transform: &Transform,
        depth: &Self::Gray,
        slice: &Slice,
    ) -> Result<Vec<[f32; MOTION_SUMS]>> {
        let sums = self.recorder.record(|encoder| {
            self.merging().motion.encode(self.gpu, encoder, fixed, moving, transform, depth, slice)
        });
        let floats = self.recorder.download_buffer(&sums)?;
        let (blocks, _) = floats.as_chunks();
        Ok(blocks.to_vec())
    }

    fn front(&self, plane: &Self::Gray, radius: u32) -> Self::Gray {
        self.recorder.record(|encoder| self.merging().front.encode(self.gpu, encoder, plane, radius))
    }

    fn fusion(&self, pyramid: Pyramid) -> Result<Self::Fusion> {
        gpu::fusion::Fusion::new(self.gpu, &self.recorder, pyramid)
    }

    fn fuse(
        &self,
        fusion: &mut Self::Fusion,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        depth: [&Self::Gray; 2],
        standing: &Standing,
    ) -> Result<()> {
        let photo = gpu::fusion::Photo { pixels, transform, gains, depth, standing };
        fusion.add(self.gpu, &self.recorder, &self.merging().stages, photo)
    }

    fn fused(&self, fusion: Self::Fusion, window: &Window, bits: u8) -> Result<Pixels> {
        fusion.finish(self.gpu, &self.recorder, &self.merging().stages, window, bits)
    }
}
