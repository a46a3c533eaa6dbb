//! The Laplacian pyramid that pictures are fused in, as both paths lay it out, and the picture that comes of it.

use std::ops::Range;

use rayon::prelude::*;

use crate::frame::{Pixels, Plane, Size, Window};
use crate::params::{BAND_FLOOR, FUSION_BANDS, FUSION_BASE_SIDE, FusionRule};

/// Planes of the pyramid and how frames are weighed in them.
#[derive(Clone, Debug)]
pub struct Pyramid {
    /// From the picture down to the base; all but the base are bands.
    pub sizes: Vec<Size>,
    /// How much frames count.
    pub rule: FusionRule,
}

impl Pyramid {
    /// Of a picture of `size`.
    pub fn new(size: Size, rule: FusionRule) -> Self {
        let fits = |[band, finest]: [u32; 2]| band <= 5 && band + finest <= 10;
        assert!(fits(rule.finest) && fits(rule.coarser), "weights fit single precision");
        let mut bands = 1;
        while bands < FUSION_BANDS && size.width.min(size.height) >> (bands + 1) >= FUSION_BASE_SIDE {
            bands += 1;
        }
        let mut sizes = vec![size];
        (0..bands as usize).for_each(|level| sizes.push(sizes[level].grid(2)));
        Self { sizes, rule }
    }

    /// Number of bands, which is the base's index.
    pub fn bands(&self) -> usize {
        self.sizes.len() - 1
    }

    /// Energy that noise has anyway in the band `level`.
    pub fn floor(&self, level: usize) -> f32 {
        BAND_FLOOR / 4f32.powi(level as i32)
    }

    /// Powers of energies in the band `level`.
    pub fn powers(&self, level: usize) -> [u32; 2] {
        if level == 0 { self.rule.finest } else { self.rule.coarser }
    }
}

/// A part of the fused picture as it is written.
pub struct Output {
    window: Window,
    /// The pixels.
    pub pixels: Pixels,
}

impl Output {
    /// The part `window`, in `bits` (8 or 16) a channel.
    pub fn new(window: &Window, bits: u8) -> Self {
        let size = Size::new(window.width, window.height);
        let pixels = match bits {
            8 => Pixels::U8(Plane::filled(size, [0; 3])),
            _ => Pixels::U16(Plane::filled(size, [0; 3])),
        };
        Self { window: *window, pixels }
    }

    /// Takes in those of the picture's rows `rows` that are in the window.
    ///
    /// `row` fills in the colours, 0…1, of a row of the picture, of all columns up to the window's last; it works with what
    /// `room` makes, once for every thread.
    pub fn put<R>(
        &mut self,
        rows: Range<u32>,
        room: impl Fn() -> R + Sync + Send,
        row: impl Fn(&mut R, u32, &mut [[f32; 3]]) + Sync,
    ) {
        let window = self.window;
        // `as` saturates.
        match &mut self.pixels {
            Pixels::U8(plane) => put(plane, window, rows, room, row, |value| (value * 255.0 + 0.5) as u8),
            Pixels::U16(plane) => put(plane, window, rows, room, row, |value| (value * 65535.0 + 0.5) as u16),
        }
    }
}

fn put<T: Send, R>(
    plane: &mut Plane<[T; 3]>,
    Window { x, y, width, height }: Window,
    rows: Range<u32>,
    room: impl Fn() -> R + Sync + Send,
    row: impl Fn(&mut R, u32, &mut [[f32; 3]]) + Sync,
    narrow: impl Fn(f32) -> T + Sync,
) {
    let (from, to) = (rows.start.max(y), rows.end.min(y + height));
    if from >= to {
        return;
    }
    let columns = x as usize..(x + width) as usize;
    let inside = (from - y) as usize * width as usize..(to - y) as usize * width as usize;
    let rows = plane.data[inside].par_chunks_exact_mut(width as usize).zip(from..to);
    rows.for_each_init(
        || (room(), vec![[0.0; 3]; columns.end]),
        |(room, colours), (out, y)| {
            row(room, y, colours);
            for (out, colour) in out.iter_mut().zip(&colours[columns.clone()]) {
                *out = colour.map(&narrow);
            }
        },
    );
}
