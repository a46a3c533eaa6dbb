//! Gravity planning: which spots of the picture the camera shall autofocus on. Pure functions, CPU only.
//!
//! Every target depth is pulled to the autofocus spot that holds most confident pixels at its depth, has texture for the
//! autofocus to lock on, and lies closest to the target on average.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::frame::{Plane, Size};

/// Steps of a plan at most.
pub const MAX_STEPS: usize = 999;

/// What a plan is made from: planes of one size.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Place on the focus axis, rising from near to far; NaN where no frame covers the pixel.
    pub depth: Plane<f32>,
    /// 0 guessed … 1 certain.
    pub confidence: Plane<f32>,
    /// Local contrast of the all-in-focus picture, 0 plain … 1 strong.
    pub texture: Plane<f32>,
}

/// How many focus steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many, 2 … [`MAX_STEPS`].
    Of(usize),
    /// As few as show all that is textured sharp.
    Auto,
}

/// In what the steps are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Even {
    /// Inverse object distance.
    Optical,
    /// The order of the levels.
    Order,
}

/// How to plan.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions {
    /// Number of focus steps. Default: 9.
    pub count: Count,
    /// In what they are even, where their number is given. Default: optical.
    pub even: Even,
    /// Circle of confusion in pixels that counts as sharp, 0.3 … 50. Default: 2.
    pub coc_px: f64,
    /// Share of one photo's depth of field that its neighbour shows too, 0 … 0.8. Default: 0.3.
    pub overlap: f64,
    /// Side of the square autofocus spot as a fraction of the width, 0.002 … 0.5. Default: 0.03.
    pub af_size: f64,
    /// Pull targets toward texture at their depth. Default: true; without, the pixel nearest in depth is taken.
    pub gravity: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let (count, even) = (Count::Of(9), Even::Optical);
        Self { count, even, coc_px: 2.0, overlap: 0.3, af_size: 0.03, gravity: true }
    }
}

impl PlanOptions {
    /// Refuses what no plan has.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value out of range, or options that do not go together.
    pub fn validate(&self) -> Result<()> {
        let usage = |text: String| Err(Error::Usage(text));
        if let Count::Of(steps) = self.count
            && !(2..=MAX_STEPS).contains(&steps)
        {
            return usage(format!("-n {steps}: a plan has 2 to {MAX_STEPS} steps, or auto"));
        }
        if self.count == Count::Auto && self.even == Even::Order {
            let text = "--even order: -n auto places photos by their depth of field, which the order does not know; name a \
                        number of steps, or leave --even out";
            return usage(text.into());
        }
        if !(0.3..=50.0).contains(&self.coc_px) {
            return usage(format!("--coc {}: pixels from 0.3 to 50", self.coc_px));
        }
        if !(0.0..=0.8).contains(&self.overlap) {
            return usage(format!("--overlap {}: a share from 0 to 0.8", self.overlap));
        }
        if !(0.002..=0.5).contains(&self.af_size) {
            return usage(format!("--af-size {}: a fraction of the width from 0.002 to 0.5", self.af_size));
        }
        Ok(())
    }
}

/// One planned photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Depth asked for.
    pub target_depth: f64,
    /// Depth expected inside the spot: confidence-weighted mean.
    pub depth: f64,
    /// Centre of the spot as a fraction of the width.
    pub x: f64,
    /// Centre of the spot as a fraction of the height.
    pub y: f64,
    /// Mean texture inside the spot, 0…1.
    pub texture: f64,
    /// How far gravity pulled the spot from the nearest pixel of the depth, as a fraction of the width.
    pub moved: f64,
    /// Why the autofocus may miss here.
    pub warning: Option<String>,
}

/// Texture from which an autofocus locks surely; below, a spot counts by its square, for then it soon does not.
const LOCKS: f32 = 0.15;
/// Texture below which a spot is said to be plain.
const PLAIN: f64 = 0.06;
/// Steps within whose half a spot lies that is not plain, where there is none within half of one.
const FARTHER: [f32; 3] = [2.0, 3.0, 4.0];
/// Samples across the picture: spots hold hundreds of them, more would change nothing.
const SAMPLES: u32 = 800;

