//! Adds a frame to one band of the pyramid: a strip of columns goes through all stages row by row, so that what lies
//! between the stages stays in a core's cache.
//!
//! Every stage runs as far ahead of the next as that looks down: rows of the plane, the coarser plane, the band and its
//! energy, the energy decimated, the weight, the sum.

use std::ops::Range;

use super::detail::{expand_down, square, subtract};
use super::fuse::{add, add_product, widen};
use super::lines::{Lines, Ring};
use super::prior::prior_row;
use super::resample::{Strip, View};
use super::shrink::shrink_row;
use super::smooth::smooth_row;
use super::weigh::weigh_row;
use crate::frame::{Plane, Size};
use crate::params::{FINEST_FLOOR, FUSION_HALO, Prior, Standing};

/// Channels of a frame's coarser planes: three colours, the energy of the finest band (of the base the weight), the prior.
pub(super) const CHANNELS: usize = 5;
const ENERGY: usize = 3;
const PRIOR: usize = 4;

// What a part looks at on either side: decimation 2, expansion 2, decimated energy 2, its smoothing 4, interpolation 1.
const _: () = assert!(FUSION_HALO >= 11 && FUSION_HALO.is_multiple_of(2));

/// Where the rows of a band's plane come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The finest: a photo, and what depth map and confidence say of it.
    Photo { view: View<'a>, depth: [&'a Plane<f32>; 2], rule: &'a Prior, standing: &'a Standing },
    /// A coarser one.
    Plane(&'a Lines),
}

/// A band that a frame is added to.
#[derive(Clone, Copy)]
pub(super) struct Band<'a> {
    pub(super) size: Size,
    pub(super) source: Source<'a>,
    /// As for [`super::weigh::weigh`].
    pub(super) floor: f32,
    pub(super) powers: [u32; 2],
    /// Whether the next plane is the base, which is weighed as this band is.
    pub(super) last: bool,
    /// Columns on either side of a part that are gone through too: [`FUSION_HALO`], but for tests.
    pub(super) halo: u32,
}

/// Rows and columns of the coarser plane; of the band, those at twice their numbers and behind them.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// Rows and columns as one pass makes them.
struct Extent {
    part: Part,
    /// Size of the band and of the coarser plane.
    size: Size,
    grid: Size,
    /// Columns of both, with what lies around the part.
    whole: Range<usize>,
    half: Range<usize>,
}

impl Extent {
    fn new(size: Size, part: Part, halo: u32) -> Self {
        let (grid, halo) = (size.grid(2), halo as usize / 2);
        let half =
            part.columns.start.saturating_sub(halo)..(part.columns.end + halo).min(grid.width as usize);
        let whole = 2 * half.start..(2 * half.end).min(size.width as usize);
        Self { part, size, grid, whole, half }
    }

    /// Both rows of the band at row `k` of the coarser plane, one at its end.
    fn pair(&self, k: usize) -> Range<usize> {
        2 * k..(2 * k + 2).min(self.size.height as usize)
    }

    /// Keeps the part's columns of a row of the coarser plane, if it is one of the part's.
    fn keep(&self, row: &[f32], k: usize, channel: usize, next: &mut [f32]) {
        let Part { rows, columns } = &self.part;
        if rows.contains(&k) {
            let at = ((k - rows.start) * CHANNELS + channel) * self.grid.width as usize;
            let row = &row[columns.start - self.half.start..][..columns.len()];
            next[at + columns.start..at + columns.end].copy_from_slice(row);
        }
    }
}

/// Room for a pass.
#[derive(Default)]
pub(super) struct Sweep {
    strip: Strip,
    plane: Ring,
    half: Ring,
    band: Ring,
    energy: Ring,
    decimated: Ring,
    weight: Ring,
    finest: Vec<f32>,
    prior: Vec<f32>,
    padded: Vec<f32>,
    between: Vec<f32>,
    wide: Vec<f32>,
}

impl Sweep {
    /// Adds `part` of `band` to `sum`, and makes the same part of the frame's `next` plane; both start at the part's first
    /// row and are as wide as their planes.
    pub(super) fn run(&mut self, band: &Band<'_>, part: Part, sum: &mut [f32], next: &mut [f32]) {
        let extent = Extent::new(band.size, part, band.halo);
        self.start(&extent);
        let (top, end) = (extent.part.rows.start, extent.part.rows.end);
        // Rows of the coarser plane for which each stage works: weights of the part and one below, as they are interpolated;
        // energies two rows around, as they are smoothed; the band three, as a decimated energy looks at two of its rows; the
        // coarser plane four, as it is expanded from neighbours. The plane itself is made as far as decimation looks down.
        let around =
            |by: usize, below: usize| top.saturating_sub(by)..(end + below).min(extent.grid.height as usize);
        let (half, bands, decimated, weights) = (around(4, 5), around(3, 4), around(2, 3), around(0, 1));
        let mut made = (2 * half.start).saturating_sub(2);
        // The coarser plane leads; `behind` is the row that a stage so many rows after it is at.
        for k in half.start..end + 5 {
            let behind = |rows: usize, of: &Range<usize>| k.checked_sub(rows).filter(|row| of.contains(row));
            if half.contains(&k) {
                let ahead = (2 * k + 3).min(extent.size.height as usize);
                (made..ahead).for_each(|y| self.make_plane(band, &extent, y));
                made = ahead;
                self.make_half(&extent, k, next);
            }
            if let Some(k) = behind(1, &bands) {
                extent.pair(k).for_each(|y| self.make_band(&extent, y));
            }
            if let Some(k) = behind(2, &decimated) {
                shrink_row(self.energy.around(2 * k, 0), &mut self.padded, self.decimated.make(k));
            }
            if let Some(k) = behind(4, &weights) {
                self.make_weight(band, &extent, k, next);
            }
            if let Some(k) = behind(5, &extent.part.rows) {
                extent.pair(k).for_each(|y| self.add(&extent, y, sum));
            }
        }
    }

