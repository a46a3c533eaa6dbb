//! Normal equations of a Gauss–Newton step that aligns two planes. Twin of `shaders/align.wgsl`.
//!
//! Lucas & Kanade (1981) with the mean of both planes' gradients (efficient second-order minimisation, Benhimane
//! & Malis, IROS 2004), so that a blurred plane against a sharp one still converges, and with gain and bias as
//! unknowns (Bartoli, PAMI 2008).

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::{ALIGN_SUMS, ALIGN_UNKNOWNS};
use crate::transform::NormalEquations;

/// One Gauss–Newton step's sums for `warped` (reference geometry, negative outside) against `reference`.
///
/// Positions are measured from the centre in units of half the width, so that all unknowns are of one order.
/// Pixels whose four neighbours are not covered, and the outermost rows and columns, do not count.
pub fn align(reference: &Plane<f32>, warped: &Plane<f32>) -> NormalEquations {
    assert_eq!(reference.size, warped.size, "both planes are in the reference geometry");
    let (width, height) = (reference.size.width as usize, reference.size.height as usize);
    if width < 3 || height < 3 {
        return NormalEquations::from_sums(&[0.0; ALIGN_SUMS]);
    }
    let unit = 2.0 / width as f32;
    let (cx, cy) = ((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
    let rows: Vec<[f32; ALIGN_SUMS]> = (1..height - 1)
        .into_par_iter()
        .map(|y| {
            let rows = |plane| [-1, 0, 1].map(|dy: i32| Plane::row(plane, (y as i32 + dy) as u32));
            row_sums(rows(reference), rows(warped), (y as f32 - cy) * unit, cx, unit)
        })
        .collect();
    let mut sums = [0.0; ALIGN_SUMS];
    for row in &rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    NormalEquations::from_sums(&sums)
}

const LANES: usize = 8;

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn row_sums(r: [&[f32]; 3], w: [&[f32]; 3], v: f32, cx: f32, unit: f32) -> [f32; ALIGN_SUMS] {
    let width = r[0].len();
    let [r, w] = [r, w].map(|rows| rows.map(|row| &row[..width]));
    let mut lanes = [[0.0f32; LANES]; ALIGN_SUMS];
    let mut start = 1;
    while start < width - 1 {
        let mut j = [[0.0f32; LANES]; ALIGN_UNKNOWNS];
        let mut residual = [0.0f32; LANES];
        let mut weight = [0.0f32; LANES];
        for lane in 0..LANES.min(width - 1 - start) {
            let x = start + lane;
            let covered = w[1][x].min(w[1][x - 1]).min(w[1][x + 1]).min(w[0][x]).min(w[2][x]) >= 0.0;
            let on = if covered { 1.0 } else { 0.0 };
            let u = (x as f32 - cx) * unit;
            let gx = 0.25 * (r[1][x + 1] - r[1][x - 1] + w[1][x + 1] - w[1][x - 1]) * on;
            let gy = 0.25 * (r[2][x] - r[0][x] + w[2][x] - w[0][x]) * on;
            residual[lane] = (w[1][x] - r[1][x]) * on;
            weight[lane] = on;
            for (row, value) in j.iter_mut().zip([gx * u + gy * v, gy * u - gx * v, gx, gy, w[1][x] * on, on])
            {
                row[lane] = value;
            }
        }
        let mut at = 0;
        for i in 0..ALIGN_UNKNOWNS {
            for k in i..ALIGN_UNKNOWNS {
                for lane in 0..LANES {
                    lanes[at][lane] += j[i][lane] * j[k][lane];
                }
                at += 1;
            }
        }
        for i in 0..ALIGN_UNKNOWNS {
            for lane in 0..LANES {
                lanes[at + i][lane] += j[i][lane] * residual[lane];
            }
        }
        for lane in 0..LANES {
            lanes[at + ALIGN_UNKNOWNS][lane] += residual[lane] * residual[lane];
            lanes[at + ALIGN_UNKNOWNS + 1][lane] += weight[lane];
        }
        start += LANES;
    }
    lanes.map(|lane| lane.iter().sum())
}
