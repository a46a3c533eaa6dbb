//! Recognises frames that missed focus or were shaken.
//!
//! Along the focus a block's sharpness rises to one peak and falls: a frame is never less sharp than both its neighbours
//! in most blocks. One that is, and is nowhere the sharpest, is faulty. At the ends, where there is one neighbour
//! only, it is faulty if it is nowhere sharp and lies farther off than a step of focus, or resembles levels elsewhere.

use super::clusters::{Level, level_distances};
use super::features::{Features, LOW, MISSING, quantile};
use crate::frame::Size;

/// A frame whose sharpest blocks reach this share of the sharpest frame's is never faulty.
const SHARP: f64 = 0.8;
/// A faulty frame has less than this share of the sharpness that both its neighbours have. Good ones have 0.85 and
/// more, frames blurred by 2.5 px or more 0.4 at most.
const DIP: f64 = 0.55;
/// A frame whose sharpest blocks have less than this is nowhere sharp; good ones have 0.7 and more, but between or beyond
/// all things in focus.
const BLUNT: f64 = 0.5;
/// Such a frame is faulty if it has less than this part of the share that is usual in the stack: that is high in coarse
/// steps, as good frames are then much sharper than their neighbours …
const BLUNT_DIP: f64 = 0.7;
/// … but never with as much as its neighbours.
const BLUNT_DIP_MAX: f64 = 0.95;
/// A frame whose sharpest blocks have less than this is faulty whatever its neighbours: a blurred frame may bridge both
/// ends of the focus, which have nothing in common, and one that is sharp nowhere is of no use in any place.
const NOWHERE: f64 = 0.25;
/// Sharpness elsewhere that noise may feign.
const ELSEWHERE: f64 = 0.3;
/// Frames on each side compared with: more than one, since faulty frames may be neighbours.
const REACH: usize = 3;
/// Share of a frame's blocks taken for its sharpest.
const TOP: f32 = 0.02;
/// The end of the order is faulty if its sharpest blocks have less than this share of those of the next level. Focus that
/// is a fine step beyond everything has more; what is a coarse step beyond is of as little use as a blurred frame.
const FADE: f64 = 0.45;
/// A step this many times the usual one leads away from the focus.
const LEAP: f64 = 2.5;

/// Sharpness as a share of the block's range over the stack.
pub struct Scale {
    low: Vec<f32>,
    range: Vec<f32>,
    weights: Vec<f32>,
}

impl Scale {
    /// The scale of a stack: 0 = a block's low end (noise), 1 = its sharpest over `frames`.
    pub fn new(features: &Features, frames: &[usize]) -> Self {
        let blocks = features.blocks();
        let mut scale = Self { low: vec![0.0; blocks], range: vec![0.0; blocks], weights: vec![0.0; blocks] };
        let logs: Vec<&[f32]> = frames.iter().map(|&f| features.frame(f)).collect();
        for b in 0..blocks {
            let known: Vec<f32> = logs.iter().map(|log| log[b]).filter(|&v| v != MISSING).collect();
            let high = known.iter().copied().fold(MISSING, f32::max);
            if let Some(low) = quantile(known, LOW) {
                scale.low[b] = low.exp();
                scale.range[b] = high.exp() - low.exp();
                // A block that never doubles its sharpness shows noise, or little else.
                scale.weights[b] =
                    if high - low > std::f32::consts::LN_2 { features.weights[b] } else { 0.0 };
            }
        }
        scale
    }

    /// Sharpness of feature `value` of block `b`, ≥ 0; `None` where it is missing or the block tells nothing.
    fn at(&self, b: usize, value: f32) -> Option<f64> {
        let share = || f64::from((value.exp() - self.low[b]) / self.range[b]).max(0.0);
        (value != MISSING && self.weights[b] > 0.0).then(share)
    }

    /// How sharp the sharpest blocks of a frame or level are: 1 = as in the sharpest frame; `None` if no block tells.
    pub fn best(&self, values: &[f32]) -> Option<f64> {
        let sure = |b: &usize| self.weights[*b] > 0.5;
        let shares = (0..values.len()).filter(sure).filter_map(|b| self.at(b, values[b])).map(|s| s as f32);
        quantile(shares.collect(), 1.0 - TOP).map(f64::from)
    }

