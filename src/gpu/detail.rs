//! A band of the Laplacian pyramid and its energy; `shaders/detail.wgsl`.

use super::shrink::{COLUMNS, ROWS};
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
    band: Kernel,
    energy: Kernel,
}

impl Detail {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/detail.wgsl");
        Self {
            band: Kernel::new(gpu, "detail", "main", source),
            energy: Kernel::new(gpu, "detail energy", "energy", source),
        }
    }

    /// Records `plane` less `half` expanded, and the band's energy decimated by 2.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        plane: &Image,
        half: &Image,
    ) -> (Image, Image) {
        let (band, energy) = (gpu.rgba(plane.size), gpu.gray(half.size));
        let mut params = Params { size: dims(plane.size), scale: ENERGY_SCALE, pad: [0] };
        let bindings = [plane, half, &band].map(Bind::Image);
        self.band.encode(gpu, encoder, &params, &bindings, dims(half.size));
        params.size = dims(half.size);
        let bindings = [(4, Bind::Image(&band)), (5, Bind::Image(&energy))];
        let [across, down] = dims(half.size);
        let invocations = [across.div_ceil(COLUMNS), down.div_ceil(ROWS)];
        self.energy.encode_at(gpu, encoder, &params, &bindings, invocations);
        (band, energy)
    }
}
