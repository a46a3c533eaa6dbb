//! Planes of four floats a texel, in storage buffers: on the software device measured, writing such a texel to a texture
//! costs seven times as much as to a buffer, and reading it somewhat less.

use std::ops::Range;
use std::sync::Arc;

use super::Gpu;
use crate::error::Result;
use crate::frame::{Plane, Size};

/// A plane on the device, row after row. Clones and views share the buffer; it returns to the pool with the last of them.
#[derive(Clone, Debug)]
pub struct Texels {
    /// Dimensions.
    pub size: Size,
    /// Row of the buffer that is row 0.
    first: u32,
    buffer: Arc<wgpu::Buffer>,
}

/// Texels that rows are rounded up to (common.wgsl: index), so that bindings may begin with any row: 256 bytes are aligned
/// enough for every device.
const ROUND: u32 = 16;
const TEXEL_BYTES: u64 = 16;

const fn row_bytes(size: Size) -> u64 {
    size.width.next_multiple_of(ROUND) as u64 * TEXEL_BYTES
}

impl Texels {
    /// A view of some rows.
    pub(crate) fn rows(&self, rows: Range<u32>) -> Self {
        assert!(rows.end <= self.size.height, "the rows are the plane's");
        let size = Size::new(self.size.width, rows.len() as u32);
        Self { size, first: self.first + rows.start, buffer: Arc::clone(&self.buffer) }
    }

    pub(super) fn binding(&self) -> wgpu::BindingResource<'_> {
        let (offset, bytes) = self.extent();
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset,
            size: wgpu::BufferSize::new(bytes),
        })
    }

    /// Offset and length in bytes.
    fn extent(&self) -> (u64, u64) {
        let bytes = row_bytes(self.size);
        (u64::from(self.first) * bytes, u64::from(self.size.height) * bytes)
    }
}

impl Gpu {
    /// Whether shaders can be given a whole plane of `size`.
    pub(crate) fn binds(&self, size: Size) -> bool {
        u64::from(size.height) * row_bytes(size) <= self.max_binding_bytes
    }

    /// An uninitialised plane.
    pub(crate) fn texels(&self, size: Size) -> Texels {
        let bytes = u64::from(size.height) * row_bytes(size);
        let make = || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("texels"),
                size: bytes,
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_DST
                    | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        };
        let mut buffers = self.buffers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let buffer = buffers.take(|buffer| buffer.size() == bytes, make);
        Texels { size, first: 0, buffer }
    }

    /// Records the zeroing of a plane.
    pub fn zeros(&self, encoder: &mut wgpu::CommandEncoder, size: Size) -> Texels {
        let plane = self.texels(size);
        encoder.clear_buffer(&plane.buffer, 0, None);
        plane
    }

    /// Records the copy of `plane` to the device.
    pub fn upload_texels(&self, encoder: &mut wgpu::CommandEncoder, plane: &Plane<[f32; 4]>) -> Texels {
        let texels = self.texels(plane.size);
        let row = plane.size.width as usize * TEXEL_BYTES as usize;
        let rows = bytemuck::cast_slice::<_, u8>(&plane.data).chunks_exact(row);
        let stride = row_bytes(plane.size) as usize;
        self.send(encoder, stride, rows, (row, TEXEL_BYTES as usize), |encoder, staging| {
            let (from, bytes) = (staging.offset(), staging.size());
            encoder.copy_buffer_to_buffer(staging.buffer(), from, &texels.buffer, 0, bytes);
        });
        texels
    }

    /// Records the copy of `rows` of `from` to row `at` of `to`.
    pub(crate) fn copy_texels(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &Texels,
        rows: Range<u32>,
        to: &Texels,
        at: u32,
    ) {
        assert_eq!(from.size.width, to.size.width, "rows fit rows");
        let (source, bytes) = from.rows(rows.clone()).extent();
        let (target, _) = to.rows(at..at + rows.len() as u32).extent();
        encoder.copy_buffer_to_buffer(&from.buffer, source, &to.buffer, target, bytes);
    }

    /// Records the copy of `texels` into a fresh buffer that can be read.
    pub(super) fn read_texels(&self, texels: &Texels, encoder: &mut wgpu::CommandEncoder) -> wgpu::Buffer {
        let (offset, bytes) = texels.extent();
        let buffer = self.readback(bytes);
        encoder.copy_buffer_to_buffer(&texels.buffer, offset, &buffer, 0, bytes);
        buffer
    }
}

impl super::Recorder<'_> {
    /// Submits, waits and returns the texels of `plane`.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost.
    pub fn download_texels(&self, plane: &Texels) -> Result<Plane<[f32; 4]>> {
        let buffer = self.record(|encoder| self.gpu.read_texels(plane, encoder));
        self.submit();
        self.gpu.unpad(&buffer, plane.size)
    }
}
