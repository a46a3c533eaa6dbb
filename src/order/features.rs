//! From block sharpness to what frames are compared by.

use super::path::Distances;
use crate::frame::Size;

/// Value of a feature whose frame does not cover the block; smaller than any covered one.
pub const MISSING: f32 = -1.0e30;

/// Sharpness below this share of a typical block's highest is no information: rounding and compression make it.
const FLOOR: f32 = 1.0e-4;
/// Share of a block's frames taken to be below its floor: blurred frames must not stretch a block's range.
pub const LOW: f32 = 0.15;
/// Share of the blocks, those that vary least, that noise is measured in.
const PLAIN: f32 = 0.15;
/// Blocks whose sharpness varies by no more than this factor show noise alone.
const PLAIN_RANGE: f32 = 1.8;
/// Noise is measured in this many such blocks at least.
const PLAIN_BLOCKS: usize = 8;
/// Noise differs between frames by no more than this factor.
const NOISE_RANGE: f32 = 4.0;
/// Variance of a logarithm below which it is rounding.
const LEAST_VARIANCE: f32 = 1.0e-6;
/// Rounds of finding the plain blocks and measuring the noise in them.
const NOISE_ROUNDS: usize = 3;
/// Evening out the noise leaves at least this share of it.
const LEAST: f32 = 0.3;

/// Block sharpness of a stack: the focus measure (mean squared Laplacian, any unit ≥ 0) of every block in every frame,
/// in one geometry and at one exposure.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Blocks across and down.
    pub grid: Size,
    /// One row-major plane of `grid.area()` values per frame; NaN or negative
    /// where the frame does not cover the block.
    pub frames: Vec<Vec<f32>>,
}

/// What frames are compared by: `frames` × `blocks` values, and how much each block counts.
#[derive(Clone, Debug)]
pub struct Features {
    /// Blocks across and down.
    pub grid: Size,
    /// Frame by frame, ln(sharpness + floor); [`MISSING`] where the frame does not cover the block.
    pub values: Vec<f32>,
    /// One per block: 0 = noise alone … 1 = focus alone.
    pub weights: Vec<f32>,
    /// Low end of every block's values: that of noise, where there is; [`MISSING`] where no frame covers it.
    pub low: Vec<f32>,
}

impl Features {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.values.len() / self.blocks().max(1)
    }

    /// Number of blocks of a frame.
    pub const fn blocks(&self) -> usize {
        self.grid.area()
    }

    /// Values of one frame.
    pub fn frame(&self, index: usize) -> &[f32] {
        &self.values[index * self.blocks()..][..self.blocks()]
    }
}

/// Takes the logarithm of the block sharpness, in which noise is alike everywhere (a mean of squares varies in proportion
/// to itself), after bringing the noise of all frames to one level, and weighs every block by how much more it varies over
/// the stack than between frames that are alike (von Neumann 1941: mean squared difference of neighbours over variance, 1
/// for noise).
pub fn normalise(blocks: &Blocks) -> Features {
    let count = blocks.grid.area();
    let (noise, low) = noise(blocks);
    let highest = (0..count).map(|b| column(blocks, b).fold(0.0, f32::max)).collect();
    let floor = (quantile(highest, 0.5).unwrap_or(0.0) * FLOOR).max(f32::MIN_POSITIVE);
    let mut values = Vec::with_capacity(count * blocks.frames.len());
    for (frame, &noise) in blocks.frames.iter().zip(&noise) {
        for (&s, &low) in frame.iter().zip(&low) {
            let even = (s + (1.0 - noise) * low).max(LEAST * low).max(0.0) + floor;
            values.push(if is_missing(s) { MISSING } else { even.ln() });
        }
    }
    let known = |b: usize| values.iter().skip(b).step_by(count).copied().filter(|&v| v != MISSING);
    let low = (0..count).map(|b| quantile(known(b).collect(), LOW).unwrap_or(MISSING)).collect();
    let mut features = Features { grid: blocks.grid, values, weights: vec![1.0; count], low };
    if blocks.frames.len() > 2 {
        features.weights = weights(&features);
    }
    features
}

