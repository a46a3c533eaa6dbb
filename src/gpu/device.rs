//! Adapters, their limits, and the one device of the process.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock};

use super::image::Pool;
use crate::error::{Error, Result};

/// A compute adapter as the system offers it.
#[derive(Clone, Debug)]
pub struct Adapter {
    inner: wgpu::Adapter,
    /// Marketing name, as the driver gives it.
    pub name: String,
    /// "discrete GPU", "integrated GPU", "virtual GPU", "software" or "other".
    pub kind: &'static str,
    /// "Vulkan", "Metal", "DX12" or "GL".
    pub api: String,
    /// Driver and its version.
    pub driver: String,
    /// Largest side of a texture, in texels.
    pub max_texture_side: u32,
    /// Largest storage binding, in bytes.
    pub max_storage_bytes: u64,
    /// Largest buffer, in bytes.
    pub max_buffer_bytes: u64,
}

impl Adapter {
    /// Whether it is hardware rather than a software rasteriser on the CPU.
    pub fn is_hardware(&self) -> bool {
        matches!(self.kind, "discrete GPU" | "integrated GPU" | "virtual GPU")
    }

    fn new(inner: wgpu::Adapter) -> Self {
        let (info, limits) = (inner.get_info(), inner.limits());
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "other",
        };
        Self {
            name: info.name,
            kind,
            api: format!("{:?}", info.backend),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            max_texture_side: limits.max_texture_dimension_2d,
            max_storage_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            inner,
        }
    }

    fn rank(&self) -> u8 {
        match self.kind {
            "discrete GPU" => 0,
            "integrated GPU" => 1,
            "virtual GPU" => 2,
            "other" => 3,
            _ => 4,
        }
    }
}

/// Which adapter to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The best one, software ones too.
    Any,
    /// The best hardware one.
    Hardware,
    /// The best whose name contains this, whatever the case.
    Named(String),
}

/// All compute adapters, best first: discrete, integrated, virtual, other, software. GL is looked at only where no
/// other interface has an adapter: it is the slowest, and opening it can be noisy.
pub fn adapters() -> Vec<Adapter> {
    let native = adapters_of(wgpu::Backends::PRIMARY);
    if native.is_empty() { adapters_of(wgpu::Backends::GL) } else { native }
}

fn adapters_of(backends: wgpu::Backends) -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let computes = |adapter: &wgpu::Adapter| {
        adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    };
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    let mut adapters: Vec<Adapter> = found.into_iter().filter(computes).map(Adapter::new).collect();
    adapters.sort_by_key(Adapter::rank);
    adapters
}

/// The adapter that `selector` means, if there is one.
pub fn choose<'a>(adapters: &'a [Adapter], selector: &Selector) -> Option<&'a Adapter> {
    adapters.iter().find(|adapter| match selector {
        Selector::Any => true,
        Selector::Hardware => adapter.is_hardware(),
        Selector::Named(part) => adapter.name.to_lowercase().contains(&part.to_lowercase()),
    })
}

/// The open device: one per process.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) textures: Mutex<Pool<wgpu::Texture>>,
    pub(super) buffers: Mutex<Pool<wgpu::Buffer>>,
    /// Passes recorded since the last submission.
    pub(super) passes: AtomicU32,
    /// What is on its way to the device.
    pub(super) belt: Mutex<wgpu::util::StagingBelt>,
    /// The first error that no call reported: out of memory, a command that failed validation.
    fault: Arc<OnceLock<String>>,
    /// Name of its adapter.
    pub name: String,
    /// Largest side of a texture, in texels.
    pub max_texture_side: u32,
    /// Most bytes of a buffer that a shader is given.
    pub(super) max_binding_bytes: u64,
}

