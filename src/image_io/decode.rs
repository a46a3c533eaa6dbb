//! From a probed file to an upright frame.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Format, Header, jpeg, png, probe, tiff};
use crate::error::{Error, Result};
use crate::frame::{Frame, Luma};

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

/// Buffers of frames that are done with: asking the system for 40 MB a frame costs as much as half a decoding.
#[derive(Debug, Default)]
pub struct Spares(Mutex<Vec<Vec<u8>>>);

impl Spares {
    /// Keeps the luma of `frame` for a later one.
    pub fn give(&self, frame: Frame) {
        if let Luma::U8(plane) = frame.luma {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(plane.data);
        }
    }

    /// A buffer of `length` bytes of any content.
    pub(super) fn take(&self, length: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = spare.unwrap_or_default();
        buffer.resize(length, 0);
        buffer
    }
}

/// [`decode`] with buffers from `spares`, to which the caller gives frames back.
pub fn decode_into(path: &Path, header: &Header, color_cell: Option<u32>, spares: &Spares) -> Result<Frame> {
    assert!(matches!(color_cell, None | Some(1 | 2 | 4 | 8)), "cells of {color_cell:?} pixels");
    let frame = match header.format {
        Format::Jpeg => jpeg::decode(&probe::read_all(path)?, header, color_cell, spares),
        Format::Png => png::decode(probe::open(path)?, header, color_cell),
        Format::Tiff => tiff::decode(probe::open(path)?, header, color_cell),
    };
    frame.map_err(|reason| Error::picture(path, reason))
}
