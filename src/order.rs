//! Levels of focus from near to far: orders frames by their block sharpness, joins duplicates and leaves out what
//! missed focus.
//!
//! [`normalise`] makes the block sharpness of the frames comparable, [`distances`] compares every two frames, [`levels`]
//! finds the order: a shortest path, as focus moves through the scene along a line. Pure functions; the result does not
//! depend on the frames' numbering, ties apart.

pub mod anchors;
pub mod clusters;
pub mod faults;
pub mod features;
pub mod path;

use crate::error::{Error, Result};
use anchors::find;
pub use anchors::{Anchor, Anchors, ONE_LEVEL};
use clusters::{Level, group, level_distances};
use faults::Scale;
pub use features::{Blocks, Features, MISSING, distances, normalise};
pub use path::Distances;
use path::{Ends, lead, path_between, turn};

/// Correlation of height in the picture and place in the order below which it tells nothing.
const SURE: f64 = 0.1;

/// Why a frame is not in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nowhere sharper than its neighbours: missed focus, or shaken.
    NotSharp,
    /// Nearer than the near anchor.
    BeyondNear,
    /// Farther than the far anchor.
    BeyondFar,
    /// Covers none of the blocks.
    NotCovered,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotSharp => "nowhere the sharpest: it missed focus or was shaken",
            Self::BeyondNear => "nearer than the near anchor",
            Self::BeyondFar => "farther than the far anchor",
            Self::NotCovered => "shows nothing of the reference frame",
        })
    }
}

/// A frame that is not in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Frame index.
    pub frame: usize,
    /// Why.
    pub reason: Reason,
}

/// Levels of focus of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FocusOrder {
    /// Frame indices of every level, two levels at least, near to far; within a level the sharpest first.
    pub clusters: Vec<Vec<usize>>,
    /// The other frames, by index.
    pub left_out: Vec<LeftOut>,
    /// Whether which end is the nearer one was guessed, as no anchor told.
    pub near_guessed: bool,
}

/// Finds the levels of focus.
///
/// `features` and `distances` are those of [`normalise`] and [`distances`], of the same frames. `told`: distances are
/// those of where the lens stood, as the camera told, so that no order but theirs comes into question.
///
/// # Errors
/// [`Error::Stack`] if there are fewer than two levels of focus, [`Error::Usage`] if an anchor is not among the frames, a
/// point has nothing to measure around it, or both anchors mean one level.
pub fn levels(
    features: &Features,
    distances: &Distances,
    told: bool,
    anchors: Anchors,
) -> Result<FocusOrder> {
    let frames = features.frames();
    assert_eq!(distances.nodes(), frames, "distances are those between the frames");
    let covered = |f: &usize| features.frame(*f).iter().any(|&v| v != MISSING);
    let (mut kept, missing): (Vec<usize>, Vec<usize>) = (0..frames).partition(covered);
    let mut left_out: Vec<LeftOut> =
        missing.iter().map(|&frame| LeftOut { frame, reason: Reason::NotCovered }).collect();
    if let Some(absent) = anchors.frames().named().find(|f| !kept.contains(f)) {
        let text = format!(
            "anchor frame number {absent} is not among the frames that can be ordered: name another one"
        );
        return Err(Error::Usage(text));
    }
    let mut levels = sharp_levels(features, distances, told, anchors, &mut kept);
    left_out.extend(
        (0..frames)
            .filter(|f| !kept.contains(f) && !missing.contains(f))
            .map(|frame| LeftOut { frame, reason: Reason::NotSharp }),
    );
    if levels.len() < 2 {
        return Err(Error::Stack(one_level(kept.len())));
    }
    let scale = Scale::new(features, &kept);
    for level in &mut levels {
        let mean = level.mean.clone();
        let sharpness = |f: usize| scale.sharpness(features.frame(f), &mean);
        level.frames.sort_by(|&a, &b| sharpness(b).total_cmp(&sharpness(a)).then(a.cmp(&b)));
    }
    let near_guessed = anchors.near.is_none() && anchors.far.is_none();
    cut(features, &scale, &mut levels, told, anchors, &mut left_out)?;
    left_out.sort_by_key(|out| out.frame);
    Ok(FocusOrder {
        clusters: levels.into_iter().map(|level| level.frames).collect(),
        left_out,
        near_guessed,
    })
}

