//! Joins frames of one level of focus.
//!
//! Two photos of one level differ by noise alone: their difference has no direction. Two levels differ along the focus:
//! blocks in front gain what blocks behind lose, as between the levels around the two. The test is that of a
//! regression slope with heteroscedastic errors (White 1980): z = Σ D E / √Σ D²E², D the difference of the two, E
//! that of the levels before and after, both less their mean.

use super::features::{Features, MISSING, distance};
use super::path::{Distances, Ends, path_between};

/// Slopes within this many standard errors are noise: one in 30 000 by chance, and still few if neighbouring blocks
/// are not quite independent.
const SIGNIFICANT: f64 = 4.0;
/// Standard error that registration adds to every step, as a share of the median one.
const SYSTEMATIC: f64 = 0.03;
/// In stacks of so few levels, or fewer, steps may be longer than the depth of field, and levels then differ in no one direction.
const COARSE: usize = 9;
/// Levels on each side that give the direction of focus: an eighth of them, as fine steps need a longer base, within
/// these limits.
const REACH: std::ops::RangeInclusive<usize> = 3..=12;

/// Levels looked at on each side of a step among so many `levels`.
fn reach(levels: usize) -> usize {
    (levels / 8).clamp(*REACH.start(), *REACH.end())
}

/// One level of focus: its frames and the mean of their features.
#[derive(Clone, Debug)]
pub struct Level {
    /// Frame indices.
    pub frames: Vec<usize>,
    /// One per block; [`MISSING`] where no frame covers it.
    pub mean: Vec<f32>,
}

impl Level {
    /// The level of `frames`, of which there is at least one.
    pub fn new(features: &Features, frames: Vec<usize>) -> Self {
        let mean = |b: usize| {
            let known = frames.iter().map(|&f| features.frame(f)[b]).filter(|&v| v != MISSING);
            let (sum, count) = known.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
            if count > 0.0 { sum / count } else { MISSING }
        };
        let mean = (0..features.blocks()).map(mean).collect();
        Self { frames, mean }
    }
}

/// Groups the frames of `path`, which runs along the focus, into levels in the order of a shortest path over them, between
/// the frames named as `ends`; in the order of `path` if that was `told`.
pub fn group(features: &Features, path: &[usize], told: bool, ends: Ends) -> Vec<Level> {
    let mut levels: Vec<Level> = path.iter().map(|&f| Level::new(features, vec![f])).collect();
    let mut before = usize::MAX;
    loop {
        join(features, &mut levels, told);
        if levels.len() == before {
            return levels;
        }
        before = levels.len();
        if told {
            continue;
        }
        let distances = level_distances(features, &levels);
        let holds = |frame: usize| levels.iter().position(|level| level.frames.contains(&frame));
        let ends = ends.map(holds);
        let mut order = path_between(&distances, ends);
        for end in [ends.first, ends.last] {
            if order.first() != end.as_ref() {
                settle_end(&distances, &mut order);
            }
            order.reverse();
        }
        levels = order.iter().map(|&i| levels[i].clone()).collect();
    }
}

/// Swaps the first two of a path if the second is the farther from the next three: one step decides an end in a shortest
/// path, which noise in a small step may turn round.
fn settle_end(distances: &Distances, path: &mut [usize]) {
    let others = &path[2.min(path.len())..5.min(path.len())];
    let away = |node: usize| others.iter().map(|&k| distances.at(node, k)).sum::<f64>();
    if path.len() > 2 && away(path[1]) > away(path[0]) {
        path.swap(0, 1);
    }
}

/// Distances between the means of levels, weighted as those between frames.
pub fn level_distances(features: &Features, levels: &[Level]) -> Distances {
    let row =
        |a: &Level| levels.iter().map(|b| distance(&a.mean, &b.mean, &features.weights)).collect::<Vec<_>>();
    Distances::new(levels.len(), levels.iter().flat_map(row).collect())
}

/// How two neighbours in the order differ.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// In standard errors; negative if they stand in the wrong order.
    pub significance: f64,
    /// Along the direction of focus, in the features' unit.
    pub length: f64,
}

