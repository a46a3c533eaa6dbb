//! Puts fused bands together again. Twin of `shaders/collapse.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::detail::{expand_down, pair};
use super::lines::Lines;

/// The weighted mean in `sum` plus `half` expanded: the next finer plane of the fused picture, in three colours, rows from
/// `top` (even) on.
pub fn collapse(sum: &Lines, half: &Lines, top: u32) -> Lines {
    let mut out = Lines::new(sum.size, 3);
    let length = out.row_length();
    out.data.par_chunks_exact_mut(length).enumerate().for_each_init(Vec::new, |between, (y, out)| {
        collapse_row(sum.row(y), half, top as usize + y, between, out);
    });
    out
}

/// The weighted mean alone: the base.
pub fn collapse_base(sum: &Lines) -> Lines {
    let mut out = Lines::new(sum.size, 3);
    let (length, width) = (out.row_length(), sum.size.width as usize);
    for (y, out) in out.data.chunks_exact_mut(length).enumerate() {
        let (colours, weights) = sum.row(y).split_at(length);
        for (sum, out) in colours.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            sum.iter().zip(weights).zip(out).for_each(|((sum, weight), out)| *out = sum / weight);
        }
    }
    out
}

/// Row `y` of the picture, from its row of sums.
pub(super) fn collapse_row(sum: &[f32], half: &Lines, y: usize, between: &mut Vec<f32>, out: &mut [f32]) {
    let width = sum.len() / 4;
    let narrow = 0..half.size.width as usize;
    let (colours, weights) = sum.split_at(3 * width);
    for (channel, (sum, out)) in colours.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        expand_down(y, half.around(y / 2, channel, &narrow), between);
        add_mean(sum, weights, between, out);
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_mean(sum: &[f32], weights: &[f32], between: &[f32], out: &mut [f32]) {
    let (pairs, odd) = out.as_chunks_mut::<2>();
    let count = pairs.len();
    let (sums, odd_sum) = sum.as_chunks::<2>();
    let (pair_weights, odd_weight) = weights.as_chunks::<2>();
    let (sums, pair_weights, inner) = (&sums[..count], &pair_weights[..count], &between[..count + 2]);
    for (k, out) in pairs.iter_mut().enumerate() {
        let expanded = pair([inner[k], inner[k + 1], inner[k + 2]]);
        for i in 0..2 {
            out[i] = sums[k][i] / pair_weights[k][i] + expanded[i];
        }
    }
    if let ([out], [sum], [weight]) = (odd, odd_sum, odd_weight) {
        *out = sum / weight + pair([between[count], between[count + 1], between[count + 2]])[0];
    }
}