/// `steps` targets evenly from `near` to `far`.
///
/// # Errors
/// [`Error::Usage`] for an empty range.
pub fn even(near: f64, far: f64, steps: usize) -> Result<Vec<f64>> {
    if far.partial_cmp(&near) != Some(std::cmp::Ordering::Greater) {
        return Err(Error::Usage(format!(
            "near and far are one depth ({near}): choose anchors at two distances"
        )));
    }
    let step = (far - near) / (steps - 1) as f64;
    let target = |index| if index + 1 == steps { far } else { near + step * index as f64 };
    Ok((0..steps).map(target).collect())
}

/// Plans a photo for each of `targets`, which lie about `step` apart.
///
/// # Errors
/// [`Error::Usage`] for options out of range; [`Error::Stack`] for a map without a single known pixel.
pub fn plan(scene: &Scene, targets: &[f64], step: f64, options: &PlanOptions) -> Result<Vec<Step>> {
    validate(scene, options)?;
    let spots = Spots::new(scene, options.af_size);
    targets
        .par_iter()
        .map(|&target| {
            let nearest = spots.nearest(target as f32).ok_or_else(|| {
                Error::Stack("the depth map has no known pixel: map the frames again".to_owned())
            })?;
            if !options.gravity {
                return Ok(spots.describe(nearest, nearest, target, step));
            }
            let chosen = spots.best(target as f32, step as f32);
            Ok(spots.describe(chosen, spots.alike(nearest, chosen, step as f32), target, step))
        })
        .collect()
}

/// The step for `target` at a given spot, in fractions of width and height; `step` is the distance between two targets.
pub fn at_spot(scene: &Scene, [x, y]: [f64; 2], target: f64, step: f64, af_size: f64) -> Step {
    let spots = Spots::new(scene, af_size);
    let at = |fraction: f64, side: u32| ((fraction * f64::from(side)) as usize).min(side as usize - 1);
    let centre = at(y, spots.lattice.height) * spots.lattice.width as usize + at(x, spots.lattice.width);
    let nearest = spots.nearest(target as f32).unwrap_or(centre);
    let described = spots.describe(centre, spots.alike(nearest, centre, step as f32), target, step);
    Step { x, y, ..described }
}

/// Centres of the `count` spots that gravity likes next for `target`, at least a spot's side away from `taken` and from
/// each other, as fractions of width and height; `step` is the distance between two targets.
pub fn alternatives(
    scene: &Scene,
    target: f64,
    step: f64,
    af_size: f64,
    taken: [f64; 2],
    count: usize,
) -> Vec<[f64; 2]> {
    let spots = Spots::new(scene, af_size);
    let (width, height) = (f64::from(spots.lattice.width), f64::from(spots.lattice.height));
    let at = |[x, y]: [f64; 2]| ((x * width) as i64, (y * height) as i64);
    let mut taken = vec![at(taken)];
    for _ in 0..count {
        let chosen = spots.best_apart(target as f32, step as f32, &taken);
        taken.push((chosen as i64 % width as i64, chosen as i64 / width as i64));
    }
    taken[1..].iter().map(|&(x, y)| [(x as f64 + 0.5) / width, (y as f64 + 0.5) / height]).collect()
}

fn validate(scene: &Scene, options: &PlanOptions) -> Result<()> {
    options.validate()?;
    let usage = |text: String| Err(Error::Usage(text));
    for size in [scene.confidence.size, scene.texture.size] {
        if size != scene.depth.size {
            return usage(format!(
                "the planes of the map differ in size ({} and {size}): map again",
                scene.depth.size
            ));
        }
    }
    Ok(())
}

/// The picture sampled on a lattice, and the spots on it.
struct Spots {
    lattice: Size,
    depth: Vec<f32>,
    confidence: Vec<f32>,
    texture: Vec<f32>,
    /// Samples from a spot's centre to its edge.
    radius: i64,
}

