//! Second look at how the frames lie: each against its neighbours in focus, on what both show sharp.
//!
//! What is out of focus need not lie where it lies when sharp: blur shows around edges what is behind, and the entrance
//! pupil moves. So a frame is measured on frames a few levels off, only where depth lies between both, first outwards from
//! the reference, then once more against both sides. Neighbours next to each other are no good alone: they hardly move,
//! and what lies still (sensor, JPEG blocks) drags on them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use nalgebra::{DMatrix, DVector, Matrix3, SMatrix};

use super::register::to_linear;
use super::scratch::Scratch;
use super::stream::{Interrupt, check};
use super::survey::Progress;
use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Plane, Size};
use crate::params::{Edge, MOTION_BLOCK, MOTION_SUMS, Slice};
use crate::transform::Transform;

/// What may differ between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Nothing: the frames are taken as they are.
    None,
    /// The place.
    Shift,
    /// Place, angle and size.
    Similarity,
    /// All that keeps parallels parallel.
    Affine,
    /// All that keeps lines straight.
    Homography,
}

/// Motions of normalised coordinates (−1…1 across the width) that a model is made of, as 3×3 matrices added to 1.
type Basis = Vec<Matrix3<f64>>;

impl Align {
    fn basis(self) -> Basis {
        let unit = |places: &[(usize, f64)]| {
            let mut matrix = Matrix3::zeros();
            // Row by row, as they are written.
            places.iter().for_each(|&(at, value)| matrix[(at / 3, at % 3)] = value);
            matrix
        };
        let shift = [unit(&[(2, 1.0)]), unit(&[(5, 1.0)])];
        let similar = [unit(&[(0, 1.0), (4, 1.0)]), unit(&[(1, -1.0), (3, 1.0)])];
        let affine = [0, 1, 3, 4].map(|at| unit(&[(at, 1.0)]));
        let bend = [unit(&[(6, 1.0)]), unit(&[(7, 1.0)])];
        match self {
            Self::None => Vec::new(),
            Self::Shift => shift.to_vec(),
            Self::Similarity => [shift, similar].concat(),
            Self::Affine => [&shift[..], &affine].concat(),
            Self::Homography => [&shift[..], &affine, &bend].concat(),
        }
    }

    /// The motion of this model nearest to `pose` in the middle of a picture of `size`.
    pub(super) fn start(self, pose: &Transform, size: Size) -> Transform {
        match self {
            Self::None => Transform::IDENTITY,
            Self::Shift => {
                let [x, y] = [size.width, size.height].map(|side| (f64::from(side) - 1.0) / 2.0);
                let [u, v] = pose.apply(x, y);
                Transform::similarity(0.0, 0.0, [u - x, v - y], [0.0; 2])
            }
            _ => *pose,
        }
    }
}

/// A frame to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Its scratch record.
    pub record: usize,
    /// Its level of focus.
    pub level: f32,
    /// Reference → frame, in cells of the grid.
    pub transform: Transform,
}

/// Levels, of about 21 all in all, between a frame and those that it is measured on.
const HOPS: [f32; 3] = [1.0, 2.0, 3.0];
/// Distance in levels, likewise, from the middle of two frames at which a place tells nothing any more.
const REACH: f32 = 4.6;
/// Levels that the two above are meant for; of more of them each lies nearer to the next.
const USUAL_LEVELS: f32 = 21.0;
/// Share of the width along the edges that is not looked at: other things come into view there.
const MARGIN: f64 = 0.01;
/// Corners that move by more than this share of the width are not believed.
const LIMIT: f64 = 0.03;

/// All that does not change while frames are placed.
struct Refinement<'a, B: Backend> {
    backend: &'a B,
    basis: Basis,
    /// On the cells that are measured on, as all below.
    depth: B::Gray,
    size: Size,
    halvings: u32,
    /// Levels of one usual level.
    pace: f32,
    scratch: &'a mut Scratch,
}

