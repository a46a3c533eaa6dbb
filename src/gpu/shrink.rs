//! Halves a plane for the pyramid; `shaders/shrink.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};

/// Mirrors `Params` of `shrink.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
}

/// Rows of the result that an invocation makes.
pub(super) const ROWS: u32 = 4;
/// Columns of the result that an invocation makes where colours are decimated.
pub(super) const COLUMNS: u32 = 2;

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
        let [across, down] = dims(half.size);
        let bindings = [(1, Bind::Image(plane)), (2, Bind::Image(&half))];
        let params = Params { size: [across, down] };
        let invocations = [across.div_ceil(COLUMNS), down.div_ceil(ROWS)];
        self.shrink.encode_at(gpu, encoder, &params, &bindings, invocations);
        half
    }

    /// Records a plane of one channel smoothed and decimated by 2.
    pub fn encode_gray(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, plane: &Image) -> Image {
        let half = gpu.gray(plane.size.grid(2));
        let [across, down] = dims(half.size);
        let bindings = [(1, Bind::Image(plane)), (3, Bind::Image(&half))];
        let params = Params { size: [across, down] };
        self.gray.encode_at(gpu, encoder, &params, &bindings, [across, down.div_ceil(ROWS)]);
        half
    }
}
