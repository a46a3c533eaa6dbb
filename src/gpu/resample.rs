//! Brings rows of a photo into the reference geometry and exposure; `shaders/resample.wgsl`.

use std::ops::Range;

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Texels};
use crate::frame::{Pixels, Size};
use crate::gains::{GainField, TERMS};
use crate::params::CUBIC;
use crate::transform::Transform;

/// Mirrors `Params` of `resample.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) first: f32,
    pub(super) top: f32,
    /// `xx` to `wy`.
    pub(super) xx: [f32; 8],
    pub(super) centre: [f32; 2],
    pub(super) unit: f32,
    pub(super) sharpness: f32,
    /// Rows of the photo that are there.
    pub(super) rows: f32,
    pub(super) pad: [u32; 3],
    pub(super) gains: [[f32; 4]; TERMS],
}

/// Rows that an invocation makes (`resample.wgsl`): three more of the photo are looked at.
const ROWS: u32 = 16;

/// The stage.
pub struct Resample {
    kernel: Kernel,
}

impl Resample {
    /// Builds the pipeline.
    pub fn new(gpu: &Gpu) -> Self {
        Self { kernel: Kernel::new(gpu, "resample", "main", include_str!("../../shaders/resample.wgsl")) }
    }

    /// Records rows `rows` of `pixels` seen from the reference of `size`, evened out by `gains`.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's five")]
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        size: Size,
        rows: Range<u32>,
    ) -> Texels {
        let source = transform.source_rows(pixels.size(), 0..size.width, rows.clone());
        let photo = gpu.upload_rows(encoder, pixels, &source);
        let out = gpu.texels(Size::new(size.width, rows.len() as u32));
        let params = Params {
            size: dims(out.size),
            first: source.start as f32,
            top: rows.start as f32,
            xx: transform.to_f32(),
            centre: [(size.width as f32 - 1.0) / 2.0, (size.height as f32 - 1.0) / 2.0],
            unit: 2.0 / size.width as f32,
            sharpness: CUBIC,
            rows: source.len() as f32,
            pad: [0; 3],
            gains: gains.to_f32(),
        };
        let bindings = [Bind::Image(&photo), Bind::Texels(&out)];
        let invocations = [out.size.width, out.size.height.div_ceil(ROWS)];
        self.kernel.encode(gpu, encoder, &params, &bindings, invocations);
        out
    }
}