/// Places `frames`, near to far, anew by `align`; that with the index `reference` stays. Transforms are in cells of the grid.
///
/// `depth` is the depth map on the grid, in levels, of which there are `levels`.
///
/// # Errors
/// [`crate::error::Error::Io`] from the scratch file, [`crate::error::Error::Device`],
/// [`crate::error::Error::Interrupted`].
#[expect(
    clippy::too_many_arguments,
    reason = "a stage of the pipeline: what it works on and what it is run with"
)]
pub fn refine<B: Backend>(
    backend: &B,
    frames: &mut [Placed],
    reference: usize,
    align: Align,
    depth: &B::Gray,
    levels: usize,
    scratch: &mut Scratch,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<()> {
    let grid = scratch.grid();
    if align == Align::None {
        return Ok(());
    }
    let pace = (levels as f32 / USUAL_LEVELS).max(1.0);
    // First outwards, on what was placed before; then a last look from both sides, as fine as may be.
    let turns = [
        Turn { cells: 400_000, hops: &HOPS, both: false, steps: 4 },
        Turn { cells: 1_600_000, hops: &[HOPS[0], HOPS[2]], both: true, steps: 1 },
    ];
    let mut outwards: Vec<usize> = (0..frames.len()).filter(|&frame| frame != reference).collect();
    let levels_of: Vec<f32> = frames.iter().map(|frame| frame.level).collect();
    let away = |frame: usize| levels_of[frame] - levels_of[reference];
    outwards.sort_by(|&a, &b| {
        (away(a) < 0.0, away(a).abs())
            .partial_cmp(&(away(b) < 0.0, away(b).abs()))
            .expect("levels are numbers")
    });
    let total = turns.len() * outwards.len();
    let mut done = 0;
    for turn in turns {
        let (mut depth, mut size, mut halvings) = (depth.clone(), grid, 0);
        while size.area() > turn.cells {
            (depth, size, halvings) = (backend.reduce(&depth), size.grid(2), halvings + 1);
        }
        let basis = align.basis();
        let mut refinement = Refinement { backend, basis, depth, size, halvings, pace, scratch };
        // The planes of the frames around, in the reference's geometry.
        let mut seen: BTreeMap<usize, B::Gray> = BTreeMap::new();
        for &frame in &outwards {
            check(interrupt)?;
            done += 1;
            progress("align", done, total);
            let others = turn.neighbours(frame, reference, &levels_of, pace);
            let near = |other: usize| (levels_of[other] - levels_of[frame]).abs() <= HOPS[HOPS.len() - 1];
            // In deep stacks neighbours lie far apart: what is between them would fill the memory.
            seen.retain(|&other, _| others.contains(&other) || near(other));
            refinement.place(frames, frame, &others, turn.steps, &mut seen)?;
        }
    }
    Ok(())
}

/// How frames are gone through once.
struct Turn<'a> {
    /// Cells on which motion is measured, at most.
    cells: usize,
    /// Levels to those that a frame is measured on.
    hops: &'a [f32],
    /// Whether those away from the reference count too.
    both: bool,
    /// Steps of a frame at most.
    steps: usize,
}

impl Turn<'_> {
    /// Which of the frames at `levels` the frame `frame` is measured on: one a level, towards the reference, and on request
    /// beyond too.
    fn neighbours(&self, frame: usize, reference: usize, levels: &[f32], pace: f32) -> Vec<usize> {
        let (here, origin) = (levels[frame], levels[reference]);
        let at = |level: f32| {
            if level == origin { Some(reference) } else { levels.iter().position(|other| *other == level) }
        };
        let inwards = if here > origin { -1.0 } else { 1.0 };
        let hop = |hop: &f32| {
            let hop = (hop * pace).round();
            // Not past the reference.
            let towards = if (origin - here).abs() <= hop { origin } else { here + inwards * hop };
            [at(towards), at(here - inwards * hop).filter(|_| self.both)]
        };
        let mut others: Vec<usize> = self.hops.iter().flat_map(hop).flatten().collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}

