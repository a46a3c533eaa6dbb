//! The CPU path.

use std::sync::Arc;

use super::Backend;
use crate::cpu;
use crate::error::Result;
use crate::frame::{Luma, Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::params::{ConfidenceRule, Edge, MOTION_SUMS, Slice, Standing, window_radius};
use crate::pyramid::Pyramid;
use crate::transform::{NormalEquations, Transform};

/// The CPU path, on the current rayon pool.
pub struct CpuBackend;

impl Backend for CpuBackend {
    type Gray = Arc<Plane<f32>>;
    type Rgba = Arc<Plane<[f32; 4]>>;
    type Color = Plane<[u8; 3]>;
    type Peak = cpu::peak::Peak;
    type Fusion = cpu::fusion::Fusion;

    fn name(&self) -> &str {
        "cpu"
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        let moments = cpu::sharpness::sharpness(luma, cell);
        let measure = cpu::window::window(&moments, window_radius(cell));
        Ok((Arc::new(measure), Arc::new(moments.luma)))
    }

    fn upload(&self, plane: Plane<f32>) -> Self::Gray {
        Arc::new(plane)
    }

    fn download(&self, plane: Self::Gray) -> Result<Plane<f32>> {
        Ok(Arc::unwrap_or_clone(plane))
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        Arc::new(cpu::reduce::reduce(plane))
    }

    fn warp(
        &self,
        plane: &Self::Gray,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Self::Gray {
        Arc::new(cpu::warp::warp(plane, transform, gain, edge, size))
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
        Arc::new(cpu::vote::vote(energy, floor))
    }

    fn aggregate(&self, measure: &Self::Gray, weight: &Self::Gray) -> Self::Gray {
        Arc::new(cpu::aggregate::aggregate(measure, weight))
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
        (Arc::new(depth), Arc::new(height))
    }

    fn place(&self, depth: &Self::Gray, places: &[f32]) -> Self::Gray {
        Arc::new(cpu::place::place(depth, places))
    }

    fn nearest(&self, depth: &Self::Gray, focused: &[f32]) -> Self::Gray {
        Arc::new(cpu::nearest::nearest(depth, focused))
    }

    fn confidence(
        &self,
        raw: &Self::Gray,
        filled: &Self::Gray,
        height: &Self::Gray,
        rule: &ConfidenceRule,
    ) -> Self::Gray {
        Arc::new(cpu::confidence::confidence(raw, filled, height, rule))
    }

    fn upload_color(&self, plane: Plane<[u8; 3]>) -> Self::Color {
        plane
    }

    fn rgba_start(&self, size: Size) -> Self::Rgba {
        Arc::new(Plane::filled(size, [0.0; 4]))
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
        Arc::new(cpu::guide::guide(sum))
    }

    fn bilateral(
        &self,
        depth: &Self::Gray,
        confidence: &Self::Gray,
        guide: &Self::Rgba,
        levels: u32,
    ) -> Self::Gray {
        Arc::new(cpu::bilateral::bilateral(depth, confidence, guide, levels))
    }

    fn download_rgba(&self, plane: Self::Rgba) -> Result<Plane<[f32; 4]>> {
        Ok(Arc::unwrap_or_clone(plane))
    }

    fn smooth(&self, plane: &Self::Gray, offset: f32) -> Self::Gray {
        Arc::new(cpu::smooth::smooth(plane, offset))
    }

    fn motion(
        &self,
        fixed: &Self::Gray,
        moving: &Self::Gray,
        transform: &Transform,
        depth: &Self::Gray,
        slice: &Slice,
    ) -> Result<Vec<[f32; MOTION_SUMS]>> {
        Ok(cpu::motion::motion(fixed, moving, transform, depth, slice))
    }

    fn front(&self, plane: &Self::Gray, radius: u32) -> Self::Gray {
        Arc::new(cpu::front::front(plane, radius))
    }

    fn fusion(&self, pyramid: Pyramid) -> Result<Self::Fusion> {
        Ok(cpu::fusion::Fusion::new(pyramid))
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
        fusion.add(pixels, transform, gains, depth.map(|plane| &**plane), standing);
        Ok(())
    }

    fn fused(&self, fusion: Self::Fusion, window: &Window, bits: u8) -> Result<Pixels> {
        Ok(fusion.finish(window, bits))
    }
}
