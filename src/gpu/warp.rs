//! Resamples a plane into the reference geometry; `shaders/warp.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;
use crate::params::Edge;
use crate::transform::Transform;

/// Mirrors `Params` of `warp.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) gain: f32,
    /// `xx` to `wy`.
    pub(super) xx: [f32; 8],
    pub(super) replicate: u32,
}

/// The stage.
pub struct Warp {
    kernel: Kernel,
}

impl Warp {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "warp", "main", include_str!("../../shaders/warp.wgsl")) }
    }

    /// Records `plane` seen from the reference: bilinear, times `gain`; `edge` says what stands outside the frame.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's five")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        plane: &Image,
        transform: &Transform,
        gain: f32,
        edge: Edge,
        size: Size,
    ) -> Image {
        let warped = gpu.gray(size);
        let params = Params {
            size: dims(size),
            gain,
            xx: transform.to_f32(),
            replicate: u32::from(edge == Edge::Replicate),
        };
        let bindings = [Bind::Image(plane), Bind::Image(&warped)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
        warped
    }
}
