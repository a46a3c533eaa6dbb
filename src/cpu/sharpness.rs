//! Laplacian moments per cell, straight from full-resolution luma. Twin of `shaders/sharpness.wgsl`.
//!
//! The focus measure is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) of luma smoothed by the
//! binomial 1-4-6-4-1 (σ = 1 px), which makes it robust to sensor noise. Both filters are one separable integer
//! kernel here, so the Laplacian itself is exact. Edge rule: luma is replicated outside the frame.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::{Luma, Plane, Size};
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

fn moments<T: Copy + Into<i32> + Sync>(plane: &Plane<T>, cell: u32, full_scale: f32) -> Moments {
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
        .for_each_init(
            || Columns::new(plane.size),
            |columns, (cell_row, ((laplacian, energy), luma))| {
                let top = cell_row as u32 * cell;
                let rows = cell.min(plane.size.height - top);
                columns.clear();
                for y in top..top + rows {
                    let row = |dy: i64| {
                        plane.row((i64::from(y) + dy).clamp(0, i64::from(plane.size.height) - 1) as u32)
                    };
                    columns.add([row(-3), row(-2), row(-1), row(0), row(1), row(2), row(3)]);
                }
                columns.reduce(cell as usize, rows as f32, full_scale, [laplacian, energy, luma]);
            },
        );
    out
}

/// Sums down the columns of one row of cells.
struct Columns {
    /// Vertically smoothed luma, padded by 3 on each side.
    smooth: Vec<i32>,
    /// Vertical Laplacian of the smoothed luma, padded alike.
    bent: Vec<i32>,
    laplacian: Vec<i32>,
    energy: Vec<f32>,
    luma: Vec<i32>,
}

const PAD: usize = 3;

impl Columns {
    fn new(size: Size) -> Self {
        let width = size.width as usize;
        Self {
            smooth: vec![0; width + 2 * PAD],
            bent: vec![0; width + 2 * PAD],
            laplacian: vec![0; width],
            energy: vec![0.0; width],
            luma: vec![0; width],
        }
    }

    fn clear(&mut self) {
        self.laplacian.fill(0);
        self.energy.fill(0.0);
        self.luma.fill(0);
    }

    /// Adds the row in the middle of seven.
    fn add<T: Copy + Into<i32>>(&mut self, rows: [&[T]; 7]) {
        let width = self.luma.len();
        filter_down(
            rows,
            &mut self.smooth[PAD..PAD + width],
            &mut self.bent[PAD..PAD + width],
            &mut self.luma,
        );
        for padded in [&mut self.smooth, &mut self.bent] {
            let (first, last) = (padded[PAD], padded[PAD + width - 1]);
            padded[..PAD].fill(first);
            padded[PAD + width..].fill(last);
        }
        filter_across(&self.smooth, &self.bent, &mut self.laplacian, &mut self.energy);
    }

    /// Averages groups of `cell` columns.
    fn reduce(&self, cell: usize, rows: f32, full_scale: f32, out: [&mut [f32]; 3]) {
        let scale = Scale { rows, full_scale, unit: 1.0 / (full_scale * LAPLACIAN_UNIT) };
        match cell {
            1 => reduce_by::<1>(self, &scale, out),
            2 => reduce_by::<2>(self, &scale, out),
            _ => reduce_by::<4>(self, &scale, out),
        }
    }
}

/// From sums of integers to means of luma.
struct Scale {
    rows: f32,
    full_scale: f32,
    unit: f32,
}

fn reduce_by<const CELL: usize>(columns: &Columns, scale: &Scale, [laplacian, energy, luma]: [&mut [f32]; 3]) {
    let columns = columns.laplacian.chunks(CELL).zip(columns.energy.chunks(CELL)).zip(columns.luma.chunks(CELL));
    let out = laplacian.iter_mut().zip(energy).zip(luma);
    for (((laplacian, energy), luma), ((l, e), y)) in out.zip(columns) {
        let per_pixel = 1.0 / (l.len() as f32 * scale.rows);
        *laplacian = l.iter().sum::<i32>() as f32 * scale.unit * per_pixel;
        *energy = e.iter().sum::<f32>() * scale.unit * scale.unit * per_pixel;
        *luma = y.iter().sum::<i32>() as f32 / scale.full_scale * per_pixel;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn filter_down<T: Copy + Into<i32>>(rows: [&[T]; 7], smooth: &mut [i32], bent: &mut [i32], luma: &mut [i32]) {
    let width = luma.len();
    let [a, b, c, d, e, f, g] = rows.map(|row| &row[..width]);
    let (smooth, bent) = (&mut smooth[..width], &mut bent[..width]);
    for x in 0..width {
        let [a, b, c, d, e, f, g]: [i32; 7] = [a[x], b[x], c[x], d[x], e[x], f[x], g[x]].map(Into::into);
        smooth[x] = b + f + BINOMIAL[1] * (c + e) + BINOMIAL[2] * d;
        bent[x] = a + g + BINOMIAL_LAPLACIAN[1] * (b + f) - (c + e) + BINOMIAL_LAPLACIAN[3] * d;
        luma[x] += d;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn filter_across(smooth: &[i32], bent: &[i32], laplacian: &mut [i32], energy: &mut [f32]) {
    let width = laplacian.len();
    let energy = &mut energy[..width];
    let s: [&[i32]; 7] = std::array::from_fn(|k| &smooth[k..k + width]);
    let b: [&[i32]; 5] = std::array::from_fn(|k| &bent[k + 1..k + 1 + width]);
    for x in 0..width {
        let across = s[0][x] + s[6][x] + BINOMIAL_LAPLACIAN[1] * (s[1][x] + s[5][x]) - (s[2][x] + s[4][x])
            + BINOMIAL_LAPLACIAN[3] * s[3][x];
        let down = b[0][x] + b[4][x] + BINOMIAL[1] * (b[1][x] + b[3][x]) + BINOMIAL[2] * b[2][x];
        let value = across + down;
        laplacian[x] += value;
        energy[x] += value as f32 * value as f32;
    }
}
