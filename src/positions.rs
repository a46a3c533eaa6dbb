//! Where the levels stand along the focus axis, from the focus curves of many cells at once. CPU only.
//!
//! Blur grows with the distance from the plane of focus in inverse object distance (the thin lens), so all focus curves
//! are one bell shape, shifted by the depth of their cell and widened by how fine its texture is. The steps between the
//! levels are what makes the curves of all cells fit together: a bundle adjustment (Triggs et al. 2000), the levels in
//! place of the cameras, with the cells' own unknowns eliminated by the Schur complement.

use nalgebra::{Cholesky, DMatrix, DVector, Matrix3, Vector3};
use serde::{Deserialize, Serialize};

/// Levels that a sample spans at the most: both sides of its peak, where the curve stands clear of noise.
pub const SPAN: usize = 5;
/// Samples that a level should have where it can.
pub const PER_LEVEL: usize = 150;

/// Iterations at the most, and the change, in usual steps, below which the positions have settled. Even stacks take six;
/// long ones whose steps grow steadily take the most, as nearly any smooth bend of the axis fits nearly as well.
const ITERATIONS: usize = 40;
const SETTLED: f64 = 1e-3;
/// Furthest that a level moves in an iteration.
const REACH: f64 = 0.3;
/// Misfit, in logarithms, from which a value counts less (Cauchy weights): other depths nearby, noise.
const MISFIT: f64 = 0.1;
/// Pull of the steps toward their neighbours, against which samples count as 1: fills in where no sample tells.
const EVENNESS: f64 = 0.5;
/// Shortest step, of the usual one, before all are scaled to the whole length.
const SHORTEST: f64 = 0.1;
/// Width of a bell, in usual steps, before any sample tells.
const WIDTH: f64 = 1.5;
/// Pull of a bell's width toward the usual one: how fine texture is hangs little on its depth, and without it a smooth bend
/// of the axis would fit as well as none.
const WIDTH_PULL: f64 = 1e-2;
/// Exponent of the bells' flanks before any sample tells, and its range.
const FLANK: f64 = 1.2;
const FLANKS: [f64; 2] = [0.4, 6.0];

/// Unknowns that a cell has of its own: depth, width and height of its bell.
const OWN: usize = 3;
/// Samples a level below which the pictures do not tell.
const FEWEST: usize = 3;
/// Factor by which neighbouring cells, whose curves err alike, make the positions less certain than as many independent
/// ones would; measured on rendered stacks.
const ALIKE: f64 = 8.0;

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
    let mut bells: Vec<Bell> = samples.iter().map(|sample| Bell::new(sample, span, &start)).collect();
    let (mut at, mut flank) = (start.clone(), FLANK);
    for _ in 0..ITERATIONS {
        let Some(moved) = step(&mut bells, &at, &start, flank) else { break };
        let before = at.clone();
        for (at, moved) in at.iter_mut().zip(moved.iter()) {
            *at += moved;
        }
        flank = (flank + moved[levels]).clamp(FLANKS[0], FLANKS[1]);
        keep_rising(&mut at);
        if before.iter().zip(&at).all(|(before, at)| (before - at).abs() < SETTLED) {
            break;
        }
    }
    let uncertainty = uncertainty(&mut bells, &at, &start, flank);
    Positions { at, uncertainty, source: Source::FocusCurves }
}

/// Standard deviations of the levels: the inverse of the normal equations, times the variance of the misfits.
fn uncertainty(bells: &mut [Bell], at: &[f64], start: &[f64], flank: f64) -> Vec<f64> {
    let (matrix, _) = equations(bells, at, start, flank);
    let Some(cholesky) = Cholesky::new(matrix) else { return Vec::new() };
    let (mut squares, mut freedom) = (0.0, 0.0);
    for bell in &*bells {
        for (misfit, weight) in bell.misfits(at, flank) {
            squares += weight * misfit * misfit;
            freedom += weight;
        }
        freedom -= OWN as f64 * bell.weight;
    }
    let variance = squares / freedom.max(1.0);
    let inverse = cholesky.inverse();
    let last = at.len() - 1;
    let deviation = |level: usize| ALIKE * (variance * inverse[(level, level)].max(0.0)).sqrt();
    (0..=last).map(|level| if level == 0 || level == last { 0.0 } else { deviation(level) }).collect()
}

