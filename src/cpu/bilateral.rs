//! Joint bilateral, confidence-weighted smoothing and filling of the depth map. Twin of `shaders/bilateral.wgsl`.
//!
//! Normalised convolution (Knutsson & Westin, CVPR 1993) of depth under its confidence, with the edge-avoiding à-trous
//! transform (Dammertz et al., HPG 2010) in place of a wide bilateral kernel (Petschnigg et al., SIGGRAPH 2004): levels of
//! 3×3 taps, twice as far apart each time, weighed by likeness of colour. Every level adds a share to the result, so that
//! a cell takes its depth from the nearest confident cells of its colour.

use multiversion::multiversion;
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
    let far = levels as f32 - 1.0;
    let channel = |k: usize| Plane::new(guide.size, guide.data.par_iter().map(|color| color[k]).collect());
    let guide = [channel(0), channel(1), channel(2)];
    let (weight, sum) = prime(depth, confidence, far);
    let mut level = [weight, sum];
    let mut total = level.clone();
    let mut share = 1.0;
    for step in 0..FILL_LEVELS {
        share *= FILL_DECAY;
        level = spread(&level, &guide, 1 << step);
        for (total, level) in total.iter_mut().zip(&level) {
            total.data.par_iter_mut().zip(&level.data).for_each(|(total, value)| *total += share * value);
        }
    }
    let [weight, sum] = &total;
    let finish = |(sum, weight): (&f32, &f32)| (sum / weight.max(1e-30)).clamp(0.0, far);
    Plane::new(depth.size, sum.data.par_iter().zip(&weight.data).map(finish).collect())
}

/// Weight and weight·depth of every cell.
fn prime(depth: &Plane<f32>, confidence: &Plane<f32>, far: f32) -> (Plane<f32>, Plane<f32>) {
    let start = |(&depth, &confidence): (&f32, &f32)| {
        let weight = (confidence + FILL_FLOOR) * (FILL_FAR * (depth - far) / far).exp();
        (weight, weight * depth)
    };
    let (weight, sum) = depth.data.par_iter().zip(&confidence.data).map(start).unzip();
    (Plane::new(depth.size, weight), Plane::new(depth.size, sum))
}

/// Weight and sum of one level: taps `step` cells apart.
fn spread(level: &[Plane<f32>; 2], guide: &[Plane<f32>; 3], step: usize) -> [Plane<f32>; 2] {
    let (size, width) = (level[0].size, level[0].size.width as usize);
    let [mut weight, mut sum] = [Plane::filled(size, 0.0), Plane::filled(size, 0.0)];
    let rows = weight.data.par_chunks_mut(width).zip(sum.data.par_chunks_mut(width)).enumerate();
    rows.for_each_init(
        || Taps { total: vec![0.0; width], padded: std::array::from_fn(|_| vec![0.0; width + 2 * step]) },
        |taps, (y, (weight, sum))| {
            taps.total.fill(0.0);
            let centre = [0, 1, 2].map(|k: usize| guide[k].row(y as u32));
            for (j, across) in KERNEL.iter().enumerate() {
                let row =
                    (y as i64 + (j as i64 - 1) * step as i64).clamp(0, i64::from(size.height) - 1) as u32;
                let planes = [&guide[0], &guide[1], &guide[2], &level[0], &level[1]];
                for (padded, plane) in taps.padded.iter_mut().zip(planes) {
                    let values = plane.row(row);
                    padded[..step].fill(values[0]);
                    padded[step..step + width].copy_from_slice(values);
                    padded[step + width..].fill(values[width - 1]);
                }
                for (i, down) in KERNEL.iter().enumerate() {
                    let shifted = [0, 1, 2, 3, 4].map(|k: usize| &taps.padded[k][i * step..i * step + width]);
                    add_tap(shifted, centre, across * down, [&mut taps.total, weight, sum]);
                }
            }
            for (value, total) in weight.iter_mut().zip(&taps.total) {
                *value /= total;
            }
            for (value, total) in sum.iter_mut().zip(&taps.total) {
                *value /= total;
            }
        },
    );
    [weight, sum]
}

const KERNEL: [f32; 3] = [0.25, 0.5, 0.25];

/// Room for one row's sums and the five planes' rows with their edges replicated.
struct Taps {
    total: Vec<f32>,
    padded: [Vec<f32>; 5],
}

/// Adds one tap of weight `kernel` to a row of sums: (colour likeness, its product with weight, and with sum).
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_tap(shifted: [&[f32]; 5], centre: [&[f32]; 3], kernel: f32, [total, weight, sum]: [&mut [f32]; 3]) {
    const PER_SIGMA2: f32 = 1.0 / (8.0 * FILL_SIGMA * FILL_SIGMA);
    let width = total.len();
    let [r, g, b, w, s] = shifted.map(|row| &row[..width]);
    let [cr, cg, cb] = centre.map(|row| &row[..width]);
    let (weight, sum) = (&mut weight[..width], &mut sum[..width]);
    for x in 0..width {
        let [r, g, b] = [r[x] - cr[x], g[x] - cg[x], b[x] - cb[x]];
        let alike = 1.0 / (1.0 + PER_SIGMA2 * (r * r + g * g + b * b));
        let alike = alike * alike;
        let tap = alike * alike * kernel;
        total[x] += tap;
        weight[x] += tap * w[x];
        sum[x] += tap * s[x];
    }
}
