//! The running depth argmax, with the three values that the sub-level fit needs; `shaders/peak.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image};
use crate::frame::Size;

/// Mirrors `Params` of `peak.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) level: f32,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) pad: [u32; 1],
}

/// The best triple so far, per cell.
#[derive(Clone, Debug)]
pub struct Peak {
    /// Values before, at and after the middle of the best triple, and the value by which it won.
    pub triple: Image,
    /// Index of its middle level, sum of all values so far, and two unused.
    pub place: Image,
}

/// The stage.
pub struct PeakSearch {
    start: Kernel,
    add: Kernel,
    advance: Kernel,
}

impl PeakSearch {
    /// Builds the pipelines.
    pub fn new(gpu: &Gpu) -> Self {
        let source = include_str!("../../shaders/peak.wgsl");
        Self {
            start: Kernel::new(gpu, "peak start", "start", source),
            add: Kernel::new(gpu, "peak add", "add", source),
            advance: Kernel::new(gpu, "peak advance", "advance", source),
        }
    }

    /// Records the state before any level.
    pub fn start(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, size: Size) -> Peak {
        let peak = Peak { triple: gpu.rgba(size), place: gpu.rgba(size) };
        let bindings = [(6, Bind::Image(&peak.triple)), (7, Bind::Image(&peak.place))];
        self.start.encode_at(gpu, encoder, &params(size, 0, false, false), &bindings, dims(size));
        peak
    }

    /// Records the adding of `value` to the sums only: the first two levels complete no triple.
    pub fn add(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, peak: &Peak, value: &Image) -> Peak {
        let size = value.size;
        let next = Peak { triple: peak.triple.clone(), place: gpu.rgba(size) };
        let bindings =
            [(2, Bind::Image(&peak.place)), (5, Bind::Image(value)), (7, Bind::Image(&next.place))];
        self.add.encode_at(gpu, encoder, &params(size, 0, false, false), &bindings, dims(size));
        next
    }

    /// Records the taking in of the triple (`before`, `middle`, `after`) with `after` new; `level` is the index of
    /// `middle`. `first` and `last` say whether `before` or `after` is an outermost level.
    #[expect(clippy::too_many_arguments, reason = "the device, the encoder and the twin's six")]
    pub fn update(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        peak: &Peak,
        [before, middle, after]: [&Image; 3],
        level: u32,
        first: bool,
        last: bool,
    ) -> Peak {
        let size = after.size;
        let next = Peak { triple: gpu.rgba(size), place: gpu.rgba(size) };
        let images = [&peak.triple, &peak.place, before, middle, after, &next.triple, &next.place];
        let params = params(size, level, first, last);
        self.advance.encode(gpu, encoder, &params, &images.map(Bind::Image), dims(size));
        next
    }
}

fn params(size: Size, level: u32, first: bool, last: bool) -> Params {
    Params { size: dims(size), level: level as f32, first: first.into(), last: last.into(), pad: [0] }
}
