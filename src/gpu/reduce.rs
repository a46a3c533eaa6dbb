//! Halves a plane: one level of the registration pyramid; `shaders/reduce.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `reduce.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
}

/// The stage.
pub struct Reduce {
    kernel: Kernel,
}

impl Reduce {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "reduce", "main", include_str!("../../shaders/reduce.wgsl")) }
    }

    /// Records the mean of each 2×2 block of `plane`.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image) -> Image {
        let size = plane.size.grid(2);
        let half = gpu.gray(size);
        let bindings = [Bind::Image(plane), Bind::Image(&half)];
        self.kernel.encode(gpu, encoder, &Params { size: dims(size) }, &bindings, dims(size));
        half
    }
}