/// What a camera told, as positions; none unless it rises.
fn fitted(told: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*told.first()?, *told.last()?);
    let scale = (told.len() - 1) as f64 / (last - first);
    let mut at: Vec<f64> = told.iter().map(|place| (place - first) * scale).collect();
    let rises = at.windows(2).all(|pair| pair[1] > pair[0]);
    rises.then(|| {
        keep_rising(&mut at);
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

/// One cell's curve: height − flank · ln(1 + ((position − depth)/width)²).
struct Bell {
    first: usize,
    values: Vec<f64>,
    weight: f64,
    height: f64,
    depth: f64,
    /// Logarithm of the width.
    breadth: f64,
    /// What its own unknowns made of the present iteration, for when the levels have moved.
    own: Option<Own>,
}

/// A bell's normal equations with the levels still in them.
struct Own {
    inverse: Matrix3<f64>,
    gradient: Vector3<f64>,
    /// Per level of the span and the flank.
    cross: Vec<Vector3<f64>>,
}

impl Bell {
    fn new(sample: &Sample, span: usize, start: &[f64]) -> Self {
        let values = sample.values[..span].to_vec();
        let peak = (0..span).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
        let (height, depth) = (values[peak], start[sample.first + peak]);
        let (first, weight) = (sample.first, sample.weight);
        Self { first, values, weight, height, depth, breadth: WIDTH.ln(), own: None }
    }

    /// How far each value lies off the bell, and how much it counts.
    fn misfits(&self, at: &[f64], flank: f64) -> impl Iterator<Item = (f64, f64)> {
        self.values.iter().zip(&at[self.first..]).map(move |(value, at)| {
            let u = (at - self.depth) / self.breadth.exp();
            let misfit = value - (self.height - flank * (u * u).ln_1p());
            (misfit, self.weight / (1.0 + (misfit / MISFIT).powi(2)))
        })
    }

    /// Adds what this bell says about the levels `at` and the `flank`, its own unknowns eliminated.
    fn add(
        &mut self,
        at: &[f64],
        flank: f64,
        usual: f64,
        matrix: &mut DMatrix<f64>,
        right: &mut DVector<f64>,
    ) {
        let (span, width) = (self.values.len(), self.breadth.exp());
        let mut hessian = Matrix3::zeros();
        let mut gradient = Vector3::new(0.0, 0.0, WIDTH_PULL * (usual - self.breadth));
        let mut cross = vec![Vector3::zeros(); span + 1];
        let last = at.len();
        let index = |k: usize| if k == span { last } else { self.first + k };
        for (k, (misfit, weight)) in self.misfits(at, flank).collect::<Vec<_>>().into_iter().enumerate() {
            let u = (at[self.first + k] - self.depth) / width;
            let log = (u * u).ln_1p();
            let slope = -2.0 * flank * u / (1.0 + u * u);
            let own = Vector3::new(1.0, -slope / width, -slope * u);
            hessian += weight * own * own.transpose();
            gradient += weight * misfit * own;
            let (level, bend) = (slope / width, -log);
            cross[k] += weight * level * own;
            cross[span] += weight * bend * own;
            matrix[(index(k), index(k))] += weight * level * level;
            matrix[(last, index(k))] += weight * level * bend;
            matrix[(index(k), last)] += weight * level * bend;
            matrix[(last, last)] += weight * bend * bend;
            right[index(k)] += weight * misfit * level;
            right[last] += weight * misfit * bend;
        }
        hessian[(2, 2)] += WIDTH_PULL;
        for i in 0..3 {
            hessian[(i, i)] = hessian[(i, i)] * 1.0001 + 1e-9;
        }
        let Some(inverse) = hessian.try_inverse() else { return self.own = None };
        for (k, left) in cross.iter().enumerate() {
            let row = left.transpose() * inverse;
            right[index(k)] -= (row * gradient)[0];
            for (j, across) in cross.iter().enumerate() {
                matrix[(index(k), index(j))] -= (row * across)[0];
            }
        }
        self.own = Some(Own { inverse, gradient, cross });
    }

    /// Follows the levels by `moved`.
    fn follow(&mut self, moved: &DVector<f64>) {
        let Some(own) = self.own.take() else { return };
        let span = self.values.len();
        let mut right = own.gradient;
        for (k, cross) in own.cross.iter().enumerate() {
            let index = if k == span { moved.len() - 1 } else { self.first + k };
            right -= moved[index] * cross;
        }
        let change = own.inverse * right;
        self.height += change[0];
        self.depth += change[1].clamp(-0.5, 0.5);
        self.breadth = (self.breadth + change[2].clamp(-0.3, 0.3)).clamp(0.3_f64.ln(), 8.0_f64.ln());
    }
}

/// One Gauss–Newton step: changes of the levels and, last, of the flank. `None` if the equations have no solution.
fn step(bells: &mut [Bell], at: &[f64], start: &[f64], flank: f64) -> Option<DVector<f64>> {
    let (matrix, right) = equations(bells, at, start, flank);
    let moved = Cholesky::new(matrix)?.solve(&right).map(|moved| moved.clamp(-REACH, REACH));
    bells.iter_mut().for_each(|bell| bell.follow(&moved));
    Some(moved)
}

/// The normal equations of the levels and, last, the flank.
fn equations(bells: &mut [Bell], at: &[f64], start: &[f64], flank: f64) -> (DMatrix<f64>, DVector<f64>) {
    let levels = at.len();
    let mut matrix = DMatrix::zeros(levels + 1, levels + 1);
    let mut right = DVector::zeros(levels + 1);
    let weight: f64 = bells.iter().map(|bell| bell.weight).sum();
    let usual = bells.iter().map(|bell| bell.weight * bell.breadth).sum::<f64>() / weight.max(1e-9);
    for bell in &mut *bells {
        bell.add(at, flank, usual, &mut matrix, &mut right);
    }
    for (i, (at, start)) in at.windows(3).zip(start.windows(3)).enumerate() {
        const CURVATURE: [f64; 3] = [1.0, -2.0, 1.0];
        let bend = (at[0] - start[0]) - 2.0 * (at[1] - start[1]) + (at[2] - start[2]);
        for (j, a) in CURVATURE.iter().enumerate() {
            right[i + j] -= EVENNESS * a * bend;
            for (k, b) in CURVATURE.iter().enumerate() {
                matrix[(i + j, i + k)] += EVENNESS * a * b;
            }
        }
    }
    // Both ends stay; the flank needs something to hold on to where all curves lie in their tops.
    let heavy = 1e6 * (1.0 + bells.len() as f64);
    matrix[(0, 0)] += heavy;
    matrix[(levels - 1, levels - 1)] += heavy;
    matrix[(levels, levels)] += EVENNESS;
    (matrix, right)
}

/// Widens steps below the shortest and fits the whole between 0 and the last index.
fn keep_rising(at: &mut [f64]) {
    let steps: Vec<f64> = at.windows(2).map(|pair| (pair[1] - pair[0]).max(SHORTEST)).collect();
    let scale = steps.len() as f64 / steps.iter().sum::<f64>();
    at[0] = 0.0;
    for (i, step) in steps.iter().enumerate() {
        at[i + 1] = at[i] + step * scale;
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
            assert!(sure > 0.0 && unsure > 2.0 * sure, "{level}: {sure} {unsure}");
            assert!((few.at[level] - truth).abs() < 3.0 * unsure.max(0.02), "{few:?}");
        }
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
