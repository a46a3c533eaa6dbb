//! The running depth argmax, with the three values that the sub-level fit needs; `shaders/peak.wgsl`.

use super::stage::{Bind, Kernel, dims};
use super::{Gpu, Image, Texels};
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
#[derive(Debug)]
pub struct Peak {
    /// Values before, at and after the middle of the best triple, and the value by which it won.
    pub triple: Texels,
    /// Index of its middle level, sum of all values so far, and two unused.
    pub place: Texels,
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
        let peak = Peak { triple: gpu.texels(size), place: gpu.texels(size) };
        let bindings = [(1, Bind::Texels(&peak.triple)), (2, Bind::Texels(&peak.place))];
        self.start.encode_at(gpu, encoder, &params(size, 0, false, false), &bindings, dims(size));
        peak
    }

    /// Records the adding of `value` to the sums only: the first two levels complete no triple.
    pub fn add(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, peak: &Peak, value: &Image) {
        let size = value.size;
        let bindings = [(2, Bind::Texels(&peak.place)), (5, Bind::Image(value))];
        self.add.encode_at(gpu, encoder, &params(size, 0, false, false), &bindings, dims(size));
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
    ) {
        let size = after.size;
        let [before, middle, after] = [before, middle, after].map(Bind::Image);
        let bindings = [Bind::Texels(&peak.triple), Bind::Texels(&peak.place), before, middle, after];
        self.advance.encode(gpu, encoder, &params(size, level, first, last), &bindings, dims(size));
    }
}

fn params(size: Size, level: u32, first: bool, last: bool) -> Params {
    Params { size: dims(size), level: level as f32, first: first.into(), last: last.into(), pad: [0] }
}
