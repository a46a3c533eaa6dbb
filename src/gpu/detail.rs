//! A band of the Laplacian pyramid and its energy; `shaders/detail.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::params::ENERGY_SCALE;

/// Mirrors `Params` of `detail.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) scale: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Detail {
    kernel: Kernel,
}

impl Detail {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "detail", "main", include_str!("../../shaders/detail.wgsl")) }
    }

    /// Records `plane` less `half` expanded, with the band's energy in the fourth channel.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        plane: &Image,
        half: &Image,
    ) -> Image {
        let band = gpu.rgba(plane.size);
        let params = Params { size: dims(plane.size), scale: ENERGY_SCALE, pad: [0] };
        let bindings = [plane, half, &band].map(Bind::Image);
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(half.size));
        band
    }
}
