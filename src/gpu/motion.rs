//! Sums up, block by block, how a frame moves against another; `shaders/motion.wgsl`.

use super::stage::{Bind, Kernel, dims, storage};
use super::{Gpu, Image};
use crate::params::{MOTION_BLOCK, MOTION_SUMS, Slice};
use crate::transform::Transform;

/// Mirrors `Params` of `motion.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) moving: [f32; 2],
    pub(super) block: u32,
    pub(super) across: u32,
    pub(super) down: u32,
    pub(super) margin: u32,
    pub(super) level: f32,
    pub(super) radius: f32,
    /// `xx` to `wy`.
    pub(super) xx: [f32; 8],
}

/// The stage.
pub struct Motion {
    kernel: Kernel,
}

impl Motion {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "motion", "main", include_str!("../../shaders/motion.wgsl")) }
    }

    /// Records the sums of every block of `fixed`'s grid: [`MOTION_SUMS`] floats each.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's five")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        fixed: &Image,
        moving: &Image,
        transform: &Transform,
        depth: &Image,
        slice: &Slice,
    ) -> wgpu::Buffer {
        let blocks = fixed.size.grid(MOTION_BLOCK);
        let params = Params {
            size: dims(fixed.size),
            moving: dims(moving.size).map(|side| side as f32),
            block: MOTION_BLOCK,
            across: blocks.width,
            down: blocks.height,
            margin: slice.margin,
            level: slice.level,
            radius: slice.radius,
            xx: transform.to_f32(),
        };
        let sums = storage(gpu, "motion", blocks.area() * MOTION_SUMS);
        let bindings = [Bind::Image(fixed), Bind::Image(moving), Bind::Image(depth), Bind::Buffer(&sums)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(blocks));
        sums
    }
}
