//! Results on disk: complete or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ::png::text_metadata::TEXtChunk;
use ::png::{BitDepth, ColorType, Compression, Encoder, Filter, Info};
use ::tiff::encoder::TiffEncoder;
use ::tiff::encoder::colortype::{Gray32Float, RGB8};
use ::tiff::tags::Tag;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::exif_block::SOFTWARE;
use crate::error::{Error, Result};
use crate::frame::{Plane, Size};

/// Under what a PNG without EXIF says who made it.
pub(super) const SOFTWARE_KEY: &str = "Software";
/// JPEG quality from which colour is kept at full resolution.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Creates or replaces `path` with what `write` writes, or leaves everything as it was.
///
/// The bytes go to a temporary name in the same folder (`.nearfar-*`), which is synced and then renamed; on an error
/// or a panic it is removed. The new file has the permissions of any new file (0666 less the umask).
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, write).map_err(Error::io(path, "writing"))
}

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file name")),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nearfar-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let (file, name) = builder.tempfile_in(folder)?.into_parts();
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    write(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    drop(file);
    name.persist(path)?;
    // The rename itself survives a power cut only once the folder is synced; not every file system can.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes an 8-bit RGB PNG.
pub fn write_png_rgb8(path: &Path, plane: &Plane<[u8; 3]>) -> Result<()> {
    write_png(path, png_info(plane.size, ColorType::Rgb, BitDepth::Eight), plane.data.as_flattened())
}

/// Writes a 16-bit RGB PNG.
pub fn write_png_rgb16(path: &Path, plane: &Plane<[u16; 3]>) -> Result<()> {
    let info = png_info(plane.size, ColorType::Rgb, BitDepth::Sixteen);
    write_png(path, info, &big_endian(plane.data.as_flattened()))
}

/// Writes a 16-bit grey PNG.
pub fn write_png_gray16(path: &Path, plane: &Plane<u16>) -> Result<()> {
    let mut info = png_info(plane.size, ColorType::Grayscale, BitDepth::Sixteen);
    info.uncompressed_latin1_text.push(TEXtChunk::new(SOFTWARE_KEY, SOFTWARE));
    write_png(path, info, &big_endian(&plane.data))
}

pub(super) fn png_info<'a>(size: Size, color: ColorType, depth: BitDepth) -> Info<'a> {
    let mut info = Info::with_size(size.width, size.height);
    info.color_type = color;
    info.bit_depth = depth;
    info
}

pub(super) fn big_endian(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

/// Writes a PNG of `info` with its profile and EXIF, if it has any, and the pixels in `bytes`.
pub(super) fn write_png(path: &Path, info: Info<'_>, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| {
        let mut encoder = Encoder::with_info(file, info)?;
        encoder.set_compression(Compression::Fast);
        // One fixed filter: trying them all costs more time than it saves bytes.
        encoder.set_filter(Filter::Paeth);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(bytes)?;
        writer.finish()?;
        Ok(())
    })
}

/// Writes a JPEG of `quality` 1…100; from 90 on colour keeps its full resolution, below it is halved both ways.
pub fn write_jpeg(path: &Path, plane: &Plane<[u8; 3]>, quality: u8) -> Result<()> {
    write_jpeg_with(path, plane, quality, &[])
}

/// [`write_jpeg`] with `segments` behind the JFIF header, where readers look for them.
pub(super) fn write_jpeg_with(
    path: &Path,
    plane: &Plane<[u8; 3]>,
    quality: u8,
    segments: &[u8],
) -> Result<()> {
    let bytes = compress(plane, quality).map_err(|error| {
        Error::picture(path, format!("cannot be made a JPEG ({error}); write a PNG or TIFF"))
    })?;
    let start = match *bytes {
        [0xff, 0xd8, 0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    write_atomically(path, |file| {
        file.write_all(&bytes[..start])?;
        file.write_all(segments)?;
        file.write_all(&bytes[start..])
    })
}

fn compress(plane: &Plane<[u8; 3]>, quality: u8) -> turbojpeg::Result<turbojpeg::OwnedBuf> {
    let mut compressor = Compressor::new()?;
    compressor.set_quality(i32::from(quality.clamp(1, 100)))?;
    let full = quality >= FULL_CHROMA_QUALITY;
    compressor.set_subsamp(if full { Subsamp::None } else { Subsamp::Sub2x2 })?;
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let pixels = plane.data.as_flattened();
    compressor.compress_to_owned(Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB })
}

/// A JPEG of `quality` 1…100 in memory.
pub fn encode_jpeg(plane: &Plane<[u8; 3]>, quality: u8) -> io::Result<Vec<u8>> {
    Ok(compress(plane, quality).map_err(io::Error::other)?.to_vec())
}

/// An uncompressed TIFF of 8 bits a channel in memory.
pub fn encode_tiff(plane: &Plane<[u8; 3]>) -> io::Result<Vec<u8>> {
    let mut bytes = io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).map_err(io::Error::other)?;
    let Size { width, height } = plane.size;
    encoder.write_image::<RGB8>(width, height, plane.data.as_flattened()).map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// Writes a TIFF of one float32 channel, uncompressed, NaN kept.
///
/// Its ImageDescription says what the values are: `{"cell":g,"unit":"level"}`, where each pixel stands for `cell`×`cell`
/// pixels of the reference frame and a level is a position in the order of focus.
pub fn write_tiff_f32(path: &Path, plane: &Plane<f32>, cell: u32) -> Result<()> {
    write_atomically(path, |file| {
        let mut encoder = TiffEncoder::new(file).map_err(io::Error::other)?;
        let mut image = encoder
            .new_image::<Gray32Float>(plane.size.width, plane.size.height)
            .map_err(io::Error::other)?;
        let description = format!(r#"{{"cell":{cell},"unit":"level"}}"#);
        image.encoder().write_tag(Tag::ImageDescription, description.as_str()).map_err(io::Error::other)?;
        image.write_data(&plane.data).map_err(io::Error::other)
    })
}
