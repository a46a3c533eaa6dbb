//! The whole of `map`: survey the frames, find depth, write.

pub use super::request::{Job, Request};

use super::gather::{Gathered, blur_grid};
use super::outputs;
use super::stream::Interrupt;
use super::survey::{Care, LeftOut, Run, Survey};
use crate::backend::Backend;
use crate::blur::Blur;
use crate::error::{Error, Result};
use crate::files::{DepthScale, LeftOutFile, MapFile, name_from};
use crate::folder::NewFolder;
use crate::image_io;
use crate::order::{FocusOrder, Reason};
use crate::positions::{Positions, calibrated};

pub use super::survey::Progress;

/// What `map` made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As written to map.json.
    pub map: MapFile,
    /// Whether something was left out that the user did not ask to leave out.
    pub unasked: bool,
}

/// Maps the frames of `job` and writes the results into its folder, depth in `scale`.
///
/// # Errors
/// [`Error::Stack`] if fewer than two frames or levels are usable, [`Error::Usage`] if an anchor or the reference is not
/// usable, [`Error::Io`] and [`Error::Device`] as they come, [`Error::Interrupted`]. Nothing half-written is left.
pub fn run<B: Backend>(
    backend: &B,
    job: &Job,
    scale: DepthScale,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let folder =
        NewFolder::create(&job.output).map_err(Error::io(&job.output, "making the output folder"))?;
    let mut run = Run::new(backend, job, Care::Strict, progress, interrupt);
    let survey = run.survey()?;
    let outcome = finish(run, survey, scale)?;
    folder.keep();
    Ok(outcome)
}

/// As [`run`], of frames that were taken in before; the job's files are those of `gathered`.
///
/// # Errors
/// As [`run`].
pub fn run_gathered<B: Backend>(
    backend: &B,
    job: &Job,
    gathered: Gathered,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let mut run = Run::new(backend, job, Care::Strict, progress, interrupt);
    let survey = run.survey_gathered(gathered)?;
    finish(run, survey, DepthScale::Order)
}

/// Finds depth and writes all of it.
fn finish<B: Backend>(mut run: Run<'_, B>, mut survey: Survey<B>, scale: DepthScale) -> Result<Outcome> {
    let mut measured = run.depth(&mut survey, true)?;
    let positions = measured.positions.clone();
    let length = positions.at.len() as f64 - 1.0;
    if scale == DepthScale::Optical {
        let places: Vec<f32> = positions.at.iter().map(|at| (at / length) as f32).collect();
        measured.depth = run.backend.place(&measured.depth, &places);
    }
    let maps = measured.download(run.backend)?;
    let mut outcome = describe(&run, &survey, &positions, scale);
    outcome.map.blur = run.timed("blur", |_| Ok(blur(&survey, &positions.at)))?;
    outcome.map.level_dioptres = dioptres(&run, &survey, &positions.at);
    outcome.map.timings_ms = run.timings.clone();
    run.timed("write", |run| outputs::write(&run.job.output, &outcome.map, &maps))?;
    outcome.map.timings_ms = run.timings;
    Ok(outcome)
}

/// How fast blur grows, from how sharp the blocks of each frame are.
fn blur<B: Backend>(survey: &Survey<B>, positions: &[f64]) -> Option<Blur> {
    // The sharpest frame of each level: what was put to it for want of anything sharp may be focused elsewhere.
    let levels = survey.order.clusters.iter().zip(positions);
    let photos: Vec<(f64, &[f32])> =
        levels.map(|(frames, &at)| (at, &survey.sharpness[frames[0]][..])).collect();
    Blur::measure(&photos, blur_grid(survey.size), positions.len() as f64 - 1.0, survey.cell)
}

