//! A band of the Laplacian pyramid and its energy; `shaders/detail.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};
use crate::params::ENERGY_SCALE;

/// Mirrors `Params` of `detail.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) scale: f32,
    pub(super) pad: [u32; 1],
}

/// Rows of the coarser plane that an invocation goes over (`detail.wgsl`).
const ROWS: u32 = 4;

/// The stage.
pub struct Detail {
    detail: Kernel,
    decimate: Kernel,
}

impl Detail {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/detail.wgsl");
        Self {
            detail: Kernel::new(gpu, "detail", "main", source),
            decimate: Kernel::new(gpu, "detail decimate", "decimate", source),
        }
    }

    /// Records `plane` less `half` expanded, and the band's energy decimated like `half`.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        plane: &Texels,
        half: &Texels,
    ) -> (Texels, Image) {
        let (band, squares) = (gpu.texels(plane.size), gpu.texels(half.size));
        let params = Params { size: dims(plane.size), scale: ENERGY_SCALE, pad: [0] };
        let bindings = [plane, half, &band, &squares].map(Bind::Texels);
        let invocations = [half.size.width, half.size.height.div_ceil(ROWS)];
        self.detail.encode(gpu, encoder, &params, &bindings, invocations);
        let energy = gpu.gray(half.size);
        let bindings = [(5, Bind::Texels(&squares)), (6, Bind::Image(&energy))];
        self.decimate.encode_at(gpu, encoder, &params, &bindings, invocations);
        (band, energy)
    }
}
