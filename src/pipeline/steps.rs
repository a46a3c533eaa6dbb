//! How uneven the focus steps are, from the picture alone: host work on few numbers per level.
//!
//! Where a surface lies half way between two levels both are equally sharp there. How far the third level of the triple
//! has fallen by then grows with its focus step: comparing both sides of a level gives the ratio of the steps after and
//! before it.

use crate::frame::Plane;
use crate::params::TINY;

/// Confidence from which a cell counts.
const TRUSTED: f32 = 0.3;
/// Share of the smaller slope in the larger one below which a cell lies half way between two levels.
const HALF_WAY: f32 = 0.3;
/// From the difference of mean logarithms to the logarithm of the ratio; fitted on rendered stacks.
const EXPONENT: f64 = 1.2;
/// Share of all cells at which the estimate counts half.
const HALF_TRUST: f64 = 0.0005;

/// For every level the focus step after it over the step before it, 0.4…2.5; 1 where too few cells tell.
///
/// `triple` and `place` are those of the running peak, `confidence` that of the depth they give.
pub fn step_ratios(
    triple: &Plane<[f32; 4]>,
    place: &Plane<[f32; 4]>,
    confidence: &Plane<f32>,
    levels: usize,
) -> Vec<f32> {
    // Per level: (count, sum of logarithms) of cells half way to the level before, and to the one after.
    let mut before = vec![(0u32, 0.0f64); levels];
    let mut after = before.clone();
    for ((triple, place), &trust) in triple.data.iter().zip(&place.data).zip(&confidence.data) {
        if trust <= TRUSTED {
            continue;
        }
        let [a, m, c] = [triple[0], triple[1], triple[2]].map(|value| value.max(TINY).ln());
        let (rise, fall) = (m - a, m - c);
        if rise <= 0.0 || fall <= 0.0 {
            continue;
        }
        let level = place[0] as usize;
        if rise < HALF_WAY * fall {
            before[level].0 += 1;
            before[level].1 += f64::from((fall - rise).ln());
        } else if fall < HALF_WAY * rise {
            after[level].0 += 1;
            after[level].1 += f64::from((rise - fall).ln());
        }
    }
    let ratio = |((n, sum), (m, other)): (&(u32, f64), &(u32, f64))| {
        let fewer = f64::from(*n.min(m));
        if fewer < 1.0 {
            return 1.0;
        }
        let share = fewer / triple.data.len() as f64;
        let difference = sum / f64::from(*n) - other / f64::from(*m);
        ((EXPONENT * difference * share / (share + HALF_TRUST)).exp() as f32).clamp(0.4, 2.5)
    };
    before.iter().zip(&after).map(ratio).collect()
}
