//! Laplacian moments per cell, straight from full-resolution luma. Twin of `shaders/sharpness.wgsl`.
//!
//! The focus measure is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of luma smoothed by the
//! binomial 1-4-6-4-1 (σ = 1 px), which makes it robust to sensor noise. Both filters are one separable integer
//! kernel here, so the Laplacian itself is exact. Edge rule: luma is replicated outside the frame.

use std::ops::{Add, Mul, Range, Sub};

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::{Luma, Plane};
use crate::params::{BINOMIAL, BINOMIAL_LAPLACIAN, LAPLACIAN_UNIT};

/// Means over one cell; luma in units of full scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Mean Laplacian, signed.
    pub laplacian: Plane<f32>,
    /// Mean squared Laplacian.
    pub energy: Plane<f32>,
    /// Mean luma, 0…1.
    pub luma: Plane<f32>,
}

/// Moments of `luma` over cells of `cell`×`cell` pixels (1, 2 or 4); partial cells average what is there.
pub fn sharpness(luma: &Luma, cell: u32) -> Moments {
    match luma {
        Luma::U8(plane) => moments(plane, cell, f32::from(u8::MAX)),
        Luma::U16(plane) => moments(plane, cell, f32::from(u16::MAX)),
    }
}

/// A sample of luma and the integers in which filtering it down a column stays exact.
trait Sample: Copy + Into<Self::Sum> + Sync {
    /// 16 bits hold all sums of 8-bit luma, which doubles what a vector register does.
    type Sum: Copy
        + From<i8>
        + Into<i32>
        + Send
        + Add<Output = Self::Sum>
        + Sub<Output = Self::Sum>
        + Mul<Output = Self::Sum>;
}

impl Sample for u8 {
    type Sum = i16;
}

impl Sample for u16 {
    type Sum = i32;
}

fn moments<T: Sample>(plane: &Plane<T>, cell: u32, full_scale: f32) -> Moments {
    let grid = plane.size.grid(cell);
    let mut out = Moments {
        laplacian: Plane::filled(grid, 0.0),
        energy: Plane::filled(grid, 0.0),
        luma: Plane::filled(grid, 0.0),
    };
    let width = grid.width as usize;
    out.laplacian
        .data
        .par_chunks_exact_mut(width)
        .zip(out.energy.data.par_chunks_exact_mut(width))
        .zip(out.luma.data.par_chunks_exact_mut(width))
        .enumerate()
        .for_each_init(Columns::<T>::new, |columns, (cell_row, ((laplacian, energy), luma))| {
            let top = cell_row as u32 * cell;
            let rows = top..(top + cell).min(plane.size.height);
            for start in (0..plane.size.width as usize).step_by(TILE) {
                columns.sum(plane, rows.clone(), start);
                let out =
                    [&mut *laplacian, &mut *energy, &mut *luma].map(|row| &mut row[start / cell as usize..]);
                columns.reduce(cell as usize, rows.len() as f32, full_scale, out);
            }
        });
    out
}

/// Columns worked on at a time, a multiple of every cell: their sums stay in the first-level cache.
const TILE: usize = 1024;
const PAD: usize = 3;

/// Sums down the columns of a tile of one row of cells.
struct Columns<T: Sample> {
    /// Vertically smoothed luma, with 3 columns more on each side.
    smooth: Vec<T::Sum>,
    /// Vertical Laplacian of the smoothed luma, alike.
    bent: Vec<T::Sum>,
    laplacian: Vec<i32>,
    energy: Vec<f32>,
    luma: Vec<i32>,
}

impl<T: Sample> Columns<T> {
    const fn new() -> Self {
        Self {
            smooth: Vec::new(),
            bent: Vec::new(),
            laplacian: Vec::new(),
            energy: Vec::new(),
            luma: Vec::new(),
        }
    }

    /// Sums `rows` of `plane` over the tile that begins at column `start`.
    fn sum(&mut self, plane: &Plane<T>, rows: Range<u32>, start: usize) {
        let full = plane.size.width as usize;
        let width = TILE.min(full - start);
        for buffer in [&mut self.smooth, &mut self.bent] {
            buffer.resize(width + 2 * PAD, 0.into());
        }
        for buffer in [&mut self.laplacian, &mut self.luma] {
            buffer.clear();
            buffer.resize(width, 0);
        }
        self.energy.clear();
        self.energy.resize(width, 0.0);
        // The columns that there are; the others replicate the picture's edge.
        let known = start.saturating_sub(PAD)..(start + width + PAD).min(full);
        let placed = known.start + PAD - start..known.end + PAD - start;
        let last = i64::from(plane.size.height) - 1;
        for y in rows {
            let row = |dy: i64| &plane.row((i64::from(y) + dy).clamp(0, last) as u32)[known.clone()];
            let around = [row(-3), row(-2), row(-1), row(0), row(1), row(2), row(3)];
            filter_down(around, &mut self.smooth[placed.clone()], &mut self.bent[placed.clone()]);
            for padded in [&mut self.smooth, &mut self.bent] {
                let (first, end) = (padded[placed.start], padded[placed.end - 1]);
                padded[..placed.start].fill(first);
                padded[placed.end..].fill(end);
            }
            filter_across(&self.smooth, &self.bent, &mut self.laplacian, &mut self.energy);
            add_luma(&plane.row(y)[start..start + width], &mut self.luma);
        }
    }