impl<B: Backend> Refinement<'_, B> {
    /// Light of a frame on the cells that are measured on, smoothed so that interpolation loses nothing.
    fn plane(&mut self, record: usize) -> Result<B::Gray> {
        let color = self.scratch.color(record)?;
        let light = |pixel: &[u8; 3]| {
            let [r, g, b] = pixel.map(|value| f32::from(value) / 255.0);
            to_linear(0.299 * r + 0.587 * g + 0.114 * b)
        };
        let plane = Plane::new(color.size, color.data.iter().map(light).collect());
        let mut plane = self.backend.upload(plane);
        for _ in 0..self.halvings {
            plane = self.backend.reduce(&plane);
        }
        Ok(self.backend.smooth(&plane, 0.0))
    }

    /// Moves `frame` until it fits `others`, whose warped planes are in `seen` or come there.
    fn place(
        &mut self,
        frames: &mut [Placed],
        frame: usize,
        others: &[usize],
        steps: usize,
        seen: &mut BTreeMap<usize, B::Gray>,
    ) -> Result<()> {
        /// Cells that corners move by in a step that is the last.
        const SETTLED: f64 = 0.02;
        let cell = f64::from(1u32 << self.halvings);
        for &other in others {
            if let Entry::Vacant(place) = seen.entry(other) {
                let plane = self.plane(frames[other].record)?;
                let transform = frames[other].transform.to_grid(cell);
                place.insert(self.backend.warp(&plane, &transform, 1.0, Edge::Mark, self.size));
            }
        }
        let moving = self.plane(frames[frame].record)?;
        let before = frames[frame].transform.to_grid(cell);
        let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
        let mut at = before;
        for _ in 0..steps {
            let mut system = System::new(self.basis.len());
            for other in others {
                let slice = Slice {
                    level: (frames[frame].level + frames[*other].level) / 2.0,
                    radius: REACH * self.pace,
                    margin: (MARGIN * width).round() as u32,
                };
                let sums = self.backend.motion(&seen[other], &moving, &at, &self.depth, &slice)?;
                system.add(&sums, self.size, &self.basis);
            }
            let Some(step) = system.solve() else { break };
            let next = at.after(&self.motion(&step));
            let moved = next.corner_distance(&at, width, height);
            at = next;
            if moved < SETTLED {
                break;
            }
        }
        if at.corner_distance(&before, width, height) < LIMIT * width {
            at = at.snapped(width, height);
            frames[frame].transform = at.from_grid(cell);
            seen.insert(frame, self.backend.warp(&moving, &at, 1.0, Edge::Mark, self.size));
        }
        Ok(())
    }

    /// The motion of cells that a solution stands for.
    fn motion(&self, step: &[f64]) -> Transform {
        let change: Matrix3<f64> =
            self.basis.iter().zip(step).map(|(basis, amount)| basis * *amount).sum::<Matrix3<f64>>();
        let (unit, [cx, cy]) = normalisation(self.size);
        let to = Transform::affine([unit, 0.0, -cx * unit, 0.0, unit, -cy * unit]);
        let there = Transform::from_homogeneous(&(Matrix3::identity() + change));
        to.inverse().after(&there).after(&to)
    }
}

/// Unit and origin of normalised coordinates.
fn normalisation(size: Size) -> (f64, [f64; 2]) {
    let centre = [size.width, size.height].map(|side| (f64::from(side) - 1.0) / 2.0);
    (2.0 / f64::from(size.width), centre)
}

/// Normal equations of a step (Lucas and Kanade 1981; the gain and bias of every pair of frames eliminated).
struct System {
    matrix: DMatrix<f64>,
    right: DVector<f64>,
}

impl System {
    fn new(unknowns: usize) -> Self {
        Self { matrix: DMatrix::zeros(unknowns, unknowns), right: DVector::zeros(unknowns) }
    }

    /// Adds one pair of frames: the sums of its blocks.
    fn add(&mut self, blocks: &[[f32; MOTION_SUMS]], size: Size, basis: &Basis) {
        let unknowns = basis.len();
        let all = unknowns + 2;
        let (unit, [cx, cy]) = normalisation(size);
        let (mut matrix, mut right) = (DMatrix::zeros(all, all), DVector::zeros(all));
        let across = size.grid(MOTION_BLOCK).width as usize;
        let mut jacobian = DMatrix::zeros(4, all);
        jacobian[(2, unknowns)] = 1.0;
        jacobian[(3, unknowns + 1)] = 1.0;
        for (index, sums) in blocks.iter().enumerate().filter(|(_, sums)| sums[9] > 0.0) {
            let middle = |at: usize, side: u32| {
                let begin = at as u32 * MOTION_BLOCK;
                f64::from(begin + (begin + MOTION_BLOCK).min(side) - 1) / 2.0
            };
            let x = (middle(index % across, size.width) - cx) * unit;
            let y = (middle(index / across, size.height) - cy) * unit;
            for (column, basis) in basis.iter().enumerate() {
                let [dx, dy] = displacement(basis, x, y);
                jacobian[(0, column)] = dx / unit;
                jacobian[(1, column)] = dy / unit;
            }
            let (products, residuals) = unpack(sums);
            matrix += jacobian.transpose() * products * &jacobian;
            right += jacobian.transpose() * residuals;
        }
        // The exposure of a pair is no one else's: it is eliminated (Schur complement).
        let shape = (unknowns, 2);
        let coupling = matrix.view((0, unknowns), shape).into_owned();
        let exposure = matrix.view((unknowns, unknowns), (2, 2)).into_owned();
        let Some(inverse) = exposure.try_inverse() else { return };
        self.matrix +=
            matrix.view((0, 0), (unknowns, unknowns)) - &coupling * &inverse * coupling.transpose();
        self.right += right.rows(0, unknowns) - coupling * inverse * right.rows(unknowns, 2);
    }

