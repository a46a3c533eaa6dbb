//! What `map` and `merge` have in common: every frame decoded once, registered, ordered, and depth found.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::depth::{self, Measured, View};
use super::gather::{Gathered, analyse, blur_grid, new_scratch};
use super::ordering::{as_given, block_grid};
use super::register::{Pose, Pyramid, halvings, is_plain, register, still};
use super::request::Job;
use super::scratch::Scratch;
use super::stream::{Interrupt, check, stream};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::files::MapFile;
use crate::frame::{Plane, Size};
use crate::image_io::{self, Header, Spares};
use crate::order::{Blocks, FocusOrder};
use crate::params::cell_for;
use crate::transform::Transform;

/// Told the stage, how much of it is done, and how much there is.
pub type Progress<'a> = &'a dyn Fn(&'static str, usize, usize);

/// Why frames were left out, by their place in the job's list.
pub(super) type LeftOut = BTreeMap<usize, String>;

/// How frames come to lie on each other, and what is done where they show too little for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Frames that do not fit are left out; no order is an error.
    Strict,
    /// Plain frames lie as they are; without an order the one given counts.
    Lenient,
    /// Like that, and no frame is moved.
    Still,
}

/// What was found out about a stack.
pub(super) struct Survey<B: Backend> {
    /// Headers of the usable frames, by place in the job's list.
    pub headers: BTreeMap<usize, Header>,
    /// Size of every frame in pixels.
    pub size: Size,
    /// Side in pixels of the cells that depth is found on.
    pub cell: u32,
    /// Places of the readable frames in the job's list; poses and order count these.
    pub frames: Vec<usize>,
    /// The frame whose geometry the results have.
    pub reference: usize,
    /// How every frame lies on the reference, if it does.
    pub poses: Vec<Option<Pose>>,
    /// Levels of focus.
    pub order: FocusOrder,
    /// Whether the order is just the one given.
    pub unordered: bool,
    /// Mean focus measure of the registered frames.
    pub energy: B::Gray,
    /// Planes of the frames.
    pub scratch: Scratch,
    /// Where a camera says that the levels are on the focus axis.
    pub told: Option<Vec<f64>>,
    /// What a camera says that every frame is focused at, in dioptres; empty for frames of no session.
    pub dioptres: Vec<Option<f64>>,
    /// Sharpness of the blocks of every frame: variance of the Laplacian, on [`blur_grid`].
    pub sharpness: Vec<Vec<f32>>,
}

impl<B: Backend> Survey<B> {
    /// Size of the grid.
    pub fn grid(&self) -> Size {
        self.scratch.grid()
    }

    /// Reference → frame in cells of the grid.
    pub fn grid_transform(&self, frame: usize) -> Transform {
        let pose = self.poses[frame].expect("only registered frames are ordered");
        pose.transform.from_grid(base_cell(self.grid()))
    }

    /// The frames of every level, as depth needs them.
    fn levels(&self) -> Vec<Vec<View>> {
        let view = |&frame: &usize| View {
            record: self.frames[frame],
            transform: self.grid_transform(frame),
            gain: self.poses[frame].expect("only registered frames are ordered").gain as f32,
        };
        self.order.clusters.iter().map(|level| level.iter().map(view).collect()).collect()
    }
}

/// A reference with the poses and the order found on it; `energy` is the mean focus measure of the registered frames.
struct Settled<B: Backend> {
    reference: usize,
    poses: Vec<Option<Pose>>,
    order: FocusOrder,
    unordered: bool,
    energy: B::Gray,
}

/// What a command is run with.
pub(super) struct Run<'a, B: Backend> {
    pub backend: &'a B,
    pub job: &'a Job,
    pub care: Care,
    pub progress: Progress<'a>,
    pub interrupt: &'a Interrupt,
    pub timings: BTreeMap<String, f64>,
    pub left_out: LeftOut,
    /// Where the lens stood for each frame, rising from near to far, if the camera told; else empty.
    pub told: Vec<f64>,
}

impl<'a, B: Backend> Run<'a, B> {
    /// Before anything was looked at.
    pub fn new(
        backend: &'a B,
        job: &'a Job,
        care: Care,
        progress: Progress<'a>,
        interrupt: &'a Interrupt,
    ) -> Self {
        let (timings, left_out, told) = (BTreeMap::new(), LeftOut::new(), Vec::new());
        Self { backend, job, care, progress, interrupt, timings, left_out, told }
    }

