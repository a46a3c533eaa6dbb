//! The steps between the levels, as what makes the focus curves of all cells fit together.
//!
//! Blur grows with the distance from the plane of focus in inverse object distance (the thin lens), so all focus curves
//! are one bell shape, shifted by the depth of their cell and widened by how fine its texture is, on a floor of noise. It is
//! a bundle adjustment (Triggs et al. 2000): the levels in place of the cameras, with the cells' own unknowns eliminated by
//! the Schur complement.

use nalgebra::{Cholesky, DMatrix, DVector, Matrix3, SMatrix, SVector, Vector3};
use rayon::prelude::*;

use super::{SPAN, Sample};

/// Iterations at the most, and the change, in usual steps, below which the positions have settled. Most stacks take 8 to
/// 20; those the most whose axis bends smoothly, as nearly any such bend fits nearly as well.
const ITERATIONS: usize = 40;
const SETTLED: f64 = 3e-3;
/// Longest that a step may be made, against that of Gauss–Newton.
const RELAXATION: f64 = 5.0;
/// Furthest that a level moves in an iteration.
const REACH: f64 = 0.3;
/// Misfit, in logarithms, from which a value counts less (Cauchy weights): other depths nearby, noise.
const MISFIT: f64 = 0.15;
/// Pull of the steps toward their neighbours, against which samples count as 1: fills in where no sample tells.
const EVENNESS: f64 = 0.5;
/// Shortest step, of the usual one, before all are scaled to the whole length.
const SHORTEST: f64 = 0.1;
/// Width of a bell, in usual steps, before any sample tells.
const WIDTH: f64 = 1.5;
/// Pull of a bell's width toward the usual one: how fine texture is hangs little on its depth, and without it a smooth bend
/// of the axis would fit as well as none. About the variance of the misfits over that of the widths' logarithms.
const WIDTH_PULL: f64 = 0.1;
/// Share of the values that lie below the floor before any sample tells.
const FLOORED: f64 = 0.002;
/// Factor by which neighbouring cells, whose curves err alike, make the positions less certain than as many independent
/// ones would; measured on rendered stacks.
const ALIKE: f64 = 5.0;
/// Standard deviation of the trend that widths' logarithms have from end to end, as texture near and far is not the same;
/// a bend of the axis that no sample shows. Measured on rendered stacks.
const TREND: f64 = 0.12;

/// Cells whose equations one thread adds up: however many threads there are, the sums are the same.
const PART: usize = 512;

/// Unknowns that a cell has of its own: height, depth and width of its bell.
const OWN: usize = 3;
/// Unknowns of the shape that all bells have.
const SHAPE: usize = 3;
/// Unknowns that a cell shares with others: the levels of its span, then the shape.
const SHARED: usize = SPAN + SHAPE;

/// What all bells have in common.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Exponent of the flanks.
    flank: f64,
    /// How much sooner the flanks turn steep: the part of u⁴ beside u².
    knee: f64,
    /// Logarithm of the measure that noise alone has.
    floor: f64,
}

impl Shape {
    /// Flank and knee before any sample tells.
    const START: [f64; 2] = [1.2, 0.5];
    /// How strongly knee and floor are pulled back to where they were; the flank is slowed down.
    const PULLS: [f64; SHAPE] = [0.5, 0.5, 5.0];
    const FLANKS: [f64; 2] = [0.4, 6.0];

    fn new(samples: &[Sample], span: usize) -> Self {
        let mut values: Vec<f64> = samples.iter().flat_map(|sample| sample.values[..span].to_vec()).collect();
        let at = (values.len() as f64 * FLOORED) as usize;
        let floor = *values.select_nth_unstable_by(at, f64::total_cmp).1;
        Self { flank: Self::START[0], knee: Self::START[1], floor }
    }

    /// By how much each unknown is to be pulled to where it was at the start.
    fn pull(&self, start: &Self) -> [f64; SHAPE] {
        let back = [0.0, start.knee - self.knee, start.floor - self.floor];
        std::array::from_fn(|i| Self::PULLS[i] * back[i])
    }

    fn moved(self, by: &[f64]) -> Self {
        Self {
            flank: (self.flank + by[0]).clamp(Self::FLANKS[0], Self::FLANKS[1]),
            knee: (self.knee + by[1]).max(0.0),
            floor: self.floor + by[2],
        }
    }