    /// The step, if the frames show enough for one.
    fn solve(mut self) -> Option<Vec<f64>> {
        /// A trace of damping keeps a direction without texture at rest.
        const DAMPING: f64 = 1e-6;
        let trace = self.matrix.trace();
        for i in 0..self.right.len() {
            self.matrix[(i, i)] += DAMPING * trace;
        }
        let step = self.matrix.cholesky()?.solve(&-self.right);
        step.iter().all(|value| value.is_finite()).then(|| step.as_slice().to_vec())
    }
}

/// How a point moves with one unit of a motion, to first order.
fn displacement(basis: &Matrix3<f64>, x: f64, y: f64) -> [f64; 2] {
    let moved = basis * nalgebra::Vector3::new(x, y, 1.0);
    [moved.x - x * moved.z, moved.y - y * moved.z]
}

fn unpack(sums: &[f32; MOTION_SUMS]) -> (SMatrix<f64, 4, 4>, SMatrix<f64, 4, 1>) {
    let mut products = SMatrix::<f64, 4, 4>::zeros();
    let places = (0..4).flat_map(|i| (i..4).map(move |j| (i, j)));
    for ((i, j), &sum) in places.zip(sums) {
        products[(i, j)] = f64::from(sum);
        products[(j, i)] = f64::from(sum);
    }
    (products, SMatrix::from_fn(|i, _| f64::from(sums[10 + i])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_lie_towards_the_reference_first() {
        let levels: Vec<f32> = (0..35u8).map(f32::from).collect();
        let of = |frame, both, pace| {
            Turn { cells: 1, hops: &HOPS, both, steps: 1 }.neighbours(frame, 5, &levels, pace)
        };
        assert_eq!(of(9, false, 1.0), [6, 7, 8]);
        assert_eq!(of(6, false, 1.0), [5]);
        assert_eq!(of(2, false, 1.0), [3, 4, 5]);
        assert_eq!(of(2, true, 1.0), [0, 1, 3, 4, 5]);
        assert_eq!(of(30, true, 2.0), [24, 26, 28, 32, 34]);
        // Three photos a level: no other of its own level, and the reference for those beside it.
        let levels: Vec<f32> = (0..12u8).map(|frame| f32::from(frame / 3)).collect();
        let of =
            |frame, both| Turn { cells: 1, hops: &HOPS, both, steps: 1 }.neighbours(frame, 4, &levels, 1.0);
        assert_eq!(of(10, false), [4, 6]);
        assert_eq!(of(3, false), [4]);
        assert_eq!(of(1, true), [4]);
    }

    #[test]
    fn a_model_s_motions_are_what_they_say() {
        for (align, count) in
            [(Align::Shift, 2), (Align::Similarity, 4), (Align::Affine, 6), (Align::Homography, 8)]
        {
            assert_eq!(align.basis().len(), count);
        }
        // Turning moves (1, 0) down and (0, 1) left.
        let turn = &Align::Similarity.basis()[3];
        assert_eq!(displacement(turn, 1.0, 0.0), [0.0, 1.0]);
        assert_eq!(displacement(turn, 0.0, 1.0), [-1.0, 0.0]);
        let pose = Transform::similarity(0.1, 0.0, [3.0, 0.0], [49.5, 29.5]);
        let start = Align::Shift.start(&pose, Size::new(100, 60));
        assert_eq!(start.matrix, [1.0, 0.0, 3.0, 0.0, 1.0, 0.0]);
    }
}
