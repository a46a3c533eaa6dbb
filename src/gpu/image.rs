//! Planes on the device, drawn from a pool, and their way there and back.

use std::ops::Range;
use std::sync::Arc;

use super::Gpu;
use crate::error::{Error, Result};
use crate::frame::{Pixels, Plane, Size};

/// A plane on the device. Clones share the texture; it returns to the pool with the last of them.
#[derive(Clone, Debug)]
pub struct Image {
    /// Dimensions.
    pub size: Size,
    pub(super) texture: Arc<wgpu::Texture>,
}

impl Image {
    pub(super) fn view(&self) -> wgpu::TextureView {
        self.texture.create_view(&wgpu::TextureViewDescriptor::default())
    }
}

/// Textures or buffers for reuse: one is free when nobody else holds it. The queue runs in order, so a free one may be
/// written again by later commands while earlier ones still read it.
pub(super) struct Pool<T> {
    members: Vec<Arc<T>>,
}

/// How many unused members of other kinds are kept: those that a frame's fusion goes through.
const KEPT: usize = 40;

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// A free member that `fits`, or the one that `make` makes.
    pub(super) fn take(&mut self, fits: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> Arc<T> {
        let free = |member: &Arc<T>| Arc::strong_count(member) == 1;
        if let Some(found) = self.members.iter().find(|member| free(member) && fits(member)) {
            return found.clone();
        }
        if self.members.iter().filter(|member| free(member)).count() > KEPT {
            self.trim();
        }
        let made = Arc::new(make());
        self.members.push(made.clone());
        made
    }

    /// Lets go of those that nobody holds.
    pub(super) fn trim(&mut self) {
        self.members.retain(|member| Arc::strong_count(member) > 1);
    }
}

impl Gpu {
    pub(super) fn image(&self, size: Size, format: wgpu::TextureFormat) -> Image {
        let fits = |texture: &wgpu::Texture| {
            texture.width() == size.width && texture.height() == size.height && texture.format() == format
        };
        let mut textures = self.textures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Image { size, texture: textures.take(fits, || self.texture(size, format)) }
    }

    fn texture(&self, size: Size, format: wgpu::TextureFormat) -> wgpu::Texture {
        let written_by_shaders = format == wgpu::TextureFormat::R32Float;
        let mut usage = wgpu::TextureUsages::TEXTURE_BINDING
            | wgpu::TextureUsages::COPY_DST
            | wgpu::TextureUsages::COPY_SRC;
        if written_by_shaders {
            usage |= wgpu::TextureUsages::STORAGE_BINDING;
        }
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("plane"),
            size: extent(size),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage,
            view_formats: &[],
        })
    }
}

/// To how many rows planes are rounded up of which a few more or less are needed each time, so that they come back.
pub(super) const ROUND_ROWS: u32 = 64;
/// Where in a staging buffer texels may begin: a multiple of every texel, and of what maps need.
const STAGING_ALIGNMENT: u64 = 256;

const fn extent(size: Size) -> wgpu::Extent3d {
    wgpu::Extent3d { width: size.width, height: size.height, depth_or_array_layers: 1 }
}

fn texel_bytes(image: &Image) -> u32 {
    image.texture.format().block_copy_size(None).expect("planes have plain formats")
}

impl Gpu {
    /// An uninitialised plane of one float a pixel.
    pub(crate) fn gray(&self, size: Size) -> Image {
        self.image(size, wgpu::TextureFormat::R32Float)
    }

