//! Puts fused bands together again; `shaders/collapse.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Texels};

/// Mirrors `Params` of `collapse.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) coarser: [u32; 2],
    pub(super) top: u32,
    pub(super) pad: [u32; 1],
}

/// Pairs of rows that an invocation makes (`collapse.wgsl`).
const ROWS: u32 = 4;

/// The stage.
pub struct Collapse {
    collapse: Kernel,
    base: Kernel,
}

impl Collapse {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/collapse.wgsl");
        Self {
            collapse: Kernel::new(gpu, "collapse", "main", source),
            base: Kernel::new(gpu, "collapse base", "base", source),
        }
    }

    /// Records the weighted mean in `sum` plus `half` expanded, rows from `top` (even) on.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Texels,
        half: &Texels,
        top: u32,
    ) -> Texels {
        let picture = gpu.texels(sum.size);
        let params = Params { size: dims(sum.size), coarser: dims(half.size), top, pad: [0] };
        let bindings = [sum, half, &picture].map(Bind::Texels);
        let [across, down] = dims(sum.size.grid(2));
        self.collapse.encode(gpu, encoder, &params, &bindings, [across, down.div_ceil(ROWS)]);
        picture
    }

    /// Records the weighted mean alone.
    pub fn encode_base(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, sum: &Texels) -> Texels {
        let picture = gpu.texels(sum.size);
        let params = Params { size: dims(sum.size), coarser: [0; 2], top: 0, pad: [0] };
        let bindings = [(1, Bind::Texels(sum)), (3, Bind::Texels(&picture))];
        self.base.encode_at(gpu, encoder, &params, &bindings, dims(sum.size));
        picture
    }
}