    /// A bell's value at u widths from its middle, and what it changes by with its height, with u, and with the shape.
    fn value(&self, height: f64, u: f64) -> Value {
        let Self { flank, knee, floor } = *self;
        let square = u * u;
        let spread = 1.0 + square + knee * square * square;
        let ln_spread = spread.ln();
        let clear = height - flank * ln_spread;
        let lesser = (-(clear - floor).abs()).exp();
        // How much of the value is the bell's, and not the floor's.
        let share = if clear > floor { 1.0 } else { lesser } / (1.0 + lesser);
        let value = clear.max(floor) + lesser.ln_1p();
        let slope = -flank * (2.0 * u + 4.0 * knee * square * u) / spread;
        let by_shape = [-share * ln_spread, -share * flank * square * square / spread, 1.0 - share];
        Value { value, by_height: share, by_u: share * slope, by_shape }
    }
}

/// A value of a bell, and its derivatives.
struct Value {
    value: f64,
    by_height: f64,
    by_u: f64,
    by_shape: [f64; SHAPE],
}

/// Positions, from 0 to the number of levels − 1, and their standard deviations, by `samples` of `span` values; near
/// `start`, where no sample tells. None if the equations have no solution.
pub(super) fn adjust(samples: &[Sample], span: usize, start: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut bundle = Bundle::new(samples, span, start);
    for left in (0..ITERATIONS).rev() {
        // The last ones are not made longer: none after them would bring back one too long.
        if bundle.step(if left < 2 { 1.0 } else { RELAXATION })? < SETTLED {
            break;
        }
    }
    let uncertainty = bundle.uncertainty();
    Some((bundle.at, uncertainty))
}

/// All that is unknown.
struct Bundle<'a> {
    bells: Vec<Bell>,
    /// Levels that each of them spans.
    span: usize,
    at: Vec<f64>,
    start: &'a [f64],
    shape: Shape,
    first_shape: Shape,
    /// The last Gauss–Newton step, and the factor by which it was lengthened.
    last: DVector<f64>,
    relaxation: f64,
}

/// One cell's curve: ln(exp(height) / (1 + u² + knee · u⁴)^flank + exp(floor)) at u = (position − depth)/width.
struct Bell {
    first: usize,
    values: [f64; SPAN],
    weight: f64,
    height: f64,
    depth: f64,
    /// Logarithm of the width.
    breadth: f64,
    /// What its own unknowns made of the present iteration, for when the levels have moved.
    own: Option<Own>,
}

/// A bell's normal equations with the common unknowns still in them.
struct Own {
    inverse: Matrix3<f64>,
    gradient: Vector3<f64>,
    cross: SMatrix<f64, OWN, SHARED>,
}

/// The normal equations of all levels and, after them, the shape.
struct Equations {
    matrix: DMatrix<f64>,
    right: DVector<f64>,
}

impl Equations {
    fn zeros(unknowns: usize) -> Self {
        Self { matrix: DMatrix::zeros(unknowns, unknowns), right: DVector::zeros(unknowns) }
    }

    fn plus(mut self, other: Self) -> Self {
        self.matrix += other.matrix;
        self.right += other.right;
        self
    }

    /// Takes in what bells of `span` levels from `first` on say.
    fn add(&mut self, first: usize, span: usize, shared: &Shared) {
        let shape = self.right.len() - SHAPE;
        let index = |k: usize| if k < SPAN { first + k } else { shape + k - SPAN };
        let unknowns = || (0..span).chain(SPAN..SHARED);
        for i in unknowns() {
            self.right[index(i)] += shared.right[i];
            for j in unknowns() {
                self.matrix[(index(i), index(j))] += shared.matrix[(i, j)];
            }
        }
    }
}

/// The normal equations of bells that span the same levels.
struct Shared {
    matrix: SMatrix<f64, SHARED, SHARED>,
    right: SVector<f64, SHARED>,
}

impl Bell {
    fn new(sample: &Sample, span: usize, start: &[f64]) -> Self {
        let Sample { first, values, weight } = *sample;
        let peak = (0..span).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
        let (height, depth) = (values[peak], start[first + peak]);
        Self { first, values, weight, height, depth, breadth: WIDTH.ln(), own: None }
    }

