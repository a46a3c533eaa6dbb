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
use super::shrink::{around, shrink_row};
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

/// The rows that a binomial reaches.
const AROUND: [isize; 5] = [-2, -1, 0, 1, 2];

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
        let (top, end) = (extent.part.rows.start as isize, extent.part.rows.end as isize);
        // Rows of the coarser plane for which each stage works: weights of the part and one below, as they are interpolated;
        // energies two rows around, as they are smoothed; the band three, as a decimated energy looks at two of its rows; the
        // coarser plane four, as it is expanded from neighbours. The plane itself is made as far as decimation looks down.
        let within = |from: isize, to: isize| from.max(0)..to.min(extent.grid.height as isize);
        let (half, bands) = (within(top - 4, end + 5), within(top - 3, end + 4));
        let (decimated, weights) = (within(top - 2, end + 3), within(top, end + 1));
        let mut made = (2 * half.start - 2).max(0);
        for k in top - 5..end + 4 {
            if half.contains(&(k + 1)) {
                let ahead = (2 * k + 5).min(extent.size.height as isize);
                (made..ahead).for_each(|y| self.make_plane(band, &extent, y as usize));
                made = ahead;
                self.make_half(&extent, k + 1, next);
            }
            if bands.contains(&k) {
                extent.pair(k as usize).for_each(|y| self.make_band(&extent, y));
            }
            if decimated.contains(&(k - 1)) {
                let taps = AROUND.map(|by| self.energy.row(2 * (k - 1) + by));
                shrink_row(taps, &mut self.padded, self.decimated.make(k as usize - 1));
            }
            if weights.contains(&(k - 3)) {
                self.make_weight(band, &extent, k - 3, next);
            }
            if (top..end).contains(&(k - 4)) {
                extent.pair(k as usize - 4).for_each(|y| self.add(&extent, y, sum));
            }
        }
    }

    /// Lays out the rings.
    fn start(&mut self, Extent { part, size, grid, whole, half }: &Extent) {
        let (height, half_height) = (size.height as usize, grid.height as usize);
        self.strip.start(whole.clone(), height.min(2 * part.rows.end + FUSION_HALO as usize));
        self.plane.reset(3 * whole.len(), height, 5);
        self.half.reset(3 * half.len(), half_height, 3);
        self.band.reset(3 * whole.len(), height, 10);
        self.energy.reset(whole.len(), height, 6);
        self.decimated.reset(half.len(), half_height, 5);
        self.weight.reset(half.len(), half_height, 2);
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

    fn make_half(&mut self, extent: &Extent, k: isize, next: &mut [f32]) {
        for (channel, out) in self.half.make(k as usize).chunks_exact_mut(extent.half.len()).enumerate() {
            let taps = AROUND.map(|by| self.plane.channel(2 * k + by, channel, 3));
            shrink_row(taps, &mut self.padded, out);
            extent.keep(out, k as usize, channel, next);
        }
    }

    fn make_band(&mut self, extent: &Extent, y: usize) {
        let row = self.band.make(y);
        for (channel, out) in row.chunks_exact_mut(extent.whole.len()).enumerate() {
            let taps = [-1, 0, 1].map(|by| self.half.channel(y as isize / 2 + by, channel, 3));
            expand_down(y, taps, &mut self.between);
            subtract(self.plane.channel(y as isize, channel, 3), &self.between, out);
        }
        square(row, self.energy.make(y));
    }

    fn make_weight(&mut self, band: &Band<'_>, extent: &Extent, k: isize, next: &mut [f32]) {
        let row = k as usize;
        match &band.source {
            Source::Photo { view, depth, rule, standing } => {
                let taps = AROUND.map(|by| self.decimated.row(k + by));
                smooth_row(taps, FINEST_FLOOR, &mut self.padded, &mut self.finest);
                let [depth, confidence] = depth.map(|plane| &plane.row(row as u32)[extent.half.clone()]);
                let (m, corner) = (view.transform.to_f32(), [extent.half.start, row]);
                prior_row(depth, confidence, rule, standing, &m, corner, &mut self.prior);
            }
            Source::Plane(lines) => {
                let rows = around(2 * row, extent.size.height as isize - 1);
                for (channel, out) in [(ENERGY, &mut self.finest), (PRIOR, &mut self.prior)] {
                    let taps = rows.map(|row| lines.part(row, channel, &extent.whole));
                    shrink_row(taps, &mut self.padded, out);
                }
            }
        }
        let weight = self.weight.make(row);
        weigh_row(self.decimated.row(k), &self.finest, &self.prior, band.floor, band.powers, weight);
        extent.keep(if band.last { weight } else { &self.finest }, row, ENERGY, next);
        extent.keep(&self.prior, row, PRIOR, next);
    }

    fn add(&mut self, extent: &Extent, y: usize, sum: &mut [f32]) {
        let (Part { rows, columns }, width) = (&extent.part, extent.size.width as usize);
        let k = y as isize / 2;
        let weights = [k, k + y as isize % 2].map(|k| self.weight.row(k));
        widen(weights, extent.whole.len(), &mut self.between, &mut self.wide);
        let columns = 2 * columns.start..(2 * columns.end).min(width);
        let inner = columns.start - extent.whole.start..columns.end - extent.whole.start;
        let sum = &mut sum[(y - 2 * rows.start) * 4 * width..][..4 * width];
        let weights = &self.wide[inner.clone()];
        for (channel, sum) in sum.chunks_exact_mut(width).enumerate() {
            let sum = &mut sum[columns.clone()];
            match channel {
                3 => add(sum, weights),
                _ => add_product(sum, &self.band.channel(y as isize, channel, 3)[inner.clone()], weights),
            }
        }
    }
}