/// Swaps neighbours that stand the wrong way round, unless their order was `told`, and joins the least different ones until
/// all differ.
fn join(features: &Features, levels: &mut Vec<Level>, told: bool) {
    let mut swaps = levels.len() * 2;
    let mut steps: Vec<Step> = (1..levels.len()).map(|i| step(features, levels, i - 1)).collect();
    while !steps.is_empty() {
        if told {
            steps.iter_mut().for_each(|step| *step = step.either_way());
        }
        let usual = median(&steps);
        let significance: Vec<f64> = steps.iter().map(|step| step.beyond(SYSTEMATIC * usual)).collect();
        let lowest = (0..steps.len()).reduce(|i, j| if significance[j] < significance[i] { j } else { i });
        let i = lowest.expect("there are steps");
        if significance[i] >= SIGNIFICANT {
            return;
        }
        if significance[i] < -SIGNIFICANT && swaps > 0 {
            levels.swap(i, i + 1);
            swaps -= 1;
        } else {
            let last = levels.remove(i + 1);
            steps.remove(i);
            let frames = [&levels[i].frames[..], &last.frames].concat();
            levels[i] = Level::new(features, frames);
        }
        // Few levels are looked at otherwise, all of them.
        let reach = if levels.len() <= COARSE { COARSE } else { reach(levels.len()) + 1 };
        let touched = i.saturating_sub(reach + 1)..(i + reach + 2).min(steps.len());
        for k in touched {
            steps[k] = step(features, levels, k);
        }
    }
}

/// The median length of steps, of which there is one at least.
fn median(steps: &[Step]) -> f64 {
    let mut lengths: Vec<f64> = steps.iter().map(|step| step.length).collect();
    lengths.sort_by(f64::total_cmp);
    lengths[lengths.len() / 2]
}

impl Step {
    /// Whichever comes first.
    const fn either_way(self) -> Self {
        Self { significance: self.significance.abs(), length: self.length.abs() }
    }

    /// Significance with another standard error of the length added.
    fn beyond(self, error: f64) -> f64 {
        if self.significance == 0.0 {
            return self.significance;
        }
        self.length / (self.length / self.significance).hypot(error)
    }
}

/// The step from level `i` to the next.
///
/// At an end the two levels themselves stand in for the side that is missing, weighted by their frames, so that their
/// noise has no part in Σ D E.
pub fn step(features: &Features, levels: &[Level], i: usize) -> Step {
    if levels.len() == 2 {
        return coherent_step(features, &levels[0].mean, &levels[1].mean);
    }
    let (a, b) = (&levels[i], &levels[i + 1]);
    let reach = reach(levels.len());
    let before = &levels[i.saturating_sub(reach)..i];
    let after = &levels[i + 2..(i + 2 + reach).min(levels.len())];
    let both = [a, b];
    let side = |levels: &[Level], k: usize| {
        if levels.is_empty() {
            let count = |level: &Level| level.frames.len() as f32;
            return mean(both.iter().map(|level| (level.mean[k], count(level))));
        }
        mean(levels.iter().map(|level| (level.mean[k], 1.0)))
    };
    let known = (0..features.blocks()).filter(|&k| a.mean[k] != MISSING && b.mean[k] != MISSING);
    let sample = |k: usize| {
        let (p, q) = (side(before, k), side(after, k));
        let (here, weight) = (f32::midpoint(p, q), features.weights[k]);
        (p != MISSING && q != MISSING && weight > 0.0).then(|| Sample {
            weight: weight.into(),
            difference: (a.mean[k] - b.mean[k]).into(),
            direction: (p - q).into(),
            nuisance: [1.0, (features.low[k] - here).exp().min(1.0).into()],
        })
    };
    let mut samples: Vec<Sample> = known.filter_map(sample).collect();
    remove_nuisance(&mut samples);
    let along = slope(&samples);
    if !before.is_empty() && !after.is_empty() && levels.len() > COARSE {
        return along;
    }
    let along = along.either_way();
    let coherent = coherent_step(features, &a.mean, &b.mean);
    let clear = coherent.significance > SIGNIFICANT && coherent.length > along.length;
    if clear || coherent.significance > along.significance { coherent } else { along }
}

