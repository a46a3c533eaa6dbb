//! Where a photo is focused, from how sharp its blocks are: one bell shape, shifted by the depth of each block.
//!
//! Blur grows with the distance from the plane of focus in inverse object distance (the thin lens), so the sharpness of
//! every block over the focus axis is the same bell, at its own depth and height. Photos whose place on the axis is
//! known give the bells; these give the place of any other photo. Pure functions, CPU only.

use rayon::prelude::*;

use crate::frame::Size;

/// Exponent of the bells' flanks: blurred by a disc, the deviation of the Laplacian of natural texture, whose spectrum falls
/// with frequency, falls about so; measured on rendered scenes. With other flanks the width would hang on how far apart
/// photos are.
const FLANK: f64 = 1.8;
/// Places tried across the axis and a little beyond its ends, at the least for the bells that count, and while their width
/// is searched for; and of the former for each photo.
const PLACES: usize = 240;
const FEWEST_PLACES: usize = 24;
const PLACES_A_PHOTO: usize = 3;
/// Widths tried: the least, as a share of the usual step, as how narrow bells are that fall between the photos cannot be
/// seen, and of the axis; about the most, as a share of the axis. Then the logarithm of the factor from one to the next, and of
/// that close to the best.
const UNSEEN_WIDTH: f64 = 0.43;
const LEAST_WIDTH: f64 = 0.004;
const MOST_WIDTH: f64 = 0.43;
const WIDTH_STEP: f64 = 0.4;
const WIDTH_CLOSE: f64 = 0.15;
/// Blocks that are looked at for that, of those that can tell: at a glance, and close to the best.
const GLANCED: usize = 50;
const SEARCHED: usize = 300;
/// Sharpness at its peak, against what stays, from which a block can tell; see [`Shapes::fit`].
const TELLING: f64 = 2.1;
/// How much of a block's peak the bell must make up for the block to count fully.
const CLEAR: f64 = 0.35;
/// Misfit, as a share of a block's peak, from which it counts less (Cauchy weights): other depths in the block.
const MISFIT: f64 = 0.06;
/// Weight from which a block's bell is believed.
pub const BELIEVED: f64 = 0.5;
/// Pull of what stays where nothing is sharp toward the usual, against which photos count as 1.
const REST_PULL: f64 = 0.5;

/// A block's sharpness over the axis: rest + height · bell((place − depth)/width).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bell {
    /// Where it is sharpest.
    pub depth: f64,
    /// How much sharper than where it is blurred: standard deviation of the Laplacian.
    pub height: f64,
    /// What stays where it is blurred: noise.
    pub rest: f64,
    /// How much it counts, 0…1.
    pub weight: f64,
}

/// The bells of all blocks.
#[derive(Clone, Debug)]
pub struct Bells {
    /// Half width of all of them, in the axis's unit.
    pub width: f64,
    /// One for each block.
    pub blocks: Vec<Bell>,
    /// Both ends of the places that are considered.
    reach: [f64; 2],
}

/// Where a photo is focused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// On the axis.
    pub at: f64,
    /// How well it fits there: root mean square misfit as a share of the blocks' peaks.
    pub misfit: f64,
}

/// Half width of a bell as a circle of confusion in pixels, in pictures whose focus measure is taken in cells of `cell` pixels:
/// the smaller the window of its variance, the less it sees of what is coarse. Measured on rendered scenes.
pub const fn width_px(cell: u32) -> f64 {
    match cell {
        1 => 5.6,
        2 => 6.4,
        _ => 5.9,
    }
}

/// The bell: 1 at its middle.
fn bell(u: f64) -> f64 {
    (1.0 + u * u).powf(-FLANK)
}

