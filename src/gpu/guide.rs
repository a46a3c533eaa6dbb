//! The picture that guides the fill; `shaders/guide.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Texels};

/// Mirrors `Params` of `guide.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
}

/// The stage.
pub struct Guide {
    kernel: Kernel,
}

impl Guide {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "guide", "main", include_str!("../../shaders/guide.wgsl")) }
    }

    /// Records the mean colour of `sum` (see [`super::blend::Blend::encode`]) smoothed by 1-2-1 across and down.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, sum: &Texels) -> Texels {
        let softened = gpu.texels(sum.size);
        let bindings = [Bind::Texels(sum), Bind::Texels(&softened)];
        self.kernel.encode(gpu, encoder, &Params { size: dims(sum.size) }, &bindings, dims(sum.size));
        softened
    }
}
