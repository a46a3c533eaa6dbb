//! How much each place counts in its neighbourhood's search for the sharpest frame; `shaders/vote.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::params::VOTE_RADIUS;

/// Mirrors `Params` of `vote.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) radius: i32,
    pub(super) cells: f32,
    pub(super) floor: f32,
    pub(super) pad: [u32; 1],
}

/// The stage.
pub struct Vote {
    kernel: Kernel,
}

impl Vote {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "vote", "main", include_str!("../../shaders/vote.wgsl")) }
    }

    /// Records 1 / (mean of `energy` over the (2·[`VOTE_RADIUS`]+1)² cells around + `floor`).
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, energy: &Image, floor: f32) -> Image {
        let size = energy.size;
        let votes = gpu.gray(size);
        let side = (2 * VOTE_RADIUS + 1) as f32;
        let params =
            Params { size: dims(size), radius: VOTE_RADIUS as i32, cells: side * side, floor, pad: [0] };
        let bindings = [Bind::Image(energy), Bind::Image(&votes)];
        self.kernel.encode(gpu, encoder, &params, &bindings, dims(size));
        votes
    }
}