    /// How far each value lies off the bell, how much it counts, and the bell's value and place there; `at` are the
    /// levels of the span.
    fn misfits(&self, at: &[f64], shape: Shape) -> impl Iterator<Item = (f64, f64, f64, Value)> {
        let width = self.breadth.exp();
        self.values.iter().zip(at).map(move |(value, at)| {
            let u = (at - self.depth) / width;
            let there = shape.value(self.height, u);
            let misfit = value - there.value;
            (misfit, self.weight / (1.0 + (misfit / MISFIT).powi(2)), u, there)
        })
    }

    /// Adds what this bell says about the levels `at` of its span and the `shape`, its own unknowns eliminated.
    fn add(&mut self, at: &[f64], shape: Shape, usual: f64, shared: &mut Shared) {
        let width = self.breadth.exp();
        let Shared { matrix, right } = shared;
        let mut hessian = Matrix3::from_diagonal(&Vector3::new(0.0, 0.0, WIDTH_PULL));
        let mut gradient = Vector3::new(0.0, 0.0, WIDTH_PULL * (usual - self.breadth));
        let mut cross = SMatrix::<f64, OWN, SHARED>::zeros();
        for (k, (misfit, weight, u, value)) in self.misfits(at, shape).enumerate() {
            let own = Vector3::new(value.by_height, -value.by_u / width, -value.by_u * u);
            let (weighed, by_level) = (weight * own, value.by_u / width);
            hessian += weighed * own.transpose();
            gradient += misfit * weighed;
            cross.set_column(k, &(by_level * weighed));
            right[k] += weight * misfit * by_level;
            matrix[(k, k)] += weight * by_level * by_level;
            for (i, slope) in value.by_shape.iter().enumerate() {
                let mut column = cross.column_mut(SPAN + i);
                column += *slope * weighed;
                right[SPAN + i] += weight * misfit * slope;
                let with_level = weight * slope * by_level;
                matrix[(k, SPAN + i)] += with_level;
                matrix[(SPAN + i, k)] += with_level;
                for (j, other) in value.by_shape.iter().enumerate() {
                    matrix[(SPAN + i, SPAN + j)] += weight * slope * other;
                }
            }
        }
        for i in 0..OWN {
            hessian[(i, i)] = hessian[(i, i)] * 1.0001 + 1e-9;
        }
        let Some(inverse) = hessian.try_inverse() else { return self.own = None };
        let eliminated = inverse * cross;
        *right -= eliminated.tr_mul(&gradient);
        *matrix -= cross.tr_mul(&eliminated);
        self.own = Some(Own { inverse, gradient, cross });
    }

    /// Follows the levels and the shape by `moved`.
    fn follow(&mut self, moved: &DVector<f64>) {
        let Some(Own { inverse, gradient, cross }) = self.own.take() else { return };
        let levels = moved.len() - SHAPE;
        let mut shared = SVector::<f64, SHARED>::zeros();
        for (k, level) in (self.first..levels).take(SPAN).enumerate() {
            shared[k] = moved[level];
        }
        shared.rows_mut(SPAN, SHAPE).copy_from(&moved.rows(levels, SHAPE));
        let change = inverse * (gradient - cross * shared);
        self.height += change[0].clamp(-2.0, 2.0);
        self.depth += change[1].clamp(-0.5, 0.5);
        self.breadth = (self.breadth + change[2].clamp(-0.3, 0.3)).clamp(0.3_f64.ln(), 8.0_f64.ln());
    }
}

impl<'a> Bundle<'a> {
    fn new(samples: &[Sample], span: usize, start: &'a [f64]) -> Self {
        let bells = samples.iter().map(|sample| Bell::new(sample, span, start)).collect();
        let shape = Shape::new(samples, span);
        Self {
            bells,
            span,
            at: start.to_vec(),
            start,
            shape,
            first_shape: shape,
            last: DVector::zeros(start.len() + SHAPE),
            relaxation: 1.0,
        }
    }

