//! TIFF of 8 or 16 bits: grey or RGB, strips or tiles, interleaved or in planes; uncompressed, LZW, Deflate, PackBits.

use std::io::{BufRead, Seek, SeekFrom};

use ::tiff::decoder::{ChunkType, Decoder, Limits as DecoderLimits};
use ::tiff::tags::{CompressionMethod, SampleFormat, Tag};
use ::tiff::{ColorType, TiffError, TiffUnsupportedError, decoder::TiffCodingUnit};

use super::probe::Reason;
use super::{Format, Header, Limits, Orientation};
use crate::frame::Size;

/// More channels than this (RGB, alpha and some masks) are no photo.
const MAX_CHANNELS: usize = 8;
const DNG_VERSION: Tag = Tag::Unknown(50706);
const RAW: &str = "is a raw photo or its preview; develop it to a 16-bit TIFF first";

/// Layout of the first picture.
struct Layout {
    stored: Size,
    bits: u8,
    /// Samples of a pixel as they come from the decoder.
    channels: usize,
    color: bool,
    alpha: bool,
}

/// Reads the header of a TIFF file.
pub(super) fn header(file: impl BufRead + Seek, limits: &Limits) -> Result<Header, Reason> {
    let mut decoder = Decoder::new(file).map_err(reason)?;
    let layout = layout(&mut decoder)?;
    limits.check(layout.stored)?;
    let orientation = decoder.find_tag_unsigned(Tag::Orientation).map_err(reason)?;
    let orientation = orientation.map_or_else(Orientation::default, Orientation::from_exif);
    Ok(Header {
        format: Format::Tiff,
        stored: layout.stored,
        size: orientation.upright(layout.stored),
        bits: layout.bits,
        color: layout.color,
        orientation,
        alpha: layout.alpha,
        more_pictures: decoder.more_images(),
    })
}

fn layout<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Result<Layout, Reason> {
    let (width, height) = decoder.dimensions().map_err(reason)?;
    let subfile: Option<u32> = decoder.find_tag_unsigned(Tag::NewSubfileType).map_err(reason)?;
    let dng = decoder.find_tag(DNG_VERSION).map_err(reason)?;
    if dng.is_some() || subfile.is_some_and(|kind| kind & 1 == 1) {
        return Err(RAW.into());
    }
    let method: Option<u16> = decoder.find_tag_unsigned(Tag::Compression).map_err(reason)?;
    check_compression(CompressionMethod::from_u16_exhaustive(method.unwrap_or(1)))?;
    let format: Option<Vec<u16>> = decoder.find_tag_unsigned_vec(Tag::SampleFormat).map_err(reason)?;
    let format = format.and_then(|formats| formats.first().copied()).map(SampleFormat::from_u16_exhaustive);
    let color = decoder.colortype().map_err(reason)?;
    let bits = color.bit_depth();
    let signed = !matches!(format, None | Some(SampleFormat::Uint));
    if signed || !matches!(bits, 8 | 16) {
        let kind = if signed { "floating-point or signed" } else { "integer" };
        return Err(format!("is a TIFF of {bits}-bit {kind} samples; save it with 8 or 16 bits a channel"));
    }
    let (channels, color, alpha) = match color {
        ColorType::Gray(_) => (1, false, false),
        ColorType::Multiband { num_samples, .. } => (usize::from(num_samples), false, true),
        ColorType::RGB(_) => (3, true, false),
        ColorType::RGBA(_) => (4, true, true),
        other => return Err(format!("is a TIFF in {other:?} colour; save it as RGB or grey")),
    };
    if channels > MAX_CHANNELS {
        return Err(format!("is a TIFF of {channels} channels; save it as RGB or grey"));
    }
    Ok(Layout { stored: Size::new(width, height), bits, channels, color, alpha })
}

/// Only what fails on truncated data: JPEG inside TIFF would come out half grey.
fn check_compression(method: CompressionMethod) -> Result<(), Reason> {
    match method {
        CompressionMethod::None
        | CompressionMethod::LZW
        | CompressionMethod::Deflate
        | CompressionMethod::OldDeflate
        | CompressionMethod::PackBits => Ok(()),
        CompressionMethod::ModernJPEG | CompressionMethod::JPEG => {
            Err("is a TIFF with JPEG inside, or a raw photo; save it as TIFF with LZW or no compression"
                .into())
        }
        other => Err(format!("is a TIFF with {other:?} compression; save it with LZW or no compression")),
    }
}

/// Passes the rows of the first picture of a TIFF file to `sink`, native-endian.
pub(super) fn read_rows(
    mut file: impl BufRead + Seek,
    header: &Header,
    sink: &mut dyn FnMut(&[u8], usize),
) -> Result<(), Reason> {
    let file_length = file.seek(SeekFrom::End(0)).and_then(|end| file.rewind().map(|()| end));
    let file_length = file_length.map_err(|error| reason(error.into()))?;
    let mut decoder = Decoder::new(file).map_err(reason)?;
    let layout = layout(&mut decoder)?;
    if (layout.stored, layout.bits) != (header.stored, header.bits) {
        return Err(format!(
            "changed while it was read: {} pixels of {} bits now",
            layout.stored, layout.bits
        ));
    }
    check_extents(&mut decoder, file_length, &layout)?;
    let mut limits = DecoderLimits::default();
    // Compressed chunks lie inside the file; the buffers they unpack to are ours.
    limits.intermediate_buffer_size = usize::try_from(file_length).unwrap_or(usize::MAX);
    read_bands(&mut decoder.with_limits(limits), &layout, sink)
}

