//! The whole of `merge`: survey the frames, place them anew, even out their light, fuse, write.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::depth::Measured;
use super::fusion::Fusion;
use super::map::left_out;
pub use super::merge_job::{Job, Method, Options, Prefer, Slabs};
use super::refine::{Align, Placed, refine};
use super::stream::{Interrupt, check, stream};
use super::survey::{Care, Progress, Run, Survey};
use super::{light, overlap};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::files::{LeftOutFile, MapFile, MergeFile, name_from};
use crate::folder::NewFolder;
use crate::frame::{Pixels, Plane, Size, Window};
use crate::gains::GainField;
use crate::image_io::{self, Header, Limits, Metadata, OutputFormat, Spares, WriteOptions};
use crate::params::{FusionRule, Prior, Standing};
use crate::transform::Transform;

/// What `merge` made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For programs.
    pub merge: MergeFile,
    /// Whether something was left out that the user did not ask to leave out.
    pub unasked: bool,
}

/// Merges the frames of `job` and writes the picture.
///
/// # Errors
/// [`Error::Stack`] if fewer than two frames are usable or they share too little, [`Error::Usage`], [`Error::Io`] and
/// [`Error::Device`] as they come, [`Error::Interrupted`]. Nothing half-written is left.
pub fn run<B: Backend>(
    backend: &B,
    job: &Job,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let stack = &job.stack;
    let folder =
        NewFolder::create(&stack.output).map_err(Error::io(&stack.output, "making the output folder"))?;
    let care = if job.options.align == Align::None { Care::Still } else { Care::Lenient };
    let mut run = Run::new(backend, stack, care, progress, interrupt);
    let (mut survey, depth) = match &job.map {
        Some((folder, map)) => {
            let depth =
                read_depth(backend, folder, map, Size::new(map.width, map.height).grid(map.cell.max(1)))?;
            (run.adopt(map)?, Some(depth))
        }
        None => {
            let mut survey = run.survey()?;
            let depth = if survey.unordered { None } else { Some(run.depth(&mut survey, false)?) };
            if depth.is_none() && job.depth_map.is_some() {
                let text = "no depth was found in these frames, so there is no depth map to write: leave --depth-map out";
                return Err(Error::Stack(text.to_owned()));
            }
            if depth.is_none() && job.options.method == Method::Depth {
                tracing::warn!("no depth was found: the frames are merged as by --method auto");
            }
            (survey, depth)
        }
    };
    let stack = run.place(job, &mut survey, depth)?;
    let merge = Merge { job, survey: &survey, stack };
    let outcome = merge.write(&mut run)?;
    folder.keep();
    Ok(outcome)
}

/// Depth and confidence of the map in `folder`.
fn read_depth<B: Backend>(backend: &B, folder: &Path, map: &MapFile, grid: Size) -> Result<Measured<B>> {
    let (path, confidence_path) = (folder.join("depth.tif"), folder.join("confidence.png"));
    let mut depth = image_io::read_tiff_f32(&path)?;
    map.to_levels(&mut depth);
    let confidence = image_io::read_png_gray16(&confidence_path)?;
    for (path, size) in [(path, depth.size), (confidence_path, confidence.size)] {
        if size != grid {
            let reason = format!("is {size} where its map is {grid}; map the frames again");
            return Err(Error::picture(&path, reason));
        }
    }
    let confidence = confidence.data.iter().map(|&value| f32::from(value) / 65535.0).collect();
    let known = depth.data.iter().map(|&value| if value.is_nan() { 0.0 } else { value }).collect();
    Ok(Measured::new(backend.upload(Plane::new(grid, known)), backend.upload(Plane::new(grid, confidence))))
}

/// The frames as they are fused.
struct Stack<B: Backend> {
    /// Near to far.
    frames: Vec<Frame>,
    /// Levels of focus.
    levels: usize,
    /// Depth in levels and confidence on the grid, and whether they are known at all.
    depth: [B::Gray; 2],
    known: bool,
}

/// A frame that is fused.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Place in the job's list.
    file: usize,
    level: usize,
    /// Picture → frame in pixels.
    transform: Transform,
    gains: GainField,
}