    /// Decodes every frame once, registers and orders them.
    ///
    /// # Errors
    /// [`Error::Stack`] if fewer than two frames or levels are usable, [`Error::Usage`] if an anchor or the reference is
    /// not usable, [`Error::Io`] and [`Error::Device`] as they come, [`Error::Interrupted`].
    pub fn survey(&mut self) -> Result<Survey<B>> {
        let headers = self.timed("probe", Self::probe)?;
        let size = headers.values().next().map_or(Size::new(0, 0), |header| header.size);
        let cell = cell_for(size.width, size.height);
        let mut scratch = new_scratch(&self.job.output, size.grid(cell))?;
        let (frames, rough, sharpness) =
            self.timed("analyse", |run| run.analyse(&headers, cell, &mut scratch))?;
        let settled = self.settle(&frames, &rough, size.grid(cell), &mut scratch)?;
        let Settled { reference, poses, order, unordered, energy } = settled;
        Ok(Survey {
            headers,
            size,
            cell,
            frames,
            reference,
            poses,
            order,
            unordered,
            energy,
            scratch,
            told: None,
            dioptres: Vec::new(),
            sharpness,
        })
    }

    /// As [`Self::survey`] found it before: order, reference and transforms of `map`, whose frames, near to far, are the
    /// job's.
    ///
    /// # Errors
    /// [`Error::Usage`] if the frames are not those of the map, and as [`Self::survey`].
    pub fn adopt(&mut self, map: &MapFile) -> Result<Survey<B>> {
        let headers = self.timed("probe", Self::probe)?;
        let size = headers.values().next().map_or(Size::new(0, 0), |header| header.size);
        if size != Size::new(map.width, map.height) || map.cell != cell_for(size.width, size.height) {
            return Err(Error::Usage(format!(
                "the frames are {size}, their map is of {}×{} in cells of {}: map them again",
                map.width, map.height, map.cell
            )));
        }
        let (cell, grid) = (map.cell, size.grid(map.cell));
        let mut scratch = new_scratch(&self.job.output, grid)?;
        let (frames, _, sharpness) =
            self.timed("analyse", |run| run.analyse(&headers, cell, &mut scratch))?;
        let place = |name: &String| {
            let index = map.order.iter().position(|file| file == name)?;
            frames.iter().position(|&frame| frame == index)
        };
        let clusters = map.clusters.iter().map(|level| level.iter().filter_map(place).collect::<Vec<_>>());
        let order =
            FocusOrder { clusters: clusters.collect(), left_out: Vec::new(), near_guessed: map.near_guessed };
        if order.clusters.iter().any(Vec::is_empty) || order.clusters.is_empty() {
            let text = "no frame of a level of the map can be used: put them back, or map the frames again";
            return Err(Error::Stack(text.to_owned() + &self.reasons()));
        }
        let reference =
            place(&map.reference).filter(|frame| order.clusters.iter().flatten().any(|at| at == frame));
        let reference = reference.ok_or_else(|| {
            Error::Usage(format!(
                "{}: the map's reference cannot be used; map the frames again",
                map.reference
            ))
        })?;
        let pose = |&frame: &usize| {
            let [[a, b, c], [d, e, f]] = *map.transforms.get(&map.order[frame])?;
            let transform = Transform::affine([a, b, c, d, e, f]);
            // Edited by hand, perhaps.
            let [width, height] = [map.width, map.height].map(f64::from);
            let moved = transform.corner_distance(&Transform::IDENTITY, width, height);
            (moved < width && a * e - b * d > 0.25).then_some(())?;
            let transform = transform.to_grid(f64::from(cell)).to_grid(base_cell(grid));
            Some(Pose { transform, gain: 1.0, correlation: 1.0 })
        };
        let poses: Vec<Option<Pose>> = frames.iter().map(pose).collect();
        if let Some(frame) = poses.iter().position(Option::is_none) {
            let name = &map.order[frames[frame]];
            return Err(Error::Usage(format!(
                "{name}: the map has no sound transform for it; map the frames again"
            )));
        }
        let energy = self.backend.upload(Plane::filled(grid, 0.0));
        let (unordered, told) = (false, None);
        Ok(Survey {
            headers,
            size,
            cell,
            frames,
            reference,
            poses,
            order,
            unordered,
            energy,
            scratch,
            told,
            dioptres: Vec::new(),
            sharpness,
        })
    }