    /// Waits, and lets go of textures and buffers that nobody holds.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] as for every wait.
    pub fn trim(&self) -> Result<()> {
        self.textures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).trim();
        self.buffers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).trim();
        self.wait()
    }

    /// Records the copy of `rows`, as bytes, into the uppermost ones of `image`; rows shorter than the texture's are padded
    /// with their last `pixel_bytes`.
    ///
    /// Through a staging buffer in the encoder, not `write_texture`: that would overtake recorded commands, which
    /// may still read a texture that came back to the pool.
    pub(super) fn write<R: AsRef<[u8]>>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        image: &Image,
        rows: impl ExactSizeIterator<Item = R>,
        pixel_bytes: usize,
    ) {
        let full_row = image.size.width as usize * texel_bytes(image) as usize;
        let stride = full_row.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as usize);
        let count = rows.len() as u32;
        self.send(encoder, stride, rows, (full_row, pixel_bytes), |encoder, staging| {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: staging.offset(),
                bytes_per_row: Some(stride as u32),
                rows_per_image: None,
            };
            encoder.copy_buffer_to_texture(
                wgpu::TexelCopyBufferInfo { buffer: staging.buffer(), layout },
                image.texture.as_image_copy(),
                extent(Size::new(image.size.width, count)),
            );
        });
    }

    /// Puts `rows`, `stride` bytes apart, where the device can copy them from, and lets `copy` record that.
    ///
    /// Rows shorter than `full_row` are padded with their last `pixel_bytes`.
    pub(super) fn send<R: AsRef<[u8]>>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        stride: usize,
        rows: impl ExactSizeIterator<Item = R>,
        (full_row, pixel_bytes): (usize, usize),
        copy: impl FnOnce(&mut wgpu::CommandEncoder, wgpu::BufferSlice<'_>),
    ) {
        let Some(size) = wgpu::BufferSize::new((stride * rows.len()) as u64) else { return };
        let alignment = const { wgpu::BufferSize::new(STAGING_ALIGNMENT).expect("not zero") };
        let mut belt = self.belt.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let staging = belt.allocate(size, alignment);
        // Without memory for it the buffer is a husk, and the fault is on record for the next wait.
        let Ok(mut view) = staging.get_mapped_range_mut() else { return };
        for (y, row) in rows.enumerate() {
            let (start, row) = (y * stride, row.as_ref());
            view.slice(start..start + row.len()).copy_from_slice(row);
            let last = &row[row.len() - pixel_bytes..];
            for at in (start + row.len()..start + full_row).step_by(pixel_bytes) {
                view.slice(at..at + pixel_bytes).copy_from_slice(last);
            }
        }
        drop(view);
        copy(encoder, staging);
    }

    /// Records the copy of `plane` to the device.
    pub fn upload(&self, encoder: &mut wgpu::CommandEncoder, plane: &Plane<f32>) -> Image {
        let image = self.gray(plane.size);
        let rows = bytemuck::cast_slice::<_, u8>(&plane.data).chunks_exact(plane.size.width as usize * 4);
        self.write(encoder, &image, rows, 4);
        image
    }

    /// Records the copy of sRGB-encoded colour to the device, where texels read as 0…1.
    pub fn upload_color(&self, encoder: &mut wgpu::CommandEncoder, plane: &Plane<[u8; 3]>) -> Image {
        let image = self.image(plane.size, wgpu::TextureFormat::Rgba8Unorm);
        let texels: Vec<[u8; 4]> = plane.data.iter().map(|&[r, g, b]| [r, g, b, u8::MAX]).collect();
        self.write(encoder, &image, texels.as_flattened().chunks_exact(plane.size.width as usize * 4), 4);
        image
    }

    /// Records the copy of rows `rows` of `pixels` to the device, where texels read as 0…1; the plane may have more rows.
    pub(super) fn upload_rows(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        pixels: &Pixels,
        rows: &Range<u32>,
    ) -> Image {
        let _span = tracing::trace_span!("upload").entered();
        let size = Size::new(pixels.size().width, (rows.len() as u32).next_multiple_of(ROUND_ROWS));
        let texels = |row: u32| match pixels {
            Pixels::U8(plane) => {
                let texels: Vec<[u8; 4]> =
                    plane.row(row).iter().map(|&[r, g, b]| [r, g, b, u8::MAX]).collect();
                texels.into_flattened()
            }
            Pixels::U16(plane) => {
                let wide =
                    |&[r, g, b]: &[u16; 3]| [r, g, b, u16::MAX].map(|value| f32::from(value) / 65535.0);
                let texels: Vec<f32> = plane.row(row).iter().flat_map(wide).collect();
                bytemuck::cast_slice(&texels).to_vec()
            }
        };
        // Textures of 16 bits a channel are no part of every device.
        let (format, pixel_bytes) = match pixels {
            Pixels::U8(_) => (wgpu::TextureFormat::Rgba8Unorm, 4),
            Pixels::U16(_) => (wgpu::TextureFormat::Rgba32Float, 16),
        };
        let image = self.image(size, format);
        self.write(encoder, &image, rows.clone().map(texels), pixel_bytes);
        image
    }

    /// Records the copy of `count` rows of `from`, from row `first` on, to row `at` of `to`.
    pub fn copy_rows(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &Image,
        first: u32,
        to: &Image,
        at: u32,
        count: u32,
    ) {
        let origin = |y: u32| wgpu::Origin3d { x: 0, y, z: 0 };
        encoder.copy_texture_to_texture(
            wgpu::TexelCopyTextureInfo { origin: origin(first), ..from.texture.as_image_copy() },
            wgpu::TexelCopyTextureInfo { origin: origin(at), ..to.texture.as_image_copy() },
            extent(Size::new(from.size.width, count)),
        );
    }

    /// Records the copy of `image` into a fresh buffer; rows are padded to 256 bytes.
    pub(super) fn read_into_buffer(&self, image: &Image, encoder: &mut wgpu::CommandEncoder) -> wgpu::Buffer {
        let stride =
            (image.size.width * texel_bytes(image)).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = self.readback(u64::from(stride) * u64::from(image.size.height));
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        encoder.copy_texture_to_buffer(
            image.texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
            extent(image.size),
        );
        buffer
    }

    /// A buffer of `bytes` bytes that can be read.
    pub(super) fn readback(&self, bytes: u64) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("readback"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }

    /// Waits for submitted work and hands the bytes of `buffer` to `read`.
    pub(super) fn map_read<R>(&self, buffer: &wgpu::Buffer, read: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let lost = |error: &dyn std::fmt::Display| {
            Error::Device(format!("{}: reading back failed: {error}; try --device cpu", self.name))
        };
        let (sender, receiver) = std::sync::mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone only if polling failed, which is reported below.
            let _ = sender.send(result);
        });
        self.wait()?;
        receiver.recv().map_err(|error| lost(&error))?.map_err(|error| lost(&error))?;
        let view = buffer.get_mapped_range(..).map_err(|error| lost(&error))?;
        let result = read(&view);
        drop(view);
        buffer.unmap();
        Ok(result)
    }

    /// The pixels in a buffer that [`Self::read_into_buffer`] filled.
    pub(super) fn unpad<T: bytemuck::AnyBitPattern>(
        &self,
        buffer: &wgpu::Buffer,
        size: Size,
    ) -> Result<Plane<T>> {
        let row = size.width as usize * size_of::<T>();
        self.map_read(buffer, |bytes| {
            let stride = bytes.len() / size.height as usize;
            let mut data = Vec::with_capacity(size.area());
            for padded in bytes.chunks_exact(stride) {
                data.extend_from_slice(bytemuck::cast_slice(&padded[..row]));
            }
            Plane::new(size, data)
        })
    }
}