impl<B: Backend> Run<'_, B> {
    /// Places the frames of `survey` for fusion and evens out their light.
    fn place(&mut self, job: &Job, survey: &mut Survey<B>, depth: Option<Measured<B>>) -> Result<Stack<B>> {
        let (grid, cell) = (survey.grid(), survey.cell);
        let levels = survey.order.clusters.len();
        let ordered: Vec<(usize, usize)> = (survey.order.clusters.iter().enumerate())
            .flat_map(|(level, frames)| frames.iter().map(move |&frame| (level, frame)))
            .collect();
        let place = |&(level, frame): &(usize, usize)| Placed {
            record: survey.frames[frame],
            level: level as f32,
            transform: survey.grid_transform(frame),
        };
        let mut placed: Vec<Placed> = ordered.iter().map(place).collect();
        let reference = ordered.iter().position(|&(_, frame)| frame == survey.reference);
        let reference = reference.expect("the reference is one of the order");
        for (index, frame) in placed.iter_mut().enumerate() {
            let start = job.options.align.start(&frame.transform, grid);
            frame.transform = if index == reference { Transform::IDENTITY } else { start };
        }
        let (backend, progress, interrupt) = (self.backend, self.progress, self.interrupt);
        let scratch = &mut survey.scratch;
        if let Some(Measured { depth, .. }) = &depth {
            self.timed("align", |_| {
                let align = job.options.align;
                refine(backend, &mut placed, reference, align, depth, levels, scratch, progress, interrupt)
            })?;
        }
        let gains = self.timed("light", |_| light::gains(backend, &placed, reference, scratch, interrupt))?;
        let frames = placed.iter().zip(&ordered).zip(gains).map(|((placed, &(level, _)), gains)| Frame {
            file: placed.record,
            level,
            transform: placed.transform.from_grid(f64::from(cell)),
            gains,
        });
        let known = depth.is_some();
        let blank = || backend.upload(Plane::filled(grid, 0.0));
        let depth = match depth {
            Some(Measured { depth, confidence, .. }) => [depth, confidence],
            None => [blank(), blank()],
        };
        Ok(Stack { frames: frames.collect(), levels, depth, known })
    }
}

/// Share of the longer side that the blur of near objects is taken to reach.
const FRONT_REACH: f64 = 0.01;

/// Pixels of photos that are decoded at a time.
const DECODED_PIXELS: usize = 80_000_000;

/// A stack about to be fused.
struct Merge<'a, B: Backend> {
    job: &'a Job,
    survey: &'a Survey<B>,
    stack: Stack<B>,
}