/// Noise of every frame as a multiple of the usual one, and the usual noise of every block: the low end of its sharpness.
///
/// Flicker, and resampling at different sub-pixel shifts, make the noise of frames differ, which would bend the order. It
/// is compared where there is least else: in the blocks that vary least.
fn noise(blocks: &Blocks) -> (Vec<f32>, Vec<f32>) {
    let count = blocks.grid.area();
    let mut noise = vec![1.0; blocks.frames.len()];
    let mut low = vec![0.0; count];
    for round in 0..NOISE_ROUNDS {
        let scaled = |b: usize| {
            let known = blocks.frames.iter().zip(&noise).filter(|(frame, _)| !is_missing(frame[b]));
            known.map(|(frame, &noise)| frame[b] / noise).collect::<Vec<f32>>()
        };
        low = (0..count).map(|b| quantile(scaled(b), LOW).unwrap_or(0.0)).collect();
        let range = |&b: &usize| quantile(scaled(b), 1.0 - LOW / 2.0).unwrap_or(0.0) / low[b];
        let known: Vec<usize> = (0..count).filter(|&b| low[b] > 0.0).collect();
        let ranges: Vec<f32> = known.iter().map(range).collect();
        // At first the range contains what is to be taken out.
        let widest = if round == 0 { 2.0 * PLAIN_RANGE } else { PLAIN_RANGE };
        let limit = quantile(ranges.clone(), PLAIN).unwrap_or(0.0).min(widest);
        let plain: Vec<usize> =
            known.iter().zip(&ranges).filter(|(_, r)| **r <= limit).map(|(&b, _)| b).collect();
        if plain.len() < PLAIN_BLOCKS {
            noise.fill(1.0);
            break;
        }
        for (noise, frame) in noise.iter_mut().zip(&blocks.frames) {
            let ratios = plain.iter().map(|&b| frame[b] / low[b]).filter(|&r| !is_missing(r)).collect();
            *noise = quantile(ratios, 0.5).unwrap_or(1.0).clamp(1.0 / NOISE_RANGE, NOISE_RANGE);
        }
    }
    (noise, low)
}

/// Mean absolute difference of every two frames over the blocks both cover, weighted:
/// d(f, g) = Σ_b w_b |x_fb − x_gb| / Σ_b w_b; 0 where they share no block.
pub fn distances(features: &Features) -> Distances {
    let frames = features.frames();
    let mut values = vec![0.0; frames * frames];
    for f in 0..frames {
        for g in 0..f {
            let distance = distance(features.frame(f), features.frame(g), &features.weights);
            values[f * frames + g] = distance;
            values[g * frames + f] = distance;
        }
    }
    Distances::new(frames, values)
}