impl Spots {
    fn new(scene: &Scene, af_size: f64) -> Self {
        let stride = scene.depth.size.width.div_ceil(SAMPLES);
        let lattice = scene.depth.size.grid(stride);
        let sample = |plane: &Plane<f32>| {
            let middle = i64::from(stride / 2);
            let mut out = Vec::with_capacity(lattice.area());
            for y in 0..i64::from(lattice.height) {
                for x in 0..i64::from(lattice.width) {
                    out.push(plane.clamped(x * i64::from(stride) + middle, y * i64::from(stride) + middle));
                }
            }
            out
        };
        let half = af_size * f64::from(lattice.width) / 2.0;
        let largest = (i64::from(lattice.width.min(lattice.height)) - 1) / 2;
        let radius = (half.round() as i64).clamp(0, largest);
        let (depth, confidence, texture) =
            (sample(&scene.depth), sample(&scene.confidence), sample(&scene.texture));
        Self { lattice, depth, confidence, texture, radius }
    }

    /// Sample of known depth nearest to `target`; among equals the most confident one.
    fn nearest(&self, target: f32) -> Option<usize> {
        let known = (0..self.depth.len()).filter(|&at| self.depth[at].is_finite());
        known.min_by(|&a, &b| {
            let miss = |at: usize| (self.depth[at] - target).abs();
            miss(a).total_cmp(&miss(b)).then(self.confidence[b].total_cmp(&self.confidence[a]))
        })
    }

    /// Of the samples that are as good as at the depth of sample `like`, the one closest to sample `to` in the picture:
    /// else one of many equals would stand for them by chance.
    fn alike(&self, like: usize, to: usize, step: f32) -> usize {
        const EQUAL: f32 = 0.01;
        let width = self.lattice.width as usize;
        let away = |at: usize| {
            let (dx, dy) = ((at % width).abs_diff(to % width), (at / width).abs_diff(to / width));
            dx * dx + dy * dy
        };
        let equal = |&at: &usize| (self.depth[at] - self.depth[like]).abs() <= EQUAL * step;
        (0..self.depth.len()).filter(equal).min_by_key(|&at| away(at)).unwrap_or(like)
    }

    /// Centre of the best spot for `target`; spots lie wholly inside the frame.
    fn best(&self, target: f32, step: f32) -> usize {
        self.best_apart(target, step, &[])
    }

    /// As [`Self::best`], a spot's side away from `taken`. Where only plain things lie at the depth the autofocus would find
    /// nothing: a spot farther off in depth is better, from which the lens can be moved on.
    fn best_apart(&self, target: f32, step: f32, taken: &[(i64, i64)]) -> usize {
        let within = |reach: f32| self.best_within(target, reach * step, taken);
        let textured = |&spot: &usize| self.mean_texture(spot) >= PLAIN;
        let nearest = within(1.0);
        if textured(&nearest) {
            return nearest;
        }
        FARTHER.into_iter().map(within).find(textured).unwrap_or(nearest)
    }

    fn mean_texture(&self, centre: usize) -> f64 {
        let (sum, count) = self
            .inside(centre)
            .fold((0.0, 0.0), |(sum, count), at| (sum + f64::from(self.texture[at]), count + 1.0));
        sum / count
    }

    /// The best spot for `target` whose things lie within half of `step` of it.
    fn best_within(&self, target: f32, step: f32, taken: &[(i64, i64)]) -> usize {
        let width = self.lattice.width as usize;
        let terms = self.depth.iter().zip(&self.confidence).zip(&self.texture);
        let terms: Vec<[f32; 4]> = terms
            .map(|((&depth, &confidence), &texture)| {
                if depth.is_nan() {
                    return [0.0, 1.0, 0.0, 0.0];
                }
                let miss = ((depth - target) / step).clamp(-1.0, 1.0);
                let here = if miss.abs() <= 0.5 { confidence } else { 0.0 };
                [here, confidence * miss.abs() + (1.0 - confidence), texture, confidence * miss]
            })
            .collect();
        let sums = Sums::new(&terms, width);
        let radius = self.radius as usize;
        let (columns, rows) = (radius..width - radius, radius..self.lattice.height as usize - radius);
        let area = ((2 * radius + 1) * (2 * radius + 1)) as f32;
        let score = |x: usize, y: usize| {
            let [here, miss, texture, lean] = sums.around(x, y, radius).map(|sum| sum as f32 / area);
            let closeness = (-(miss * miss / 0.08 + lean * lean / 0.02)).exp();
            here * (texture / LOCKS).min(1.0).powi(2) * closeness + 1e-3 * (1.0 - miss)
        };
        let centre = (width / 2, self.lattice.height as usize / 2);
        let mut best = (f32::NEG_INFINITY, centre.1 * width + centre.0);
        // Half a radius apart: closer spots are nearly the same, and which wins would hang on the last bits of the map.
        let pitch = (radius / 2).max(1);
        for y in rows.step_by(pitch) {
            for x in columns.clone().step_by(pitch) {
                let side = 2 * self.radius + 1;
                let close =
                    |&(tx, ty): &(i64, i64)| (x as i64 - tx).abs() < side && (y as i64 - ty).abs() < side;
                let value = score(x, y);
                if value > best.0 && !taken.iter().any(close) {
                    best = (value, y * width + x);
                }
            }
        }
        best.1
    }

