//! From a probed file to an upright frame or upright pixels.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::rows::{Colors, Rows};
use super::{Format, Header, jpeg, png, probe, tiff};
use crate::error::{Error, Result};
use crate::frame::{Frame, Luma, Pixels};

/// Decodes the picture at `path` upright: luma at full size and, where `color_cell` is given, colour averaged over
/// cells of that many pixels a side (1, 2, 4 or 8).
///
/// Luma alone never touches colour. A file that is truncated, damaged or no longer what `header` said is an error:
/// no partly grey picture comes out. Allocates what `header`, checked by [`probe`](super::probe()), states.
///
/// Panics if `color_cell` is none of those, which is a programming error.
pub fn decode(path: &Path, header: &Header, color_cell: Option<u32>) -> Result<Frame> {
    decode_into(path, header, color_cell, &Spares::default())
}

/// Luma of a live view's JPEG.
///
/// # Errors
/// [`Error::Camera`] if it is damaged.
pub fn decode_live_view(bytes: &[u8]) -> Result<crate::frame::Plane<u8>> {
    jpeg::decode_luma(bytes)
        .map_err(|reason| Error::Camera(format!("the live view cannot be read: {reason}")))
}

/// Buffers of frames that are done with: asking the system for 40 MB a frame costs as much as half a decoding.
#[derive(Debug, Default)]
pub struct Spares {
    luma: Pool<u8>,
    rgb: Pool<[u8; 3]>,
    wide: Pool<[u16; 3]>,
}

/// Buffers of one kind of pixel.
#[derive(Debug, Default)]
struct Pool<T>(Mutex<Vec<Vec<T>>>);

impl<T: Clone + Default> Pool<T> {
    fn give(&self, buffer: Vec<T>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }

    /// Any buffer, or a new one.
    fn take(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// A buffer of `length` pixels of any content.
    fn filled(&self, length: usize) -> Vec<T> {
        let mut buffer = self.take();
        buffer.resize(length, T::default());
        buffer
    }

    /// An empty buffer with room for `length` pixels.
    fn empty(&self, length: usize) -> Vec<T> {
        let mut buffer = self.take();
        buffer.clear();
        buffer.reserve_exact(length);
        buffer
    }
}

impl Spares {
    /// Keeps the luma of `frame` for a later one.
    pub fn give(&self, frame: Frame) {
        if let Luma::U8(plane) = frame.luma {
            self.luma.give(plane.data);
        }
    }

    /// Keeps `pixels` for a later picture.
    pub fn give_pixels(&self, pixels: Pixels) {
        match pixels {
            Pixels::U8(plane) => self.rgb.give(plane.data),
            Pixels::U16(plane) => self.wide.give(plane.data),
        }
    }

    /// A buffer of `length` bytes of any content.
    pub(super) fn take(&self, length: usize) -> Vec<u8> {
        self.luma.filled(length)
    }

    /// A buffer of `length` 8-bit pixels of any content.
    pub(super) fn take_rgb(&self, length: usize) -> Vec<[u8; 3]> {
        self.rgb.filled(length)
    }

    /// An empty buffer with room for `length` 8-bit pixels.
    pub(super) fn room_for_rgb(&self, length: usize) -> Vec<[u8; 3]> {
        self.rgb.empty(length)
    }

    /// An empty buffer with room for `length` 16-bit pixels.
    pub(super) fn room_for_wide(&self, length: usize) -> Vec<[u16; 3]> {
        self.wide.empty(length)
    }
}

/// [`decode`] with buffers from `spares`, to which the caller gives frames back.
pub fn decode_into(path: &Path, header: &Header, color_cell: Option<u32>, spares: &Spares) -> Result<Frame> {
    assert!(matches!(color_cell, None | Some(1 | 2 | 4 | 8)), "cells of {color_cell:?} pixels");
    let frame = match header.format {
        Format::Jpeg => jpeg::decode(&probe::read_all(path)?, header, color_cell, spares),
        Format::Png | Format::Tiff => {
            let mut rows = Rows::new(header, color_cell);
            read_rows(path, header, &mut |row, channels| rows.push(row, channels))?;
            rows.finish()
        }
    };
    frame.map_err(|reason| Error::picture(path, reason))
}

/// Decodes the picture at `path` upright in full colour, with buffers from `spares`.
///
/// `header.size` RGB pixels: [`Pixels::U16`] from 16-bit files, else [`Pixels::U8`]; a grey picture has three equal
/// channels, values of fewer than 8 bits are spread over 0…255, transparency is ignored, the colour space stays as it
/// is (see [`metadata`](super::metadata())). Allocates what `header`, checked by [`probe`](super::probe()), states.
///
/// # Errors
/// [`Error::Picture`] if the file is truncated, damaged or no longer what `header` said, [`Error::Io`] if it cannot be
/// read.
pub fn decode_pixels(path: &Path, header: &Header, spares: &Spares) -> Result<Pixels> {
    let pixels = match header.format {
        Format::Jpeg => jpeg::decode_pixels(&probe::read_all(path)?, header, spares),
        Format::Png | Format::Tiff => {
            let mut colors = Colors::new(header, spares);
            read_rows(path, header, &mut |row, channels| colors.push(row, channels))?;
            colors.finish()
        }
    };
    pixels.map_err(|reason| Error::picture(path, reason))
}

/// Passes the stored rows of a PNG or TIFF to `sink`, from top to bottom, with the number of samples a pixel.
fn read_rows(path: &Path, header: &Header, sink: &mut dyn FnMut(&[u8], usize)) -> Result<()> {
    let file = probe::open(path)?;
    let read = match header.format {
        Format::Png => png::read_rows(file, header, sink),
        _ => tiff::read_rows(file, header, sink),
    };
    read.map_err(|reason| Error::picture(path, reason))
}
