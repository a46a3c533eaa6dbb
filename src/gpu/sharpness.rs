//! Laplacian moments per cell from packed luma; `shaders/sharpness.wgsl`.

use std::cell::OnceCell;

use super::stage::{Bind, Kernel, TILE, dims};
use super::{Gpu, Image, Texels};
use crate::frame::{Luma, Size};
use crate::params::LAPLACIAN_UNIT;

/// Rows an invocation marches over; a multiple of every cell.
const STRIP: u32 = 32;
/// Rows above and below that the filter reaches.
const HALO: u32 = 3;
/// Pixels of a texel.
pub const PACK: u32 = 4;

/// Rows of a band where nothing smaller is asked for: 61 MP luma goes to the device in 48 MB pieces or less.
pub const BAND_ROWS: u32 = 4096;

/// Mirrors `Params` of `sharpness.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    pub(super) size: [u32; 2],
    pub(super) origin: u32,
    pub(super) begin: u32,
    pub(super) end: u32,
    pub(super) strip: u32,
    pub(super) full_scale: f32,
    pub(super) unit: f32,
}

/// The stage.
#[derive(Default)]
pub struct Sharpness {
    /// For cells of 1, 2 and 4 pixels, made when one is needed: a run needs one.
    kernels: [OnceCell<Kernel>; 3],
}

impl Sharpness {
    /// Before the first picture.
    pub const fn new() -> Self {
        Self { kernels: [const { OnceCell::new() }; 3] }
    }

    fn kernel(&self, gpu: &Gpu, cell: u32) -> &Kernel {
        let (kernel, entry) = match cell {
            1 => (&self.kernels[0], "cell1"),
            2 => (&self.kernels[1], "cell2"),
            _ => (&self.kernels[2], "cell4"),
        };
        let source = include_str!("../../shaders/sharpness.wgsl");
        kernel.get_or_init(|| Kernel::new(gpu, "sharpness", entry, source))
    }

    /// Records the moments of `luma` on a grid of `cell`-pixel cells, in bands of at most `band_rows` rows.
    ///
    /// Result: four floats a cell: mean Laplacian, mean squared Laplacian, mean luma (0…1), unused.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        luma: &Luma,
        cell: u32,
        band_rows: u32,
    ) -> Texels {
        let size = luma.size();
        let moments = gpu.texels(size.grid(cell));
        let fits = gpu.max_texture_side - 2 * HALO;
        let band = (band_rows.min(fits) / STRIP).max(1) * STRIP;
        for begin in (0..size.height).step_by(band as usize) {
            let end = (begin + band).min(size.height);
            let (origin, bottom) = (begin.saturating_sub(HALO), (end + HALO).min(size.height));
            let packed = upload_band(gpu, encoder, luma, origin, bottom);
            let full_scale = match luma {
                Luma::U8(_) => f32::from(u8::MAX),
                Luma::U16(_) => f32::from(u16::MAX),
            };
            let params = Params {
                size: dims(size),
                origin,
                begin,
                end,
                strip: STRIP,
                full_scale,
                unit: 1.0 / (full_scale * LAPLACIAN_UNIT),
            };
            let invocations = [size.width.div_ceil(PACK), (end - begin).div_ceil(STRIP) * TILE[1]];
            self.kernel(gpu, cell).encode(
                gpu,
                encoder,
                &params,
                &[Bind::Image(&packed), Bind::Texels(&moments)],
                invocations,
            );
        }
        moments
    }
}

/// Rows `[top, bottom)` as texels of four pixels.
fn upload_band(gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, luma: &Luma, top: u32, bottom: u32) -> Image {
    let width = luma.size().width as usize;
    let texels = Size::new(luma.size().width.div_ceil(PACK), bottom - top);
    let rows = top as usize * width..bottom as usize * width;
    let (format, bytes, pixel_bytes): (_, &[u8], _) = match luma {
        Luma::U8(plane) => (wgpu::TextureFormat::Rgba8Uint, &plane.data[rows], 1),
        Luma::U16(plane) => (wgpu::TextureFormat::Rgba16Uint, bytemuck::cast_slice(&plane.data[rows]), 2),
    };
    let image = gpu.image(texels, format);
    gpu.write(encoder, &image, bytes.chunks_exact(width * pixel_bytes), pixel_bytes);
    image
}