    fn describe(&self, chosen: usize, nearest: usize, target: f64, step: f64) -> Step {
        let width = self.lattice.width as usize;
        let position = |at: usize| ((at % width) as f64 + 0.5, (at / width) as f64 + 0.5);
        let ((x, y), (nx, ny)) = (position(chosen), position(nearest));
        let (mut weight, mut depth, mut texture, mut here, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for at in self.inside(chosen) {
            count += 1.0;
            texture += f64::from(self.texture[at]);
            if self.depth[at].is_finite() {
                let confidence = f64::from(self.confidence[at]) + 1e-6;
                weight += confidence;
                depth += confidence * f64::from(self.depth[at]);
                if (f64::from(self.depth[at]) - target).abs() <= step / 2.0 {
                    here += f64::from(self.confidence[at]);
                }
            }
        }
        let (texture, here) = (texture / count, here / count);
        let depth = if weight > 0.0 { depth / weight } else { target };
        let warning = if (depth - target).abs() > step / 2.0 && texture >= PLAIN {
            Some(
                "hardly any texture at this depth: the spot is the nearest in depth that has some".to_owned(),
            )
        } else if (depth - target).abs() > step / 2.0 || here < 0.1 {
            Some("nothing certain lies within half a step of this depth: the spot is a guess".to_owned())
        } else if texture < PLAIN {
            Some("hardly any texture at this depth: the autofocus may not lock".to_owned())
        } else {
            None
        };
        Step {
            target_depth: target,
            depth,
            x: x / width as f64,
            y: y / f64::from(self.lattice.height),
            texture,
            moved: (x - nx).hypot(y - ny) / width as f64,
            warning,
        }
    }

    /// Samples of the spot around `centre`, cut at the frame.
    fn inside(&self, centre: usize) -> impl Iterator<Item = usize> {
        let (width, height) = (i64::from(self.lattice.width), i64::from(self.lattice.height));
        let (cx, cy, radius) = (centre as i64 % width, centre as i64 / width, self.radius);
        let columns = (cx - radius).max(0)..=(cx + radius).min(width - 1);
        let rows = (cy - radius).max(0)..=(cy + radius).min(height - 1);
        rows.flat_map(move |y| columns.clone().map(move |x| (y * width + x) as usize))
    }
}

/// Summed-area table (Crow 1984) of four terms.
struct Sums {
    table: Vec<[f64; 4]>,
    stride: usize,
}

impl Sums {
    fn new(terms: &[[f32; 4]], width: usize) -> Self {
        let stride = width + 1;
        let mut table = vec![[0.0; 4]; stride * (terms.len() / width + 1)];
        for (y, row) in terms.chunks_exact(width).enumerate() {
            let mut left = [0.0; 4];
            for (x, term) in row.iter().enumerate() {
                for k in 0..4 {
                    left[k] += f64::from(term[k]);
                    table[(y + 1) * stride + x + 1][k] = table[y * stride + x + 1][k] + left[k];
                }
            }
        }
        Self { table, stride }
    }