    /// One Gauss–Newton step, made at most `longest` times as long: the furthest that a level moved. `None` if the equations
    /// have no solution.
    fn step(&mut self, longest: f64) -> Option<f64> {
        let Equations { matrix, right } = self.equations();
        let moved = Cholesky::new(matrix)?.solve(&right);
        let moved = self.relaxed(moved, longest).map(|moved| moved.clamp(-REACH, REACH));
        self.bells.par_iter_mut().for_each(|bell| bell.follow(&moved));
        let before = self.at.clone();
        self.at.iter_mut().zip(moved.iter()).for_each(|(at, moved)| *at += moved);
        self.shape = self.shape.moved(&moved.as_slice()[self.at.len()..]);
        keep_rising(&mut self.at);
        Some(before.iter().zip(&self.at).map(|(before, at)| (before - at).abs()).fold(0.0, f64::max))
    }

    /// A Gauss–Newton step, longer where the ones before fell short of the same aim: reweighting and pulls that lag make
    /// them converge slowly (Irons & Tuck 1969, after Aitken).
    fn relaxed(&mut self, step: DVector<f64>, longest: f64) -> DVector<f64> {
        let change = &self.last - &step;
        let factor = self.relaxation * self.last.dot(&change) / change.norm_squared().max(1e-12);
        self.relaxation = if self.last.amax() > 0.0 { factor.clamp(1.0, longest) } else { 1.0 };
        let longer = self.relaxation * &step;
        self.last = step;
        longer
    }

    fn equations(&mut self) -> Equations {
        let Self { bells, span, at, start, shape, first_shape, .. } = self;
        let levels = at.len();
        let weight: f64 = bells.iter().map(|bell| bell.weight).sum();
        let usual = bells.iter().map(|bell| bell.weight * bell.breadth).sum::<f64>() / weight.max(1e-9);
        let of_part = |part: &mut [Bell]| {
            let mut equations = Equations::zeros(levels + SHAPE);
            for alike in part.chunk_by_mut(|a, b| a.first == b.first) {
                let first = alike[0].first;
                let levels = &at[first..first + *span];
                let mut shared = Shared { matrix: SMatrix::zeros(), right: SVector::zeros() };
                alike.iter_mut().for_each(|bell| bell.add(levels, *shape, usual, &mut shared));
                equations.add(first, *span, &shared);
            }
            equations
        };
        let parts: Vec<Equations> = bells.par_chunks_mut(PART).map(of_part).collect();
        let mut equations = parts.into_iter().fold(Equations::zeros(levels + SHAPE), Equations::plus);
        let Equations { matrix, right } = &mut equations;
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
        // Both ends stay; the shape needs something to hold on to where all curves lie in their tops.
        let heavy = 1e6 * (1.0 + bells.len() as f64);
        matrix[(0, 0)] += heavy;
        matrix[(levels - 1, levels - 1)] += heavy;
        for (i, back) in shape.pull(first_shape).into_iter().enumerate() {
            matrix[(levels + i, levels + i)] += Shape::PULLS[i];
            right[levels + i] += back;
        }
        equations
    }

    /// Standard deviations of the levels: the inverse of the normal equations, times the variance of the misfits. Empty
    /// if they have none.
    fn uncertainty(&mut self) -> Vec<f64> {
        let Some(cholesky) = Cholesky::new(self.equations().matrix) else { return Vec::new() };
        let (mut squares, mut freedom) = (0.0, 0.0);
        for bell in &self.bells {
            for (misfit, weight, ..) in bell.misfits(&self.at[bell.first..bell.first + self.span], self.shape)
            {
                squares += weight * misfit * misfit;
                freedom += weight;
            }
            freedom -= OWN as f64 * bell.weight;
        }
        let variance = squares / freedom.max(1.0);
        let inverse = cholesky.inverse();
        let last = self.at.len() - 1;
        let deviation = |level: usize| {
            let x = self.at[level] / last as f64;
            let bend = TREND / 2.0 * x * (1.0 - x) * last as f64;
            (ALIKE * ALIKE * variance * inverse[(level, level)].max(0.0) + bend * bend).sqrt()
        };
        (0..=last).map(|level| if level == 0 || level == last { 0.0 } else { deviation(level) }).collect()
    }
}

/// Widens steps below the shortest and fits the whole between 0 and the last index.
pub(super) fn keep_rising(at: &mut [f64]) {
    let steps: Vec<f64> = at.windows(2).map(|pair| (pair[1] - pair[0]).max(SHORTEST)).collect();
    let scale = steps.len() as f64 / steps.iter().sum::<f64>();
    at[0] = 0.0;
    for (i, step) in steps.iter().enumerate() {
        at[i + 1] = at[i] + step * scale;
    }
}