impl Bells {
    /// Fits bells to photos at known places: for each, the place and the blocks' sharpness, as variances. Where their width
    /// is known about, only widths close to it are tried. None for fewer than three photos, or all of them in one place.
    pub fn fit(photos: &[(f64, &[f32])], about: Option<f64>) -> Option<Self> {
        let places = photos.iter().map(|photo| photo.0);
        let (low, high) = places.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
        let span = high - low;
        let blocks = photos.first()?.1.len();
        if photos.len() < 3 || span <= 0.0 || blocks == 0 {
            return None;
        }
        let curves: Vec<Vec<f64>> = (0..blocks)
            .map(|b| photos.iter().map(|photo| f64::from(photo.1[b]).max(0.0).sqrt()).collect())
            .collect();
        let reach = [low - 0.1 * span, high + 0.1 * span];
        let stack = Stack::new(photos, curves, reach);
        let least = (UNSEEN_WIDTH * usual_step(photos)?).max(LEAST_WIDTH * span);
        let start = about.unwrap_or_else(|| stack.glance(least, MOST_WIDTH * span));
        let width = stack.closer(start).max(least);
        let shapes = Shapes::new(photos, reach, width, stack.places());
        let blocks =
            stack.curves.par_iter().map(|curve| shapes.fit(curve, stack.usual)).map(|fit| fit.0).collect();
        Some(Self { width, blocks, reach })
    }

    /// Bells as given, for tests of what builds on them.
    #[cfg(test)]
    pub fn of(width: f64, blocks: Vec<Bell>) -> Self {
        Self { width, blocks, reach: [0.0, 1.0] }
    }

    /// Places per pixel of circle of confusion, in pictures of such cells.
    pub fn per_px(&self, cell: u32) -> f64 {
        self.width / width_px(cell)
    }

    /// The bells that are believed.
    pub fn believed(&self) -> impl Iterator<Item = &Bell> {
        self.blocks.iter().filter(|bell| bell.weight >= BELIEVED)
    }