    /// How sharp a frame is where its level is: only comparable among frames of one level.
    pub fn sharpness(&self, values: &[f32], level: &[f32]) -> f64 {
        let product =
            |b: usize| Some(f64::from(self.weights[b]) * self.at(b, values[b])? * self.at(b, level[b])?);
        (0..values.len()).filter_map(product).sum()
    }

    /// Sharpness of frame or level `values` around (`x`, `y`), in blocks, within about `radius`, and how much texture
    /// there is.
    fn around(&self, values: &[f32], width: usize, (x, y): (f64, f64), radius: f64) -> (f64, f64) {
        let (mut sum, mut texture) = (0.0, 0.0);
        for (b, &value) in values.iter().enumerate() {
            let (dx, dy) = ((b % width) as f64 + 0.5 - x, (b / width) as f64 + 0.5 - y);
            let weight = (-(dx * dx + dy * dy) / (2.0 * radius * radius)).exp() * f64::from(self.weights[b]);
            if let Some(share) = self.at(b, value) {
                sum += weight * share;
                texture += weight;
            }
        }
        (sum, texture)
    }

    /// Which of `values` is the sharpest around `point`, fractions of the width and height of `grid`; `None` if nothing
    /// there tells.
    pub fn sharpest_around(&self, grid: Size, values: &[&[f32]], point: (f64, f64)) -> Option<usize> {
        let at = (point.0 * f64::from(grid.width), point.1 * f64::from(grid.height));
        let around = |values: &[f32], radius: f64| self.around(values, grid.width as usize, at, radius);
        // Wider, until there is texture: as much as half a block of it.
        let told = |radius: &f64| values.iter().any(|values| around(values, *radius).1 > 0.5);
        let radius = [0.7, 1.0, 1.5, 2.0].into_iter().find(told)?;
        let sharpness = |values: &&[f32]| {
            let (sum, texture) = around(values, radius);
            if texture > 0.0 { sum / texture } else { 0.0 }
        };
        let sharpness: Vec<f64> = values.iter().map(sharpness).collect();
        (0..values.len()).reduce(|i, j| if sharpness[j] > sharpness[i] { j } else { i })
    }

    /// Share of the sharpness common to `before` and `after` that `values` has: 1 and more for a frame between them.
    fn share(&self, values: &[f32], before: &[&[f32]], after: &[&[f32]]) -> f64 {
        let highest =
            |side: &[&[f32]], b: usize| side.iter().filter_map(|v| self.at(b, v[b])).reduce(f64::max);
        let (mut has, mut common, mut energy) = (0.0, 0.0, 0.0);
        for (b, &value) in values.iter().enumerate() {
            if let (Some(own), Some(p), Some(q)) = (self.at(b, value), highest(before, b), highest(after, b))
            {
                let both = p.min(q);
                has += f64::from(self.weights[b]) * own * both;
                common += f64::from(self.weights[b]) * both * both;
                energy += f64::from(self.weights[b]) * own * own;
            }
        }
        // Neighbours with little in common, as in coarse steps, prove nothing against a frame sharp elsewhere.
        if common > 0.0 { (has / common).max((energy / common).sqrt() - ELSEWHERE) } else { 1.0 }
    }
}

/// What speaks for an inner frame of a path.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Its share of the sharpness its neighbours have in common: 1 and more for good frames.
    pub share: f64,
    /// How sharp its sharpest blocks are, 0…1.
    pub best: f64,
}

impl Verdict {
    fn badness(&self) -> f64 {
        self.share.min(1.0) + self.best
    }
}

/// The faultiest frame of `path`, as an index into it, if there is one; `exempt` frames never are.
pub fn within(features: &Features, scale: &Scale, path: &[usize], exempt: &[usize]) -> Option<usize> {
    let verdicts = verdicts(features, scale, path);
    let mut shares: Vec<f64> = verdicts.iter().map(|(_, verdict)| verdict.share).collect();
    shares.sort_by(f64::total_cmp);
    let usual = *shares.get(shares.len() / 2)?;
    let blunt_limit = (BLUNT_DIP * usual).clamp(DIP, BLUNT_DIP_MAX);
    let faulty = |&(i, v): &(usize, Verdict)| {
        let dips =
            v.best < SHARP && v.share < DIP || v.best < BLUNT && v.share < blunt_limit || v.best < NOWHERE;
        dips && !exempt.contains(&path[i])
    };
    let faulty = verdicts.into_iter().filter(faulty);
    faulty.min_by(|(_, a), (_, b)| a.badness().total_cmp(&b.badness())).map(|(i, _)| i)
}

