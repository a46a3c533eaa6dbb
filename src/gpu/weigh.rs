//! How much a frame counts in a band; `shaders/weigh.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::params::{COVERED, FINEST_FLOOR};

/// Mirrors `Params` of `weigh.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) floor: f32,
    pub(super) band_power: u32,
    pub(super) finest_power: u32,
    pub(super) covered: f32,
    pub(super) finest_floor: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Weigh {
    kernel: Kernel,
}

impl Weigh {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "weigh", "main", include_str!("../../shaders/weigh.wgsl")) }
    }

    /// Records (`energy` + `floor`)^`powers[0]` · `finest`^`powers[1]` · `prior`.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's five")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        energy: &Image,
        finest: &Image,
        prior: &Image,
        floor: f32,
        powers: [u32; 2],
    ) -> Image {
        let weight = gpu.gray(energy.size);
        let [band_power, finest_power] = powers;
        let params = Params {
            size: dims(energy.size),
            floor,
            band_power,
            finest_power,
            covered: COVERED,
            finest_floor: FINEST_FLOOR,
            pad: [0],
        };
        let bindings = [energy, finest, prior, &weight].map(Bind::Image);
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(weight.size));
        weight
    }
}