    /// Depth of what is seen around a point, given as fractions, in a picture of `grid` blocks: the median of the blocks
    /// that are believed. None where fewer than three are.
    pub fn depth_at(&self, grid: Size, point: [f64; 2]) -> Option<f64> {
        let believed = around(grid, block_at(grid, point))
            .map(|at| self.blocks[at])
            .filter(|bell| bell.weight >= BELIEVED);
        let mut depths: Vec<f64> = believed.map(|bell| bell.depth).collect();
        let middle = depths.len() / 2;
        (depths.len() > 2).then(|| *depths.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    /// Where the photo with this sharpness of blocks is focused. None where no block tells.
    pub fn locate(&self, blocks: &[f32]) -> Option<Place> {
        let told: Vec<(&Bell, f64)> = self
            .blocks
            .iter()
            .zip(blocks)
            .filter(|(bell, _)| bell.weight > 0.0)
            .map(|(bell, &s)| (bell, (f64::from(s).max(0.0).sqrt() - bell.rest) / bell.height))
            .collect();
        if told.is_empty() {
            return None;
        }
        let cost = |at: f64| {
            let mut sum = [0.0; 2];
            for (block, seen) in &told {
                let misfit = seen - bell((at - block.depth) / self.width);
                let robust = (misfit * misfit / (MISFIT * MISFIT)).ln_1p();
                sum[0] += block.weight * robust;
                sum[1] += block.weight;
            }
            sum[0] / sum[1]
        };
        let [low, high] = self.reach;
        let places = PLACES.max((2.0 * (high - low) / self.width).ceil() as usize);
        let step = (high - low) / places as f64;
        let costs: Vec<f64> = (0..=places).map(|i| cost(low + step * i as f64)).collect();
        let best = (0..=places).min_by(|&a, &b| costs[a].total_cmp(&costs[b]))?;
        let (mut from, mut to) = (low + step * (best as f64 - 1.0), low + step * (best as f64 + 1.0));
        for _ in 0..12 {
            let (a, b) = (from + (to - from) / 3.0, to - (to - from) / 3.0);
            if cost(a) < cost(b) { to = b } else { from = a }
        }
        let at = (from + to) / 2.0;
        Some(Place { at, misfit: MISFIT * cost(at).exp_m1().max(0.0).sqrt() })
    }
}

/// Median distance from one photo's place to the next; none for fewer than two places.
pub fn usual_step(photos: &[(f64, &[f32])]) -> Option<f64> {
    let mut places: Vec<f64> = photos.iter().map(|photo| photo.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let mut steps: Vec<f64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let middle = steps.len() / 2;
    (!steps.is_empty()).then(|| *steps.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// How far from the middle of three places, `step` apart, their parabola is lowest; no further than the outer ones.
fn valley(step: f64, [before, here, after]: [f64; 3]) -> f64 {
    let bend = before - 2.0 * here + after;
    let way =
        if bend > 0.0 { 0.5 * (before - after) / bend } else { f64::from(before.total_cmp(&after) as i8) };
    step * way.clamp(-1.0, 1.0)
}

/// The block of `grid` at a point, given as fractions.
pub fn block_at(grid: Size, [x, y]: [f64; 2]) -> usize {
    let place = |at: f64, count: u32| ((at * f64::from(count)) as usize).min(count as usize - 1);
    place(y, grid.height) * grid.width as usize + place(x, grid.width)
}

/// A block of `grid` and its eight neighbours, as far as there are any.
pub fn around(grid: Size, block: usize) -> impl Iterator<Item = usize> {
    let (width, height) = (grid.width as usize, grid.height as usize);
    let (x, y) = (block % width, block / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
}

/// Sharpness that stays where nothing is sharp: the low end of what blocks come to at their most blurred.
fn rest(curves: &[Vec<f64>]) -> f64 {
    let mut lowest: Vec<f64> =
        curves.iter().map(|curve| curve.iter().copied().fold(f64::MAX, f64::min)).collect();
    let tenth = lowest.len() / 10;
    *lowest.select_nth_unstable_by(tenth, f64::total_cmp).1
}

/// Photos that bells are fitted to.
struct Stack<'a> {
    photos: &'a [(f64, &'a [f32])],
    /// Of every block, its sharpness in every photo: standard deviation of the Laplacian.
    curves: Vec<Vec<f64>>,
    /// The blocks that can tell how wide bells are.
    telling: Vec<usize>,
    /// What stays where nothing is sharp.
    usual: f64,
    reach: [f64; 2],
}

impl<'a> Stack<'a> {
    fn new(photos: &'a [(f64, &'a [f32])], curves: Vec<Vec<f64>>, reach: [f64; 2]) -> Self {
        let usual = rest(&curves);
        let tells = |block: &usize| curves[*block].iter().any(|&value| value > TELLING * usual);
        let telling = (0..curves.len()).filter(tells).collect();
        Self { photos, curves, telling, usual, reach }
    }

    /// Places that are tried for the bells that count.
    fn places(&self) -> usize {
        PLACES.max(PLACES_A_PHOTO * self.photos.len())
    }

    /// Mean misfit of about so many of the blocks, as a share of their peaks, with bells of a width, at so many places within
    /// it; 1 where none fits.
    fn cost(&self, width: f64, blocks: usize, fineness: f64) -> f64 {
        let places = (fineness * (self.reach[1] - self.reach[0]) / width).ceil() as usize;
        let shapes = Shapes::new(self.photos, self.reach, width, places.clamp(FEWEST_PLACES, self.places()));
        let (all, blocks) = (self.telling.len(), blocks.min(self.telling.len()));
        let fit = |i: usize| shapes.fit(&self.curves[self.telling[i * all / blocks]], self.usual);
        let fits: Vec<(Bell, f64)> = (0..blocks).into_par_iter().map(fit).collect();
        let weight: f64 = fits.iter().map(|(bell, _)| bell.weight).sum();
        let cost: f64 = fits.iter().map(|(bell, cost)| bell.weight * cost).sum();
        if weight < 1.0 { 1.0 } else { cost / weight }
    }

    /// About how wide the bells are.
    fn glance(&self, least: f64, most: f64) -> f64 {
        let widths = ((most / least).max(1.0).ln() / WIDTH_STEP).ceil() as usize;
        let width = |i: f64| least * (WIDTH_STEP * i).exp();
        let costs: Vec<f64> = (0..=widths).map(|i| self.cost(width(i as f64), GLANCED, 4.0)).collect();
        let best = (0..=widths).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap_or(0);
        let around = costs.get(best.wrapping_sub(1)).zip(costs.get(best + 1));
        width(best as f64 + around.map_or(0.0, |(a, b)| valley(1.0, [*a, costs[best], *b])))
    }

    /// The width close to a given one with which they fit best.
    fn closer(&self, mut width: f64) -> f64 {
        for _ in 0..3 {
            let costs =
                [-WIDTH_CLOSE, 0.0, WIDTH_CLOSE].map(|off| self.cost(width * off.exp(), SEARCHED, 8.0));
            let off = valley(WIDTH_CLOSE, costs);
            width *= off.exp();
            if off.abs() < WIDTH_CLOSE {
                break;
            }
        }
        width
    }
}

/// The bell's value in every photo, for every place of its middle.
struct Shapes {
    depths: Vec<f64>,
    /// One row a photo, of a value for every depth.
    values: Vec<Vec<f64>>,
    /// Of every depth: Σ value, Σ value², and 1 over the determinant of the equations for height and rest.
    sums: Vec<[f64; 3]>,
}

impl Shapes {
    /// For one place more than `places`, from end to end.
    fn new(photos: &[(f64, &[f32])], [low, high]: [f64; 2], width: f64, places: usize) -> Self {
        let step = (high - low) / places as f64;
        let depths: Vec<f64> = (0..=places).map(|i| low + step * i as f64).collect();
        let row = |&(at, _): &(f64, &[f32])| depths.iter().map(|depth| bell((at - depth) / width)).collect();
        let values: Vec<Vec<f64>> = photos.iter().map(row).collect();
        let mut sums = vec![[0.0; 3]; depths.len()];
        for row in &values {
            for (sums, value) in sums.iter_mut().zip(row) {
                sums[0] += value;
                sums[1] += value * value;
            }
        }
        let n = photos.len() as f64 + REST_PULL;
        sums.iter_mut().for_each(|sums| sums[2] = (n * sums[1] - sums[0] * sums[0]).max(1e-12).recip());
        Self { depths, values, sums }
    }

