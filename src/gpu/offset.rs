//! Depth between levels from the best triple; `shaders/offset.wgsl`.

use super::peak::Peak;
use super::stage::{Bind, Kernel, dims, table};
use super::{Gpu, Image};

/// Mirrors `Params` of `offset.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) levels: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Offset {
    kernel: Kernel,
}

impl Offset {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "offset", "main", include_str!("../../shaders/offset.wgsl")) }
    }

    /// Records depth in levels and the peak's height over the mean of all levels; `ratios` has one value per level.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        peak: &Peak,
        ratios: &[f32],
    ) -> (Image, Image) {
        let size = peak.triple.size;
        let (depth, height) = (gpu.gray(size), gpu.gray(size));
        let table = table(gpu, "ratios", ratios);
        let params = Params { size: dims(size), levels: ratios.len() as f32, pad: [0] };
        let bindings = [
            Bind::Texels(&peak.triple),
            Bind::Texels(&peak.place),
            Bind::Buffer(&table),
            Bind::Image(&depth),
            Bind::Image(&height),
        ];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
        (depth, height)
    }
}
