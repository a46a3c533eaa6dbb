//! From a probed file to an upright frame.

use std::path::Path;

use super::{Format, Header, jpeg, png, probe, tiff};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// Decodes the picture at `path` upright: luma at full size and, where `color_cell` is given, colour averaged over
/// cells of that many pixels a side (1, 2, 4 or 8).
///
/// Luma alone never touches colour. A file that is truncated, damaged or no longer what `header` said is an error:
/// no partly grey picture comes out. Allocates what `header`, checked by [`probe`](super::probe()), states.
///
/// Panics if `color_cell` is none of those, which is a programming error.
pub fn decode(path: &Path, header: &Header, color_cell: Option<u32>) -> Result<Frame> {
    assert!(matches!(color_cell, None | Some(1 | 2 | 4 | 8)), "cells of {color_cell:?} pixels");
    let frame = match header.format {
        Format::Jpeg => jpeg::decode(&probe::read_all(path)?, header, color_cell),
        Format::Png => png::decode(probe::open(path)?, header, color_cell),
        Format::Tiff => tiff::decode(probe::open(path)?, header, color_cell),
    };
    frame.map_err(|reason| Error::picture(path, reason))
}
