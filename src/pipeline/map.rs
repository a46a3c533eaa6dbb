//! The whole of `map`: decode once, register, order, find depth, write.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;

pub use super::request::{Job, Request};

use super::depth::{self, View};
use super::outputs;
use super::register::{Pose, Pyramid, halvings, register, to_linear};
use super::scratch::{Record, Scratch};
use super::stream::{Interrupt, check, stream};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::files::{LeftOutFile, MapFile, name_from};
use crate::folder::NewFolder;
use crate::frame::{Plane, Size};
use crate::image_io::{self, Header, Limits, Spares};
use crate::order::{self, Anchor, Anchors, Blocks, FocusOrder, Reason};
use crate::params::{Edge, OUTSIDE, cell_for};
use crate::transform::Transform;

/// Says what of the files is not looked at.
fn warn_of_more(files: &[std::path::PathBuf], headers: &BTreeMap<usize, Header>) {
    let first = |what: fn(&Header) -> bool| {
        let mut found = headers.iter().filter(|(_, header)| what(header));
        let file = files[*found.next()?.0].display();
        Some(match found.count() {
            0 => format!("{file}"),
            more => format!("{file} and {more} more"),
        })
    };
    if let Some(files) = first(|header| header.more_pictures) {
        tracing::warn!("{files}: several pictures in one file: the first one is taken");
    }
    if let Some(files) = first(|header| header.alpha) {
        tracing::warn!("{files}: transparency is not looked at");
    }
}

/// Told the stage, how much of it is done, and how much there is.
pub type Progress<'a> = &'a dyn Fn(&'static str, usize, usize);

/// What `map` made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As written to map.json.
    pub map: MapFile,
    /// Whether something was left out that the user did not ask to leave out.
    pub unasked: bool,
}

/// Why frames were left out, by their place in the job's list.
#[derive(Default)]
struct LeftOut(BTreeMap<usize, String>);

/// A reference with the poses and the order found on it; `energy` is the mean focus measure of the registered frames.
struct Settled<B: Backend> {
    reference: usize,
    poses: Vec<Option<Pose>>,
    order: FocusOrder,
    energy: B::Gray,
}

/// What a command is run with.
struct Run<'a, B: Backend> {
    backend: &'a B,
    job: &'a Job,
    progress: Progress<'a>,
    interrupt: &'a Interrupt,
    timings: BTreeMap<String, f64>,
    left_out: LeftOut,
}

/// Maps the frames of `job` and writes the results into its folder.
///
/// # Errors
/// [`Error::Stack`] if fewer than two frames or levels are usable, [`Error::Usage`] if an anchor or the reference is not
/// usable, [`Error::Io`] and [`Error::Device`] as they come, [`Error::Interrupted`]. Nothing half-written is left.
pub fn run<B: Backend>(
    backend: &B,
    job: &Job,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let folder =
        NewFolder::create(&job.output).map_err(Error::io(&job.output, "making the output folder"))?;
    let run =
        Run { backend, job, progress, interrupt, timings: BTreeMap::new(), left_out: LeftOut::default() };
    let outcome = run.all()?;
    folder.keep();
    Ok(outcome)
}

