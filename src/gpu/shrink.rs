//! Halves a plane for the pyramid; `shaders/shrink.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};
use crate::frame::Size;

/// Mirrors `Params` of `shrink.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) source: [u32; 2],
}

/// Rows of the result that an invocation makes (`shrink.wgsl`).
const ROWS: u32 = 8;
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
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Texels) -> Texels {
        let half = gpu.texels(plane.size.grid(2));
        let bindings = [(1, Bind::Texels(plane)), (2, Bind::Texels(&half))];
        record(&self.shrink, gpu, encoder, plane.size, &bindings);
        half
    }

    /// Records a plane of one channel smoothed and decimated by 2.
    pub fn encode_gray(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image) -> Image {
        let half = gpu.gray(plane.size.grid(2));
        let bindings = [(3, Bind::Image(plane)), (4, Bind::Image(&half))];
        record(&self.gray, gpu, encoder, plane.size, &bindings);
        half
    }
}

fn record(
    kernel: &Kernel,
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    source: Size,
    bindings: &[(u32, Bind<'_>)],
) {
    let [across, down] = dims(source.grid(2));
    let params = Params { size: [across, down], source: dims(source) };
    kernel.encode_at(gpu, encoder, &params, bindings, [across.div_ceil(COLUMNS), down.div_ceil(ROWS)]);
}
