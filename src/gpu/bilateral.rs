//! Joint bilateral, confidence-weighted smoothing and filling of the depth map; `shaders/bilateral.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};
use crate::params::{FILL_DECAY, FILL_FAR, FILL_FLOOR, FILL_LEVELS, FILL_SIGMA};

/// Mirrors `Params` of `bilateral.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) step: i32,
    pub(super) share: f32,
    pub(super) far: f32,
    pub(super) floor: f32,
    pub(super) slope: f32,
    pub(super) per_sigma2: f32,
}

/// The stage.
pub struct Bilateral {
    prime: Kernel,
    spread: Kernel,
    finish: Kernel,
}

impl Bilateral {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/bilateral.wgsl");
        Self {
            prime: Kernel::new(gpu, "bilateral prime", "prime", source),
            spread: Kernel::new(gpu, "bilateral spread", "spread", source),
            finish: Kernel::new(gpu, "bilateral finish", "finish", source),
        }
    }

    /// Records depth 0…`levels`−1 for every cell, from measured `depth` under `confidence` along the colours of
    /// `guide`.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        depth: &Image,
        confidence: &Image,
        guide: &Texels,
        levels: u32,
    ) -> Image {
        let size = depth.size;
        let mut params = Params {
            size: dims(size),
            step: 1,
            share: 1.0,
            far: levels as f32 - 1.0,
            floor: FILL_FLOOR,
            slope: FILL_FAR,
            per_sigma2: 1.0 / (8.0 * FILL_SIGMA * FILL_SIGMA),
        };
        let mut state = gpu.texels(size);
        let prime = [(1, Bind::Image(depth)), (2, Bind::Image(confidence)), (5, Bind::Texels(&state))];
        self.prime.encode_at(gpu, encoder, &params, &prime, dims(size));
        for level in 0..FILL_LEVELS {
            params.step = 1 << level;
            params.share *= FILL_DECAY;
            let next = gpu.texels(size);
            let spread = [(3, Bind::Texels(&state)), (4, Bind::Texels(guide)), (5, Bind::Texels(&next))];
            self.spread.encode_at(gpu, encoder, &params, &spread, dims(size));
            state = next;
        }
        let smoothed = gpu.gray(size);
        let finish = [(3, Bind::Texels(&state)), (6, Bind::Image(&smoothed))];
        self.finish.encode_at(gpu, encoder, &params, &finish, dims(size));
        smoothed
    }
}