    /// Sums over the square of `radius` around (`x`, `y`), which must lie inside.
    fn around(&self, x: usize, y: usize, radius: usize) -> [f64; 4] {
        let at = |x: usize, y: usize| &self.table[y * self.stride + x];
        let (a, b) = (at(x - radius, y - radius), at(x + radius + 1, y - radius));
        let (c, d) = (at(x - radius, y + radius + 1), at(x + radius + 1, y + radius + 1));
        std::array::from_fn(|k| d[k] - b[k] - c[k] + a[k])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth rises to the right from 0 to 10; the upper half is plain and uncertain.
    fn slope() -> Scene {
        let size = Size::new(200, 100);
        let each = |f: fn(u32, u32) -> f32| {
            Plane::new(size, (0..100).flat_map(|y| (0..200).map(move |x| f(x, y))).collect())
        };
        Scene {
            depth: each(|x, _| x as f32 / 19.9),
            confidence: each(|_, y| if y < 50 { 0.05 } else { 0.9 }),
            texture: each(|_, y| if y < 50 { 0.01 } else { 0.6 }),
        }
    }

    fn planned(scene: &Scene, [near, far]: [f64; 2], steps: usize) -> Vec<Step> {
        let targets = even(near, far, steps).expect("a range");
        plan(scene, &targets, targets[1] - targets[0], &PlanOptions::default()).expect("a plan")
    }

    #[test]
    fn targets_divide_the_range_evenly_and_spots_are_textured() {
        let steps = planned(&slope(), [1.0, 9.0], 5);
        let targets: Vec<f64> = steps.iter().map(|step| step.target_depth).collect();
        assert_eq!(targets, [1.0, 3.0, 5.0, 7.0, 9.0]);
        for step in &steps {
            assert!((step.depth - step.target_depth).abs() < 0.1, "{step:?}");
            assert!(step.y > 0.5 && step.texture > 0.5, "pulled to the textured half: {step:?}");
            assert!((0.014..=0.986).contains(&step.x) && step.y < 0.99, "inside the frame: {step:?}");
            assert_eq!(step.warning, None);
        }
    }

    #[test]
    fn a_depth_that_nothing_has_is_kept_with_a_warning() {
        let mut scene = slope();
        for depth in &mut scene.depth.data {
            *depth = if *depth < 5.0 { 0.0 } else { 10.0 };
        }
        let steps = planned(&scene, [0.0, 10.0], 5);
        let warned: Vec<bool> = steps.iter().map(|step| step.warning.is_some()).collect();
        assert_eq!(warned, [false, true, true, true, false]);
    }

    #[test]
    fn where_all_is_plain_at_a_depth_the_spot_is_textured_and_near_it() {
        let mut scene = slope();
        for (texture, depth) in scene.texture.data.iter_mut().zip(&scene.depth.data) {
            if (4.2..=5.6).contains(depth) {
                *texture = 0.01;
            }
        }
        let steps = planned(&scene, [1.0, 9.0], 9);
        for step in &steps {
            assert!(step.texture >= PLAIN && (step.depth - step.target_depth).abs() < 1.5, "{step:?}");
            assert_eq!(step.warning.is_some(), step.target_depth == 5.0, "{step:?}");
        }
    }

    #[test]
    fn without_gravity_the_nearest_pixel_is_taken() {
        let scene = slope();
        let options = PlanOptions { gravity: false, ..Default::default() };
        for step in plan(&scene, &[0.0, 5.0, 10.0], 5.0, &options).expect("a plan") {
            assert!((step.depth - step.target_depth).abs() < 0.5 && step.moved == 0.0, "{step:?}");
        }
    }

    #[test]
    fn options_and_range_are_checked() {
        let fine = PlanOptions::default();
        assert!(fine.validate().is_ok() && PlanOptions { count: Count::Auto, ..fine }.validate().is_ok());
        let counts = [0, 1, 1000].map(|steps| PlanOptions { count: Count::Of(steps), ..fine });
        let others = [
            PlanOptions { af_size: 0.9, ..fine },
            PlanOptions { coc_px: f64::NAN, ..fine },
            PlanOptions { overlap: 0.9, ..fine },
        ];
        for options in counts.into_iter().chain(others) {
            assert!(plan(&slope(), &[1.0], 1.0, &options).is_err(), "{options:?}");
        }
        assert!(even(3.0, 3.0, 5).is_err() && even(f64::NAN, 3.0, 5).is_err());
    }
}