    /// As [`Self::survey`], of frames that were taken in before; the job's files are those of `gathered`.
    ///
    /// # Errors
    /// As [`Self::survey`].
    pub fn survey_gathered(&mut self, gathered: Gathered) -> Result<Survey<B>> {
        let Gathered { headers, blocks, mut scratch, size, cell, places, dioptres, fine: sharpness, .. } =
            gathered;
        if headers.len() < 2 {
            return Err(self.too_few());
        }
        let frames: Vec<usize> = (0..headers.len()).collect();
        let headers = frames.iter().copied().zip(headers).collect();
        let grid = size.grid(cell);
        let rough = Blocks { grid: block_grid(grid), frames: blocks };
        self.told = places;
        let settled = self.settle(&frames, &rough, grid, &mut scratch)?;
        let Settled { reference, poses, order, unordered, energy } = settled;
        let mean = |level: &Vec<usize>| {
            let told: Option<Vec<f64>> = level.iter().map(|&frame| self.told.get(frame).copied()).collect();
            told.map(|told| told.iter().sum::<f64>() / told.len() as f64)
        };
        let told: Option<Vec<f64>> = order.clusters.iter().map(mean).collect();
        if let Some([first, .., last]) = told.as_deref()
            && first > last
        {
            return Err(Error::Usage(
                "what --near names is farther away than what --far names: run it again with the two swapped"
                    .into(),
            ));
        }
        Ok(Survey {
            headers,
            size,
            cell,
            frames,
            reference,
            poses,
            order,
            unordered,
            energy,
            scratch,
            told,
            dioptres,
            sharpness,
        })
    }

