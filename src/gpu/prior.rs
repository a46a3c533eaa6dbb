//! What the depth map says of a frame; `shaders/prior.wgsl`.

use std::ops::Range;

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;
use crate::params::{Prior as Rule, Standing, UNCOVERED};
use crate::transform::Transform;

/// Mirrors `Params` of `prior.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) frame: [f32; 2],
    pub(super) top: f32,
    pub(super) level: f32,
    pub(super) half: f32,
    pub(super) radius: f32,
    pub(super) wide: f32,
    pub(super) floor: f32,
    pub(super) uncovered: f32,
    pub(super) guessed: f32,
    /// `xx` to `wy`.
    pub(super) xx: [f32; 8],
}

/// The stage.
pub struct Prior {
    kernel: Kernel,
}

impl Prior {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "prior", "main", include_str!("../../shaders/prior.wgsl")) }
    }

    /// Records the weight of a frame by `rule` at rows `rows` of the reference's second plane.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's six")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        depth: &Image,
        confidence: &Image,
        rule: &Rule,
        standing: &Standing,
        transform: &Transform,
        rows: Range<u32>,
    ) -> Image {
        let prior = gpu.gray(Size::new(depth.size.width, rows.len() as u32));
        let params = Params {
            size: dims(prior.size),
            frame: dims(standing.frame).map(|side| side as f32),
            top: rows.start as f32,
            level: standing.level,
            half: standing.half,
            radius: rule.radius,
            wide: rule.wide,
            floor: rule.floor,
            uncovered: UNCOVERED,
            guessed: rule.guessed,
            xx: transform.to_f32(),
        };
        let bindings = [depth, confidence, &prior].map(Bind::Image);
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(prior.size));
        prior
    }
}
