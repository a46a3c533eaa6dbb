//! The whole of `map`: survey the frames, find depth, write.

pub use super::request::{Job, Request};

use super::gather::Gathered;
use super::outputs;
use super::stream::Interrupt;
use super::survey::{Care, LeftOut, Run, Survey};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::files::{LeftOutFile, MapFile, name_from};
use crate::folder::NewFolder;
use crate::order::{FocusOrder, Reason};

pub use super::survey::Progress;

/// What `map` made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As written to map.json.
    pub map: MapFile,
    /// Whether something was left out that the user did not ask to leave out.
    pub unasked: bool,
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
    let mut run = Run::new(backend, job, Care::Strict, progress, interrupt);
    let survey = run.survey()?;
    let outcome = finish(run, survey)?;
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
    finish(run, survey)
}

/// Finds depth and writes all of it.
fn finish<B: Backend>(mut run: Run<'_, B>, mut survey: Survey<B>) -> Result<Outcome> {
    let measured = run.depth(&mut survey, true)?;
    let positions = measured.positions.clone();
    let maps = measured.download(run.backend)?;
    let mut outcome = describe(&run, &survey, &positions);
    run.timed("write", |run| outputs::write(&run.job.output, &outcome.map, &maps))?;
    outcome.map.timings_ms = run.timings;
    Ok(outcome)
}

/// What map.json says.
fn describe<B: Backend>(run: &Run<'_, B>, survey: &Survey<B>, positions: &[f64]) -> Outcome {
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
        level_positions: positions.iter().map(|at| at / positions[positions.len() - 1]).collect(),
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
