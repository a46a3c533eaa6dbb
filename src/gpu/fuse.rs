//! Adds a frame's band to the fused picture's; `shaders/fuse.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};

/// Mirrors `Params` of `fuse.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) skip: u32,
    pub(super) pad: [u32; 1],
}

/// Pairs of rows that an invocation adds (`fuse.wgsl`).
const ROWS: u32 = 4;

/// The stage.
pub struct Fuse {
    fuse: Kernel,
    base: Kernel,
}

impl Fuse {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/fuse.wgsl");
        Self {
            fuse: Kernel::new(gpu, "fuse", "main", source),
            base: Kernel::new(gpu, "fuse base", "base", source),
        }
    }

    /// Records the adding to `sum` of `band` by `weight`, which lies on half its grid; row 0 of `sum` is row `skip` (even) of `band`.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Texels,
        band: &Texels,
        weight: &Image,
        skip: u32,
    ) {
        let params = Params { size: dims(sum.size), skip, pad: [0] };
        let bindings = [Bind::Texels(sum), Bind::Texels(band), Bind::Image(weight)];
        let [across, down] = dims(sum.size.grid(2));
        self.fuse.encode(gpu, encoder, &params, &bindings, [across, down.div_ceil(ROWS)]);
    }

    /// Records the adding to `sum` of the pyramid's base by `weight`, which lies on its grid.
    pub fn encode_base(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        sum: &Texels,
        plane: &Texels,
        weight: &Image,
    ) {
        let params = Params { size: dims(sum.size), skip: 0, pad: [0] };
        let bindings = [Bind::Texels(sum), Bind::Texels(plane), Bind::Image(weight)];
        self.base.encode(gpu, encoder, &params, &bindings, dims(sum.size));
    }
}
