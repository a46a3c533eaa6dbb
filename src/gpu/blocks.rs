//! Mean focus measure of coarse blocks; `shaders/blocks.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;

/// Mirrors `Params` of `blocks.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) blocks: [u32; 2],
}

/// The stage.
pub struct Blocks {
    kernel: Kernel,
}

impl Blocks {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "blocks", "main", include_str!("../../shaders/blocks.wgsl")) }
    }

    /// Records the mean of `measure` over each of `blocks` equal parts; negative where less than half is covered.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        measure: &Image,
        blocks: Size,
    ) -> Image {
        let means = gpu.gray(blocks);
        let params = Params { size: dims(measure.size), blocks: dims(blocks) };
        let bindings = [Bind::Image(measure), Bind::Image(&means)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(blocks));
        means
    }
}
