//! Depth with near objects grown over what lies behind; `shaders/front.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `front.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) radius: u32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Front {
    across: Kernel,
    down: Kernel,
}

impl Front {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/front.wgsl");
        Self {
            across: Kernel::new(gpu, "front across", "across", source),
            down: Kernel::new(gpu, "front down", "down", source),
        }
    }

    /// Records the least value of `plane` within `radius` cells across and down.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image, radius: u32) -> Image {
        let params = Params { size: dims(plane.size), radius, pad: [0] };
        let (rows, least) = (gpu.gray(plane.size), gpu.gray(plane.size));
        for (kernel, from, to) in [(&self.across, plane, &rows), (&self.down, &rows, &least)] {
            kernel.encode(gpu, encoder, &params, &[Bind::Image(from), Bind::Image(to)], dims(plane.size));
        }
        least
    }
}
