//! Puts fused bands together again; `shaders/collapse.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `collapse.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) top: u32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Collapse {
    collapse: Kernel,
    base: Kernel,
}

impl Collapse {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/collapse.wgsl");
        Self {
            collapse: Kernel::new(gpu, "collapse", "main", source),
            base: Kernel::new(gpu, "collapse base", "base", source),
        }
    }

    /// Records the weighted mean in `sum` plus `half` expanded, rows from `top` (even) on.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Image,
        half: &Image,
        top: u32,
    ) -> Image {
        let picture = gpu.rgba(sum.size);
        let params = Params { size: dims(sum.size), top, pad: [0] };
        let bindings = [sum, half, &picture].map(Bind::Image);
        self.collapse.encode(gpu, encoder, &params, &bindings, dims(sum.size));
        picture
    }

    /// Records the weighted mean alone.
    pub fn encode_base(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, sum: &Image) -> Image {
        let picture = gpu.rgba(sum.size);
        let params = Params { size: dims(sum.size), top: 0, pad: [0] };
        let bindings = [(1, Bind::Image(sum)), (3, Bind::Image(&picture))];
        self.base.encode_at(gpu, encoder, &params, &bindings, dims(sum.size));
        picture
    }
}