/// How many frames at the beginning of `path` are nowhere sharp, and so by themselves or far behind the next one.
pub fn faded(features: &Features, scale: &Scale, path: &[usize], exempt: &[usize]) -> usize {
    let best = |f: &usize| scale.best(features.frame(*f)).unwrap_or(1.0);
    let best: Vec<f64> = path.iter().take(path.len() / 3 + 1).map(best).collect();
    let suspects =
        best.iter().zip(path).take_while(|(best, f)| **best < BLUNT && !exempt.contains(f)).count();
    (1..=suspects.min(best.len().saturating_sub(1)))
        .rev()
        .find(|&i| best[i - 1] < FADE * best[i] || best[i - 1] < NOWHERE)
        .unwrap_or(0)
}

/// Judges every frame of `path` but its ends.
pub fn verdicts(features: &Features, scale: &Scale, path: &[usize]) -> Vec<(usize, Verdict)> {
    let logs: Vec<&[f32]> = path.iter().map(|&f| features.frame(f)).collect();
    let judge = |i: usize| {
        let before = &logs[i.saturating_sub(REACH)..i];
        let after = &logs[i + 1..path.len().min(i + 1 + REACH)];
        let share = scale.share(logs[i], before, after);
        Some((i, Verdict { share, best: scale.best(logs[i])? }))
    };
    (1..path.len().saturating_sub(1)).filter_map(judge).collect()
}

/// How many `levels`, counted from the first, are faulty; for the other end reverse them.
pub fn at_end(features: &Features, scale: &Scale, levels: &[Level], exempt: &[usize]) -> usize {
    let best: Vec<f64> = levels.iter().map(|level| scale.best(&level.mean).unwrap_or(1.0)).collect();
    let exempt = |level: &Level| level.frames.iter().any(|f| exempt.contains(f));
    let blunt = best.iter().zip(levels).take_while(|(best, level)| **best < BLUNT && !exempt(level)).count();
    let blunt = blunt.min(levels.len() / 3);
    let distances = level_distances(features, levels);
    let mut steps: Vec<f64> = (blunt + 1..levels.len()).map(|i| distances.at(i - 1, i)).collect();
    steps.sort_by(f64::total_cmp);
    let Some(&usual) = steps.get(steps.len() / 2) else { return 0 };
    let apart = |i: &usize| distances.at(i - 1, *i) > LEAP * usual || best[i - 1] < FADE * best[*i];
    let like_inner = || best[0] < SHARP && !exempt(&levels[0]) && resembles_inner(features, scale, levels);
    (1..=blunt).rev().find(apart).unwrap_or_else(|| usize::from(like_inner()))
}

/// Whether the first level, but for being blurred, is like one further in.
fn resembles_inner(features: &Features, scale: &Scale, levels: &[Level]) -> bool {
    let apart = |level: &Level| shape_distance(&features.weights, &levels[0].mean, &level.mean);
    let apart: Vec<f64> = levels[1..].iter().map(apart).collect();
    let nearest =
        (0..apart.len()).reduce(|i, j| if apart[j] < apart[i] { j } else { i }).map_or(0, |i| i + 1);
    if nearest < 3 || nearest + 1 >= levels.len() {
        return false;
    }
    let around: Vec<&[f32]> = levels[nearest - 1..=nearest + 1].iter().map(|level| &level.mean[..]).collect();
    scale.share(&levels[0].mean, &around[..2], &around[1..]) < DIP
}

/// Weighted mean absolute difference of two levels, less their mean difference.
fn shape_distance(weights: &[f32], a: &[f32], b: &[f32]) -> f64 {
    let known = || a.iter().zip(b).zip(weights).filter(|((a, b), _)| **a != MISSING && **b != MISSING);
    let weight = known().map(|(_, &w)| f64::from(w)).sum::<f64>().max(f64::MIN_POSITIVE);
    let mean = known().map(|((a, b), w)| f64::from(w * (a - b))).sum::<f64>() / weight;
    known().map(|((a, b), &w)| f64::from(w) * (f64::from(a - b) - mean).abs()).sum::<f64>() / weight
}
