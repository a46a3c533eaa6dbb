//! What all stages share: building a pipeline from WGSL, recording a dispatch, submitting in batches.

use std::cell::{Cell, RefCell};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use wgpu::util::DeviceExt;

use super::{Gpu, Image, Texels};
use crate::error::Result;
use crate::frame::{Plane, Size};

/// Threads of a workgroup across and down, for kernels with one invocation per pixel.
pub(super) const TILE: [u32; 2] = [64, 1];

/// One compute pipeline.
pub(super) struct Kernel {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    label: &'static str,
}

/// Something to bind.
#[derive(Clone, Copy)]
pub(super) enum Bind<'a> {
    Image(&'a Image),
    Texels(&'a Texels),
    Buffer(&'a wgpu::Buffer),
}

impl Kernel {
    /// Compiles `source` followed by `common.wgsl`; WGSL is order-free, so messages keep the stage's line numbers.
    pub(super) fn new(gpu: &Gpu, label: &'static str, entry: &str, source: &str) -> Self {
        let source = format!("{source}\n{}", include_str!("../../shaders/common.wgsl"));
        let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("TILE_X", f64::from(TILE[0])), ("TILE_Y", f64::from(TILE[1]))],
                ..Default::default()
            },
            cache: None,
        });
        let layout = pipeline.get_bind_group_layout(0);
        Self { pipeline, layout, label }
    }

    /// Records one dispatch over `invocations` across and down; `bindings` take the numbers 1, 2, …
    pub(super) fn encode<P: bytemuck::Pod>(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        params: &P,
        bindings: &[Bind<'_>],
        invocations: [u32; 2],
    ) {
        let numbered: Vec<(u32, Bind<'_>)> = (1..).zip(bindings.iter().copied()).collect();
        self.encode_at(gpu, encoder, params, &numbered, invocations);
    }

    /// Like [`Self::encode`], with the number of each binding; 0 is the uniform `params`.
    pub(super) fn encode_at<P: bytemuck::Pod>(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        params: &P,
        bindings: &[(u32, Bind<'_>)],
        invocations: [u32; 2],
    ) {
        let uniform = gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some(self.label),
            contents: bytemuck::bytes_of(params),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        let views: Vec<Option<wgpu::TextureView>> = bindings
            .iter()
            .map(|(_, binding)| match binding {
                Bind::Image(image) => Some(image.view()),
                Bind::Texels(_) | Bind::Buffer(_) => None,
            })
            .collect();
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }];
        for ((number, binding), view) in bindings.iter().zip(&views) {
            let resource = match (binding, view) {
                (Bind::Image(_), Some(view)) => wgpu::BindingResource::TextureView(view),
                (Bind::Texels(texels), _) => texels.binding(),
                (Bind::Buffer(buffer), _) => buffer.as_entire_binding(),
                (Bind::Image(_), None) => unreachable!("every image has its view"),
            };
            entries.push(wgpu::BindGroupEntry { binding: *number, resource });
        }
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.label),
            layout: &self.layout,
            entries: &entries,
        });
        let descriptor = wgpu::ComputePassDescriptor { label: Some(self.label), timestamp_writes: None };
        gpu.passes.fetch_add(1, Ordering::Relaxed);
        let mut pass = encoder.begin_compute_pass(&descriptor);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &group, &[]);
        let [across, down] = [0, 1].map(|axis| invocations[axis].div_ceil(TILE[axis]));
        pass.dispatch_workgroups(across, down, 1);
    }
}

/// The pipeline's command encoder: stages record into it, reading back submits it.
pub struct Recorder<'a> {
    pub(super) gpu: &'a Gpu,
    open: RefCell<Option<wgpu::CommandEncoder>>,
    last: Cell<Option<wgpu::SubmissionIndex>>,
    before: Cell<Option<wgpu::SubmissionIndex>>,
}

/// Passes recorded before an encoder is submitted on its own, so that the device need not wait for a read-back.
const BATCH: u32 = 32;

impl<'a> Recorder<'a> {
    /// A recorder with nothing in it.
    pub const fn new(gpu: &'a Gpu) -> Self {
        Self { gpu, open: RefCell::new(None), last: Cell::new(None), before: Cell::new(None) }
    }

    /// Lets `record` add commands.
    pub fn record<R>(&self, record: impl FnOnce(&mut wgpu::CommandEncoder) -> R) -> R {
        let mut open = self.open.borrow_mut();
        let encoder = open.get_or_insert_with(|| self.gpu.device.create_command_encoder(&Default::default()));
        let result = record(encoder);
        drop(open);
        if self.gpu.passes.load(Ordering::Relaxed) >= BATCH {
            self.submit();
        }
        result
    }

    /// Submits what was recorded.
    pub fn submit(&self) {
        if let Some(encoder) = self.open.borrow_mut().take() {
            let _span = tracing::trace_span!("submit").entered();
            self.gpu.passes.store(0, Ordering::Relaxed);
            let belt = self.gpu.belt.lock();
            belt.unwrap_or_else(PoisonError::into_inner).finish_and_recall_on_submit(&encoder);
            self.last.set(Some(self.gpu.queue.submit([encoder.finish()])));
        }
    }

    /// Submits, and waits for what was submitted before the last call: two frames' work is under way at most.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost.
    pub fn pace(&self) -> Result<()> {
        self.submit();
        match self.before.replace(self.last.take()) {
            Some(submission) => self.gpu.wait_for(submission),
            None => Ok(()),
        }
    }

    /// Submits, waits and returns the pixels of `image`.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost.
    pub fn download<T: bytemuck::AnyBitPattern>(&self, image: &Image) -> Result<Plane<T>> {
        let buffer = self.record(|encoder| self.gpu.read_into_buffer(image, encoder));
        self.submit();
        self.gpu.unpad(&buffer, image.size)
    }

    /// Submits, waits and returns the floats of `buffer`, a storage buffer that a stage wrote.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost.
    pub fn download_buffer(&self, buffer: &wgpu::Buffer) -> Result<Vec<f32>> {
        let target = self.gpu.readback(buffer.size());
        self.record(|encoder| encoder.copy_buffer_to_buffer(buffer, 0, &target, 0, buffer.size()));
        self.submit();
        self.gpu.map_read(&target, |bytes| bytemuck::cast_slice(bytes).to_vec())
    }
}

/// A storage buffer with `values` for shaders to read; new with every call, so that no earlier command can still read it.
pub(super) fn table(gpu: &Gpu, label: &'static str, values: &[f32]) -> wgpu::Buffer {
    gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: Some(label),
        contents: bytemuck::cast_slice(values),
        usage: wgpu::BufferUsages::STORAGE,
    })
}

/// A storage buffer of `floats` floats that shaders write.
pub(super) fn storage(gpu: &Gpu, label: &'static str, floats: usize) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: (floats * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Width and height as shaders take them.
pub(super) const fn dims(size: Size) -> [u32; 2] {
    [size.width, size.height]
}
