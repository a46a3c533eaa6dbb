//! `nearfar capture`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::tether::{self, CameraArgs};
use super::{Device, Exit, Talk};
use crate::backend::{CpuBackend, GpuBackend};
use crate::error::{Error, Result};
use crate::files::{MapFile, PlanFile};
use crate::gpu::sharpness::BAND_ROWS;
use crate::pipeline::plan;
use crate::session::{self, Asked, Captured, Crew, Event, SessionFile, Sharpness, Stage};

/// Photographs the steps of SESSION/plan.json, which may have been edited, into SESSION/stack.
///
/// Every photo is looked at for where it really is sharp; one that misses its target by more than half a step is taken once
/// more. Run again, it goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Example: nearfar plan beetle -n 9; nearfar capture beetle; nearfar merge beetle -o beetle.tif"
)]
pub struct Args {
    /// Folder of the session, scanned and planned
    #[arg(value_name = "SESSION")]
    session: PathBuf,
    /// Add steps to the plan for what is textured and sharp in no photo of the stack yet, and photograph these
    #[arg(long)]
    fill: bool,
    #[command(flatten)]
    camera: CameraArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    session: &'a Path,
    steps: usize,
    photos: usize,
    missing: &'a [usize],
    missed: &'a [usize],
    /// Steps that --fill added.
    #[serde(skip_serializing_if = "Option::is_none")]
    filled: Option<usize>,
    /// Share of what is textured that some photo of the stack shows sharp.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<f64>,
}

pub fn run(args: &Args, device: &str, talk: &Talk) -> Result<Exit> {
    let folder = &args.session;
    let held = tether::hold(folder, false)?;
    let map = MapFile::read(folder)?;
    let dry_run = args.camera.dry_run();
    let filled = (args.fill && !dry_run).then(|| fill(folder, &map, talk)).transpose()?;
    let plan = PlanFile::read(folder, &map)?;
    let body = args.camera.body(talk)?;
    let say = |text: &str| talk.ask(text);
    let camera = args.camera.open(&body, folder, &say)?;
    let steps = plan.steps.len();
    if dry_run {
        return super::shoot::dry_run(camera, folder, [0, steps], talk);
    }
    let tell = |event: &Event<'_>| tether::tell(talk, event);
    let mut crew = held.crew(Asked::default(), &args.camera, camera, steps, &tell, talk)?;
    let device = Device::open(device, talk)?;
    let captured = tether::with_camera(&mut crew, |crew| photograph(crew, &device, None))?;
    let photos = crew.session.of(Stage::Stack).count();
    let coverage = covered(&crew, &device)?;
    let (missing, missed) = (&captured.missing[..], &captured.missed[..]);
    let report = Report { session: folder, steps, photos, missing, missed, filled, coverage };
    let (done, shown) = (steps - captured.missing.len(), folder.display());
    let text = format!(
        "{done} of {steps} steps photographed: {shown}/stack\nnext: nearfar merge {shown} -o {shown}/merged.tif"
    );
    talk.result(&report, &text)?;
    // What was to be filled and could not be would be offered again and again.
    let fillable = filled != Some(0) && captured.missing.is_empty();
    tell_coverage(coverage, folder, fillable, talk);
    Ok(exit(&captured, talk))
}

/// Adds steps for what is sharp in no photo of the session; how many.
fn fill(folder: &Path, map: &MapFile, talk: &Talk) -> Result<usize> {
    let session = SessionFile::read(folder)?.ok_or_else(|| no_session(folder))?;
    // Steps that are planned and not photographed yet will be.
    let plan = PlanFile::read(folder, map)?;
    let taken = |index: usize| session.of(Stage::Stack).any(|shot| shot.step == Some(index));
    let to_come = plan.steps.iter().filter(|step| !taken(step.index));
    let to_come = to_come.map(|step| map.axis().place(step.target_depth));
    let places: Vec<f64> = achieved(&session, map).into_iter().chain(to_come).collect();
    let count = plan::fill(folder, &places)?;
    talk.say(&match count {
        0 => "nothing is missing that is not planned already".to_owned(),
        count => format!("{count} more steps: {}", folder.join("plan.png").display()),
    });
    Ok(count)
}

fn no_session(folder: &Path) -> Error {
    Error::Usage(format!("{}: nothing is photographed here yet; run it without --fill", folder.display()))
}

/// Where the photos of the stack are focused, as places on the map's axis.
fn achieved(session: &SessionFile, map: &MapFile) -> Vec<f64> {
    let axis = map.axis();
    let depths = session.of(Stage::Stack).filter_map(|shot| shot.achieved_depth);
    depths.map(|depth| axis.place(depth)).collect()
}

/// Draws what no photo of the stack shows sharp; the share that some does.
pub(super) fn covered(crew: &Crew<'_>, device: &Device) -> Result<Option<f64>> {
    let places = achieved(&crew.session, &MapFile::read(&crew.folder)?);
    match device {
        Device::Cpu => plan::covered(&CpuBackend, &crew.folder, &places),
        Device::Gpu(gpu) => plan::covered(&GpuBackend::new(gpu, BAND_ROWS), &crew.folder, &places),
    }
}

/// Says how much of what is textured is sharp, and what to do about the rest, if it is `fillable`.
pub(super) fn tell_coverage(coverage: Option<f64>, folder: &Path, fillable: bool, talk: &Talk) {
    /// Below this, somebody will see it.
    const FINE: f64 = 0.99;
    let Some(share) = coverage else { return };
    let picture = folder.join("coverage.png");
    let text = format!("{:.1} % of what is textured is sharp: {}", 100.0 * share, picture.display());
    if share >= FINE {
        return talk.say(&text);
    }
    if !fillable {
        return talk.warn(&text);
    }
    talk.warn(&format!("{text}; nearfar capture {} --fill photographs what is missing", folder.display()));
}

/// Photographs the plan.
pub(super) fn photograph(
    crew: &mut Crew<'_>,
    device: &Device,
    scanned: Option<&Sharpness>,
) -> Result<Captured> {
    match device {
        Device::Cpu => session::capture(crew, &CpuBackend, scanned),
        Device::Gpu(gpu) => session::capture(crew, &GpuBackend::new(gpu, BAND_ROWS), scanned),
    }
}

/// Names what is missing.
pub(super) fn exit(captured: &Captured, talk: &Talk) -> Exit {
    let list =
        |steps: &[usize]| steps.iter().map(|step| (step + 1).to_string()).collect::<Vec<_>>().join(", ");
    if !captured.missing.is_empty() {
        talk.warn(&format!("no photo of step {}: the autofocus found nothing", list(&captured.missing)));
    }
    if !captured.missed.is_empty() {
        talk.warn(&format!("more than half a step beside its target: step {}", list(&captured.missed)));
    }
    if captured.missing.is_empty() { Exit::Done } else { Exit::LeftOut }
}

/// A plan that is there, if it has as many steps as asked for.
pub(super) fn planned(folder: &Path, map: &MapFile, steps: Option<usize>) -> Result<Option<PlanFile>> {
    if !folder.join("plan.json").is_file() {
        return Ok(None);
    }
    let plan = PlanFile::read(folder, map)?;
    match steps {
        Some(steps) if plan.planned() != steps => Err(Error::Usage(format!(
            "-n {steps}: {}/plan.json has {} steps; leave -n as it was, or remove the plan",
            folder.display(),
            plan.planned()
        ))),
        _ => Ok(Some(plan)),
    }
}