impl Gpu {
    /// Opens `adapter`.
    ///
    /// # Errors
    /// [`Error::Device`] naming the adapter and the missing limit, or what its driver said.
    pub fn open(adapter: &Adapter) -> Result<Self> {
        const NEEDED_SIDE: u32 = 4096;
        const NEEDED_STORAGE_TEXTURES: u32 = 4;
        const NEEDED_STORAGE_BUFFERS: u32 = 4;
        let offered = adapter.inner.limits();
        let missing = |name: &str, needed: u32, got: u32| {
            Error::Device(format!(
                "{}: {name} is {got}, {needed} needed; use another adapter (`nearfar devices`) or --device cpu",
                adapter.name
            ))
        };
        if offered.max_texture_dimension_2d < NEEDED_SIDE {
            return Err(missing("max_texture_dimension_2d", NEEDED_SIDE, offered.max_texture_dimension_2d));
        }
        if offered.max_storage_textures_per_shader_stage < NEEDED_STORAGE_TEXTURES {
            let got = offered.max_storage_textures_per_shader_stage;
            return Err(missing("max_storage_textures_per_shader_stage", NEEDED_STORAGE_TEXTURES, got));
        }
        if offered.max_storage_buffers_per_shader_stage < NEEDED_STORAGE_BUFFERS {
            let got = offered.max_storage_buffers_per_shader_stage;
            return Err(missing("max_storage_buffers_per_shader_stage", NEEDED_STORAGE_BUFFERS, got));
        }
        let wanted = wgpu::Limits::downlevel_defaults();
        let limits = wgpu::Limits {
            max_texture_dimension_2d: offered.max_texture_dimension_2d.min(16384),
            max_buffer_size: offered.max_buffer_size,
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            ..wanted
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("nearfar"),
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.inner.request_device(&descriptor))
            .map_err(|error| Error::Device(format!("{}: cannot be opened: {error}", adapter.name)))?;
        let fault = Arc::new(OnceLock::new());
        let first = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error| drop(first.set(describe(&error)))));
        const STAGING_BYTES: u64 = 1 << 24;
        let belt = Mutex::new(wgpu::util::StagingBelt::new(device.clone(), STAGING_BYTES));
        Ok(Self {
            device,
            passes: AtomicU32::new(0),
            belt,
            queue,
            textures: Mutex::new(Pool::new()),
            buffers: Mutex::new(Pool::new()),
            fault,
            name: adapter.name.clone(),
            max_texture_side: limits.max_texture_dimension_2d,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
        })
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// [`Error::Device`] if the device was lost, ran out of memory or refused a command since it was opened.
    pub(super) fn wait(&self) -> Result<()> {
        self.poll(wgpu::PollType::wait_indefinitely())
    }

    /// Waits until `submission` is done.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub(super) fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        self.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
    }

    fn poll(&self, until: wgpu::PollType) -> Result<()> {
        let span = tracing::trace_span!("wait for the device").entered();
        let polled = self.device.poll(until);
        drop(span);
        if let Some(fault) = self.fault.get() {
            return Err(Error::Device(format!("{}: {fault}; use --device cpu", self.name)));
        }
        polled
            .map(|_| ())
            .map_err(|error| Error::Device(format!("{}: device lost: {error}; try --device cpu", self.name)))
    }
}

fn describe(error: &wgpu::Error) -> String {
    match error {
        wgpu::Error::OutOfMemory { .. } => "out of memory".to_owned(),
        wgpu::Error::Validation { description, .. } => {
            format!("refused a command, which is a fault of nearfar's ({})", description.trim())
        }
        wgpu::Error::Internal { description, .. } => format!("failed ({})", description.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_device_refuses_is_an_error() {
        let adapters = adapters();
        let adapter = choose(&adapters, &Selector::Any).expect("`make deps` installs a software adapter");
        let gpu = Gpu::open(adapter).expect("it opens");
        gpu.wait().expect("nothing was asked of it");
        let size = wgpu::Extent3d { width: 1 << 20, height: 1, depth_or_array_layers: 1 };
        let descriptor = wgpu::TextureDescriptor {
            label: Some("too large"),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::R32Float,
            usage: wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        };
        drop(gpu.device.create_texture(&descriptor));
        let error = gpu.wait().expect_err("no device has a million texels a side").to_string();
        assert!(error.contains(&adapter.name) && error.contains("--device cpu"), "{error}");
    }
}
