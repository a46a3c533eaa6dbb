//! Where the levels stand along the focus axis, from the focus curves of many cells at once. CPU only.

mod bundle;

use serde::{Deserialize, Serialize};

/// Levels that a sample spans at the most: both sides of its peak, where the curve stands clear of noise.
pub const SPAN: usize = 9;
/// Samples that a level should have where it can.
pub const PER_LEVEL: usize = 150;

/// Samples a level below which the pictures do not tell.
const FEWEST: usize = 3;

/// A cell's focus measure in the levels around its peak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The first level.
    pub first: usize,
    /// Natural logarithms of the measure there and in the levels after it, of which as many count as there are levels.
    pub values: [f64; SPAN],
    /// How much it counts, above 0 to 1.
    pub weight: f64,
}

/// What the levels' positions are known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The pictures: the focus curves of many cells.
    FocusCurves,
    /// The camera told where its lens stood; the pictures show too little.
    Camera,
    /// Nothing but the order: the levels are taken to be even.
    #[default]
    Order,
}

/// Where the levels stand along the focus axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    /// Of each level, linear in inverse object distance, rising from 0 to the number of levels − 1: even steps would be 1.
    pub at: Vec<f64>,
    /// Standard deviation of each, in the same unit, both ends being 0 by definition; empty unless the pictures told.
    pub uncertainty: Vec<f64>,
    /// What they are known from.
    pub source: Source,
}

/// Positions of `levels` levels (at least two). `told` is where they are about, if a camera told, rising in any unit:
/// where no sample tells better they stay there; else they are even.
pub fn positions(samples: &[Sample], levels: usize, told: Option<&[f64]>) -> Positions {
    let even: Vec<f64> = (0..levels).map(|level| level as f64).collect();
    let told = told.filter(|told| told.len() == levels).and_then(fitted);
    let source = if told.is_some() { Source::Camera } else { Source::Order };
    let start = told.unwrap_or(even);
    let span = levels.min(SPAN);
    // Three values a curve are all taken up by its depth, width and height.
    if span < 4 || samples.len() < FEWEST * levels {
        return Positions { at: start, uncertainty: Vec::new(), source };
    }
    match bundle::adjust(samples, span, &start) {
        Some((at, uncertainty)) => Positions { at, uncertainty, source: Source::FocusCurves },
        None => Positions { at: start, uncertainty: Vec::new(), source },
    }
}

/// What a camera told, as positions; none unless it rises.
fn fitted(told: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*told.first()?, *told.last()?);
    let scale = (told.len() - 1) as f64 / (last - first);
    let mut at: Vec<f64> = told.iter().map(|place| (place - first) * scale).collect();
    let rises = at.windows(2).all(|pair| pair[1] > pair[0]);
    rises.then(|| {
        bundle::keep_rising(&mut at);
        at
    })
}

/// Dioptres of levels at `positions`, given those of some places of the axis; inverse distance grows linearly along it.
/// Empty for fewer than two places, or if they do not fall from near to far.
pub fn calibrated(points: &[(f64, f64)], positions: &[f64]) -> Vec<f64> {
    let slopes = points.iter().enumerate().flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)));
    let slopes = slopes.filter(|(a, b)| a.0 != b.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    // Cameras round distances, and some report one twice: medians (Theil 1950, Sen 1968).
    let Some(slope) = median(slopes).filter(|slope| *slope < 0.0) else { return Vec::new() };
    let Some(start) = median(points.iter().map(|(at, value)| value - slope * at).collect()) else {
        return Vec::new();
    };
    positions.iter().map(|at| (start + slope * at).max(0.0)).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// For every level of at least one the step after it over the step before it; 1 for the outermost.
pub fn step_ratios(positions: &[f64]) -> Vec<f32> {
    let mut ratios = vec![1.0; positions.len()];
    for (ratio, at) in ratios[1..].iter_mut().zip(positions.windows(3)) {
        *ratio = ((at[2] - at[1]) / (at[1] - at[0])) as f32;
    }
    ratios
}

/// The focus axis of a map: places of its levels, and what lies between.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Place of every level, rising.
    places: Vec<f64>,
}

impl Axis {
    /// Of at least two levels at these places.
    pub fn new(places: Vec<f64>) -> Self {
        assert!(places.len() > 1, "an axis has two ends");
        Self { places }
    }

    /// Place of every level.
    pub fn levels(&self) -> &[f64] {
        &self.places
    }

