//! `nearfar capture`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::tether::{self, CameraArgs};
use super::{Device, Exit, Talk};
use crate::backend::{CpuBackend, GpuBackend};
use crate::error::{Error, Result};
use crate::files::{MapFile, PlanFile};
use crate::gpu::sharpness::BAND_ROWS;
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
}

pub fn run(args: &Args, device: &str, talk: &Talk) -> Result<Exit> {
    let folder = &args.session;
    let held = tether::hold(folder, false)?;
    let map = MapFile::read(folder)?;
    let plan = PlanFile::read(folder, &map)?;
    let body = args.camera.body(talk)?;
    let say = |text: &str| talk.say(text);
    let camera = args.camera.open(&body, &say)?;
    let steps = plan.steps.len();
    if args.camera.dry_run() {
        let session = SessionFile::read(folder)?;
        return super::shoot::dry_run(camera, steps, session.as_ref().zip(Some(&plan)), talk);
    }
    let tell = |event: &Event<'_>| tether::tell(talk, event);
    let mut crew = held.crew(Asked::default(), &args.camera, camera, steps, &tell, talk)?;
    let device = Device::open(device, talk)?;
    let captured = tether::with_camera(&mut crew, |crew| photograph(crew, &device, None))?;
    let photos = crew.session.of(Stage::Stack).count();
    let report =
        Report { session: folder, steps, photos, missing: &captured.missing, missed: &captured.missed };
    let (done, shown) = (steps - captured.missing.len(), folder.display());
    let text = format!(
        "{done} of {steps} steps photographed: {shown}/stack\nnext: nearfar merge {shown} -o {shown}/merged.tif"
    );
    talk.result(&report, &text)?;
    Ok(exit(&captured, talk))
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
pub(super) fn planned(folder: &Path, map: &MapFile, steps: usize) -> Result<Option<PlanFile>> {
    if !folder.join("plan.json").is_file() {
        return Ok(None);
    }
    let plan = PlanFile::read(folder, map)?;
    if plan.steps.len() == steps {
        return Ok(Some(plan));
    }
    Err(Error::Usage(format!(
        "-n {steps}: {}/plan.json has {} steps; leave -n as it was, or remove the plan",
        folder.display(),
        plan.steps.len()
    )))
}