/// Refuses a file whose strips or tiles lie beyond its end or cannot unpack to the picture, before decoding any.
fn check_extents<R: BufRead + Seek>(
    decoder: &mut Decoder<R>,
    file_length: u64,
    layout: &Layout,
) -> Result<(), Reason> {
    let (offsets, lengths) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let offsets = decoder.get_tag_u64_vec(offsets).map_err(reason)?;
    let lengths = decoder.get_tag_u64_vec(lengths).map_err(reason)?;
    let inside = |(&offset, &length): (&u64, &u64)| offset.saturating_add(length) <= file_length;
    if !offsets.iter().zip(&lengths).all(inside) {
        return Err("is a truncated TIFF; copy the file again or leave it out".into());
    }
    let method: Option<u16> = decoder.find_tag_unsigned(Tag::Compression).map_err(reason)?;
    let packed = lengths.iter().fold(0u64, |sum, &length| sum.saturating_add(length));
    let most = packed.saturating_mul(expansion(CompressionMethod::from_u16_exhaustive(method.unwrap_or(1))));
    let needed = layout.stored.area() as u64 * layout.channels as u64 * u64::from(layout.bits / 8);
    if most < needed {
        return Err(format!(
            "is a damaged TIFF: {packed} bytes cannot hold {} pixels; copy the file again or leave it out",
            layout.stored
        ));
    }
    Ok(())
}

/// Bytes that a byte unpacks to at the most.
const fn expansion(method: CompressionMethod) -> u64 {
    match method {
        CompressionMethod::None => 1,
        CompressionMethod::PackBits => 64,
        // A match of 258 bytes takes two bits.
        CompressionMethod::Deflate | CompressionMethod::OldDeflate => 1032,
        // The longest string of a full table, 3838 bytes, takes twelve bits.
        _ => 2560,
    }
}

/// Reads one row of chunks at a time and passes its pixel rows on.
fn read_bands<R: BufRead + Seek>(
    decoder: &mut Decoder<R>,
    layout: &Layout,
    sink: &mut dyn FnMut(&[u8], usize),
) -> Result<(), Reason> {
    let (width, height) = (layout.stored.width, layout.stored.height);
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    let (across, down) = (width.div_ceil(chunk_width), height.div_ceil(chunk_height));
    let sample = usize::from(layout.bits / 8);
    let pixel = layout.channels * sample;
    let line = width as usize * pixel;
    let (mut chunk, mut band) = (Vec::new(), Vec::new());
    for row in 0..down {
        let band_height = chunk_height.min(height - row * chunk_height) as usize;
        band.resize(band_height * line, 0);
        for column in 0..across {
            let unit = TiffCodingUnit(row * across + column);
            let preference = decoder.image_coding_unit_layout(unit).map_err(reason)?;
            let columns = chunk_width.min(width - column * chunk_width) as usize;
            let planes = preference.planes;
            if planes.checked_mul(preference.len) != Some(columns * band_height * pixel)
                || !(planes == 1 || planes == layout.channels)
            {
                return Err("is a TIFF whose tiles do not fit its size; save the picture again".into());
            }
            let whole = across == 1 && planes == 1;
            let target = if whole { &mut band } else { &mut chunk };
            target.resize(columns * band_height * pixel, 0);
            decoder.read_coding_unit_bytes(unit, target).map_err(reason)?;
            if !whole {
                let left = column as usize * chunk_width as usize * pixel;
                place(&chunk, &mut band[left..], columns, line, planes, pixel);
            }
        }
        band.chunks_exact(line).for_each(|row| sink(row, layout.channels));
    }
    Ok(())
}

/// Copies a chunk, interleaved or in planes, to its place in a band of interleaved rows of `line` bytes.
fn place(chunk: &[u8], band: &mut [u8], columns: usize, line: usize, planes: usize, pixel: usize) {
    let piece = pixel / planes;
    let plane_length = chunk.len() / planes;
    for (index, plane) in chunk.chunks_exact(plane_length).enumerate() {
        for (y, source) in plane.chunks_exact(columns * piece).enumerate() {
            let target = &mut band[y * line..y * line + columns * pixel];
            if planes == 1 {
                target.copy_from_slice(source);
                continue;
            }
            for (pixel, sample) in target.chunks_exact_mut(pixel).zip(source.chunks_exact(piece)) {
                pixel[index * piece..(index + 1) * piece].copy_from_slice(sample);
            }
        }
    }
}

pub(super) fn reason(error: TiffError) -> Reason {
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "is a truncated TIFF; copy the file again or leave it out".into()
        }
        TiffError::LimitsExceeded => "is a TIFF with oversized tables; save the picture again".into(),
        TiffError::UnsupportedError(TiffUnsupportedError::UnknownInterpretation) => RAW.into(),
        TiffError::UnsupportedError(error) => {
            format!("is a TIFF of a kind that is not read ({error}); save it as RGB or grey, 8 or 16 bits")
        }
        error => format!(
            "is a damaged TIFF ({error}), or a raw photo; copy it again, or develop it to a 16-bit TIFF"
        ),
    }
}
