//! Halves a plane for the pyramid; `shaders/shrink.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `shrink.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) channel: u32,
    pub(super) pad: [u32; 1],
}

/// Rows of the result that an invocation makes.
pub(super) const ROWS: u32 = 4;
/// Columns of the result that an invocation makes.
const COLUMNS: u32 = 2;

/// The stage.
pub struct Shrink {
    shrink: Kernel,
    gray: Kernel,
}

impl Shrink {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/shrink.wgsl");
        Self {
            shrink: Kernel::new(gpu, "shrink", "main", source),
            gray: Kernel::new(gpu, "shrink gray", "gray", source),
        }
    }

    /// Records a plane of four channels smoothed and decimated by 2.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image) -> Image {
        let half = gpu.rgba(plane.size.grid(2));
        record(&self.shrink, gpu, encoder, plane, (2, &half), 0);
        half
    }

    /// Records one channel of a plane, the first (0) or the fourth (3), smoothed and decimated by 2.
    pub fn encode_gray(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        plane: &Image,
        channel: u32,
    ) -> Image {
        let half = gpu.gray(plane.size.grid(2));
        record(&self.gray, gpu, encoder, plane, (3, &half), channel);
        half
    }
}

fn record(
    kernel: &Kernel,
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    plane: &Image,
    (number, half): (u32, &Image),
    channel: u32,
) {
    let [across, down] = dims(half.size);
    let bindings = [(1, Bind::Image(plane)), (number, Bind::Image(half))];
    let params = Params { size: [across, down], channel, pad: [0] };
    kernel.encode_at(gpu, encoder, &params, &bindings, [across.div_ceil(COLUMNS), down.div_ceil(ROWS)]);
}