    /// The bell that fits a block's curve best, and its mean squared misfit as a share of its peak.
    fn fit(&self, curve: &[f64], usual: f64) -> (Bell, f64) {
        let peak = curve.iter().copied().fold(0.0, f64::max).max(1e-9);
        let mut products = vec![0.0; self.depths.len()];
        for (value, row) in curve.iter().zip(&self.values) {
            products.iter_mut().zip(row).for_each(|(product, shape)| *product += value * shape);
        }
        // Least squares for height and rest, the rest pulled toward the usual as if by one more photo.
        let n = curve.len() as f64 + REST_PULL;
        let v = curve.iter().sum::<f64>() + REST_PULL * usual;
        let vv = curve.iter().map(|value| value * value).sum::<f64>() + REST_PULL * usual * usual;
        let mut best = (f64::MAX, 0, 0.0, 0.0);
        let share = n.recip();
        for (index, (&[s, ss, inverse], vs)) in self.sums.iter().zip(products).enumerate() {
            let height = ((n * vs - s * v) * inverse).max(0.0);
            let rest = ((v - height * s) * share).max(0.0);
            let cost = vv + n * rest * rest + height * height * ss
                - 2.0 * (rest * v + height * vs - height * rest * s);
            if cost < best.0 {
                best = (cost, index, height, rest);
            }
        }
        let (cost, index, height, rest) = best;
        let clear =
            (height / (CLEAR * peak)).min(1.0) * (peak / (3.0 * usual.max(1e-9)) - 0.5).clamp(0.0, 1.0);
        let inside = index > 0 && index + 1 < self.depths.len();
        let weight = if inside && clear > 0.2 { clear } else { 0.0 };
        let cost = cost.max(0.0) / (curve.len() as f64 * peak * peak);
        (Bell { depth: self.depths[index], height, rest, weight }, cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: f64 = 100.0;

    /// Sharpness of blocks at depths 0…100 in a photo focused at `place`; every fifth is plain.
    fn photo(place: f64, width: f64) -> Vec<f32> {
        let block = |i: usize| {
            let depth = (i * 37 % 200) as f64 / 200.0 * RANGE;
            let height = if i.is_multiple_of(5) { 0.0 } else { 4.0 + (i % 7) as f64 };
            let deviation = 1.0 + height * bell((place - depth) / width);
            (deviation * deviation) as f32
        };
        (0..200).map(block).collect()
    }

    fn fitted(places: &[f64], width: f64) -> Bells {
        let photos: Vec<(f64, Vec<f32>)> = places.iter().map(|&at| (at, photo(at, width))).collect();
        let photos: Vec<(f64, &[f32])> = photos.iter().map(|(at, blocks)| (*at, &blocks[..])).collect();
        Bells::fit(&photos, None).expect("photos enough")
    }

    #[test]
    fn the_width_is_found_and_plain_blocks_do_not_count() {
        let places: Vec<f64> = (0..20).map(|i| f64::from(i) * RANGE / 19.0).collect();
        let bells = fitted(&places, 8.0);
        assert!((bells.width / 8.0 - 1.0).abs() < 0.12, "{}", bells.width);
        assert!((bells.per_px(1) - bells.width / width_px(1)).abs() < 1e-12);
        for (i, block) in bells.blocks.iter().enumerate() {
            let depth = (i * 37 % 200) as f64 / 200.0 * RANGE;
            if i.is_multiple_of(5) {
                assert_eq!(block.weight, 0.0, "{i} is plain");
            } else if (5.0..95.0).contains(&depth) {
                assert!((block.depth - depth).abs() < 1.2 && block.weight > 0.5, "{i}: {block:?} at {depth}");
            }
        }
    }

    #[test]
    fn a_photo_between_others_is_placed_whatever_its_light() {
        let places =
            [0.0, 4.0, 11.0, 15.0, 24.0, 30.0, 39.0, 47.0, 52.0, 60.0, 71.0, 77.0, 86.0, 93.0, 100.0];
        let bells = fitted(&places, 8.0);
        for place in [2.0, 20.0, 43.5, 66.0, 98.0] {
            let found = bells.locate(&photo(place, 8.0)).expect("blocks that tell");
            assert!((found.at - place).abs() < 0.8 && found.misfit < 0.08, "{place}: {found:?}");
        }
    }

    #[test]
    fn another_scene_does_not_fit() {
        let places: Vec<f64> = (0..15).map(|i| f64::from(i) * RANGE / 14.0).collect();
        let bells = fitted(&places, 8.0);
        let mut other = photo(50.0, 8.0);
        other.reverse();
        other.iter_mut().step_by(2).for_each(|s| *s *= 9.0);
        let found = bells.locate(&other).expect("blocks that tell");
        assert!(found.misfit > bells.locate(&photo(50.0, 8.0)).expect("blocks").misfit * 3.0, "{found:?}");
    }

    #[test]
    fn a_small_subject_and_a_deep_stack_tell_their_width() {
        for (count, width, telling) in [(20, 8.0, 60), (100, 0.95, 3000)] {
            let block = |at: f64, i: usize| {
                let depth = (i * 37 % 60) as f64 / 0.6;
                if i < telling { (1.0 + 5.0 * bell((at - depth) / width)).powi(2) as f32 } else { 1.0 }
            };
            let place = |k: i32| f64::from(k) * RANGE / f64::from(count - 1);
            let photos: Vec<(f64, Vec<f32>)> =
                (0..count).map(place).map(|at| (at, (0..3000).map(|i| block(at, i)).collect())).collect();
            let photos: Vec<(f64, &[f32])> = photos.iter().map(|(at, blocks)| (*at, &blocks[..])).collect();
            let found = Bells::fit(&photos, None).expect("bells").width;
            assert!((found / width - 1.0).abs() < 0.15, "{count} photos: {found} is not {width}");
        }
    }

    #[test]
    fn the_valley_is_never_beyond_its_neighbours() {
        let cases =
            [([1.0, 1.0, 1.0], 0.0), ([1.0, 0.0, 1.0], 0.0), ([1.0, 2.0, 1.5], -0.1), ([9.0, 4.0, 0.0], 0.1)];
        for (costs, at) in cases {
            assert_eq!(valley(0.1, costs), at, "{costs:?}");
        }
    }

    #[test]
    fn too_little_gives_no_bells() {
        let blocks = photo(1.0, 8.0);
        assert!(Bells::fit(&[], None).is_none());
        assert!(Bells::fit(&[(0.0, &blocks), (1.0, &blocks)], None).is_none());
        assert!(Bells::fit(&[(1.0, &blocks), (1.0, &blocks), (1.0, &blocks)], None).is_none());
    }
}