/// Dioptres of the levels, by a line through what EXIF or the camera tells of their distances; empty where neither does.
fn dioptres<B: Backend>(run: &Run<'_, B>, survey: &Survey<B>, positions: &[f64]) -> Vec<f64> {
    let from_exif = |index: usize| {
        image_io::focus_distance(&run.job.files[index], survey.headers.get(&index)?).map(f64::recip)
    };
    let from_camera = |index: usize| survey.dioptres.get(index).copied().flatten();
    let points = |told: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
        let of_level = |(frames, &at): (&Vec<usize>, &f64)| {
            let dioptres: Vec<f64> = frames.iter().filter_map(|&frame| told(survey.frames[frame])).collect();
            (!dioptres.is_empty()).then(|| (at, dioptres.iter().sum::<f64>() / dioptres.len() as f64))
        };
        survey.order.clusters.iter().zip(positions).filter_map(of_level).collect()
    };
    // Whichever tells of more levels: what is rounded otherwise is not mixed.
    let mut points = [points(&from_camera), points(&from_exif)];
    points.sort_by_key(Vec::len);
    let [_, points] = points;
    let mirrored: Vec<(f64, f64)> = points.iter().map(|(at, dioptres)| (-at, *dioptres)).collect();
    if !calibrated(&mirrored, &[0.0]).is_empty() {
        let what = if survey.order.near_guessed { "name --near and --far" } else { "swap --near and --far" };
        tracing::warn!("by the distances that are told, what is called near is the far end: {what}");
    }
    calibrated(&points, positions)
}

/// What map.json says.
fn describe<B: Backend>(
    run: &Run<'_, B>,
    survey: &Survey<B>,
    positions: &Positions,
    depth_scale: DepthScale,
) -> Outcome {
    let job = run.job;
    let Survey { size, cell, order, .. } = survey;
    let named = |index: usize| name_from(&job.output, &job.files[index]);
    let name = |frame: usize| named(survey.frames[frame]);
    let clusters: Vec<Vec<String>> =
        order.clusters.iter().map(|level| level.iter().map(|&frame| name(frame)).collect()).collect();
    let rows = |frame: usize| {
        let [a, b, c, d, e, f] = survey.grid_transform(frame).from_grid(f64::from(*cell)).matrix;
        [[a, b, c], [d, e, f]]
    };
    let length = positions.at.len() as f64 - 1.0;
    let of_range = |at: &f64| at / length;
    let (reasons, unasked) = left_out(&run.left_out, &survey.frames, order);
    let left_out = reasons.into_iter().map(|(index, reason)| LeftOutFile { file: named(index), reason });
    let map = MapFile {
        version: MapFile::VERSION,
        reference: name(survey.reference),
        width: size.width,
        height: size.height,
        cell: *cell,
        order: clusters.iter().flatten().cloned().collect(),
        near: clusters[0][0].clone(),
        far: clusters[clusters.len() - 1][0].clone(),
        near_guessed: order.near_guessed,
        level_positions: positions.at.iter().map(of_range).collect(),
        level_uncertainties: positions.uncertainty.iter().map(of_range).collect(),
        positions_from: positions.source,
        level_dioptres: Vec::new(),
        depth_scale,
        blur: None,
        transforms: order.clusters.iter().flatten().map(|&frame| (name(frame), rows(frame))).collect(),
        left_out: left_out.collect(),
        clusters,
        device: run.backend.name().to_owned(),
        timings_ms: run.timings.clone(),
    };
    Outcome { map, unasked }
}

/// All that was left out, with the reasons, and whether any of it was not asked for.
pub(super) fn left_out(before: &LeftOut, frames: &[usize], order: &FocusOrder) -> (LeftOut, bool) {
    let mut reasons = before.clone();
    let mut unasked = !reasons.is_empty();
    for left_out in &order.left_out {
        reasons.insert(frames[left_out.frame], left_out.reason.to_string());
        unasked |= !matches!(left_out.reason, Reason::BeyondNear | Reason::BeyondFar);
    }
    (reasons, unasked)
}
