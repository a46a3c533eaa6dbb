//! JPEG: our own header scan, pixels by libjpeg-turbo.

use std::cell::RefCell;
use std::io::{BufRead, Seek};

use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, Subsamp, YuvImage};

use super::cells::{Averager, Component, Grid, average_ycc};
use super::metadata::orientation;
use super::probe::Reason;
use super::{Format, Header, Limits, Metadata, Spares};
use crate::frame::{Frame, Luma, Pixels, Plane, Size};

/// Segments before the picture data; a profile takes up to 255.
const MAX_SEGMENTS: usize = 4096;
/// Scans of a progressive file: encoders write about ten, hostile files thousands (a decompression bomb).
const MAX_SCANS: u32 = 500;
/// Start of an APP2 segment with a piece of a profile (ICC.1:2022, annex B.4).
pub(super) const ICC_SIGNATURE: &[u8] = b"ICC_PROFILE\0";
/// Pieces are numbered in one byte, from 1.
pub(super) const MAX_ICC_PIECES: usize = 255;
const TRUNCATED: &str = "ends inside its JPEG header; copy the file again";

/// What the segments before the first scan say.
struct Scan {
    size: Size,
    components: u8,
    /// The TIFF structure of the EXIF block.
    exif: Option<Vec<u8>>,
    /// Pieces of the ICC profile with their numbers.
    icc: Vec<(u8, Vec<u8>)>,
}

/// Reads the metadata of a JPEG file.
pub(super) fn metadata(mut file: impl BufRead + Seek) -> Result<Metadata, Reason> {
    let mut scan = scan(&mut file)?;
    scan.icc.sort_by_key(|&(number, _)| number);
    let icc: Vec<u8> = scan.icc.into_iter().flat_map(|(_, piece)| piece).collect();
    Ok(Metadata { exif: scan.exif, icc: (!icc.is_empty()).then_some(icc) })
}

/// Reads the header of a JPEG file.
pub(super) fn header(mut file: impl BufRead + Seek, limits: &Limits) -> Result<Header, Reason> {
    let scan = scan(&mut file)?;
    limits.check(scan.size)?;
    let orientation = scan.exif.as_deref().map_or_else(Default::default, orientation);
    Ok(Header {
        format: Format::Jpeg,
        stored: scan.size,
        size: orientation.upright(scan.size),
        bits: 8,
        color: scan.components == 3,
        orientation,
        alpha: false,
        more_pictures: false,
    })
}

/// Walks the segments up to the frame header (ITU-T T.81, annex B).
fn scan(file: &mut (impl BufRead + Seek)) -> Result<Scan, Reason> {
    let truncated = |_| Reason::from(TRUNCATED);
    let (mut exif, mut icc) = (None, Vec::new());
    for _ in 0..MAX_SEGMENTS {
        let mut marker = [0; 2];
        file.read_exact(&mut marker).map_err(truncated)?;
        while marker == [0xff, 0xff] {
            file.read_exact(&mut marker[1..]).map_err(truncated)?;
        }
        if marker[0] != 0xff {
            return Err("has a damaged JPEG header; copy the file again".into());
        }
        if matches!(marker[1], 0x01 | 0xd0..=0xd8) {
            continue;
        }
        if matches!(marker[1], 0xd9 | 0xda) {
            return Err("is a JPEG without a picture; leave it out".into());
        }
        let mut length = [0; 2];
        file.read_exact(&mut length).map_err(truncated)?;
        let length = u16::from_be_bytes(length)
            .checked_sub(2)
            .ok_or("has a damaged JPEG header; copy the file again")?;
        match marker[1] {
            0xc0..=0xcf if !matches!(marker[1], 0xc4 | 0xc8 | 0xcc) => {
                return frame_header(file, marker[1]).map(|scan| Scan { exif, icc, ..scan });
            }
            0xe1 if exif.is_none() => exif = block(file, length, b"Exif\0\0")?,
            0xe2 if icc.len() < MAX_ICC_PIECES => {
                // The number of the piece and their count lead.
                if let Some([number, _, piece @ ..]) = block(file, length, ICC_SIGNATURE)?.as_deref() {
                    icc.push((*number, piece.to_vec()));
                }
            }
            _ => file.seek_relative(i64::from(length)).map_err(truncated)?,
        }
    }
    Err(format!("has more than {MAX_SEGMENTS} JPEG header segments; save the picture again"))
}

