//! One face over both paths, so that the pipeline is written once.

use crate::cpu;
use crate::error::Result;
use crate::frame::{Luma, Plane, Size};
use crate::gpu::{self, Gpu, Recorder};
use crate::params::{ALIGN_SUMS, window_radius};
use crate::transform::{NormalEquations, Transform};

/// The stages over planes that live where the backend computes.
///
/// Planes are in the pipeline's order of magnitude: luma 0…1, focus measures in squared units of luma, ≥ 0, and
/// negative where a warped frame does not reach. Only what returns host data waits for the device.
pub trait Backend {
    /// A plane of one float a pixel.
    type Gray: Clone;

    /// What `map.json` says under `device`.
    fn name(&self) -> &str;

    /// Focus measure and luma of a full-resolution frame on the grid of `cell`-pixel cells.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for every method that returns host data.
    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)>;

    /// Takes a plane in.
    fn upload(&self, plane: &Plane<f32>) -> Self::Gray;

    /// Hands a plane out.
    fn download(&self, plane: &Self::Gray) -> Result<Plane<f32>>;

    /// Mean of each 2×2 block.
    fn reduce(&self, plane: &Self::Gray) -> Self::Gray;

    /// `plane` at `transform` of each pixel of a plane of `size`, times `gain`; negative outside.
    fn warp(&self, plane: &Self::Gray, transform: &Transform, gain: f32, size: Size) -> Self::Gray;

    /// Sums for one alignment step of `warped` against `reference`.
    fn align(&self, reference: &Self::Gray, warped: &Self::Gray) -> Result<NormalEquations>;

    /// Mean focus measure of each of `blocks` equal parts; negative where uncovered.
    fn blocks(&self, measure: &Self::Gray, blocks: Size) -> Result<Plane<f32>>;

    /// Distances between all frames by `features` (a row per frame, a column per block) under `weights` (a row).
    fn distance(&self, features: &Plane<f32>, weights: &Plane<f32>) -> Result<Plane<f32>>;
}

/// The CPU path, on the current rayon pool.
pub struct CpuBackend;

impl Backend for CpuBackend {
    type Gray = std::sync::Arc<Plane<f32>>;

    fn name(&self) -> &str {
        "cpu"
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        let moments = cpu::sharpness::sharpness(luma, cell);
        let measure = cpu::window::window(&moments, window_radius(cell));
        Ok((measure.into(), moments.luma.into()))
    }

    fn upload(&self, plane: &Plane<f32>) -> Self::Gray {
        plane.clone().into()
    }

    fn download(&self, plane: &Self::Gray) -> Result<Plane<f32>> {
        Ok(Plane::clone(plane))
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        cpu::reduce::reduce(plane).into()
    }

    fn warp(&self, plane: &Self::Gray, transform: &Transform, gain: f32, size: Size) -> Self::Gray {
        cpu::warp::warp(plane, transform, gain, size).into()
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
}

impl<'a> GpuBackend<'a> {
    /// Builds all pipelines on `gpu`; full-resolution luma goes through in bands of at most `band_rows` rows.
    pub fn new(gpu: &'a Gpu, band_rows: u32) -> Self {
        Self {
            gpu,
            recorder: Recorder::new(gpu),
            band_rows,
            sharpness: gpu::sharpness::Sharpness::new(gpu),
            window: gpu::window::Window::new(gpu),
            reduce: gpu::reduce::Reduce::new(gpu),
            warp: gpu::warp::Warp::new(gpu),
            align: gpu::align::Align::new(gpu),
            blocks: gpu::blocks::Blocks::new(gpu),
            distance: gpu::distance::Distance::new(gpu),
        }
    }
}

impl Backend for GpuBackend<'_> {
    type Gray = gpu::Image;

    fn name(&self) -> &str {
        &self.gpu.name
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        Ok(self.recorder.record(|encoder| {
            let moments = self.sharpness.encode(self.gpu, encoder, luma, cell, self.band_rows);
            self.window.encode(self.gpu, encoder, &moments, window_radius(cell))
        }))
    }

    fn upload(&self, plane: &Plane<f32>) -> Self::Gray {
        self.recorder.record(|encoder| self.gpu.upload(encoder, plane))
    }

    fn download(&self, plane: &Self::Gray) -> Result<Plane<f32>> {
        self.recorder.download(plane)
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        self.recorder.record(|encoder| self.reduce.encode(self.gpu, encoder, plane))
    }

    fn warp(&self, plane: &Self::Gray, transform: &Transform, gain: f32, size: Size) -> Self::Gray {
        self.recorder.record(|encoder| self.warp.encode(self.gpu, encoder, plane, transform, gain, size))
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
}
