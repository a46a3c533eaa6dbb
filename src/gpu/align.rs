//! Normal equations of one alignment step; `shaders/align.wgsl`.

use super::stage::{Bind, Kernel, dims, storage};
use super::{Gpu, Image};
use crate::params::ALIGN_SUMS;

/// Pixels that one invocation sums.
const RUN: u32 = 64;

/// Mirrors `Params` of `align.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) centre: [f32; 2],
    pub(super) unit: f32,
    pub(super) run: u32,
    pub(super) runs: u32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Align {
    kernel: Kernel,
}

impl Align {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "align", "main", include_str!("../../shaders/align.wgsl")) }
    }

    /// Records the sums of `warped` against `reference`, both at least 3×3: [`ALIGN_SUMS`] floats for every run of
    /// pixels, to be added up.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        reference: &Image,
        warped: &Image,
    ) -> wgpu::Buffer {
        let size = reference.size;
        let runs = (size.width - 2).div_ceil(RUN);
        let params = Params {
            size: dims(size),
            centre: [(size.width as f32 - 1.0) / 2.0, (size.height as f32 - 1.0) / 2.0],
            unit: 2.0 / size.width as f32,
            run: RUN,
            runs,
            pad: [0],
        };
        let rows = size.height - 2;
        let sums = storage(gpu, "align", (runs * rows) as usize * ALIGN_SUMS);
        let bindings = [Bind::Image(reference), Bind::Image(warped), Bind::Buffer(&sums)];
        self.kernel.encode(gpu, encoder, &params, &bindings, [runs, rows]);
        sums
    }
}