    /// Averages groups of `cell` columns.
    fn reduce(&self, cell: usize, rows: f32, full_scale: f32, out: [&mut [f32]; 3]) {
        let scale = Scale { rows, full_scale, unit: 1.0 / (full_scale * LAPLACIAN_UNIT) };
        match cell {
            1 => reduce_by::<T, 1>(self, &scale, out),
            2 => reduce_by::<T, 2>(self, &scale, out),
            4 => reduce_by::<T, 4>(self, &scale, out),
            _ => unreachable!("cells of {cell} pixels"),
        }
    }
}

/// From sums of integers to means of luma.
struct Scale {
    rows: f32,
    full_scale: f32,
    unit: f32,
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn reduce_by<T: Sample, const CELL: usize>(
    columns: &Columns<T>,
    scale: &Scale,
    [laplacian, energy, luma]: [&mut [f32]; 3],
) {
    let (l, l_rest) = columns.laplacian.as_chunks::<CELL>();
    let (e, e_rest) = columns.energy.as_chunks::<CELL>();
    let (y, y_rest) = columns.luma.as_chunks::<CELL>();
    let unit = |pixels: usize| {
        let per_pixel = 1.0 / (pixels as f32 * scale.rows);
        [scale.unit * per_pixel, scale.unit * scale.unit * per_pixel, per_pixel / scale.full_scale]
    };
    let units = unit(CELL);
    let out = (laplacian.iter_mut().zip(&mut *energy)).zip(&mut *luma);
    for (((laplacian, energy), luma), ((l, e), y)) in out.zip(l.iter().zip(e).zip(y)) {
        *laplacian = l.iter().sum::<i32>() as f32 * units[0];
        *energy = e.iter().sum::<f32>() * units[1];
        *luma = y.iter().sum::<i32>() as f32 * units[2];
    }
    if !l_rest.is_empty() {
        let (units, last) = (unit(l_rest.len()), l.len());
        laplacian[last] = l_rest.iter().sum::<i32>() as f32 * units[0];
        energy[last] = e_rest.iter().sum::<f32>() * units[1];
        luma[last] = y_rest.iter().sum::<i32>() as f32 * units[2];
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn filter_down<T: Sample>(rows: [&[T]; 7], smooth: &mut [T::Sum], bent: &mut [T::Sum]) {
    let width = smooth.len();
    let [a, b, c, d, e, f, g] = rows.map(|row| &row[..width]);
    let (smooth, bent) = (&mut smooth[..width], &mut bent[..width]);
    let times = <T::Sum as From<i8>>::from;
    for x in 0..width {
        let [a, b, c, d, e, f, g]: [T::Sum; 7] = [a[x], b[x], c[x], d[x], e[x], f[x], g[x]].map(Into::into);
        smooth[x] = b + f + times(BINOMIAL[1]) * (c + e) + times(BINOMIAL[2]) * d;
        bent[x] = a + g + times(BINOMIAL_LAPLACIAN[1]) * (b + f) - (c + e) + times(BINOMIAL_LAPLACIAN[3]) * d;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_luma<T: Sample>(row: &[T], luma: &mut [i32]) {
    for (sum, value) in luma.iter_mut().zip(row) {
        *sum += Into::<T::Sum>::into(*value).into();
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn filter_across<S>(smooth: &[S], bent: &[S], laplacian: &mut [i32], energy: &mut [f32])
where
    S: Copy + From<i8> + Into<i32> + Add<Output = S> + Sub<Output = S> + Mul<Output = S>,
{
    let width = laplacian.len();
    let energy = &mut energy[..width];
    let s: [&[S]; 7] = std::array::from_fn(|k| &smooth[k..k + width]);
    let b: [&[S]; 5] = std::array::from_fn(|k| &bent[k + 1..k + 1 + width]);
    let times = <S as From<i8>>::from;
    for x in 0..width {
        let across = s[0][x] + s[6][x] + times(BINOMIAL_LAPLACIAN[1]) * (s[1][x] + s[5][x])
            - (s[2][x] + s[4][x])
            + times(BINOMIAL_LAPLACIAN[3]) * s[3][x];
        let down =
            b[0][x] + b[4][x] + times(BINOMIAL[1]) * (b[1][x] + b[3][x]) + times(BINOMIAL[2]) * b[2][x];
        let value: i32 = Into::<i32>::into(across) + Into::<i32>::into(down);
        laplacian[x] += value;
        energy[x] += value as f32 * value as f32;
    }
}