/// Weighted mean absolute difference over the blocks that both have; 0 if there are none.
pub(super) fn distance(a: &[f32], b: &[f32], weights: &[f32]) -> f32 {
    let (mut sum, mut weight) = (0.0_f32, 0.0_f32);
    for ((&a, &b), &w) in a.iter().zip(b).zip(weights) {
        if a != MISSING && b != MISSING {
            sum += w * (a - b).abs();
            weight += w;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// 1 − noise variance / variance of every block, at least 0; noise from each frame's nearest neighbour.
fn weights(features: &Features) -> Vec<f32> {
    let all = distances(features);
    let frames = features.frames();
    let nearest = |f: usize| {
        let others = (0..frames).filter(|&g| g != f);
        others.reduce(|best, g| if all.at(f, g) < all.at(f, best) { g } else { best }).unwrap_or(f)
    };
    let nearest: Vec<usize> = (0..frames).map(nearest).collect();
    let weigh = |b: usize| {
        let value = |f: usize| features.values[f * features.blocks() + b];
        let known: Vec<f32> = (0..frames).map(value).filter(|&v| v != MISSING).collect();
        let Some(low) = quantile(known.clone(), LOW) else { return 0.0 };
        let mean = known.iter().map(|v| v.max(low)).sum::<f32>() / known.len() as f32;
        let variance = known.iter().map(|v| (v.max(low) - mean).powi(2)).sum::<f32>()
            / (known.len() as f32 - 1.0).max(1.0);
        let pairs =
            (0..frames).map(|f| (value(f), value(nearest[f]))).filter(|&(a, b)| a != MISSING && b != MISSING);
        let squares: Vec<f32> = pairs.map(|(a, b)| (a.max(low) - b.max(low)).powi(2) / 2.0).collect();
        let noise = squares.iter().sum::<f32>() / squares.len().max(1) as f32;
        if variance > LEAST_VARIANCE { (1.0 - noise / variance).max(0.0) } else { 0.0 }
    };
    (0..features.blocks()).map(weigh).collect()
}

/// NaN, and the negative values by which other stages mark what is not covered.
fn is_missing(sharpness: f32) -> bool {
    sharpness.is_nan() || sharpness < 0.0
}

fn column(blocks: &Blocks, block: usize) -> impl Iterator<Item = f32> {
    blocks.frames.iter().map(move |frame| frame[block]).filter(|&s| !is_missing(s))
}

/// The value below which a share `q` (0…1) of `values` lies, rounded up to one of them; `None` if there are none.
pub fn quantile(mut values: Vec<f32>, q: f32) -> Option<f32> {
    let index = ((values.len() as f32 - 1.0) * q).ceil() as usize;
    (index < values.len()).then(|| *values.select_nth_unstable_by(index, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_alone_weighs_nothing_and_focus_much() {
        const NOISE: [f32; 11] = [1.0, 1.1, 0.9, 1.0, 1.1, 1.0, 0.9, 1.1, 0.9, 1.1, 0.9];
        // One block of focus, one of noise, one that is black; focus tells which frames are neighbours.
        let frame = |i: i32| vec![100.0 / (1.0 + (i - 12).pow(2) as f32), NOISE[i as usize], 0.0];
        let features = normalise(&Blocks { grid: Size::new(3, 1), frames: (0..11).map(frame).collect() });
        assert!(features.weights[0] > 0.8, "{:?}", features.weights);
        assert!(features.weights[1] < 0.5 && features.weights[2] == 0.0, "{:?}", features.weights);
    }

    #[test]
    fn gain_does_not_change_distances() {
        let frame = |i: i32| (0..20).map(|b| 100.0 / (1.0 + (i - b).pow(2) as f32)).collect::<Vec<f32>>();
        let frames: Vec<Vec<f32>> = (0..6).map(frame).collect();
        let louder = frames.iter().map(|frame| frame.iter().map(|s| s * 1000.0).collect()).collect();
        let grid = Size::new(5, 4);
        let [a, b] = [frames, louder].map(|frames| distances(&normalise(&Blocks { grid, frames })));
        for f in 0..6 {
            for g in 0..6 {
                assert!((a.at(f, g) - b.at(f, g)).abs() < 1e-4 && (f == g) == (a.at(f, g) == 0.0));
            }
        }
    }

    #[test]
    fn distance_takes_common_blocks_alone() {
        assert_eq!(distance(&[1.0, MISSING, 3.0], &[2.0, 5.0, 6.0], &[1.0, 9.0, 3.0]), 2.5);
        assert_eq!(distance(&[MISSING], &[1.0], &[1.0]), 0.0);
    }

    #[test]
    fn quantiles() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.0), Some(1.0));
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.4), Some(2.0));
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 1.0), Some(3.0));
        assert_eq!(quantile(vec![], 0.5), None);
    }
}
