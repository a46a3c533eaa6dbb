//! Depth between levels from the best triple. Twin of `shaders/offset.wgsl`.
//!
//! Near its peak the focus measure falls off like a Gaussian of defocus (Nayar & Nakagawa, PAMI 1994), so its logarithm
//! is a parabola; where the focus steps before and after the middle level differ, their ratio bends the index axis.

use rayon::prelude::*;

use super::peak::Peak;
use crate::frame::Plane;
use crate::params::TINY;

/// Depth in levels and the peak's height over the mean of all levels (1: flat), per cell.
///
/// `ratios`: one per level, focus step after it over the step before it; 1 where unknown. Depth stays within half a level
/// of the middle of its triple, or reaches the outermost level if the values fall toward the middle. Of two levels (the
/// middle of the triple is then the farther one) it is the sharper one: two values have no peak between them.
pub fn offset(peak: &Peak, ratios: &[f32]) -> (Plane<f32>, Plane<f32>) {
    let levels = ratios.len() as f32;
    let both: (Vec<f32>, Vec<f32>) = peak
        .triple
        .data
        .par_iter()
        .zip(&peak.place.data)
        .map(|(&triple, &[level, sum])| {
            let height = triple[3] * levels / sum.max(TINY);
            (level + between(triple, level, ratios[level as usize], levels), height)
        })
        .unzip();
    (Plane::new(peak.triple.size, both.0), Plane::new(peak.triple.size, both.1))
}

/// How far the peak lies from the middle of the triple, in levels.
fn between([a, m, c, _]: [f32; 4], level: f32, ratio: f32, levels: f32) -> f32 {
    let [rise, fall] = slopes([a, m, c]);
    if levels == 2.0 {
        return if rise < 0.0 { -1.0 } else { 0.0 };
    }
    let bend = 2.0 * (rise * ratio + fall);
    let mut at = (rise * ratio * ratio - fall) / bend.max(1e-6);
    if at > 0.0 {
        at /= ratio;
    }
    if bend <= 1e-6 {
        at = if rise < 0.0 {
            -1.0
        } else if fall < 0.0 {
            1.0
        } else {
            0.0
        };
    }
    let lowest = if level == 1.0 && rise < 0.0 { -1.0 } else { -0.5 };
    let highest = if level == levels - 2.0 && fall < 0.0 { 1.0 } else { 0.5 };
    at.clamp(lowest, highest)
}

/// Logarithms of middle over before and of middle over after.
fn slopes([a, m, c]: [f32; 3]) -> [f32; 2] {
    let [a, m, c] = [a, m, c].map(|value| value.max(TINY).ln());
    [m - a, m - c]
}
