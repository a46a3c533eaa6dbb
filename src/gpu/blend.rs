//! Adds one level's colour to the all-in-focus picture; `shaders/blend.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};
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
    kernel: Kernel,
}

impl Blend {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "blend", "main", include_str!("../../shaders/blend.wgsl")) }
    }

    /// Records the adding to `sum` of the colour of a frame where `depth` lies less than one level from `level`, weighted by
    /// 1 − distance; the fourth channel sums the weights. `transform` maps the reference grid to that of `color`.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's six")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Texels,
        depth: &Image,
        color: &Image,
        transform: &Transform,
        gain: f32,
        level: f32,
    ) {
        let size = sum.size;
        let params = Params { size: dims(size), gain, level, xx: transform.to_f32() };
        let bindings = [Bind::Texels(sum), Bind::Image(depth), Bind::Image(color)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
    }
}
