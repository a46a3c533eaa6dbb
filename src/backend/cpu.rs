//! The CPU path.

use std::ops::Range;
use std::sync::Arc;

use super::Backend;
use crate::cpu;
use crate::cpu::spare::Held;
use crate::error::Result;
use crate::frame::{Luma, Pixels, Plane, Size};
use crate::gains::GainField;
use crate::params::{ConfidenceRule, Edge, MOTION_SUMS, Prior, Slice, Standing, window_radius};
use crate::transform::{NormalEquations, Transform};

/// The CPU path, on the current rayon pool.
pub struct CpuBackend;

/// A plane whose buffer is used again.
fn held<T: bytemuck::Pod>(plane: Plane<T>) -> Arc<Held<T>> {
    Arc::new(plane.into())
}

/// A copy of some rows.
fn copied<T: bytemuck::Pod>(plane: &Plane<T>, rows: Range<u32>) -> Plane<T> {
    let mut copy = cpu::spare::plane(Size::new(plane.size.width, rows.len() as u32));
    copy.put_rows(0, plane, rows);
    copy
}

/// The plane to change in place, a copy if someone else holds it.
fn own<T: bytemuck::Pod>(plane: &mut Arc<Held<T>>) -> &mut Plane<T> {
    &mut *Arc::make_mut(plane)
}

impl Backend for CpuBackend {
    type Gray = Arc<Held<f32>>;
    type Rgba = Arc<Held<[f32; 4]>>;
    type Color = Plane<[u8; 3]>;
    type Peak = cpu::peak::Peak;

    fn name(&self) -> &str {
        "cpu"
    }

    fn analyse(&self, luma: &Luma, cell: u32) -> Result<(Self::Gray, Self::Gray)> {
        let moments = cpu::sharpness::sharpness(luma, cell);
        let measure = cpu::window::window(&moments, window_radius(cell));
        Ok((held(measure), held(moments.luma)))
    }

    fn upload(&self, plane: Plane<f32>) -> Self::Gray {
        held(plane)
    }

    fn download(&self, plane: Self::Gray) -> Result<Plane<f32>> {
        Ok(Arc::unwrap_or_clone(plane).into_plane())
    }

    fn reduce(&self, plane: &Self::Gray) -> Self::Gray {
        held(cpu::reduce::reduce(plane))
    }