/// One block of the regression.
struct Sample {
    weight: f64,
    difference: f64,
    direction: f64,
    /// What is alike in all blocks, and the share of noise in the sharpness.
    nuisance: [f64; 2],
}

/// Takes from the difference and the direction what the nuisances explain (Frisch and Waugh 1933): Gram–Schmidt.
fn remove_nuisance(samples: &mut [Sample]) {
    let dot = |samples: &[Sample], f: &dyn Fn(&Sample) -> f64, g: &dyn Fn(&Sample) -> f64| {
        samples.iter().map(|s| s.weight * f(s) * g(s)).sum::<f64>()
    };
    for i in 0..2 {
        let norm = dot(samples, &|s| s.nuisance[i], &|s| s.nuisance[i]);
        let share = |f: &dyn Fn(&Sample) -> f64| ratio(dot(samples, &|s| s.nuisance[i], f), norm);
        let (difference, direction) = (share(&|s| s.difference), share(&|s| s.direction));
        let later: Vec<f64> = (i + 1..2).map(|j| share(&|s| s.nuisance[j])).collect();
        for s in samples.iter_mut() {
            s.difference -= difference * s.nuisance[i];
            s.direction -= direction * s.nuisance[i];
            for (j, later) in (i + 1..2).zip(&later) {
                s.nuisance[j] -= later * s.nuisance[i];
            }
        }
    }
}

/// The regression of the difference on the direction, without intercept.
fn slope(samples: &[Sample]) -> Step {
    let sum = |f: &dyn Fn(&Sample) -> f64| samples.iter().map(f).sum::<f64>();
    let product = sum(&|s| s.weight * s.difference * s.direction);
    let variance = sum(&|s| (s.weight * s.difference * s.direction).powi(2));
    let direction = sum(&|s| s.weight * s.direction.powi(2));
    let weight = sum(&|s| s.weight);
    Step {
        significance: ratio(product, variance.sqrt()),
        length: ratio(product, (direction * weight).sqrt()),
    }
}

/// Without levels on both sides there is no direction, or a poor one, but a difference in focus is alike in neighbouring
/// blocks and noise is not (Moran 1950).
fn coherent_step(features: &Features, a: &[f32], b: &[f32]) -> Step {
    let (width, blocks) = (features.grid.width as usize, features.blocks());
    let known = |k: usize| a[k] != MISSING && b[k] != MISSING;
    let weight = |k: usize| if known(k) { features.weights[k] } else { 0.0 };
    let mean = mean((0..blocks).filter(|&k| known(k)).map(|k| (a[k] - b[k], features.weights[k])));
    let rest = |k: usize| if known(k) { weight(k) * (a[k] - b[k] - mean) } else { 0.0 };
    let right = (0..blocks).filter(|k| (k + 1) % width != 0).map(|k| (k, k + 1));
    let below = (0..blocks.saturating_sub(width)).map(|k| (k, k + width));
    let (mut sum, mut squares, mut weights) = (0.0, 0.0, 0.0);
    for (k, l) in right.chain(below) {
        let product = f64::from(rest(k) * rest(l));
        sum += product;
        squares += product * product;
        weights += f64::from(weight(k) * weight(l));
    }
    Step { significance: ratio(sum, squares.sqrt()).max(0.0), length: ratio(sum, weights).max(0.0).sqrt() }
}

/// Weighted mean of (value, weight) without the missing ones.
fn mean(values: impl Iterator<Item = (f32, f32)>) -> f32 {
    let known = values.filter(|&(v, _)| v != MISSING);
    let (sum, weight) = known.fold((0.0, 0.0), |(sum, weight), (v, w)| (sum + w * v, weight + w));
    if weight > 0.0 { sum / weight } else { MISSING }
}

/// a / b, 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