fn one_level(frames: usize) -> String {
    format!(
        "{frames} frame{} at one level of focus, or nothing in them is sharp: photograph the scene again with the focus \
         at two distances at least",
        if frames == 1 { "" } else { "s, all" }
    )
}

/// The levels of all frames that are sharp somewhere, which remain in `kept`; an end may be faulty as a whole level.
///
/// A faulty frame bends the path, so that the path is sought again without the faultiest one until there is none. Frames
/// named as anchors are never faulty.
fn sharp_levels(
    features: &Features,
    distances: &Distances,
    told: bool,
    anchors: Anchors,
    kept: &mut Vec<usize>,
) -> Vec<Level> {
    let ends = anchors.frames();
    let exempt = &ends.named().collect::<Vec<_>>()[..];
    loop {
        let between =
            if told { Ends::default() } else { ends.map(|frame| kept.iter().position(|&f| f == frame)) };
        let order = path_between(&distances.submatrix(kept), between);
        let path: Vec<usize> = order.iter().map(|&i| kept[i]).collect();
        let scale = Scale::new(features, kept);
        if let Some(faulty) = faults::within(features, &scale, &path, exempt) {
            kept.retain(|&f| f != path[faulty]);
            continue;
        }
        let back: Vec<usize> = path.iter().rev().copied().collect();
        let first = faults::faded(features, &scale, &path, exempt);
        let last = faults::faded(features, &scale, &back, exempt);
        if first + last > 0 {
            kept.retain(|f| !path[..first].contains(f) && !back[..last].contains(f));
            continue;
        }
        let mut levels = group(features, &path, told, ends);
        let first = faults::at_end(features, &scale, &levels, exempt);
        levels.reverse();
        let last = faults::at_end(features, &scale, &levels, exempt);
        if first + last == 0 {
            return levels;
        }
        let good = &levels[last..levels.len() - first];
        kept.retain(|f| good.iter().any(|level| level.frames.contains(f)));
    }
}

/// Turns the levels near to far and takes out those beyond the anchors.
fn cut(
    features: &Features,
    scale: &Scale,
    levels: &mut Vec<Level>,
    told: bool,
    anchors: Anchors,
    left_out: &mut Vec<LeftOut>,
) -> Result<()> {
    let near = anchors.near.map(|anchor| find(features, scale, levels, anchor, "--near")).transpose()?;
    let far = anchors.far.map(|anchor| find(features, scale, levels, anchor, "--far")).transpose()?;
    if near.is_some() && near == far {
        return Err(Error::Usage(ONE_LEVEL.into()));
    }
    let (ends, distances) = (Ends { first: near, last: far }, level_distances(features, levels));
    let mut order: Vec<usize> = (0..levels.len()).collect();
    if told {
        turn(&distances, &mut order, ends);
    } else {
        order = lead(&distances, order, ends);
    }
    let backwards = near.is_none() && far.is_none() && !starts_near(features, levels);
    *levels = order.iter().map(|&i| levels[i].clone()).collect();
    if backwards {
        levels.reverse();
    }
    let place = |level: Option<usize>| level.and_then(|level| order.iter().position(|&i| i == level));
    let (first, last) = (place(near).unwrap_or(0), place(far).unwrap_or(levels.len() - 1));
    let beyond = |levels: &[Level], reason| {
        levels
            .iter()
            .flat_map(|level| &level.frames)
            .map(|&frame| LeftOut { frame, reason })
            .collect::<Vec<_>>()
    };
    left_out.extend(beyond(&levels[..first], Reason::BeyondNear));
    left_out.extend(beyond(&levels[last + 1..], Reason::BeyondFar));
    *levels = levels[first..=last].to_vec();
    Ok(())
}

