//! Variance of the Laplacian in a square window of cells; `shaders/window.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};

/// Mirrors `Params` of `window.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) radius: i32,
    pub(super) per_window: f32,
}

/// The stage.
pub struct Window {
    across: Kernel,
    down: Kernel,
}

impl Window {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/window.wgsl");
        Self {
            across: Kernel::new(gpu, "window across", "across", source),
            down: Kernel::new(gpu, "window down", "down", source),
        }
    }

    /// Records the focus measure of `moments` (see [`super::sharpness::Sharpness::encode`]); returns it and the
    /// luma of the cells, one float each.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        moments: &Texels,
        radius: u32,
    ) -> (Image, Image) {
        let size = moments.size;
        let side = (2 * radius + 1) as f32;
        let params = Params { size: dims(size), radius: radius as i32, per_window: 1.0 / (side * side) };
        let sums = gpu.texels(size);
        let (measure, luma) = (gpu.gray(size), gpu.gray(size));
        self.across.encode_at(
            gpu,
            encoder,
            &params,
            &[(1, Bind::Texels(moments)), (2, Bind::Texels(&sums))],
            dims(size),
        );
        self.down.encode_at(
            gpu,
            encoder,
            &params,
            &[(1, Bind::Texels(&sums)), (3, Bind::Image(&measure)), (4, Bind::Image(&luma))],
            dims(size),
        );
        (measure, luma)
    }
}
