//! How far depth is to be trusted. Twin of `shaders/confidence.wgsl`.
//!
//! A true peak stands out of its curve and its neighbours agree with it; the blur of something near on a plain
//! background gives peaks that scatter. Beside a near object its sharp edge is found over the background too (edge
//! fattening), so that a cell with something farther close by may itself be farther than it looks.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::{ConfidenceRule, DEPTH_SIGMA};

/// Confidence 0…1 of the measured depth `raw` by `rule`: the share of its peak (`height`: peak over mean), times how
/// little `raw` varies around, times how little farther it reaches there, times how near `raw` is to the filled depth
/// `filled`. Edge cells are replicated.
pub fn confidence(
    raw: &Plane<f32>,
    filled: &Plane<f32>,
    height: &Plane<f32>,
    rule: &ConfidenceRule,
) -> Plane<f32> {
    let (size, width, radius) = (raw.size, raw.size.width as usize, rule.radius as usize);
    let mut planes = [0; 3].map(|_| Plane::filled(size, 0.0));
    let [sums, squares, most] = &mut planes;
    let out = sums.data.par_chunks_mut(width).zip(squares.data.par_chunks_mut(width));
    let out = out.zip(most.data.par_chunks_mut(width)).zip(raw.data.par_chunks(width));
    out.for_each_init(
        || [0; 2].map(|_| vec![0.0; width + 2 * radius]),
        |[depths, squares], (((sum, square), most), row)| {
            depths[..radius].fill(row[0]);
            depths[radius..radius + width].copy_from_slice(row);
            depths[radius + width..].fill(row[width - 1]);
            squares.iter_mut().zip(&*depths).for_each(|(square, depth)| *square = depth * depth);
            for offset in 0..=2 * radius {
                gather([sum, square, most], [&depths[offset..], &squares[offset..], &depths[offset..]]);
            }
        },
    );
    let side = (2 * radius + 1) as f32;
    let per_window = 1.0 / (side * side);
    let mut out = Plane::filled(size, 0.0);
    out.data.par_chunks_mut(width).enumerate().for_each_init(
        || [0; 3].map(|_| vec![0.0; width]),
        |total, (y, out)| {
            total.iter_mut().for_each(|row| row.fill(0.0));
            let [sum, square, most] = total;
            for offset in 0..=2 * radius {
                let row =
                    (y as i64 + offset as i64 - radius as i64).clamp(0, i64::from(size.height) - 1) as u32;
                gather([sum, square, most], planes.each_ref().map(|plane| plane.row(row)));
            }
            let (raw, filled, height) = (raw.row(y as u32), filled.row(y as u32), height.row(y as u32));
            for (x, out) in out.iter_mut().enumerate() {
                let mean = sum[x] * per_window;
                let variance = (square[x] * per_window - mean * mean).max(0.0);
                *out = trust(variance, most[x] - raw[x], filled[x] - raw[x], height[x], rule);
            }
        },
    );
    out
}

/// Adds the first two rows up and takes the larger values of the third, element by element; depth is never negative.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn gather([sum, square, most]: [&mut [f32]; 3], [depths, squares, rows]: [&[f32]; 3]) {
    for (sum, depth) in sum.iter_mut().zip(depths) {
        *sum += depth;
    }
    for (sum, square) in square.iter_mut().zip(squares) {
        *sum += square;
    }
    for (most, depth) in most.iter_mut().zip(rows) {
        *most = most.max(*depth);
    }
}

fn trust(variance: f32, behind: f32, moved: f32, height: f32, rule: &ConfidenceRule) -> f32 {
    const SIGMA2: f32 = DEPTH_SIGMA * DEPTH_SIGMA;
    let excess = (height - rule.low) / (rule.high - rule.low);
    let share = if rule.soft {
        let power = excess.max(0.0).powf(rule.peak_power);
        power / (1.0 + power)
    } else {
        excess.clamp(0.0, 1.0).powf(rule.peak_power)
    };
    let agreement = 1.0 / (1.0 + moved * moved / SIGMA2);
    let smoothness = (1.0 / (1.0 + variance / SIGMA2)).powf(rule.smooth_power);
    share * smoothness * agreement * agreement / (1.0 + behind * behind * rule.behind)
}
