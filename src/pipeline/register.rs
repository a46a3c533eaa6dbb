//! Registration of a frame to the reference: shift, rotation, scale and exposure, coarse to fine on luma in linear light.
//!
//! Gauss–Newton on a pyramid (Bouguet 2000) from the identity; where that does not fit, from the best of a lattice
//! of shifts. Gain and bias are unknowns of every step, so exposure never turns into motion.

use nalgebra::{Cholesky, SMatrix, SVector};

use crate::backend::Backend;
use crate::error::Result;
use crate::frame::Size;
use crate::params::{ALIGN_UNKNOWNS, Edge};
use crate::transform::{NormalEquations, Transform};

/// How a frame lies on the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Reference → frame, in cells of the pyramid's base.
    pub transform: Transform,
    /// Brightness, as encoded, of the reference over that of the frame, from their means where both cover.
    pub gain: f64,
    /// Correlation of both on a coarse level, −1…1; blur lowers it little, another scene a lot.
    pub correlation: f64,
}

/// Planes from fine to coarse.
pub struct Pyramid<G> {
    levels: Vec<(G, Size)>,
}

/// Cells of the base of a pyramid at most: finer levels would add nothing that depth can show.
const BASE_CELLS: usize = 300_000;
/// Sides below which a level is the coarsest.
const COARSEST_SIDE: u32 = 40;
/// Width at which correlation is judged: coarse enough for blur not to matter.
const JUDGED_WIDTH: u32 = 128;
/// Correlation from which a start is good enough to go on without a search.
const GOOD_START: f64 = 0.9;

impl<G: Clone> Pyramid<G> {
    /// Reduces `plane` until nothing is left to gain.
    pub fn new<B: Backend<Gray = G>>(backend: &B, plane: G, size: Size) -> Self {
        let mut levels = vec![(plane, size)];
        loop {
            let (plane, size) = levels.last().expect("the pyramid starts with one level");
            if size.width.min(size.height) < 2 * COARSEST_SIDE {
                break;
            }
            let next = (backend.reduce(plane), size.grid(2));
            levels.push(next);
        }
        Self { levels }
    }
}

/// Light of sRGB-encoded luma, both 0…1, by a cubic (error below 0.002).
///
/// Frames are registered in light, where blur is linear: in encoded values the bright side of a blurred edge grows, and
/// with it everything bright, which passes for a zoom.
pub fn to_linear(encoded: f32) -> f32 {
    encoded * (encoded * (encoded * 0.305_306 + 0.682_171_1) + 0.012_522_88)
}

/// Steps of gain between 0 and 1, as fine as those of [`Transform::snapped`] are for position.
const GAIN_STEPS: f64 = 65536.0;

/// What a gain of light is in encoded values, where these are about the light to this power.
const ENCODING: f64 = 1.0 / 2.2;

/// Halvings from a grid of `size` to the base on which frames are registered.
pub fn halvings(size: Size) -> u32 {
    let (mut size, mut count) = (size, 0);
    while size.area() > BASE_CELLS {
        size = size.grid(2);
        count += 1;
    }
    count
}

/// Registers `frame` to `reference`; `None` if nothing fits.
///
/// # Errors
/// [`crate::error::Error::Device`] if the device was lost.
pub fn register<B: Backend>(
    backend: &B,
    reference: &Pyramid<B::Gray>,
    frame: &Pyramid<B::Gray>,
) -> Result<Option<Pose>> {
    let coarsest = reference.levels.len() - 1;
    let fit = |transform: &Transform, level: usize| -> Result<NormalEquations> {
        let (plane, size) = &reference.levels[level];
        let warped = backend.warp(&frame.levels[level].0, transform, 1.0, Edge::Mark, *size);
        backend.align(plane, &warped)
    };
    let size = |level: usize| reference.levels[level].1;
    let (mut at, mut sums) = refine(&fit, Transform::IDENTITY, coarsest, size(coarsest))?;
    if correlation(&sums) < GOOD_START {
        let found = search(&fit, coarsest, size(coarsest))?;
        if correlation(&found.1) > correlation(&sums) {
            (at, sums) = found;
        }
    }
    let mut judged = correlation(&sums);
    for level in (0..coarsest).rev() {
        (at, sums) = refine(&fit, at.from_grid(2.0), level, size(level))?;
        if size(level).width <= JUDGED_WIDTH {
            judged = correlation(&sums);
        }
    }
    let plausible = judged >= MIN_CORRELATION && is_plausible(&at, size(0));
    let (width, height) = (f64::from(size(0).width), f64::from(size(0).height));
    Ok(plausible.then(|| Pose {
        transform: at.snapped(width, height),
        gain: gain(&sums),
        correlation: judged,
    }))
}

/// How `frame` lies on `reference` where neither is moved: its gain alone.
///
/// # Errors
/// As [`register`].
pub fn still<B: Backend>(
    backend: &B,
    reference: &Pyramid<B::Gray>,
    frame: &Pyramid<B::Gray>,
) -> Result<Pose> {
    let sums = backend.align(&reference.levels[0].0, &frame.levels[0].0)?;
    Ok(Pose { transform: Transform::IDENTITY, gain: gain(&sums), correlation: correlation(&sums) })
}

/// Whether neither of both shows anything to hold on to.
///
/// # Errors
/// As [`register`].
pub fn is_plain<B: Backend>(
    backend: &B,
    reference: &Pyramid<B::Gray>,
    frame: &Pyramid<B::Gray>,
) -> Result<bool> {
    // Standard deviation of light, of full scale, over the coarsest level.
    const PLAIN: f64 = 0.01;
    let coarsest = reference.levels.len() - 1;
    let sums = backend.align(&reference.levels[coarsest].0, &frame.levels[coarsest].0)?;
    let [w, r, ww, _, rr] = moments(&sums);
    let variance = |sum: f64, squares: f64| (squares - sum * sum / sums.count) / sums.count;
    Ok(sums.count > 0.0 && variance(w, ww).max(variance(r, rr)) < PLAIN * PLAIN)
}

