//! The frames' order from near to far, from their block sharpness in the reference's geometry.

use super::register::Pose;
use super::scratch::Scratch;
use super::stream::check;
use super::survey::{Care, NOT_REGISTERED, Run, base_cell};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::frame::{Plane, Size};
use crate::order::{self, Anchor, Anchors, Blocks, FocusOrder};
use crate::params::{Edge, OUTSIDE};
use crate::transform::Transform;

impl<B: Backend> Run<'_, B> {
    /// Features of frames by the sharpness of their blocks, and how far any two are apart.
    pub(super) fn distances(&self, blocks: &Blocks) -> Result<(order::Features, Plane<f32>)> {
        let features = order::normalise(blocks);
        let count = blocks.grid.area() as u32;
        let rows = Plane::new(Size::new(count, blocks.frames.len() as u32), features.values.clone());
        let weights = Plane::new(Size::new(count, 1), features.weights.clone());
        let distances = self.backend.distance(&rows, &weights)?;
        Ok((features, distances))
    }

    /// Levels of focus, as indices among `frames`, if there are any to be found, and the mean focus measure of all registered frames. Keeps the
    /// measures in the reference's geometry and exposure in the scratch file, where depth finds them.
    pub(super) fn order(
        &mut self,
        frames: &[usize],
        poses: &[Option<Pose>],
        grid: Size,
        scratch: &mut Scratch,
    ) -> Result<(Option<FocusOrder>, B::Gray)> {
        let cell = base_cell(grid);
        let registered: Vec<usize> = (0..frames.len()).filter(|&frame| poses[frame].is_some()).collect();
        let mut blocks = Blocks { grid: block_grid(grid), frames: Vec::new() };
        let mut energy = self.backend.upload(Plane::filled(grid, 0.0));
        for (done, &frame) in registered.iter().enumerate() {
            check(self.interrupt)?;
            (self.progress)("order", done + 1, registered.len());
            let pose = poses[frame].expect("only registered frames are ordered");
            let measure = self.backend.upload(scratch.measure(frames[frame])?);
            let transform = pose.transform.from_grid(cell);
            let gain = (pose.gain * pose.gain) as f32;
            let warped = self.backend.warp(&measure, &transform, gain, Edge::Replicate, grid);
            let mut means = self.backend.blocks(&warped, blocks.grid)?;
            mark_uncovered(&mut means, &transform, grid);
            blocks.frames.push(means.data);
            let share = 1.0 / registered.len() as f32;
            energy = self.backend.accumulate(energy, &warped, share);
            scratch.put_registered(frames[frame], &self.backend.download(warped)?)?;
        }
        if registered.len() < 2 {
            let text = "no two frames show one scene with something in it to hold on to: photograph the scene again, exposed \
                        well and from one place";
            return Err(Error::Stack(text.to_owned() + &self.reasons()));
        }
        let moved = |&frame: &usize| poses[frame].is_some_and(|pose| pose.correlation != 0.0);
        if registered.iter().filter(|frame| moved(frame)).count() < 2 {
            tracing::warn!("nothing in the frames to tell their focus by: they count as they were given");
            return Ok((None, energy));
        }
        let (features, distances) = self.distances(&blocks)?;
        let anchor = |anchor: Option<Anchor>, option: &str| match anchor {
            Some(Anchor::Frame(index)) => {
                let place = self.position(index, frames, option)?;
                let found = registered.iter().position(|&frame| frame == place);
                found.map(|found| Some(Anchor::Frame(found))).ok_or_else(|| {
                    Error::Usage(format!(
                        "{option} {}: {NOT_REGISTERED}; name another frame",
                        self.job.files[index].display()
                    ))
                })
            }
            other => Ok(other),
        };
        let anchors = Anchors { near: anchor(self.job.near, "--near")?, far: anchor(self.job.far, "--far")? };
        let told: Option<Vec<f64>> =
            registered.iter().map(|&at| self.told.get(frames[at]).copied()).collect();
        let distances = match &told {
            Some(told) => order::Distances::along(told),
            None => order::Distances::new(registered.len(), distances.data),
        };
        // Frames named as ends may look alike where a coarse stack shows nothing sharp in either.
        let by_frames = [anchors.near, anchors.far].iter().all(|end| matches!(end, Some(Anchor::Frame(_))));
        let mut order = match order::levels(&features, &distances, told.is_some(), anchors) {
            Err(Error::Usage(reason))
                if self.care != Care::Strict && by_frames && reason == order::ONE_LEVEL =>
            {
                tracing::warn!("{reason}: the frames count as they were given");
                return Ok((None, energy));
            }
            Err(Error::Stack(reason)) if self.care != Care::Strict => {
                tracing::warn!("{reason}: the frames count as they were given");
                return Ok((None, energy));
            }
            order => order?,
        };
        order.clusters.iter_mut().flatten().for_each(|frame| *frame = registered[*frame]);
        for left_out in &mut order.left_out {
            left_out.frame = registered[left_out.frame];
        }
        Ok((Some(order), energy))
    }
}

/// Every registered frame a level of its own, in the order given.
pub(super) fn as_given(poses: &[Option<Pose>]) -> FocusOrder {
    let registered = (0..poses.len()).filter(|&frame| poses[frame].is_some());
    FocusOrder {
        clusters: registered.map(|frame| vec![frame]).collect(),
        left_out: Vec::new(),
        near_guessed: true,
    }
}

/// Blocks across the longer side of usual pictures.
const BLOCKS_ACROSS: u32 = 32;
/// Cells of a block's side at most: llvmpipe ends a shader's loops after 65 535 turns.
const MAX_BLOCK_SIDE: u32 = 200;

/// About square blocks, [`BLOCKS_ACROSS`] on the longer side or more, none smaller than a cell.
pub(super) fn block_grid(grid: Size) -> Size {
    let longer = grid.width.max(grid.height);
    let across = BLOCKS_ACROSS.max(longer.div_ceil(MAX_BLOCK_SIDE));
    let blocks = |side: u32| ((side * across + longer / 2) / longer).clamp(1, side);
    Size::new(blocks(grid.width), blocks(grid.height))
}

/// Marks the blocks whose centre a frame does not cover.
fn mark_uncovered(means: &mut Plane<f32>, transform: &Transform, grid: Size) {
    let (width, height) = (f64::from(grid.width), f64::from(grid.height));
    let Size { width: across, height: down } = means.size;
    for (index, mean) in means.data.iter_mut().enumerate() {
        let (bx, by) = (index as u32 % across, index as u32 / across);
        let centre =
            |block: u32, side: f64, count: u32| (f64::from(block) + 0.5) * side / f64::from(count) - 0.5;
        let [x, y] = transform.apply(centre(bx, width, across), centre(by, height, down));
        if !(-0.5..width - 0.5).contains(&x) || !(-0.5..height - 0.5).contains(&y) {
            *mean = OUTSIDE;
        }
    }
}
