//! Pictures that decode row by row (PNG, TIFF): luma and colour cells in one pass without a full RGB copy, or colour.

use super::cells::{Averager, Grid};
use super::probe::Reason;
use super::{Header, Orientation, Spares};
use crate::frame::{Frame, Luma, Pixels, Plane, Size};

/// Collects stored rows into a frame.
pub(super) struct Rows {
    stored: Size,
    orientation: Orientation,
    luma: Samples,
    cells: Option<Averager>,
}

enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
}

impl Rows {
    /// For the picture of `header`; `color_cell` as for [`decode`](super::decode).
    pub(super) fn new(header: &Header, color_cell: Option<u32>) -> Self {
        let area = header.stored.area();
        let (luma, full) = if header.bits == 16 {
            (Samples::U16(Vec::with_capacity(area)), 0xffff)
        } else {
            (Samples::U8(Vec::with_capacity(area)), 0xff)
        };
        let cells =
            color_cell.map(|cell| Averager::new(Grid::new(header.stored, header.orientation, cell), full));
        Self { stored: header.stored, orientation: header.orientation, luma, cells }
    }

    /// Adds a row of native-endian samples, `channels` a pixel: grey, grey and more, RGB, or RGB and more.
    pub(super) fn push(&mut self, row: &[u8], channels: usize) {
        match &mut self.luma {
            Samples::U8(luma) => push(luma, &mut self.cells, row, channels, |value| value as u8),
            Samples::U16(luma) => {
                push(luma, &mut self.cells, &samples16(row), channels, |value| value as u16);
            }
        }
    }

    /// The upright frame, if all rows came.
    pub(super) fn finish(self) -> Result<Frame, Reason> {
        let (stored, orientation) = (self.stored, self.orientation);
        let length = match &self.luma {
            Samples::U8(luma) => luma.len(),
            Samples::U16(luma) => luma.len(),
        };
        check_complete(length, stored)?;
        let luma = match self.luma {
            Samples::U8(luma) => Luma::U8(orientation.apply(Plane::new(stored, luma))),
            Samples::U16(luma) => Luma::U16(orientation.apply(Plane::new(stored, luma))),
        };
        Ok(Frame { luma, color: self.cells.map(|cells| orientation.apply(cells.finish())) })
    }
}

/// Collects stored rows into full colour.
pub(super) struct Colors {
    stored: Size,
    orientation: Orientation,
    pixels: Rgb,
}

enum Rgb {
    U8(Vec<[u8; 3]>),
    U16(Vec<[u16; 3]>),
}

impl Colors {
    /// For the picture of `header`.
    pub(super) fn new(header: &Header, spares: &Spares) -> Self {
        let area = header.stored.area();
        let pixels = match header.bits {
            16 => Rgb::U16(spares.room_for_wide(area)),
            _ => Rgb::U8(spares.room_for_rgb(area)),
        };
        Self { stored: header.stored, orientation: header.orientation, pixels }
    }

    /// Adds a row as [`Rows::push`] does.
    pub(super) fn push(&mut self, row: &[u8], channels: usize) {
        match &mut self.pixels {
            Rgb::U8(pixels) => push_rgb(pixels, row, channels),
            Rgb::U16(pixels) => push_rgb(pixels, &samples16(row), channels),
        }
    }

    /// The upright picture, if all rows came.
    pub(super) fn finish(self) -> Result<Pixels, Reason> {
        let (stored, orientation) = (self.stored, self.orientation);
        Ok(match self.pixels {
            Rgb::U8(pixels) => {
                check_complete(pixels.len(), stored)?;
                Pixels::U8(orientation.apply(Plane::new(stored, pixels)))
            }
            Rgb::U16(pixels) => {
                check_complete(pixels.len(), stored)?;
                Pixels::U16(orientation.apply(Plane::new(stored, pixels)))
            }
        })
    }
}

fn check_complete(length: usize, stored: Size) -> Result<(), Reason> {
    if length == stored.area() {
        return Ok(());
    }
    Err(format!("holds {length} of its {} pixels; copy the file again", stored.area()))
}

fn samples16(row: &[u8]) -> Vec<u16> {
    row.as_chunks().0.iter().map(|&bytes| u16::from_ne_bytes(bytes)).collect()
}

fn push_rgb<T: Copy>(pixels: &mut Vec<[T; 3]>, row: &[T], channels: usize) {
    match channels {
        1 => pixels.extend(row.iter().map(|&grey| [grey; 3])),
        2 => pixels.extend(row.as_chunks::<2>().0.iter().map(|&[grey, _]| [grey; 3])),
        3 => pixels.extend_from_slice(row.as_chunks().0),
        4 => pixels.extend(row.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| [r, g, b])),
        _ => pixels.extend(row.chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]])),
    }
}

fn push<T: Copy + Into<u32>>(
    luma: &mut Vec<T>,
    cells: &mut Option<Averager>,
    row: &[T],
    channels: usize,
    narrow: impl Fn(u32) -> T,
) {
    match channels {
        1 => luma.extend_from_slice(row),
        2 => luma.extend(row.as_chunks::<2>().0.iter().map(|pixel| pixel[0])),
        3 => luma.extend(row.as_chunks::<3>().0.iter().map(|&[r, g, b]| narrow(rec601(r, g, b)))),
        4 => luma.extend(row.as_chunks::<4>().0.iter().map(|&[r, g, b, _]| narrow(rec601(r, g, b)))),
        _ => {
            luma.extend(row.chunks_exact(channels).map(|pixel| narrow(rec601(pixel[0], pixel[1], pixel[2]))))
        }
    }
    if let Some(cells) = cells {
        cells.push(row, channels);
    }
}

/// Rec. 601 luma of gamma-encoded samples, rounded, in 16-bit fixed point; the factors add up to 1.
fn rec601<T: Into<u32>>(r: T, g: T, b: T) -> u32 {
    (19_595 * r.into() + 38_470 * g.into() + 7_471 * b.into() + 32_768) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_spans_the_full_range() {
        assert_eq!(rec601(255u8, 255, 255), 255);
        assert_eq!(rec601(65535u16, 65535, 65535), 65535);
        assert_eq!(rec601(255u8, 0, 0), 76);
        assert_eq!(rec601(0u8, 255, 0), 150);
        assert_eq!(rec601(0u8, 0, 255), 29);
    }
}
