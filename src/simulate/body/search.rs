//! Contrast autofocus: sweep, take the sharpest position, refine.

use super::motor::FAR_STOP;

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Search {
    /// Where the lens goes on the way, last where it stays.
    pub(crate) path: Vec<f32>,
    /// Whether it locked.
    pub(crate) locked: bool,
}

/// Least contrast that locks: between a plain wall in uneven light and weak texture, see the tests of the view.
pub(crate) const LEAST_CONTRAST: f32 = 0.006;
/// The peak must stand this far above the median of the sweep: what looks alike at every focus is no texture.
const LEAST_RISE: f32 = 1.15;
/// Rounds of golden-section refinement: from two sweep steps down to a twentieth of one.
const ROUNDS: usize = 8;

/// Searches from position `from` in `steps` steps over the whole range for the position of the highest `contrast`.
pub(crate) fn search(from: f32, steps: usize, mut contrast: impl FnMut(f32) -> f32) -> Search {
    let step = FAR_STOP / steps as f32;
    let position = |i: usize| step * i as f32;
    let sweep: Vec<f32> = (0..=steps).map(|i| contrast(position(i))).collect();
    let best = (0..=steps).max_by(|&a, &b| sweep[a].total_cmp(&sweep[b])).unwrap_or(0);
    let mut sorted = sweep.clone();
    let median = *sorted.select_nth_unstable_by(steps / 2, f32::total_cmp).1;
    let ends = if from < FAR_STOP / 2.0 { [0.0, FAR_STOP] } else { [FAR_STOP, 0.0] };
    if !(sweep[best] >= LEAST_CONTRAST && sweep[best] >= LEAST_RISE * median) {
        return Search { path: vec![ends[0], ends[1], from], locked: false };
    }
    let (low, high) = (position(best.saturating_sub(1)), position((best + 1).min(steps)));
    let peak = golden_section(low, high, contrast);
    Search { path: vec![ends[0], ends[1], peak], locked: true }
}

/// The highest point of `value` between `low` and `high` (Kiefer 1953).
fn golden_section(mut low: f32, mut high: f32, mut value: impl FnMut(f32) -> f32) -> f32 {
    const RATIO: f32 = 0.618_034;
    let (mut a, mut b) = (high - RATIO * (high - low), low + RATIO * (high - low));
    let (mut at_a, mut at_b) = (value(a), value(b));
    for _ in 0..ROUNDS {
        if at_a > at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - RATIO * (high - low);
            at_a = value(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + RATIO * (high - low);
            at_b = value(b);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_wherever_it_is() {
        for peak in [0.0, 3.0, 250.0, 613.7, 999.0, 1000.0] {
            for from in [0.0, 400.0, 1000.0] {
                let found = search(from, 32, |p| 0.05 / (1.0 + ((p - peak) / 20.0).powi(2)));
                let at = found.path[found.path.len() - 1];
                assert!(found.locked && (at - peak).abs() < 2.0, "{peak} from {from}: {at}");
            }
        }
    }

    #[test]
    fn faint_or_even_contrast_does_not_lock_and_leaves_the_lens() {
        let faint = search(321.0, 32, |p| 0.5 * LEAST_CONTRAST / (1.0 + ((p - 300.0) / 20.0).powi(2)));
        let even = search(321.0, 32, |_| 0.05);
        let broken = search(321.0, 32, |_| f32::NAN);
        for failed in [faint, even, broken] {
            assert!(!failed.locked && failed.path.last() == Some(&321.0), "{failed:?}");
        }
    }
}