    /// Lays out the rings.
    fn start(&mut self, Extent { part, size, grid, whole, half }: &Extent) {
        let (height, half_height) = (size.height as usize, grid.height as usize);
        self.strip.start(whole.clone(), height.min(2 * part.rows.end + FUSION_HALO as usize));
        self.plane.reset([whole.len(), 3], height, 5);
        self.half.reset([half.len(), 3], half_height, 3);
        self.band.reset([whole.len(), 3], height, 10);
        self.energy.reset([whole.len(), 1], height, 6);
        self.decimated.reset([half.len(), 1], half_height, 5);
        self.weight.reset([half.len(), 1], half_height, 2);
        self.finest.resize(half.len(), 0.0);
        self.prior.resize(half.len(), 0.0);
    }

    fn make_plane(&mut self, band: &Band<'_>, extent: &Extent, y: usize) {
        let row = self.plane.make(y);
        match &band.source {
            Source::Photo { view, .. } => self.strip.make(view, y, row),
            Source::Plane(lines) => {
                for (channel, out) in row.chunks_exact_mut(extent.whole.len()).enumerate() {
                    out.copy_from_slice(lines.part(y, channel, &extent.whole));
                }
            }
        }
    }

    fn make_half(&mut self, extent: &Extent, k: usize, next: &mut [f32]) {
        for (channel, out) in self.half.make(k).chunks_exact_mut(extent.half.len()).enumerate() {
            shrink_row(self.plane.around(2 * k, channel), &mut self.padded, out);
            extent.keep(out, k, channel, next);
        }
    }

    fn make_band(&mut self, extent: &Extent, y: usize) {
        let row = self.band.make(y);
        for (channel, out) in row.chunks_exact_mut(extent.whole.len()).enumerate() {
            expand_down(y, self.half.around(y / 2, channel), &mut self.between);
            subtract(self.plane.channel(y, channel), &self.between, out);
        }
        square(row, self.energy.make(y));
    }

    fn make_weight(&mut self, band: &Band<'_>, extent: &Extent, k: usize, next: &mut [f32]) {
        match &band.source {
            Source::Photo { view, depth, rule, standing } => {
                let taps = self.decimated.around(k, 0);
                smooth_row(taps, FINEST_FLOOR, &mut self.padded, &mut self.finest);
                let [depth, confidence] = depth.map(|plane| &plane.row(k as u32)[extent.half.clone()]);
                let (m, corner) = (view.transform.to_f32(), [extent.half.start as u32, k as u32]);
                prior_row(depth, confidence, rule, standing, &m, corner, &mut self.prior);
            }
            Source::Plane(lines) => {
                for (channel, out) in [(ENERGY, &mut self.finest), (PRIOR, &mut self.prior)] {
                    shrink_row(lines.around(2 * k, channel, &extent.whole), &mut self.padded, out);
                }
            }
        }
        let weight = self.weight.make(k);
        weigh_row(self.decimated.row(k), &self.finest, &self.prior, band.floor, band.powers, weight);
        extent.keep(if band.last { weight } else { &self.finest }, k, ENERGY, next);
        extent.keep(&self.prior, k, PRIOR, next);
    }

    fn add(&mut self, extent: &Extent, y: usize, sum: &mut [f32]) {
        let (Part { rows, columns }, width) = (&extent.part, extent.size.width as usize);
        let after = (y / 2 + y % 2).min(extent.grid.height as usize - 1);
        let weights = [y / 2, after].map(|k| self.weight.row(k));
        widen(weights, extent.whole.len(), &mut self.between, &mut self.wide);
        let columns = 2 * columns.start..(2 * columns.end).min(width);
        let inner = columns.start - extent.whole.start..columns.end - extent.whole.start;
        let sum = &mut sum[(y - 2 * rows.start) * 4 * width..][..4 * width];
        let weights = &self.wide[inner.clone()];
        for (channel, sum) in sum.chunks_exact_mut(width).enumerate() {
            let sum = &mut sum[columns.clone()];
            match channel {
                3 => add(sum, weights),
                _ => add_product(sum, &self.band.channel(y, channel)[inner.clone()], weights),
            }
        }
    }
}
