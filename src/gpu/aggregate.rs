//! Gathers the votes of a neighbourhood for one level; `shaders/aggregate.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;
use crate::params::{AGGREGATE, AGGREGATE_RADIUS};

/// Cells of a row that share a texel, and rows of an invocation.
const PACK: u32 = 4;
/// Elements of the uniform's table of weights.
const TABLE: usize = 3;
const _: () = assert!(AGGREGATE.len() <= TABLE * 4);

/// Mirrors `Params` of `aggregate.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) radius: u32,
    pub(super) pad: [u32; 1],
    pub(super) weights: [[f32; 4]; TABLE],
}

/// The stage.
pub struct Aggregate {
    across: Kernel,
    down: Kernel,
}

impl Aggregate {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/aggregate.wgsl");
        Self {
            across: Kernel::new(gpu, "aggregate across", "across", source),
            down: Kernel::new(gpu, "aggregate down", "down", source),
        }
    }

    /// Records [`AGGREGATE`] across and down over `measure`·`weight`.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        measure: &Image,
        weight: &Image,
    ) -> Image {
        assert_eq!(measure.size, weight.size, "both planes are on the reference grid");
        let size = measure.size;
        let mut weights = [[0.0; 4]; TABLE];
        weights.as_flattened_mut()[..AGGREGATE.len()].copy_from_slice(&AGGREGATE);
        let params = Params { size: dims(size), radius: AGGREGATE_RADIUS as u32, pad: [0], weights };
        let texels = Size::new(size.width.div_ceil(PACK), size.height);
        let (packed, gathered) = (gpu.texels(texels), gpu.gray(size));
        self.across.encode_at(
            gpu,
            encoder,
            &params,
            &[(1, Bind::Image(measure)), (2, Bind::Image(weight)), (3, Bind::Texels(&packed))],
            dims(texels),
        );
        self.down.encode_at(
            gpu,
            encoder,
            &params,
            &[(4, Bind::Texels(&packed)), (5, Bind::Image(&gathered))],
            [texels.width, size.height.div_ceil(PACK)],
        );
        gathered
    }
}