/// What follows `signature` in a segment, if that is what it starts with (APP1 may be EXIF or XMP).
fn block(file: &mut impl BufRead, length: u16, signature: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    let mut block = vec![0; usize::from(length)];
    file.read_exact(&mut block).map_err(|_| TRUNCATED)?;
    Ok(block.strip_prefix(signature).map(<[u8]>::to_vec))
}

fn frame_header(file: &mut impl BufRead, marker: u8) -> Result<Scan, Reason> {
    let mut fields = [0; 6];
    file.read_exact(&mut fields).map_err(|_| TRUNCATED)?;
    let [precision, h1, h0, w1, w0, components] = fields;
    if !matches!(marker, 0xc0..=0xc2 | 0xc9 | 0xca) {
        return Err("is a lossless or hierarchical JPEG; save it as an ordinary JPEG, PNG or TIFF".into());
    }
    if precision != 8 {
        return Err(format!("is a {precision}-bit JPEG; save it as an 8-bit JPEG or a 16-bit TIFF"));
    }
    if components == 4 {
        return Err("is a CMYK JPEG; save it as RGB".into());
    }
    if !matches!(components, 1 | 3) {
        return Err(format!("is a JPEG of {components} channels; save it as RGB or grey"));
    }
    let size = Size::new(u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0])));
    Ok(Scan { size, components, exif: None, icc: Vec::new() })
}

thread_local! {
    /// One decompressor a thread: it keeps its tables and work buffers from file to file.
    static DECOMPRESSOR: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
}

/// Decodes a JPEG file held in memory.
pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    color_cell: Option<u32>,
    spares: &Spares,
) -> Result<Frame, Reason> {
    with_decompressor(bytes, header, |decompressor, found| {
        frame(decompressor, bytes, header, color_cell, found, spares)
    })
}

/// Decodes a JPEG file held in memory in full colour.
pub(super) fn decode_pixels(bytes: &[u8], header: &Header, spares: &Spares) -> Result<Pixels, Reason> {
    with_decompressor(bytes, header, |decompressor, _| {
        let stored = header.stored;
        let rgb = rgb(decompressor, bytes, Plane::new(stored, spares.take_rgb(stored.area())))?;
        Ok(Pixels::U8(header.orientation.apply(rgb)))
    })
}

/// Luma of a small JPEG held in memory, as a live view is.
pub(super) fn decode_luma(bytes: &[u8]) -> Result<Plane<u8>, Reason> {
    const LARGEST: usize = 1 << 24;
    let mut decompressor = Decompressor::new().map_err(reason)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(reason)?;
    let found = decompressor.read_header(bytes).map_err(reason)?;
    if found.width.saturating_mul(found.height) > LARGEST {
        return Err(format!("has {}×{} pixels, too many for a live view", found.width, found.height));
    }
    luma(&mut decompressor, bytes, Size::new(found.width as u32, found.height as u32))
}

/// Calls `decode` once the header of the file has been read and is what it was.
fn with_decompressor<T>(
    bytes: &[u8],
    header: &Header,
    decode: impl FnOnce(&mut Decompressor, &DecompressHeader) -> Result<T, Reason>,
) -> Result<T, Reason> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let mut decompressor = match slot.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new().map_err(reason)?,
        };
        decompressor.set_scan_limit(MAX_SCANS).map_err(reason)?;
        let found = decompressor.read_header(bytes).map_err(reason)?;
        let stored = header.stored;
        if (found.width, found.height) != (stored.width as usize, stored.height as usize) {
            return Err(format!("changed while it was read: {}×{} pixels now", found.width, found.height));
        }
        let decoded = decode(&mut decompressor, &found)?;
        // Not put back after an error: a fresh one has no state to be wrong.
        *slot = Some(decompressor);
        Ok(decoded)
    })
}

fn frame(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    header: &Header,
    color_cell: Option<u32>,
    found: &DecompressHeader,
    spares: &Spares,
) -> Result<Frame, Reason> {
    let stored = header.stored;
    let grid = color_cell.map(|cell| (cell, Grid::new(stored, header.orientation, cell)));
    let (luma, color) = match grid {
        None => (luma(decompressor, bytes, stored)?, None),
        Some((_, grid)) if found.colorspace == Colorspace::Gray => {
            let luma = luma(decompressor, bytes, stored)?;
            let color = average_rows(grid, &luma.data, 1);
            (luma, Some(color))
        }
        // Single pixels deserve libjpeg's interpolated chroma, and odd kinds of JPEG have no YCbCr planes to give.
        Some((cell, grid)) if cell == 1 || !has_planes(found) => {
            let luma = luma(decompressor, bytes, stored)?;
            let color = rgb(decompressor, bytes, Plane::filled(stored, [0; 3]))?;
            let color = if cell == 1 { color } else { average_rows(grid, color.data.as_flattened(), 3) };
            (luma, Some(color))
        }
        Some((_, grid)) => {
            let (luma, color) = planes(decompressor, bytes, found, stored, &grid, spares)?;
            (luma, Some(color))
        }
    };
    let upright = header.orientation;
    Ok(Frame { luma: Luma::U8(upright.apply(luma)), color: color.map(|color| upright.apply(color)) })
}