/// Correlation below which a frame shows something else.
const MIN_CORRELATION: f64 = 0.5;

/// Zoom within ±15 %, rotation within ±10°, shift within a quarter of the width.
fn is_plausible(transform: &Transform, size: Size) -> bool {
    let [a, _, _, d, ..] = transform.matrix;
    let (cx, cy) = ((f64::from(size.width) - 1.0) / 2.0, (f64::from(size.height) - 1.0) / 2.0);
    let [x, y] = transform.apply(cx, cy);
    let scale = a.hypot(d);
    (scale - 1.0).abs() < 0.15
        && d.atan2(a).abs() < 10.0_f64.to_radians()
        && (x - cx).hypot(y - cy) < 0.25 * f64::from(size.width)
}

/// Gauss–Newton steps at one level until the corners hardly move; returns the sums before the
/// last step too.
fn refine(
    fit: &impl Fn(&Transform, usize) -> Result<NormalEquations>,
    start: Transform,
    level: usize,
    size: Size,
) -> Result<(Transform, NormalEquations)> {
    const MAX_STEPS: usize = 12;
    // On the base so little that two devices, which add in other orders, end at one pose, nearly.
    let settled = if level == 0 { 2e-5 } else { 0.05 };
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let mut at = start;
    let mut sums = fit(&at, level)?;
    for step in 1..=MAX_STEPS {
        let Some(solved) = solve(&sums) else { break };
        let unit = 2.0 / width;
        let centre = [(width - 1.0) / 2.0, (height - 1.0) / 2.0];
        let moved = Transform::similarity(solved[0] * unit, solved[1] * unit, [solved[2], solved[3]], centre);
        at = at.after(&moved);
        if step == MAX_STEPS || moved.corner_distance(&Transform::IDENTITY, width, height) < settled {
            break;
        }
        sums = fit(&at, level)?;
    }
    Ok((at, sums))
}

/// The best of a lattice of shifts up to an eighth of the width, refined.
fn search(
    fit: &impl Fn(&Transform, usize) -> Result<NormalEquations>,
    level: usize,
    size: Size,
) -> Result<(Transform, NormalEquations)> {
    const STEPS: i32 = 3;
    const TRIES: usize = 3;
    let pitch = f64::from(size.width) / 8.0 / f64::from(STEPS);
    let mut starts = Vec::new();
    for dy in -STEPS..=STEPS {
        for dx in -STEPS..=STEPS {
            let shift = [f64::from(dx) * pitch, f64::from(dy) * pitch];
            let start = Transform::similarity(0.0, 0.0, shift, [0.0, 0.0]);
            starts.push((correlation(&fit(&start, level)?), start));
        }
    }
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = refine(fit, starts[0].1, level, size)?;
    for (_, start) in &starts[1..TRIES] {
        let found = refine(fit, *start, level, size)?;
        if correlation(&found.1) > correlation(&best.1) {
            best = found;
        }
    }
    Ok(best)
}

/// The Gauss–Newton step, or `None` where the picture has nothing to hold on to.
fn solve(sums: &NormalEquations) -> Option<[f64; ALIGN_UNKNOWNS]> {
    // A trace of damping keeps a direction without texture at rest.
    const DAMPING: f64 = 1e-6;
    if sums.count < 16.0 {
        return None;
    }
    let mut matrix = SMatrix::<f64, ALIGN_UNKNOWNS, ALIGN_UNKNOWNS>::from(sums.hessian);
    let trace = (0..4).map(|i| matrix[(i, i)]).sum::<f64>();
    if trace <= 1e-9 * sums.count {
        return None;
    }
    for i in 0..4 {
        matrix[(i, i)] += DAMPING * trace;
    }
    let solved = Cholesky::new(matrix)?.solve(&-SVector::from(sums.gradient));
    solved.iter().all(|value| value.is_finite()).then_some(solved.into())
}

/// Σ over the overlap of (warped, reference, warped², warped·reference, reference²).
fn moments(sums: &NormalEquations) -> [f64; 5] {
    let (w, ww) = (sums.hessian[4][5], sums.hessian[4][4]);
    let (wd, d) = (sums.gradient[4], sums.gradient[5]);
    let (r, wr) = (w - d, ww - wd);
    [w, r, ww, wr, sums.residual - ww + 2.0 * wr]
}

/// Pearson correlation of both planes over their overlap; 0 where either is flat.
fn correlation(sums: &NormalEquations) -> f64 {
    let [w, r, ww, wr, rr] = moments(sums);
    let n = sums.count.max(1.0);
    let (cov, var_w, var_r) = (wr - w * r / n, ww - w * w / n, rr - r * r / n);
    let flat = 1e-9 * n;
    if var_w < flat || var_r < flat { 0.0 } else { cov / (var_w * var_r).sqrt() }
}

/// Brightness, as encoded, of the reference over that of the frame.
fn gain(sums: &NormalEquations) -> f64 {
    (mean_ratio(sums).powf(ENCODING) * GAIN_STEPS).round() / GAIN_STEPS
}

/// Mean of the reference over that of the frame: blur keeps means.
fn mean_ratio(sums: &NormalEquations) -> f64 {
    let [w, r, ..] = moments(sums);
    if w > 1e-6 * sums.count && r > 1e-6 * sums.count { r / w } else { 1.0 }
}