/// Guesses whether the first level is the nearest: what is lower in a picture is mostly nearer. Where that tells little,
/// the end with the earlier frame is, as most photograph from near to far.
fn starts_near(features: &Features, levels: &[Level]) -> bool {
    let width = features.grid.width as usize;
    let (mut sums, mut total) = ([0.0; 5], 0.0);
    for b in 0..features.blocks() {
        let value = |i: usize| levels[i].mean[b];
        let best = (0..levels.len())
            .reduce(|i, j| if value(j) > value(i) { j } else { i })
            .expect("there are levels");
        let (weight, x, y) = (f64::from(features.weights[b]), best as f64, (b / width) as f64);
        for (sum, term) in sums.iter_mut().zip([x, y, x * y, x * x, y * y]) {
            *sum += weight * term;
        }
        total += weight;
    }
    let [x, y, xy, xx, yy] = sums.map(|sum| sum / f64::max(total, f64::MIN_POSITIVE));
    let correlation = (xy - x * y) / ((xx - x * x) * (yy - y * y)).sqrt();
    if correlation.abs() > SURE {
        return correlation < 0.0;
    }
    levels[0].frames.iter().min() < levels[levels.len() - 1].frames.iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    const GRID: Size = Size::new(24, 16);

    /// Linear congruential numbers (Knuth's MMIX), 0…1.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.next()).sum::<f64>() - 6.0
        }
    }

    /// Stacks of a slope, near at the bottom, over which focus moves from 0 (near) to 1.
    struct Scene {
        noise: f64,
        /// Blur of the far end, in circles that halve the sharpness, where the near one is in focus.
        range: f64,
        random: Random,
        texture: Vec<f64>,
    }

    impl Scene {
        fn new(seed: u64, noise: f64) -> Self {
            let mut random = Random(seed);
            let texture = (0..GRID.area()).map(|_| 100.0 * random.next().powi(2)).collect();
            Self { noise, range: 12.0, random, texture }
        }

        /// One frame focused at `focus`, blurred so that `kept` (0…1) of its sharpness is left.
        fn frame(&mut self, focus: f64, kept: f64) -> Vec<f32> {
            let (random, range) = (&mut self.random, self.range);
            let sharpness = |(b, texture): (usize, &f64)| {
                let (x, y) = (b % 24, b / 24);
                let depth = 1.0 - (y as f64 + 0.5 + 0.7 * (x as f64).sin()) / 16.0;
                let blur = range * (depth - focus);
                let signal = texture * kept / (1.0 + blur * blur).powf(1.5);
                ((signal + 1.0) * (self.noise * random.normal()).exp()) as f32
            };
            self.texture.iter().enumerate().map(sharpness).collect()
        }

        fn stack(&mut self, focus: &[f64]) -> Vec<Vec<f32>> {
            focus.iter().map(|&focus| self.frame(focus, 1.0)).collect()
        }
    }

    fn even(frames: usize) -> Vec<f64> {
        (0..frames).map(|i| i as f64 / (frames - 1) as f64).collect()
    }

    /// A permutation: `result[i]` is where number `i` goes.
    fn shuffle(count: usize, seed: u64) -> Vec<usize> {
        let mut random = Random(seed);
        let mut keyed: Vec<(f64, usize)> = (0..count).map(|i| (random.next(), i)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        keyed.into_iter().map(|(_, i)| i).collect()
    }

    fn order(frames: Vec<Vec<f32>>, anchors: Anchors) -> Result<FocusOrder> {
        let features = normalise(&Blocks { grid: GRID, frames });
        levels(&features, &distances(&features), false, anchors)
    }

    fn singles(order: &FocusOrder) -> Vec<usize> {
        order.clusters.iter().map(|level| level[0]).collect()
    }

    #[test]
    fn shuffled_frames_are_ordered_from_near_to_far() {
        for (seed, frames, noise) in [(1, 7, 0.02), (2, 9, 0.05), (3, 21, 0.05), (4, 21, 0.15), (5, 30, 0.03)]
        {
            let sorted = Scene::new(seed, noise).stack(&even(frames));
            let places = shuffle(frames, seed);
            let shuffled = places.iter().map(|&i| sorted[i].clone()).collect();
            let order = order(shuffled, Anchors::default()).unwrap();
            let found: Vec<usize> = singles(&order).into_iter().map(|i| places[i]).collect();
            assert_eq!(found, (0..frames).collect::<Vec<_>>(), "seed {seed}");
            assert!(order.near_guessed && order.left_out.is_empty());
        }
    }

    #[test]
    fn a_told_order_is_kept_whatever_the_anchors() {
        let features = normalise(&Blocks { grid: GRID, frames: Scene::new(6, 0.05).stack(&even(12)) });
        let places: Vec<f64> = (0..12).map(|frame| 45.0 * f64::from(frame)).collect();
        let anchors = Anchors { near: Some(Anchor::Frame(1)), far: Some(Anchor::Frame(8)) };
        let told = levels(&features, &Distances::along(&places), true, anchors).unwrap();
        assert_eq!(singles(&told), (1..=8).collect::<Vec<_>>());
        // Whatever the pictures say.
        let mut places = places;
        places.swap(3, 5);
        let told = levels(&features, &Distances::along(&places), true, anchors).unwrap();
        assert_eq!(singles(&told), [1, 2, 5, 4, 3, 6, 7, 8]);
    }

    #[test]
    fn numbering_does_not_matter() {
        let mut focus = even(40);
        focus[7] += 0.3 / 40.0;
        let sorted = Scene::new(9, 0.1).stack(&focus);
        let places = shuffle(40, 4);
        let shuffled = places.iter().map(|&i| sorted[i].clone()).collect();
        let renumbered: Vec<usize> =
            singles(&order(shuffled, Anchors::default()).unwrap()).into_iter().map(|i| places[i]).collect();
        assert_eq!(renumbered, singles(&order(sorted, Anchors::default()).unwrap()));
    }

    #[test]
    fn copies_become_one_level_and_neighbours_do_not() {
        let focus: Vec<f64> = even(15).into_iter().flat_map(|focus| [focus; 3]).collect();
        let order = order(Scene::new(3, 0.1).stack(&focus), Anchors::default()).unwrap();
        let mut levels = order.clusters.clone();
        levels.iter_mut().for_each(|level| level.sort_unstable());
        assert_eq!(levels, (0..15).map(|i| vec![3 * i, 3 * i + 1, 3 * i + 2]).collect::<Vec<_>>());
    }

    #[test]
    fn the_sharpest_copy_comes_first() {
        let mut scene = Scene::new(3, 0.02);
        let mut frames = scene.stack(&even(15));
        frames.push(scene.frame(7.0 / 14.0, 0.9));
        frames.push(scene.frame(7.0 / 14.0, 1.1));
        let order = order(frames, Anchors::default()).unwrap();
        assert_eq!(order.clusters[7], [16, 7, 15]);
    }

    #[test]
    fn blurred_frames_are_left_out_and_no_others() {
        for (seed, kept) in [(1, 0.0), (2, 0.1), (3, 0.2)] {
            let mut scene = Scene::new(seed, 0.05);
            let mut frames = scene.stack(&even(21));
            frames[5] = scene.frame(0.25, kept);
            frames[16] = scene.frame(0.8, kept);
            let order = order(frames, Anchors::default()).unwrap();
            let faulty = [5, 16].map(|frame| LeftOut { frame, reason: Reason::NotSharp });
            assert_eq!(order.left_out, faulty, "seed {seed}: {:?}", order.clusters);
            assert_eq!(singles(&order), (0..21).filter(|f| ![5, 16].contains(f)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn frames_beyond_the_anchors_are_left_out() {
        let frames = Scene::new(6, 0.05).stack(&even(12));
        let anchors = Anchors { near: Some(Anchor::Frame(2)), far: Some(Anchor::Frame(9)) };
        let forward = order(frames.clone(), anchors).unwrap();
        assert_eq!(singles(&forward), (2..=9).collect::<Vec<_>>());
        let reasons: Vec<_> = forward.left_out.iter().map(|out| (out.frame, out.reason)).collect();
        let expected = [0, 1].map(|f| (f, Reason::BeyondNear)).into_iter();
        assert_eq!(reasons, expected.chain([10, 11].map(|f| (f, Reason::BeyondFar))).collect::<Vec<_>>());
        assert!(!forward.near_guessed);

        let anchors = Anchors { near: Some(Anchor::Frame(11)), far: Some(Anchor::Frame(0)) };
        assert_eq!(singles(&order(frames.clone(), anchors).unwrap()), (0..12).rev().collect::<Vec<_>>());

        let anchors = Anchors { near: Some(Anchor::Frame(8)), far: None };
        assert_eq!(singles(&order(frames, anchors).unwrap()), (0..=8).rev().collect::<Vec<_>>());
    }

    #[test]
    fn frames_beyond_are_left_out_of_deep_stacks_too() {
        let cases = [
            (40, 0.02, 13, Some(26)),
            (40, 0.02, 16, None),
            (60, 0.02, 20, Some(59)),
            (60, 0.2, 20, Some(40)),
            (100, 0.15, 33, Some(66)),
        ];
        for (frames, noise, near, far) in cases {
            let stack = Scene { range: 24.0, ..Scene::new(6, noise) }.stack(&even(frames));
            let anchors = Anchors { near: Some(Anchor::Frame(near)), far: far.map(Anchor::Frame) };
            let order = order(stack, anchors).unwrap();
            let found = order.clusters.concat();
            let range = near..=far.unwrap_or(frames - 1);
            assert!(found.iter().all(|frame| range.contains(frame)), "{frames}: {order:?}");
            assert!(found.len() * 10 > range.count() * 9, "{frames}: {order:?}");
        }
    }

    #[test]
    fn copies_as_anchors_are_one_level() {
        let mut focus = even(41);
        focus[21] = focus[20];
        let anchors = Anchors { near: Some(Anchor::Frame(20)), far: Some(Anchor::Frame(21)) };
        let found = order(Scene::new(7, 0.05).stack(&focus), anchors);
        assert!(matches!(&found, Err(Error::Usage(text)) if text == ONE_LEVEL), "{found:?}");
    }

    #[test]
    fn anchors_put_right_what_a_gap_has_bent() {
        // What is in focus on both sides of the gap has nothing in common, nor have the two ends.
        let mut bent = 0;
        for seed in 1..=6 {
            let focus: Vec<f64> = even(32).into_iter().filter(|focus| !(0.35..0.7).contains(focus)).collect();
            let mut scene = Scene { range: 40.0, ..Scene::new(seed, 0.05) };
            let (stack, last) = (scene.stack(&focus), focus.len() - 1);
            let sorted = |anchors: Anchors| {
                let mut levels = order(stack.clone(), anchors).unwrap().clusters;
                levels.iter_mut().for_each(|level| level.sort_unstable());
                if anchors.near.is_none() && levels[0] > levels[1] {
                    levels.reverse();
                }
                levels.concat() == (0..=last).collect::<Vec<_>>()
            };
            bent += u32::from(!sorted(Anchors::default()));
            let anchors = Anchors { near: Some(Anchor::Frame(0)), far: Some(Anchor::Frame(last)) };
            assert!(sorted(anchors), "seed {seed}");
        }
        assert!(bent > 0, "nothing to put right");
    }

    #[test]
    fn a_point_means_the_frame_sharpest_there() {
        let frames = Scene::new(8, 0.02).stack(&even(11));
        let anchors = Anchors { near: Some(Anchor::Point(0.5, 0.97)), far: Some(Anchor::Point(0.5, 0.5)) };
        let order = order(frames, anchors).unwrap();
        let found = singles(&order);
        assert!(found[0] <= 1 && (4..=6).contains(found.last().unwrap()), "{found:?}");
    }

    #[test]
    fn anchors_that_make_no_range_are_usage_errors() {
        let frames = Scene::new(6, 0.05).stack(&even(12));
        for (near, far) in [(3, 3), (3, 99)] {
            let anchors = Anchors { near: Some(Anchor::Frame(near)), far: Some(Anchor::Frame(far)) };
            assert!(matches!(order(frames.clone(), anchors), Err(Error::Usage(_))));
        }
    }

    #[test]
    fn two_frames_are_two_levels() {
        let frames = Scene::new(2, 0.05).stack(&[0.8, 0.1]);
        assert_eq!(order(frames, Anchors::default()).unwrap().clusters, [[1], [0]]);
    }

    #[test]
    fn one_level_of_focus_is_an_error() {
        let one = Scene::new(2, 0.05).frame(0.5, 1.0);
        let alike = Scene::new(2, 0.05).stack(&[0.5; 6]);
        let black = vec![vec![0.0; GRID.area()]; 4];
        for frames in [vec![], vec![one.clone()], vec![one.clone(), one.clone()], vec![one; 5], alike, black]
        {
            assert!(matches!(order(frames, Anchors::default()), Err(Error::Stack(_))));
        }
    }

    #[test]
    fn blocks_out_of_a_frame_are_not_compared() {
        let mut frames = Scene::new(5, 0.05).stack(&even(12));
        for (i, frame) in frames.iter_mut().enumerate() {
            for (b, value) in frame.iter_mut().enumerate() {
                if (b + 7 * i) % 24 < 3 {
                    *value = f32::NAN;
                }
            }
        }
        frames.push(vec![f32::NAN; GRID.area()]);
        let order = order(frames, Anchors::default()).unwrap();
        assert_eq!(singles(&order), (0..12).collect::<Vec<_>>());
        assert_eq!(order.left_out, [LeftOut { frame: 12, reason: Reason::NotCovered }]);
    }
}
