//! PNG of any kind: 1 to 16 bits, grey, colour or palette, with or without alpha, interlaced or not.

use std::io::{BufRead, Seek};

use ::png::{ColorType, Decoder, DecodingError, Reader, Transformations};

use super::metadata::orientation;
use super::probe::Reason;
use super::{Format, Header, Limits, Metadata};
use crate::frame::Size;

/// Most bytes the decoder may allocate by itself: rows, profile, EXIF. Our planes are not among them.
const DECODER_BYTES: usize = 64 << 20;

/// Reads the header of a PNG file.
pub(super) fn header(file: impl BufRead + Seek, limits: &Limits) -> Result<Header, Reason> {
    let mut decoder = decoder(file);
    decoder.set_ignore_iccp_chunk(true);
    let info = decoder.read_header_info().map_err(reason)?;
    // Before anything that depends on the size is allocated.
    let stored = Size::new(info.width, info.height);
    limits.check(stored)?;
    let reader = decoder.read_info().map_err(reason)?;
    let info = reader.info();
    let orientation = info.exif_metadata.as_deref().map_or_else(Default::default, orientation);
    Ok(Header {
        format: Format::Png,
        stored,
        size: orientation.upright(stored),
        bits: if info.bit_depth == ::png::BitDepth::Sixteen { 16 } else { 8 },
        color: !matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha),
        orientation,
        alpha: info.trns.is_some() || matches!(info.color_type, ColorType::GrayscaleAlpha | ColorType::Rgba),
        more_pictures: info.animation_control.is_some_and(|animation| animation.num_frames > 1),
    })
}

/// What a PNG file says before its pixels in iCCP and eXIf.
pub(super) fn metadata(file: impl BufRead + Seek) -> Result<Metadata, Reason> {
    let reader = decoder(file).read_info().map_err(reason)?;
    let info = reader.info();
    // Some writers put the prefix of JPEG in front.
    let exif =
        info.exif_metadata.as_deref().map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif).to_vec());
    Ok(Metadata { exif, icc: info.icc_profile.as_deref().map(<[u8]>::to_vec) })
}

/// Passes the rows of a PNG file to `sink`, native-endian: the default image, if it is animated.
pub(super) fn read_rows(
    file: impl BufRead + Seek,
    header: &Header,
    sink: &mut dyn FnMut(&[u8], usize),
) -> Result<(), Reason> {
    let mut decoder = decoder(file);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(reason)?;
    let (color, depth) = reader.output_color_type();
    let (width, height) = reader.info().size();
    let bits = depth as u8;
    if (Size::new(width, height), bits) != (header.stored, header.bits) {
        return Err(format!("changed while it was read: {width}×{height} pixels of {bits} bits now"));
    }
    let channels = color.samples();
    let line = width as usize * channels * usize::from(bits / 8);
    if reader.info().interlaced {
        let mut picture = vec![0; line * height as usize];
        reader.next_frame(&mut picture).map_err(reason)?;
        for row in picture.chunks_exact_mut(line) {
            push(sink, row, bits, channels);
        }
    } else {
        let mut row = vec![0; line];
        while reader.read_row(&mut row).map_err(reason)?.is_some() {
            push(sink, &mut row, bits, channels);
        }
    }
    finish(&mut reader)
}

fn decoder<R: BufRead + Seek>(file: R) -> Decoder<R> {
    let mut decoder = Decoder::new_with_limits(file, ::png::Limits { bytes: DECODER_BYTES });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder
}

/// Passes a row on in the machine's byte order.
fn push(sink: &mut dyn FnMut(&[u8], usize), row: &mut [u8], bits: u8, channels: usize) {
    if bits == 16 && cfg!(target_endian = "little") {
        row.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
    }
    sink(row, channels);
}

/// Reads to the end: a file cut behind its pixels is still a file cut.
fn finish<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<(), Reason> {
    reader.finish().map_err(reason)
}

fn reason(error: DecodingError) -> Reason {
    match error {
        DecodingError::LimitsExceeded => {
            format!("has PNG chunks of more than {} MiB; save the picture again", DECODER_BYTES >> 20)
        }
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "is a truncated PNG; copy the file again or leave it out".into()
        }
        error => format!("is a damaged PNG ({error}); copy the file again or leave it out"),
    }
}

/// Whether a PNG without EXIF says that nearfar made it.
pub(super) fn is_ours(path: &std::path::Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let Ok(reader) = ::png::Decoder::new(std::io::BufReader::new(file)).read_info() else { return false };
    let ours = |chunk: &::png::text_metadata::TEXtChunk| {
        chunk.keyword == super::encode::SOFTWARE_KEY && chunk.text.starts_with("nearfar")
    };
    reader.info().uncompressed_latin1_text.iter().any(ours)
}