fn has_planes(found: &DecompressHeader) -> bool {
    found.colorspace == Colorspace::YCbCr && found.subsamp != Subsamp::Unknown
}

/// The Y channel alone: chroma is entropy-decoded (it must be) but neither transformed nor converted.
fn luma(decompressor: &mut Decompressor, bytes: &[u8], stored: Size) -> Result<Plane<u8>, Reason> {
    let mut plane = Plane::filled(stored, 0);
    decompressor.decompress(bytes, image(&mut plane.data, stored, PixelFormat::GRAY)).map_err(reason)?;
    Ok(plane)
}

/// Full colour into `plane`, which has the stored size.
fn rgb(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    mut plane: Plane<[u8; 3]>,
) -> Result<Plane<[u8; 3]>, Reason> {
    let stored = plane.size;
    let pixels = plane.data.as_flattened_mut();
    decompressor.decompress(bytes, image(pixels, stored, PixelFormat::RGB)).map_err(reason)?;
    Ok(plane)
}

fn image(pixels: &mut [u8], size: Size, format: PixelFormat) -> Image<&mut [u8]> {
    let (width, height) = (size.width as usize, size.height as usize);
    Image { pixels, width, pitch: width * format.size(), height, format }
}

/// Averages a picture that is already decoded.
fn average_rows(grid: Grid, samples: &[u8], channels: usize) -> Plane<[u8; 3]> {
    let mut averager = Averager::new(grid, 255);
    for row in samples.chunks_exact(grid.stored_width() * channels) {
        averager.push(row, channels);
    }
    averager.finish()
}

/// Luma and colour cells from the YCbCr planes as stored, without upsampling or converting 24 million pixels:
/// measured the cheapest way (per pixel of 4:2:0: luma alone 2.2 ns, planes 3.3, luma and then RGB 7.6).
fn planes(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    found: &DecompressHeader,
    stored: Size,
    grid: &Grid,
    spares: &Spares,
) -> Result<(Plane<u8>, Plane<[u8; 3]>), Reason> {
    let (across, down) = found.subsamp.size();
    // TurboJPEG pads the luma plane to whole chroma samples.
    let chroma = Size::new(stored.width.div_ceil(across as u32), stored.height.div_ceil(down as u32));
    let stride = chroma.width as usize * across;
    let luma_length = stride * chroma.height as usize * down;
    let length = luma_length + 2 * chroma.area();
    let expected = turbojpeg::yuv_pixels_len(found.width, 1, found.height, found.subsamp).map_err(reason)?;
    assert_eq!(length, expected, "the layout of TurboJPEG's planes");

    let mut samples = spares.take(length);
    let (width, height, subsamp) = (found.width, found.height, found.subsamp);
    let output = YuvImage { pixels: &mut samples[..], width, align: 1, height, subsamp };
    decompressor.decompress_to_yuv(bytes, output).map_err(reason)?;

    let (y, rest) = samples.split_at(luma_length);
    let (cb, cr) = rest.split_at(chroma.area());
    let half = |samples| Component {
        samples,
        stride: chroma.width as usize,
        width: chroma.width as usize,
        across: across as u32,
        down: down as u32,
    };
    let full = Component { samples: y, stride, width, across: 1, down: 1 };
    let color = average_ycc(grid, [full, half(cb), half(cr)]);

    // The luma plane comes first: it stays where it is.
    if stride != width {
        for row in 1..height {
            samples.copy_within(row * stride..row * stride + width, row * width);
        }
    }
    samples.truncate(stored.area());
    Ok((Plane::new(stored, samples), color))
}

/// libjpeg's warnings (data missing, codes that do not exist) arrive here as errors too, which is what we want.
fn reason(error: turbojpeg::Error) -> Reason {
    let text = match error {
        turbojpeg::Error::TurboJpegError(text) => text,
        other => other.to_string(),
    };
    format!("is a damaged or truncated JPEG ({text}); copy the file again or leave it out")
}
