//! Levels → places on the focus axis; `shaders/place.wgsl`.

use super::stage::{Bind, Kernel, dims, table};
use super::{Gpu, Image};

/// Mirrors `Params` of `place.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) levels: u32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Place {
    kernel: Kernel,
}

impl Place {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "place", "main", include_str!("../../shaders/place.wgsl")) }
    }

    /// Records the places of `depth`, which is in levels; `places` has those of at least two levels.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        depth: &Image,
        places: &[f32],
    ) -> Image {
        let (size, placed) = (depth.size, gpu.gray(depth.size));
        let places_table = table(gpu, "places", places);
        let params = Params { size: dims(size), levels: places.len() as u32, pad: [0] };
        let bindings = [Bind::Image(depth), Bind::Buffer(&places_table), Bind::Image(&placed)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
        placed
    }
}