    /// Place of a depth in levels; beyond the ends it goes on as at them. NaN stays NaN.
    pub fn place(&self, depth: f64) -> f64 {
        let segment = (depth.max(0.0) as usize).min(self.places.len() - 2);
        let (from, to) = (self.places[segment], self.places[segment + 1]);
        from + (depth - segment as f64) * (to - from)
    }

    /// Depth in levels of a place.
    pub fn depth(&self, place: f64) -> f64 {
        let inner = &self.places[1..self.places.len() - 1];
        let segment = inner.iter().take_while(|&&at| at <= place).count();
        let (from, to) = (self.places[segment], self.places[segment + 1]);
        segment as f64 + (place - from) / (to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of bells over `truth` with peaks spread over all levels, from a small generator.
    fn samples(truth: &[f64], depths: &[f64]) -> Vec<Sample> {
        let span = truth.len().min(SPAN);
        let widths = [0.9, 1.3, 2.1, 1.7];
        let sample = |(i, &depth): (usize, &f64)| {
            let curve =
                |at: f64| -1.4 * ((at - depth) / widths[i % widths.len()]).powi(2).ln_1p() - i as f64 % 3.0;
            let peak = (0..truth.len()).max_by(|&a, &b| curve(truth[a]).total_cmp(&curve(truth[b]))).unwrap();
            let first = peak.saturating_sub(2).min(truth.len() - span);
            let mut values = [0.0; SPAN];
            for (k, value) in values[..span].iter_mut().enumerate() {
                *value = curve(truth[first + k]);
            }
            Sample { first, values, weight: 1.0 }
        };
        depths.iter().enumerate().map(sample).collect()
    }

    const TRUTH: [f64; 8] = [0.0, 0.7, 2.2, 3.1, 3.8, 5.3, 6.1, 7.0];

    #[test]
    fn uneven_steps_are_found_from_slanted_surfaces() {
        let depths: Vec<f64> = (0..400).map(|i| f64::from(i) * 7.0 / 399.0).collect();
        let found = positions(&samples(&TRUTH, &depths), TRUTH.len(), None).at;
        for (found, truth) in found.iter().zip(TRUTH) {
            assert!((found - truth).abs() < 0.03, "{found} is not {truth}");
        }
    }

    #[test]
    fn steadily_growing_steps_are_found() {
        for growth in [1.03_f64, 1.05, 1.1] {
            let steps: Vec<f64> = (0..19).map(|i| growth.powi(i)).collect();
            let scale = 19.0 / steps.iter().sum::<f64>();
            let truth: Vec<f64> = (0..20).map(|level| steps[..level].iter().sum::<f64>() * scale).collect();
            let depths: Vec<f64> = (0..3000).map(|i| f64::from(i) * 19.0 / 2999.0).collect();
            let found = step_ratios(&positions(&samples(&truth, &depths), truth.len(), None).at);
            for ratio in &found[1..19] {
                assert!((f64::from(*ratio) - growth).abs() < 0.03, "{growth}: {found:?}");
            }
        }
    }

    #[test]
    fn surfaces_each_within_one_level_tell_as_well() {
        let depths: Vec<f64> = (0..400).map(|i| TRUTH[i % 8] + 0.1).collect();
        let found = positions(&samples(&TRUTH, &depths), TRUTH.len(), None).at;
        for (found, truth) in found.iter().zip(TRUTH) {
            assert!((found - truth).abs() < 0.06, "{found} is not {truth}");
        }
    }

    #[test]
    fn uncertainty_grows_where_few_samples_tell() {
        let noise = |i: usize| 0.04 * ((i * 7919 % 101) as f64 / 50.0 - 1.0);
        let found = |depths: &[f64]| {
            let mut all = samples(&TRUTH, depths);
            for (i, sample) in all.iter_mut().enumerate() {
                sample.values.iter_mut().enumerate().for_each(|(k, value)| *value += noise(i * SPAN + k));
            }
            positions(&all, TRUTH.len(), None)
        };
        let many = found(&(0..800).map(|i| f64::from(i) * 7.0 / 799.0).collect::<Vec<_>>());
        let few = found(&(0..50).map(|i| f64::from(i) * 7.0 / 49.0).collect::<Vec<_>>());
        assert_eq!((many.source, many.uncertainty[0], many.uncertainty[7]), (Source::FocusCurves, 0.0, 0.0));
        for (level, truth) in TRUTH.iter().enumerate().skip(1).take(6) {
            let (sure, unsure) = (many.uncertainty[level], few.uncertainty[level]);
            assert!(sure > 0.0 && unsure > 1.15 * sure, "{level}: {sure} {unsure}");
            assert!((few.at[level] - truth).abs() < 3.0 * unsure.max(0.02), "{few:?}");
        }
    }

    #[test]
    fn values_beyond_the_span_do_not_count() {
        let truth = [0.0, 0.8, 2.1, 3.2, 4.0];
        let clean = samples(&truth, &(0..400).map(|i| f64::from(i) / 99.75).collect::<Vec<_>>());
        let mut stray = clean.clone();
        stray.iter_mut().for_each(|sample| sample.values[5..].fill(f64::NAN));
        assert_eq!(positions(&stray, 5, None), positions(&clean, 5, None));
    }

    #[test]
    fn stray_curves_do_not_bend_the_axis() {
        let depths: Vec<f64> = (0..400).map(|i| f64::from(i) * 7.0 / 399.0).collect();
        let mut all = samples(&TRUTH, &depths);
        for (i, sample) in all.iter_mut().enumerate().step_by(5) {
            sample.values[i % SPAN] += 1.0 + (i % 4) as f64;
        }
        let found = positions(&all, TRUTH.len(), None).at;
        for (found, truth) in found.iter().zip(TRUTH) {
            assert!((found - truth).abs() < 0.1, "{found} is not {truth}");
        }
    }

    #[test]
    fn what_a_camera_tells_counts_where_no_sample_does() {
        let told = [10.0, 11.0, 14.0, 20.0];
        assert_eq!(positions(&[], 4, Some(&told)).at, [0.0, 0.3, 1.2, 3.0].map(|at: f64| at));
        for wrong in [&[1.0, 0.0, 2.0, 3.0][..], &[0.0, 1.0], &[1.0; 4], &[f64::NAN, 0.0, 1.0, 2.0]] {
            assert_eq!(positions(&[], 4, Some(wrong)).at, [0.0, 1.0, 2.0, 3.0]);
        }
        let depths: Vec<f64> = (0..400).map(|i| f64::from(i) * 7.0 / 399.0).collect();
        let rough: Vec<f64> = TRUTH.iter().enumerate().map(|(i, at)| at + 0.2 * (i % 2) as f64).collect();
        let found = positions(&samples(&TRUTH, &depths), TRUTH.len(), Some(&rough)).at;
        for (found, truth) in found.iter().zip(TRUTH) {
            assert!((found - truth).abs() < 0.05, "{found} is not {truth}");
        }
    }

    #[test]
    fn depths_and_places_lead_back_to_each_other() {
        let axis = Axis::new(TRUTH.to_vec());
        for depth in [-0.5, 0.0, 0.4, 1.0, 3.7, 6.5, 7.0, 7.8] {
            assert!((axis.depth(axis.place(depth)) - depth).abs() < 1e-9, "{depth}");
        }
        assert!((axis.place(1.5) - 1.45).abs() < 1e-9 && (axis.place(7.5) - 7.45).abs() < 1e-9);
        assert!(axis.place(f64::NAN).is_nan());
    }

    #[test]
    fn distances_calibrate_the_axis() {
        let places = [0.0, 1.0, 2.5, 4.0];
        let rounded = [(0.0, 5.0), (1.0, 4.4), (2.5, 3.48), (4.0, 2.6), (4.0, 1.0)];
        let found = calibrated(&rounded, &places);
        for (found, truth) in found.iter().zip([5.0, 4.4, 3.5, 2.6]) {
            assert!((found - truth).abs() < 0.05, "{found} is not {truth}");
        }
        assert!(calibrated(&rounded[..1], &places).is_empty());
        assert!(calibrated(&[(0.0, 1.0), (4.0, 2.0)], &places).is_empty(), "near is not farther than far");
    }

    #[test]
    fn without_evidence_steps_are_even() {
        let none = positions(&[], 6, None);
        assert_eq!((none.at, none.source), (vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0], Source::Order));
        assert!(none.uncertainty.is_empty());
        assert_eq!(positions(&samples(&[0.0, 0.4, 2.0], &[0.1, 1.0]), 3, None).at, [0.0, 1.0, 2.0]);
        let flat = vec![Sample { first: 0, values: [0.0; SPAN], weight: 1.0 }; 50];
        for (i, at) in positions(&flat, 7, None).at.into_iter().enumerate() {
            assert!((at - i as f64).abs() < 0.2, "{at} is not {i}");
        }
        assert_eq!(step_ratios(&[0.0, 1.0, 3.0]), [1.0, 2.0, 1.0]);
    }
}