    fn warp(
        &self,
        plane: &Self::Gray,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Self::Gray {
        held(cpu::warp::warp(plane, transform, gain, edge, size))
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
        cpu::accumulate::accumulate(own(&mut sum), plane, scale);
        sum
    }

    fn vote(&self, energy: &Self::Gray, floor: f32) -> Self::Gray {
        held(cpu::vote::vote(energy, floor))
    }

    fn aggregate(&self, measure: &Self::Gray, weight: &Self::Gray) -> Self::Gray {
        held(cpu::aggregate::aggregate(measure, weight))
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
        peak.update(triple.map(|plane| &***plane), level, first, last);
        peak
    }

    fn offset(&self, peak: &Self::Peak, ratios: &[f32]) -> (Self::Gray, Self::Gray) {
        let (depth, height) = cpu::offset::offset(peak, ratios);
        (held(depth), held(height))
    }

    fn place(&self, depth: &Self::Gray, places: &[f32]) -> Self::Gray {
        held(cpu::place::place(depth, places))
    }

    fn nearest(&self, depth: &Self::Gray, focused: &[f32]) -> Self::Gray {
        held(cpu::nearest::nearest(depth, focused))
    }

    fn confidence(
        &self,
        raw: &Self::Gray,
        filled: &Self::Gray,
        height: &Self::Gray,
        rule: &ConfidenceRule,
    ) -> Self::Gray {
        held(cpu::confidence::confidence(raw, filled, height, rule))
    }

    fn upload_color(&self, plane: Plane<[u8; 3]>) -> Self::Color {
        plane
    }

    fn rgba_start(&self, size: Size) -> Self::Rgba {
        held(Plane::filled(size, [0.0; 4]))
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
        cpu::blend::blend(own(&mut sum), depth, color, transform, gain, level);
        sum
    }

    fn guide(&self, sum: &Self::Rgba) -> Self::Rgba {
        held(cpu::guide::guide(sum))
    }

    fn bilateral(
        &self,
        depth: &Self::Gray,
        confidence: &Self::Gray,
        guide: &Self::Rgba,
        levels: u32,
    ) -> Self::Gray {
        held(cpu::bilateral::bilateral(depth, confidence, guide, levels))
    }

    fn download_rgba(&self, plane: Self::Rgba) -> Result<Plane<[f32; 4]>> {
        Ok(Arc::unwrap_or_clone(plane).into_plane())
    }

    fn smooth(&self, plane: &Self::Gray, offset: f32) -> Self::Gray {
        held(cpu::smooth::smooth(plane, offset))
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
        held(cpu::front::front(plane, radius))
    }

    fn resample(
        &self,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        size: Size,
        rows: Range<u32>,
    ) -> Self::Rgba {
        held(cpu::resample::resample(pixels, transform, gains, size, rows))
    }

    fn shrink(&self, plane: &Self::Rgba) -> Self::Rgba {
        held(cpu::shrink::shrink(plane))
    }

    fn shrink_gray(&self, plane: &Self::Gray) -> Self::Gray {
        held(cpu::shrink::shrink_gray(plane))
    }

    fn detail(&self, plane: &Self::Rgba, half: &Self::Rgba) -> (Self::Rgba, Self::Gray) {
        let (band, energy) = cpu::detail::detail(plane, half);
        (held(band), held(energy))
    }

    fn prior(
        &self,
        [depth, confidence]: [&Self::Gray; 2],
        rule: &Prior,
        standing: &Standing,
        transform: &Transform,
        rows: Range<u32>,
    ) -> Self::Gray {
        held(cpu::prior::prior(depth, confidence, rule, standing, transform, rows))
    }

    fn weigh(
        &self,
        energy: &Self::Gray,
        finest: &Self::Gray,
        prior: &Self::Gray,
        floor: f32,
        powers: [u32; 2],
    ) -> Self::Gray {
        held(cpu::weigh::weigh(energy, finest, prior, floor, powers))
    }

    fn fuse(&self, mut sum: Self::Rgba, band: &Self::Rgba, weight: &Self::Gray, skip: u32) -> Self::Rgba {
        cpu::fuse::fuse(own(&mut sum), band, weight, skip);
        sum
    }

    fn fuse_base(&self, mut sum: Self::Rgba, plane: &Self::Rgba, weight: &Self::Gray) -> Self::Rgba {
        cpu::fuse::fuse_base(own(&mut sum), plane, weight);
        sum
    }

    fn collapse(&self, sum: &Self::Rgba, half: &Self::Rgba, top: u32) -> Self::Rgba {
        held(cpu::collapse::collapse(sum, half, top))
    }

    fn collapse_base(&self, sum: &Self::Rgba) -> Self::Rgba {
        held(cpu::collapse::collapse_base(sum))
    }

    fn rows(&self, plane: &Self::Rgba, rows: Range<u32>) -> Self::Rgba {
        held(copied(plane, rows))
    }

    fn rows_gray(&self, plane: &Self::Gray, rows: Range<u32>) -> Self::Gray {
        held(copied(plane, rows))
    }

    fn put_rows(&self, mut plane: Self::Rgba, at: u32, band: &Self::Rgba, rows: Range<u32>) -> Self::Rgba {
        own(&mut plane).put_rows(at, band, rows);
        plane
    }

    fn put_rows_gray(
        &self,
        mut plane: Self::Gray,
        at: u32,
        band: &Self::Gray,
        rows: Range<u32>,
    ) -> Self::Gray {
        own(&mut plane).put_rows(at, band, rows);
        plane
    }

    fn fusion_area(&self) -> usize {
        // A few planes of it stay in a large cache; halos are a tenth at 24 MP.
        1 << 20
    }

    fn trim(&self) -> Result<()> {
        cpu::spare::clear();
        Ok(())
    }

    fn pace(&self) -> Result<()> {
        Ok(())
    }
}