impl<B: Backend> Merge<'_, B> {
    /// Fuses and writes all that was asked for.
    fn write(&self, run: &mut Run<'_, B>) -> Result<Outcome> {
        let job = self.job;
        let window = self.window()?;
        let reference = self.survey.frames[self.survey.reference];
        let metadata = self.metadata(reference);
        let ranges = job.slabs(self.stack.levels);
        let slabs: Vec<PathBuf> = (1..=ranges.len()).map(|number| job.slab_path(number)).collect();
        slabs.iter().try_for_each(|path| job.check_output(path))?;
        // Nothing is put in place before all is there.
        let folder = &job.stack.output;
        let staging = tempfile::Builder::new()
            .prefix(".nearfar-")
            .tempdir_in(folder)
            .map_err(Error::io(folder, "making a temporary folder"))?;
        let staged = |path: &Path| staging.path().join(path.file_name().unwrap_or_default());
        let bits =
            if OutputFormat::from_path(&job.output)? == OutputFormat::Jpeg { 8 } else { job.options.bits };
        let picture = run.timed("fuse", |run| {
            let mut whole = None;
            if slabs.is_empty() {
                let all = 0..self.stack.levels;
                self.fuse(run, std::slice::from_ref(&all), &mut |_, fusion| {
                    whole = Some(fusion.finish(&window, bits)?);
                    Ok(())
                })?;
                return Ok(whole.expect("every part is finished"));
            }
            let staged: Vec<PathBuf> = slabs.iter().map(|path| staged(path)).collect();
            self.fuse(run, &ranges, &mut |slab, fusion| {
                let picture = fusion.finish(&window, 16)?;
                image_io::write_picture(&staged[slab], &picture, &metadata, &self.writing())
            })?;
            self.fuse_slabs(run, &staged, &ranges, &window, bits)
        })?;
        check(run.interrupt)?;
        run.timed("write", |run| {
            let path = staged(&job.output);
            image_io::write_picture(&path, &picture, &metadata, &self.writing())?;
            if let Some(path) = &job.depth_map {
                self.write_depth(run.backend, path, &window)?;
            }
            for path in slabs.iter().chain([&job.output]) {
                std::fs::rename(staged(path), path).map_err(Error::io(path, "renaming into place"))?;
            }
            Ok(())
        })?;
        if !slabs.is_empty() {
            // A layer of another set must not stand beside these.
            for path in job.stale_slabs(slabs.len()) {
                std::fs::remove_file(&path).map_err(Error::io(&path, "removing an older slab"))?;
            }
        }
        Ok(self.describe(run, &window, bits, &slabs))
    }

    fn writing(&self) -> WriteOptions {
        WriteOptions { quality: self.job.options.quality }
    }

    /// The part of the reference that is kept.
    fn window(&self) -> Result<Window> {
        let size = self.survey.size;
        if !self.job.options.crop {
            return Ok(Window { x: 0, y: 0, width: size.width, height: size.height });
        }
        let transforms: Vec<Transform> = self.stack.frames.iter().map(|frame| frame.transform).collect();
        overlap::common(size, size, &transforms).ok_or_else(|| {
            let text = "the frames have no part of the picture in common: photograph them from one place, or keep \
                        what only some of them show with --no-crop";
            Error::Stack(text.to_owned())
        })
    }

    /// What the reference carries besides its pixels; a photo whose metadata cannot be read is still a photo.
    fn metadata(&self, reference: usize) -> Metadata {
        let path = &self.job.stack.files[reference];
        let mut metadata =
            image_io::metadata(path, &self.survey.headers[&reference]).unwrap_or_else(|error| {
                tracing::warn!("{error}: its EXIF and colour profile are not copied");
                Metadata::default()
            });
        let of_other_colours = |icc: &Vec<u8>| icc.get(16..20).is_some_and(|space| space != b"RGB ");
        if metadata.icc_is_sound() && metadata.icc.take_if(|icc| of_other_colours(icc)).is_some() {
            tracing::warn!(
                "{}: its colour profile is not of RGB, which the picture has; it is left out",
                path.display()
            );
        }
        if !metadata.icc_is_sound() {
            tracing::warn!("{}: its colour profile is broken; it is copied as it is", path.display());
        }
        metadata
    }

    /// How much frames count.
    fn rule(&self) -> FusionRule {
        let method = match self.job.options.method {
            Method::Depth if !self.stack.known => Method::Auto,
            method => method,
        };
        let rule = match method {
            Method::Auto => FusionRule {
                finest: [1, 6],
                coarser: [5, 5],
                prior: match self.job.options.prefer {
                    Prefer::Sharp => Prior { radius: 2.7, wide: 1.8, floor: 0.1, guessed: 1.0 },
                    Prefer::Front => Prior { radius: 2.7, wide: 0.0, floor: 0.005, guessed: 0.0 },
                },
            },
            Method::Pyramid => FusionRule::even([4, 4], Prior::NONE),
            Method::Weighted => FusionRule::even([0, 8], Prior::NONE),
            Method::Depth => {
                FusionRule::even([0, 0], Prior { radius: 1.0, wide: 0.0, floor: 1e-6, guessed: 0.0 })
            }
        };
        if self.stack.known { rule } else { FusionRule { prior: Prior::NONE, ..rule } }
    }

    /// A picture without frames.
    fn fusion<'b>(&self, backend: &'b B, size: Size, depth: [B::Gray; 2]) -> Result<Fusion<'b, B>> {
        let [mut depth, confidence] = depth;
        if self.job.options.prefer == Prefer::Front {
            let longer = f64::from(size.width.max(size.height) / self.survey.cell);
            depth = backend.front(&depth, (FRONT_REACH * longer).ceil() as u32);
        }
        Fusion::new(backend, size, self.rule(), [depth, confidence], self.survey.cell)
    }

    /// Fuses every part of the levels by itself and hands it to `done`, with its number, once its last frame is in. Frames
    /// are decoded once, whatever parts share them.
    fn fuse<'b>(
        &self,
        run: &Run<'b, B>,
        parts: &[Range<usize>],
        done: &mut dyn FnMut(usize, Fusion<'b, B>) -> Result<()>,
    ) -> Result<()> {
        let Self { job, survey, stack } = self;
        let wanted = |frame: &&Frame| parts.iter().any(|part| part.contains(&frame.level));
        let frames: Vec<&Frame> = stack.frames.iter().filter(wanted).collect();
        let in_part = |part: &Range<usize>| frames.iter().filter(|frame| part.contains(&frame.level)).count();
        let mut missing: Vec<usize> = parts.iter().map(in_part).collect();
        let mut open: BTreeMap<usize, Fusion<'b, B>> = BTreeMap::new();
        let files: Vec<(&Path, &Header)> = frames
            .iter()
            .map(|frame| (job.stack.files[frame.file].as_path(), &survey.headers[&frame.file]))
            .collect();
        let spares = Spares::default();
        let mut count = 0;
        let (progress, interrupt) = (run.progress, run.interrupt);
        let decode = |path: &Path, header: &Header| image_io::decode_pixels(path, header, &spares);
        // Large photos wait for each other: fusing them takes longer than decoding.
        let ahead = (DECODED_PIXELS / survey.size.area()).clamp(1, job.stack.threads);
        stream(&files, decode, ahead, interrupt, |slot, pixels| {
            count += 1;
            progress("fuse", count, files.len());
            // It was read once: a photo that cannot be read now must not be missing without a word.
            let pixels = pixels?;
            let Frame { level, transform, gains, .. } = frames[slot];
            let standing = Standing { level: *level as f32, half: 0.0, frame: survey.size };
            for (part, _) in parts.iter().enumerate().filter(|(_, part)| part.contains(level)) {
                let mut fusion = match open.remove(&part) {
                    Some(fusion) => fusion,
                    None => self.fusion(run.backend, survey.size, stack.depth.clone())?,
                };
                fusion.add(&pixels, transform, gains, &standing)?;
                missing[part] -= 1;
                if missing[part] > 0 {
                    open.insert(part, fusion);
                } else {
                    done(part, fusion)?;
                }
            }
            spares.give_pixels(pixels);
            Ok(())
        })
    }

    /// Written slabs as one picture.
    fn fuse_slabs(
        &self,
        run: &Run<'_, B>,
        slabs: &[PathBuf],
        ranges: &[Range<usize>],
        window: &Window,
        bits: u8,
    ) -> Result<Pixels> {
        let Self { survey, stack, .. } = self;
        let mut fusion = self.fusion(run.backend, survey.size, stack.depth.clone())?;
        let shift = Transform::similarity(0.0, 0.0, [-f64::from(window.x), -f64::from(window.y)], [0.0; 2]);
        for (path, levels) in slabs.iter().zip(ranges) {
            check(run.interrupt)?;
            let header = image_io::probe(path, &Limits::default())?;
            let pixels = image_io::decode_pixels(path, &header, &Spares::default())?;
            let standing = Standing {
                level: (levels.start + levels.end - 1) as f32 / 2.0,
                half: (levels.len() - 1) as f32 / 2.0,
                frame: header.size,
            };
            fusion.add(&pixels, &shift, &GainField::UNITY, &standing)?;
        }
        fusion.finish(window, bits)
    }

    /// Writes depth in the picture's geometry, pixel by pixel.
    fn write_depth(&self, backend: &B, path: &Path, window: &Window) -> Result<()> {
        let depth = backend.download(self.stack.depth[0].clone())?;
        let cell = f64::from(self.survey.cell);
        let offset = Transform::similarity(0.0, 0.0, [f64::from(window.x), f64::from(window.y)], [0.0; 2]);
        // From the window's pixels to the cells that they lie in.
        let half = (cell - 1.0) / 2.0;
        let to_cells = Transform::affine([1.0 / cell, 0.0, -half / cell, 0.0, 1.0 / cell, -half / cell]);
        let plane = crate::cpu::warp::warp(
            &depth,
            &to_cells.after(&offset),
            1.0,
            crate::params::Edge::Replicate,
            Size::new(window.width, window.height),
        );
        if OutputFormat::from_path(path)? == OutputFormat::Tiff {
            return image_io::write_tiff_f32(path, &plane, 1);
        }
        let far = (self.stack.levels - 1).max(1) as f32;
        let scaled = plane.data.iter().map(|value| (value / far * 65535.0).round() as u16).collect();
        image_io::write_png_gray16(path, &Plane::new(plane.size, scaled))
    }

    fn describe(&self, run: &Run<'_, B>, window: &Window, bits: u8, slabs: &[PathBuf]) -> Outcome {
        let Self { job, survey, stack } = self;
        let folder = &job.stack.output;
        let name = |file: usize| name_from(folder, &job.stack.files[file]);
        let (reasons, unasked) = left_out(&run.left_out, &survey.frames, &survey.order);
        let rows = |transform: &Transform| {
            let [a, b, c, d, e, f] = transform.matrix;
            let [g, h] = transform.perspective;
            let affine = vec![[a, b, c], [d, e, f]];
            if transform.is_affine() { affine } else { [affine, vec![[g, h, 1.0]]].concat() }
        };
        let merge = MergeFile {
            version: MergeFile::VERSION,
            picture: job.output.display().to_string(),
            bits,
            window: *window,
            reference: name(survey.frames[survey.reference]),
            order: stack.frames.iter().map(|frame| name(frame.file)).collect(),
            levels: stack.levels,
            ordered: !survey.unordered,
            near_guessed: survey.order.near_guessed,
            transforms: stack.frames.iter().map(|frame| (name(frame.file), rows(&frame.transform))).collect(),
            left_out: reasons
                .into_iter()
                .map(|(file, reason)| LeftOutFile { file: name(file), reason })
                .collect(),
            slabs: slabs.iter().map(|path| path.display().to_string()).collect(),
            depth_map: job.depth_map.as_ref().map(|path| path.display().to_string()),
            device: run.backend.name().to_owned(),
            timings_ms: run.timings.clone(),
        };
        Outcome { merge, unasked }
    }
}
