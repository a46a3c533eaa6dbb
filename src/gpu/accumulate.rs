//! Adds planes; `shaders/accumulate.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `accumulate.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) scale: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Accumulate {
    kernel: Kernel,
}

impl Accumulate {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "accumulate", "main", include_str!("../../shaders/accumulate.wgsl")) }
    }

    /// Records `sum` + `scale`·`plane`.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Image,
        plane: &Image,
        scale: f32,
    ) -> Image {
        assert_eq!(sum.size, plane.size, "both planes are on the reference grid");
        let total = gpu.gray(sum.size);
        let params = Params { size: dims(sum.size), scale, pad: [0] };
        let bindings = [Bind::Image(sum), Bind::Image(plane), Bind::Image(&total)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(sum.size));
        total
    }
}
