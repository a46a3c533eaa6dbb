//! Distance from depth to the nearest of some planes of focus; `shaders/nearest.wgsl`.

use super::stage::{Bind, Kernel, dims, table};
use super::{Gpu, Image};

/// Mirrors `Params` of `nearest.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) count: u32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Nearest {
    kernel: Kernel,
}

impl Nearest {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "nearest", "main", include_str!("../../shaders/nearest.wgsl")) }
    }

    /// Records how far `depth` lies from the nearest of `focused`, at least one, all on one axis.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        depth: &Image,
        focused: &[f32],
    ) -> Image {
        let (size, distance) = (depth.size, gpu.gray(depth.size));
        let photos = table(gpu, "planes of focus", focused);
        let params = Params { size: dims(size), count: focused.len() as u32, pad: [0] };
        let bindings = [Bind::Image(depth), Bind::Buffer(&photos), Bind::Image(&distance)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
        distance
    }
}
