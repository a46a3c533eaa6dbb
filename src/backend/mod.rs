//! One face over both paths, so that the pipeline is written once.

mod cpu;
mod gpu;

pub use cpu::CpuBackend;
pub use gpu::GpuBackend;

use crate::error::Result;
use crate::frame::{Luma, Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::params::{ConfidenceRule, Edge, MOTION_SUMS, Slice, Standing};
use crate::pyramid::Pyramid;
use crate::transform::{NormalEquations, Transform};

/// The stages over planes that live where the backend computes.
///
/// Planes are in the pipeline's order of magnitude: luma 0…1, focus measures in squared units of luma, ≥ 0, and
/// negative where a warped frame does not reach. Only what returns a `Result` may wait for the device. What is taken by
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
    /// A picture that grows by frames.
    type Fusion;

    /// What `map.json` says under `device`.
    fn name(&self) -> &str;

    /// Focus measure and luma of a full-resolution frame on the grid of `cell`-pixel cells.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for every method that returns a `Result`.
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

    /// Places on the focus axis of `depth`, which is in levels; `places` has those of all levels.
    fn place(&self, depth: &Self::Gray, places: &[f32]) -> Self::Gray;

    /// How far `depth` lies from the nearest of `focused`, at least one, all on one axis.
    fn nearest(&self, depth: &Self::Gray, focused: &[f32]) -> Self::Gray;

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

    /// `plane` smoothed by a binomial, plus `offset`.
    fn smooth(&self, plane: &Self::Gray, offset: f32) -> Self::Gray;

    /// Sums of the motion of `moving` against `fixed`, block by block, on the part `slice` of the scene.
    fn motion(
        &self,
        fixed: &Self::Gray,
        moving: &Self::Gray,
        transform: &Transform,
        depth: &Self::Gray,
        slice: &Slice,
    ) -> Result<Vec<[f32; MOTION_SUMS]>>;

    /// Least value within `radius` cells.
    fn front(&self, plane: &Self::Gray, radius: u32) -> Self::Gray;

    /// A picture without frames, in the planes of `pyramid`.
    fn fusion(&self, pyramid: Pyramid) -> Result<Self::Fusion>;

    /// Adds a frame, which `transform` leads to from the picture and `gains` even out. Depth map and confidence lie on the
    /// pyramid's second plane, whose pixel k is the picture's 2k.
    fn fuse(
        &self,
        fusion: &mut Self::Fusion,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        depth: [&Self::Gray; 2],
        standing: &Standing,
    ) -> Result<()>;

    /// The part `window` of the picture, in `bits` (8 or 16) a channel.
    fn fused(&self, fusion: Self::Fusion, window: &Window, bits: u8) -> Result<Pixels>;
}
