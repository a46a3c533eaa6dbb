//! Distance of every two frames' block features; `shaders/distance.wgsl`.

use super::stage::{Bind, Kernel};
use super::{Gpu, Image};
use crate::frame::Size;

/// Mirrors `Params` of `distance.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) frames: u32,
    pub(super) blocks: u32,
}

/// The stage.
pub struct Distance {
    kernel: Kernel,
}

impl Distance {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "distance", "main", include_str!("../../shaders/distance.wgsl")) }
    }

    /// Records the frames × frames distances of `features` (a row per frame) under `weights` (one row).
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        features: &Image,
        weights: &Image,
    ) -> Image {
        let Size { width: blocks, height: frames } = features.size;
        let distances = gpu.gray(Size::new(frames, frames));
        let bindings = [Bind::Image(features), Bind::Image(weights), Bind::Image(&distances)];
        self.kernel.encode(gpu, encoder, &Params { frames, blocks }, &bindings, [frames, frames]);
        distances
    }
}
