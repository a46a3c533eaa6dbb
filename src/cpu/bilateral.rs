//! Joint bilateral, confidence-weighted smoothing and filling of the depth map. Twin of `shaders/bilateral.wgsl`.
//!
//! Normalised convolution (Knutsson & Westin, CVPR 1993) of depth under its confidence, with the edge-avoiding à-trous
//! transform (Dammertz et al., HPG 2010) in place of a wide bilateral kernel (Petschnigg et al., SIGGRAPH 2004): levels of
//! 3×3 taps, twice as far apart each time, weighed by likeness of colour. Every level adds a share to the result, so that
//! a cell takes its depth from the nearest confident cells of its colour.

use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::{DEPTH_SIGMA, FILL_DECAY, FILL_FAR, FILL_FLOOR, FILL_LEVELS, FILL_SIGMA};

const _: () = assert!(DEPTH_SIGMA > 0.0 && FILL_LEVELS < 16);

/// Depth 0…`levels`−1 for every cell, from measured `depth` under `confidence` along the colours of `guide`.
pub fn bilateral(
    depth: &Plane<f32>,
    confidence: &Plane<f32>,
    guide: &Plane<[f32; 4]>,
    levels: u32,
) -> Plane<f32> {
    let mut state = prime(depth, confidence, levels);
    let mut share = 1.0;
    for level in 0..FILL_LEVELS {
        share *= FILL_DECAY;
        state = spread(&state, guide, 1 << level, share);
    }
    let far = levels as f32 - 1.0;
    let finish = |&[_, _, weight, sum]: &[f32; 4]| (sum / weight.max(1e-30)).clamp(0.0, far);
    Plane::new(depth.size, state.data.par_iter().map(finish).collect())
}

/// (weight, weight·depth) of the present level and summed over the levels.
fn prime(depth: &Plane<f32>, confidence: &Plane<f32>, levels: u32) -> Plane<[f32; 4]> {
    let far = levels as f32 - 1.0;
    let start = |(&depth, &confidence): (&f32, &f32)| {
        let weight = (confidence + FILL_FLOOR) * (FILL_FAR * (depth - far) / far).exp();
        [weight, weight * depth, weight, weight * depth]
    };
    Plane::new(depth.size, depth.data.par_iter().zip(&confidence.data).map(start).collect())
}

/// One level: taps `step` cells apart; `share` of it is added to the sums.
fn spread(state: &Plane<[f32; 4]>, guide: &Plane<[f32; 4]>, step: i64, share: f32) -> Plane<[f32; 4]> {
    const KERNEL: [f32; 3] = [0.25, 0.5, 0.25];
    const PER_SIGMA2: f32 = 1.0 / (8.0 * FILL_SIGMA * FILL_SIGMA);
    let (width, height) = (i64::from(state.size.width), i64::from(state.size.height));
    let mut out = Plane::filled(state.size, [0.0; 4]);
    out.data.par_chunks_mut(width as usize).enumerate().for_each(|(y, out)| {
        let rows = [-step, 0, step].map(|dy| (y as i64 + dy).clamp(0, height - 1) as u32);
        let rows = rows.map(|row| (state.row(row), guide.row(row)));
        let (own, centre) = (state.row(y as u32), guide.row(y as u32));
        for (x, out) in out.iter_mut().enumerate() {
            let columns = [-step, 0, step].map(|dx| (x as i64 + dx).clamp(0, width - 1) as usize);
            let color = centre[x];
            let (mut total, mut weight, mut sum) = (0.0, 0.0, 0.0);
            for (j, (state, guide)) in rows.iter().enumerate() {
                for (i, &column) in columns.iter().enumerate() {
                    let other = guide[column];
                    let [r, g, b] = [other[0] - color[0], other[1] - color[1], other[2] - color[2]];
                    let alike = 1.0 / (1.0 + PER_SIGMA2 * (r * r + g * g + b * b));
                    let alike = alike * alike;
                    let tap = alike * alike * (KERNEL[j] * KERNEL[i]);
                    total += tap;
                    weight += tap * state[column][0];
                    sum += tap * state[column][1];
                }
            }
            let (weight, sum) = (weight / total, sum / total);
            *out = [weight, sum, own[x][2] + share * weight, own[x][3] + share * sum];
        }
    });
    out
}
