//! How far depth is to be trusted. Twin of `shaders/confidence.wgsl`.
//!
//! A true peak stands out of its curve and its neighbours agree with it; the blur of something near on a plain
//! background gives peaks that scatter.

use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::{ConfidenceRule, DEPTH_SIGMA};

/// Confidence 0…1 of the measured depth `raw` by `rule`: the share of its peak (`height`: peak over mean), times how
/// little `raw` varies around, times how near `raw` is to the filled depth `filled`. Edge cells are replicated.
pub fn confidence(
    raw: &Plane<f32>,
    filled: &Plane<f32>,
    height: &Plane<f32>,
    rule: &ConfidenceRule,
) -> Plane<f32> {
    let (size, width, radius) = (raw.size, raw.size.width as usize, rule.radius as usize);
    let mut sums = Plane::filled(size, [0.0f32; 2]);
    sums.data.par_chunks_mut(width).zip(raw.data.par_chunks(width)).for_each_init(
        || vec![0.0; width + 2 * radius],
        |padded, (out, row)| {
            padded[..radius].fill(row[0]);
            padded[radius..radius + width].copy_from_slice(row);
            padded[radius + width..].fill(row[width - 1]);
            for offset in 0..=2 * radius {
                for (out, depth) in out.iter_mut().zip(&padded[offset..]) {
                    *out = [out[0] + depth, out[1] + depth * depth];
                }
            }
        },
    );
    let side = (2 * radius + 1) as f32;
    let per_window = 1.0 / (side * side);
    let mut out = Plane::filled(size, 0.0);
    out.data.par_chunks_mut(width).enumerate().for_each_init(
        || vec![[0.0f32; 2]; width],
        |total, (y, out)| {
            total.fill([0.0; 2]);
            for offset in 0..=2 * radius {
                let row =
                    (y as i64 + offset as i64 - radius as i64).clamp(0, i64::from(size.height) - 1) as u32;
                for (total, sum) in total.iter_mut().zip(sums.row(row)) {
                    *total = [total[0] + sum[0], total[1] + sum[1]];
                }
            }
            let (raw, filled, height) = (raw.row(y as u32), filled.row(y as u32), height.row(y as u32));
            for (x, out) in out.iter_mut().enumerate() {
                let mean = total[x][0] * per_window;
                let variance = (total[x][1] * per_window - mean * mean).max(0.0);
                *out = trust(variance, filled[x] - raw[x], height[x], rule);
            }
        },
    );
    out
}

fn trust(variance: f32, moved: f32, height: f32, rule: &ConfidenceRule) -> f32 {
    const SIGMA2: f32 = DEPTH_SIGMA * DEPTH_SIGMA;
    let excess = (height - rule.low) / (rule.high - rule.low);
    let share = if rule.soft {
        let power = excess.max(0.0).powf(rule.peak_power);
        power / (1.0 + power)
    } else {
        excess.clamp(0.0, 1.0).powf(rule.peak_power)
    };
    let agreement = 1.0 / (1.0 + moved * moved / SIGMA2);
    share * (1.0 / (1.0 + variance / SIGMA2)).powf(rule.smooth_power) * agreement * agreement
}