impl<B: Backend> Run<'_, B> {
    fn all(mut self) -> Result<Outcome> {
        let headers = self.timed("probe", Self::probe)?;
        let size = headers.values().next().map_or(Size::new(0, 0), |header| header.size);
        let cell = cell_for(size.width, size.height);
        let grid = size.grid(cell);
        let mut base = grid;
        (0..halvings(grid)).for_each(|_| base = base.grid(2));
        let mut scratch = Scratch::new(&self.job.output, grid, base)?;
        let (frames, rough) = self.timed("analyse", |run| run.analyse(&headers, cell, &mut scratch))?;
        let Settled { reference, poses, order, energy } = self.settle(&frames, &rough, grid, &mut scratch)?;
        let levels = self.levels(&order, &frames, &poses, grid);
        let maps = self.timed("depth", |run| {
            depth::map(run.backend, &levels, &energy, &mut scratch, run.progress, run.interrupt)
        })?;
        drop(scratch);
        let output = self.job.output.clone();
        let mut outcome = self.describe(size, cell, &frames, reference, &order, &poses);
        self.timed("write", |_| outputs::write(&output, &outcome.map, &maps))?;
        outcome.map.timings_ms = self.timings;
        Ok(outcome)
    }

    /// Finds a reference that is in the order itself, and with it poses and order.
    ///
    /// The medoid is tried first. Where most frames do not fit it, it is the odd one out, and the medoid of the rest
    /// takes its place; where ordering leaves it out, the middle of the order does.
    fn settle(
        &mut self,
        frames: &[usize],
        rough: &Blocks,
        grid: Size,
        scratch: &mut Scratch,
    ) -> Result<Settled<B>> {
        const TRIES: usize = 3;
        let asked = self.job.reference;
        let mut reference = match asked {
            Some(index) => self.position(index, frames, "--reference")?,
            None => self.medoid(rough, |_| true)?,
        };
        let mut poses = self.timed("register", |run| run.register(frames, reference, scratch))?;
        let fit = |poses: &[Option<Pose>]| poses.iter().flatten().count();
        if asked.is_none() && 2 * fit(&poses) < frames.len() {
            let other = self.medoid(rough, |frame| poses[frame].is_none())?;
            let others = self.timed("register", |run| run.register(frames, other, scratch))?;
            if fit(&others) > fit(&poses) {
                (reference, poses) = (other, others);
            }
        }
        for _ in 0..TRIES {
            self.note_unregistered(frames, &poses);
            let (order, energy) = self.timed("order", |run| run.order(frames, &poses, grid, scratch))?;
            if order.clusters.iter().flatten().any(|&frame| frame == reference) {
                return Ok(Settled { reference, poses, order, energy });
            }
            if let Some(index) = asked {
                let out = order.left_out.iter().find(|out| out.frame == reference);
                let reason =
                    out.map_or_else(|| "it is not in the order".to_owned(), |out| out.reason.to_string());
                let file = self.job.files[index].display();
                return Err(Error::Usage(format!(
                    "--reference {file}: is left out: {reason}; name another frame"
                )));
            }
            reference = order.clusters[order.clusters.len() / 2][0];
            poses = self.timed("register", |run| run.register(frames, reference, scratch))?;
        }
        let text =
            "no frame near the middle of the order fits the others well enough: name one with --reference";
        Err(Error::Stack(text.to_owned()))
    }

    /// Names the frames without a pose among those left out, and no others for that reason.
    fn note_unregistered(&mut self, frames: &[usize], poses: &[Option<Pose>]) {
        self.left_out.0.retain(|_, reason| reason != NOT_REGISTERED);
        for (&frame, _) in frames.iter().zip(poses).filter(|(_, pose)| pose.is_none()) {
            self.left_out.0.insert(frame, NOT_REGISTERED.to_owned());
        }
    }

    /// Runs a stage and notes its wall time; times of one name add up.
    fn timed<R>(&mut self, stage: &str, work: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        check(self.interrupt)?;
        let start = Instant::now();
        let result = work(self);
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        *self.timings.entry(stage.to_owned()).or_default() += elapsed;
        tracing::info!("{stage}: {elapsed:.0} ms");
        result
    }

    /// Headers of the frames of the most frequent size, by place in the list.
    fn probe(&mut self) -> Result<BTreeMap<usize, Header>> {
        let limits = Limits::default();
        let probed: Vec<_> = self.job.files.par_iter().map(|file| image_io::probe(file, &limits)).collect();
        let mut headers = BTreeMap::new();
        for (index, header) in probed.into_iter().enumerate() {
            match header {
                Ok(header) => drop(headers.insert(index, header)),
                Err(error) => self.leave_out(index, &error),
            }
        }
        let count = |size: Size| headers.values().filter(|header| header.size == size).count();
        let sizes =
            headers.iter().map(|(index, header)| (count(header.size), usize::MAX - index, header.size));
        let Some((_, _, size)) = sizes.max_by_key(|&(count, first, _)| (count, first)) else {
            return Err(self.too_few());
        };
        for (&index, header) in &headers {
            if header.size != size {
                let reason =
                    format!("is {} where the others are {size}; photograph all frames alike", header.size);
                self.left_out.0.insert(index, reason);
            }
        }
        headers.retain(|_, header| header.size == size);
        warn_of_more(&self.job.files, &headers);
        if headers.len() < 2 { Err(self.too_few()) } else { Ok(headers) }
    }

    fn leave_out(&mut self, index: usize, error: &Error) {
        let reason = match error {
            Error::Picture { reason, .. } => reason.clone(),
            Error::Io { action, source, .. } => format!("{action} failed: {source}"),
            other => other.to_string(),
        };
        self.left_out.0.insert(index, reason);
    }

    fn too_few(&self) -> Error {
        let text = "fewer than two usable frames are left; each needs to be a readable JPEG, PNG or TIFF of one size";
        Error::Stack(text.to_owned() + &self.reasons())
    }

    /// What was left out and why, a line each.
    fn reasons(&self) -> String {
        let line = |(&index, reason): (&usize, &String)| {
            format!("\n  {}: {reason}", self.job.files[index].display())
        };
        self.left_out.0.iter().map(line).collect()
    }

    /// Place among the usable frames of the file that an option named.
    fn position(&self, index: usize, frames: &[usize], option: &str) -> Result<usize> {
        frames.iter().position(|&frame| frame == index).ok_or_else(|| {
            let reason = self.left_out.0.get(&index).map_or("it was left out", String::as_str);
            Error::Usage(format!(
                "{option} {}: cannot be used: {reason}; name another frame",
                self.job.files[index].display()
            ))
        })
    }

    /// Decodes every frame once; returns the usable ones by place in the list, with their block sharpness.
    fn analyse(
        &mut self,
        headers: &BTreeMap<usize, Header>,
        cell: u32,
        scratch: &mut Scratch,
    ) -> Result<(Vec<usize>, Blocks)> {
        let places: Vec<usize> = headers.keys().copied().collect();
        let files: Vec<(&Path, &Header)> =
            headers.iter().map(|(&index, header)| (self.job.files[index].as_path(), header)).collect();
        let mut blocks: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
        let mut done = 0;
        let (backend, progress, interrupt, threads) =
            (self.backend, self.progress, self.interrupt, self.job.threads);
        let block_grid = block_grid(files[0].1.size.grid(cell));
        let spares = Spares::default();
        stream(&files, Some(cell), threads, interrupt, &spares, |slot, frame| {
            done += 1;
            progress("analyse", done, files.len());
            let mut frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.leave_out(places[slot], &error);
                    return Ok(());
                }
            };
            let color = frame.color.take().expect("colour was asked for");
            let (measure, mut luma) = backend.analyse(&frame.luma, cell)?;
            spares.give(frame);
            for _ in 0..halvings(color.size) {
                luma = backend.reduce(&luma);
            }
            blocks.insert(places[slot], backend.blocks(&measure, block_grid)?.data);
            let mut base = backend.download(luma)?;
            base.data.iter_mut().for_each(|value| *value = to_linear(*value));
            let record = Record { measure: backend.download(measure)?, base, color };
            scratch.put(places[slot], &record)
        })?;
        if blocks.len() < 2 {
            return Err(self.too_few());
        }
        let (frames, rough) = blocks.into_iter().unzip();
        Ok((frames, Blocks { grid: block_grid, frames: rough }))
    }

    /// Of the frames that `eligible` takes, the one most like all others: most often in the middle of the order.
    fn medoid(&self, rough: &Blocks, eligible: impl Fn(usize) -> bool) -> Result<usize> {
        let distances = self.distances(rough)?.1;
        let eligible: Vec<usize> = (0..rough.frames.len()).filter(|&frame| eligible(frame)).collect();
        let total = |f: usize| eligible.iter().map(|&g| distances.at(g as u32, f as u32)).sum::<f32>();
        Ok(eligible.iter().copied().min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0))
    }

    fn distances(&self, blocks: &Blocks) -> Result<(order::Features, Plane<f32>)> {
        let features = order::normalise(blocks);
        let count = blocks.grid.area() as u32;
        let rows = Plane::new(Size::new(count, blocks.frames.len() as u32), features.values.clone());
        let weights = Plane::new(Size::new(count, 1), features.weights.clone());
        let distances = self.backend.distance(&rows, &weights)?;
        Ok((features, distances))
    }

    /// Poses of all frames on frame `reference`.
    fn register(
        &mut self,
        frames: &[usize],
        reference: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Option<Pose>>> {
        let backend = self.backend;
        let mut pyramid = |frame: usize| -> Result<Pyramid<B::Gray>> {
            let base = scratch.base(frames[frame])?;
            let size = base.size;
            Ok(Pyramid::new(backend, backend.upload(base), size))
        };
        let fixed = pyramid(reference)?;
        let mut poses = Vec::with_capacity(frames.len());
        for frame in 0..frames.len() {
            check(self.interrupt)?;
            (self.progress)("register", frame + 1, frames.len());
            let pose = if frame == reference {
                Some(Pose { transform: Transform::IDENTITY, gain: 1.0, correlation: 1.0 })
            } else {
                register(backend, &fixed, &pyramid(frame)?)?
            };
            tracing::debug!("{}: {pose:?}", self.job.files[frames[frame]].display());
            poses.push(pose);
        }
        Ok(poses)
    }

    /// Levels of focus, as indices among `frames`, and the mean focus measure of all registered frames. Keeps the
    /// measures in the reference's geometry and exposure in the scratch file, where depth finds them.
    fn order(
        &mut self,
        frames: &[usize],
        poses: &[Option<Pose>],
        grid: Size,
        scratch: &mut Scratch,
    ) -> Result<(FocusOrder, B::Gray)> {
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
        let distances = order::Distances::new(registered.len(), distances.data);
        let mut order = order::levels(&features, &distances, anchors)?;
        order.clusters.iter_mut().flatten().for_each(|frame| *frame = registered[*frame]);
        for left_out in &mut order.left_out {
            left_out.frame = registered[left_out.frame];
        }
        Ok((order, energy))
    }

    /// The frames of every level, as depth needs them.
    fn levels(
        &self,
        order: &FocusOrder,
        frames: &[usize],
        poses: &[Option<Pose>],
        grid: Size,
    ) -> Vec<Vec<View>> {
        let view = |&frame: &usize| {
            let pose = poses[frame].expect("only registered frames are ordered");
            View {
                record: frames[frame],
                transform: pose.transform.from_grid(base_cell(grid)),
                gain: pose.gain as f32,
            }
        };
        order.clusters.iter().map(|level| level.iter().map(view).collect()).collect()
    }

    /// What map.json says.
    fn describe(
        &self,
        size: Size,
        cell: u32,
        frames: &[usize],
        reference: usize,
        order: &FocusOrder,
        poses: &[Option<Pose>],
    ) -> Outcome {
        let named = |index: usize| name_from(&self.job.output, &self.job.files[index]);
        let name = |frame: usize| named(frames[frame]);
        let clusters: Vec<Vec<String>> =
            order.clusters.iter().map(|level| level.iter().map(|&frame| name(frame)).collect()).collect();
        let to_pixels = base_cell(size.grid(cell));
        let rows = |frame: usize| {
            let pose = poses[frame].expect("only registered frames are ordered");
            let [a, b, c, d, e, f] = pose.transform.from_grid(to_pixels).from_grid(f64::from(cell)).matrix;
            [[a, b, c], [d, e, f]]
        };
        let mut reasons = self.left_out.0.clone();
        let mut unasked = !reasons.is_empty();
        for left_out in &order.left_out {
            reasons.insert(frames[left_out.frame], left_out.reason.to_string());
            unasked |= !matches!(left_out.reason, Reason::BeyondNear | Reason::BeyondFar);
        }
        let left_out = reasons.into_iter().map(|(index, reason)| LeftOutFile { file: named(index), reason });
        let map = MapFile {
            version: MapFile::VERSION,
            reference: name(reference),
            width: size.width,
            height: size.height,
            cell,
            order: clusters.iter().flatten().cloned().collect(),
            near: clusters[0][0].clone(),
            far: clusters[clusters.len() - 1][0].clone(),
            near_guessed: order.near_guessed,
            transforms: order.clusters.iter().flatten().map(|&frame| (name(frame), rows(frame))).collect(),
            left_out: left_out.collect(),
            clusters,
            device: self.backend.name().to_owned(),
            timings_ms: self.timings.clone(),
        };
        Outcome { map, unasked }
    }
}

/// Cells of the grid that a cell of the registration base holds across.
fn base_cell(grid: Size) -> f64 {
    f64::from(1u32 << halvings(grid))
}

/// What is said of a frame that fits nowhere.
const NOT_REGISTERED: &str = "does not fit the other frames: another scene, or moved too far";

/// Blocks across the longer side of usual pictures.
const BLOCKS_ACROSS: u32 = 32;
/// Cells of a block's side at most: llvmpipe ends a shader's loops after 65 535 turns.
const MAX_BLOCK_SIDE: u32 = 200;

/// About square blocks, [`BLOCKS_ACROSS`] on the longer side or more, none smaller than a cell.
fn block_grid(grid: Size) -> Size {
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
