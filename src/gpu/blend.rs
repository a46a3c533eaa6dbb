//! Adds one level's colour to the all-in-focus picture; `shaders/blend.wgsl`.

use bytemuck::Zeroable;

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;
use crate::transform::Transform;

/// Mirrors `Params` of `blend.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) gain: f32,
    pub(super) level: f32,
    /// `xx` to `wy`.
    pub(super) xx: [f32; 8],
}

/// The stage.
pub struct Blend {
    start: Kernel,
    blend: Kernel,
}

impl Blend {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/blend.wgsl");
        Self {
            start: Kernel::new(gpu, "blend start", "start", source),
            blend: Kernel::new(gpu, "blend", "main", source),
        }
    }

    /// Records the sum before any level: zeros.
    pub fn start(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, size: Size) -> Image {
        let total = gpu.rgba(size);
        let params = Params { size: dims(size), ..Params::zeroed() };
        self.start.encode_at(gpu, encoder, &params, &[(4, Bind::Image(&total))], dims(size));
        total
    }

    /// Records `sum` plus the colour of a frame where `depth` lies less than one level from `level`, weighted by
    /// 1 − distance; the fourth channel sums the weights. `transform` maps the reference grid to that of `color`.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's six")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Image,
        depth: &Image,
        color: &Image,
        transform: &Transform,
        gain: f32,
        level: f32,
    ) -> Image {
        let size = sum.size;
        let total = gpu.rgba(size);
        let params = Params { size: dims(size), gain, level, xx: transform.to_f32() };
        let bindings = [sum, depth, color, &total].map(Bind::Image);
        self.blend.encode(gpu, encoder, &params, &bindings, dims(size));
        total
    }
}
