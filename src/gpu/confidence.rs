//! How far depth is to be trusted; `shaders/confidence.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::params::{ConfidenceRule, DEPTH_SIGMA};

/// Mirrors `Params` of `confidence.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) radius: i32,
    pub(super) per_window: f32,
    pub(super) sigma2: f32,
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) peak_power: f32,
    pub(super) smooth_power: f32,
    pub(super) soft: u32,
    pub(super) behind: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Confidence {
    across: Kernel,
    down: Kernel,
}

impl Confidence {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/confidence.wgsl");
        Self {
            across: Kernel::new(gpu, "confidence across", "across", source),
            down: Kernel::new(gpu, "confidence down", "down", source),
        }
    }

    /// Records confidence 0…1 of the measured depth `raw` by `rule`, given the `filled` depth and the peak's `height`
    /// over the mean.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        raw: &Image,
        filled: &Image,
        height: &Image,
        rule: &ConfidenceRule,
    ) -> Image {
        let size = raw.size;
        let side = (2 * rule.radius + 1) as f32;
        let params = Params {
            size: dims(size),
            radius: rule.radius as i32,
            per_window: 1.0 / (side * side),
            sigma2: DEPTH_SIGMA * DEPTH_SIGMA,
            low: rule.low,
            high: rule.high,
            peak_power: rule.peak_power,
            smooth_power: rule.smooth_power,
            soft: rule.soft.into(),
            behind: rule.behind,
            pad: [0],
        };
        let (sums, trusted) = (gpu.texels(size), gpu.gray(size));
        let across = [(1, Bind::Image(raw)), (4, Bind::Texels(&sums))];
        self.across.encode_at(gpu, encoder, &params, &across, dims(size));
        let down = [
            (1, Bind::Image(raw)),
            (2, Bind::Image(filled)),
            (3, Bind::Image(height)),
            (5, Bind::Texels(&sums)),
            (6, Bind::Image(&trusted)),
        ];
        self.down.encode_at(gpu, encoder, &params, &down, dims(size));
        trusted
    }
}
