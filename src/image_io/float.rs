//! Reading back the planes that [`write_tiff_f32`](super::write_tiff_f32) and
//! [`write_png_gray16`](super::write_png_gray16) wrote.

use std::path::Path;

use ::tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};

use super::decode::decode;
use super::probe::{Limits, open, probe};
use crate::error::{Error, Result};
use crate::frame::{Luma, Plane, Size};

/// The plane in `path`: a TIFF of one float32 channel, NaN kept.
///
/// # Errors
/// [`Error::Picture`] if it is anything else, or over the default limits.
pub fn read_tiff_f32(path: &Path) -> Result<Plane<f32>> {
    let damaged = |what: &dyn std::fmt::Display| {
        Error::picture(path, format!("is no depth map ({what}); map the frames again"))
    };
    let limits = Limits::default();
    let mut bounds = TiffLimits::default();
    bounds.decoding_buffer_size = 4 * limits.max_pixels as usize;
    let mut decoder = Decoder::new(open(path)?).map_err(|error| damaged(&error))?.with_limits(bounds);
    let (width, height) = decoder.dimensions().map_err(|error| damaged(&error))?;
    let size = Size::new(width, height);
    limits.check(size).map_err(|reason| damaged(&reason))?;
    match decoder.read_image().map_err(|error| damaged(&error))? {
        DecodingResult::F32(data) if data.len() == size.area() => Ok(Plane::new(size, data)),
        _ => Err(damaged(&"it does not hold one float32 channel")),
    }
}

/// The plane in `path`: a PNG of 16-bit grey.
///
/// # Errors
/// [`Error::Picture`] if it is anything else, or over the default limits.
pub fn read_png_gray16(path: &Path) -> Result<Plane<u16>> {
    let header = probe(path, &Limits::default())?;
    match decode(path, &header, None)?.luma {
        Luma::U16(plane) => Ok(plane),
        Luma::U8(_) => Err(Error::picture(path, "has 8 bits where a map has 16; map the frames again")),
    }
}