    /// Depth and confidence of a surveyed stack, and where asked for an all-in-focus preview.
    pub fn depth(&mut self, survey: &mut Survey<B>, preview: bool) -> Result<Measured<B>> {
        let levels = survey.levels();
        let measured = self.timed("depth", |run| {
            let (energy, scratch) = (&survey.energy, &mut survey.scratch);
            let told = survey.told.as_deref();
            depth::measure(run.backend, &levels, energy, scratch, preview, told, run.progress, run.interrupt)
        })?;
        let locating = 1000.0 * measured.locating.as_secs_f64();
        *self.timings.entry("positions".to_owned()).or_default() += locating;
        *self.timings.entry("depth".to_owned()).or_default() -= locating;
        Ok(measured)
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
            None => match self.told_middle(frames) {
                Some(middle) => middle,
                None => self.medoid(rough, |_| true)?,
            },
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
            let (order, unordered) = match order {
                Some(order) => (order, false),
                None => (as_given(&poses), true),
            };
            if order.clusters.iter().flatten().any(|&frame| frame == reference) {
                return Ok(Settled { reference, poses, order, unordered, energy });
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

    /// The frame in the middle of where a camera told that they are.
    fn told_middle(&self, frames: &[usize]) -> Option<usize> {
        let places: Option<Vec<f64>> = frames.iter().map(|&frame| self.told.get(frame).copied()).collect();
        let places = places.filter(|places| !places.is_empty())?;
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|&a, &b| places[a].total_cmp(&places[b]));
        Some(order[order.len() / 2])
    }

    /// Names the frames without a pose among those left out, and no others for that reason.
    fn note_unregistered(&mut self, frames: &[usize], poses: &[Option<Pose>]) {
        self.left_out.retain(|_, reason| reason != NOT_REGISTERED);
        for (&frame, _) in frames.iter().zip(poses).filter(|(_, pose)| pose.is_none()) {
            self.left_out.insert(frame, NOT_REGISTERED.to_owned());
        }
    }

    /// Runs a stage and notes its wall time; times of one name add up.
    pub fn timed<R>(&mut self, stage: &str, work: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        check(self.interrupt)?;
        let span = tracing::trace_span!("stage", stage = %stage).entered();
        let start = Instant::now();
        let result = work(self);
        drop(span);
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        *self.timings.entry(stage.to_owned()).or_default() += elapsed;
        tracing::info!("{stage}: {elapsed:.0} ms");
        result
    }

    /// Place among the usable frames of the file that an option named.
    pub fn position(&self, index: usize, frames: &[usize], option: &str) -> Result<usize> {
        frames.iter().position(|&frame| frame == index).ok_or_else(|| {
            let reason = self.left_out.get(&index).map_or("it was left out", String::as_str);
            Error::Usage(format!(
                "{option} {}: cannot be used: {reason}; name another frame",
                self.job.files[index].display()
            ))
        })
    }

    /// Decodes every frame once; returns the usable ones by place in the list, with the sharpness of blocks that tell the
    /// order, and of those on [`blur_grid`].
    fn analyse(
        &mut self,
        headers: &BTreeMap<usize, Header>,
        cell: u32,
        scratch: &mut Scratch,
    ) -> Result<(Vec<usize>, Blocks, Vec<Vec<f32>>)> {
        let places: Vec<usize> = headers.keys().copied().collect();
        let files: Vec<(&Path, &Header)> =
            headers.iter().map(|(&index, header)| (self.job.files[index].as_path(), header)).collect();
        let mut blocks: BTreeMap<usize, (Vec<f32>, Vec<f32>)> = BTreeMap::new();
        let mut done = 0;
        let (backend, progress, interrupt, threads) =
            (self.backend, self.progress, self.interrupt, self.job.threads);
        let size = files[0].1.size;
        let (block_grid, fine_grid) = (block_grid(size.grid(cell)), blur_grid(size));
        let spares = Spares::default();
        let decode = |path: &Path, header: &Header| image_io::decode_into(path, header, Some(cell), &spares);
        stream(&files, decode, threads, interrupt, |slot, frame| {
            done += 1;
            progress("analyse", done, files.len());
            let mut frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.leave_out(places[slot], &error);
                    return Ok(());
                }
            };
            let analysed = analyse(backend, &mut frame, cell, &[block_grid, fine_grid])?;
            spares.give(frame);
            let [rough, fine] =
                <[Vec<f32>; 2]>::try_from(analysed.sharpness).expect("two grids were asked for");
            blocks.insert(places[slot], (rough, fine));
            scratch.put(places[slot], &analysed.record)
        })?;
        if blocks.len() < 2 {
            return Err(self.too_few());
        }
        let (frames, both): (Vec<usize>, Vec<_>) = blocks.into_iter().unzip();
        let (rough, fine) = both.into_iter().unzip();
        Ok((frames, Blocks { grid: block_grid, frames: rough }, fine))
    }

    /// Of the frames that `eligible` takes, the one most like all others: most often in the middle of the order.
    fn medoid(&self, rough: &Blocks, eligible: impl Fn(usize) -> bool) -> Result<usize> {
        let distances = self.distances(rough)?.1;
        let eligible: Vec<usize> = (0..rough.frames.len()).filter(|&frame| eligible(frame)).collect();
        let total = |f: usize| eligible.iter().map(|&g| distances.at(g as u32, f as u32)).sum::<f32>();
        Ok(eligible.iter().copied().min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(0))
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
                self.pose(&fixed, &pyramid(frame)?)?
            };
            tracing::debug!("{}: {pose:?}", self.job.files[frames[frame]].display());
            poses.push(pose);
        }
        Ok(poses)
    }

    /// How a frame lies on the reference; a correlation of 0 says that it just lies there.
    fn pose(&self, fixed: &Pyramid<B::Gray>, frame: &Pyramid<B::Gray>) -> Result<Option<Pose>> {
        let backend = self.backend;
        if self.care == Care::Still {
            return still(backend, fixed, frame).map(Some);
        }
        if self.care == Care::Lenient && is_plain(backend, fixed, frame)? {
            return Ok(Some(Pose { correlation: 0.0, ..still(backend, fixed, frame)? }));
        }
        register(backend, fixed, frame)
    }
}

/// Cells of the grid that a cell of the registration base holds across.
pub(super) fn base_cell(grid: Size) -> f64 {
    f64::from(1u32 << halvings(grid))
}

/// What is said of a frame that fits nowhere.
pub(super) const NOT_REGISTERED: &str = "does not fit the other frames: another scene, or moved too far";
