//! Smooths a plane by a binomial; `shaders/smooth.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `smooth.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) offset: f32,
    pub(super) pad: [u32; 1],
}

/// Rows that an invocation makes (`smooth.wgsl`).
const ROWS: u32 = 8;

/// The stage.
pub struct Smooth {
    kernel: Kernel,
}

impl Smooth {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "smooth", "main", include_str!("../../shaders/smooth.wgsl")) }
    }

    /// Records `plane` smoothed, plus `offset`.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image, offset: f32) -> Image {
        let smoothed = gpu.gray(plane.size);
        let [across, down] = dims(plane.size);
        let params = Params { size: [across, down], offset, pad: [0] };
        let bindings = [Bind::Image(plane), Bind::Image(&smoothed)];
        self.kernel.encode(gpu, encoder, &params, &bindings, [across, down.div_ceil(ROWS)]);
        smoothed
    }
}
