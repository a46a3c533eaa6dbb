//! `nearfar shoot`: scan, map, plan, capture, merge.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::plan::{PlanArgs, SharpArgs};
use super::scan::scanned;
use super::tether::{self, CameraArgs, ScanArgs};
use super::{Device, Exit, INTERRUPT, Talk, capture};
use crate::backend::{CpuBackend, GpuBackend};
use crate::camera::{Camera, Point};
use crate::error::Result;
use crate::files::{MapFile, MergeFile, PlanFile};
use crate::gpu::sharpness::BAND_ROWS;
use crate::pipeline::map::Request;
use crate::pipeline::merge::{self, Job, Options};
use crate::pipeline::plan;
use crate::plan::Count;
use crate::session::{Asked, Crew, Event, SessionFile, Stage, ends, estimate};

/// The whole job with a tethered camera: scans the scene, orders and maps the photos, plans N focus steps between the near
/// and the far point, photographs these, and merges them.
///
/// Everything is kept in SESSION. Run again after whatever stopped it, it goes on with the next photo; Ctrl-C ends it after
/// the present one. The camera is set back to how it was.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  nearfar shoot -o beetle --near 0.5,0.9 --far 0.2,0.1 -n 9\n  \
    nearfar shoot -o trial --camera sim --near 0.5,0.95 --far 0.5,0.05 -n 9\n  \
    nearfar shoot -o beetle --manual --watch ~/tethered --near 0.5,0.9 --far 0.2,0.1 -n 9")]
pub struct Args {
    /// Folder of the session, new or begun
    #[arg(short, long, value_name = "SESSION")]
    output: PathBuf,
    /// The nearest point to be sharp: X,Y in fractions of the picture
    #[arg(long, value_name = "X,Y", value_parser = tether::point, allow_hyphen_values = true)]
    near: Point,
    /// The farthest point to be sharp
    #[arg(long, value_name = "X,Y", value_parser = tether::point, allow_hyphen_values = true)]
    far: Point,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    scan: ScanArgs,
    #[command(flatten)]
    sharp: SharpArgs,
    #[command(flatten)]
    camera: CameraArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    session: &'a Path,
    scan: usize,
    steps: usize,
    missing: &'a [usize],
    missed: &'a [usize],
    /// Share of what is textured that some photo of the stack shows sharp.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<f64>,
    picture: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<MergeFile>,
}

pub fn run(args: &Args, device: &str, threads: usize, talk: &Talk) -> Result<Exit> {
    let (options, plan_options) = (args.scan.options(&args.sharp)?, args.plan.options(&args.sharp)?);
    tether::check_ends(Some(args.near), Some(args.far))?;
    let steps = match plan_options.count {
        Count::Of(steps) => Some(steps),
        Count::Auto => None,
    };
    let asked = Asked { near: Some(args.near), far: Some(args.far), steps };
    let body = args.camera.body(talk)?;
    let say = |text: &str| talk.ask(text);
    let camera = args.camera.open(&body, &args.output, &say)?;
    let most = [options.max_photos, steps.unwrap_or(options.max_photos)];
    if args.camera.dry_run() {
        return dry_run(camera, &args.output, most, talk);
    }
    let held = tether::hold(&args.output, true)?;
    let tell = |event: &Event<'_>| tether::tell(talk, event);
    let mut crew = held.crew(asked, &args.camera, camera, most.iter().sum(), &tell, talk)?;
    let device = Device::open(device, talk)?;
    let captured = tether::with_camera(&mut crew, |crew| {
        let (map, sharpness) = match &device {
            Device::Cpu => scanned(crew, &CpuBackend, &options, threads, talk),
            Device::Gpu(gpu) => scanned(crew, &GpuBackend::new(gpu, BAND_ROWS), &options, threads, talk),
        }?;
        if capture::planned(&crew.folder, &map, steps)?.is_none() {
            let ends = ends(&crew.folder, &crew.session, &map, sharpness.as_ref(), &CpuBackend)?;
            let (folder, options) = (crew.folder.clone(), plan_options);
            plan::run(&plan::Request { folder, options, ends }, &INTERRUPT)?;
        }
        capture::photograph(crew, &device, sharpness.as_ref())
    })?;
    let coverage = capture::covered(&crew, &device)?;
    let (picture, merge) = merged(&mut crew, &device, threads, talk)?;
    let report = Report {
        session: &args.output,
        scan: crew.session.of(Stage::Scan).count(),
        steps: captured.steps,
        missing: &captured.missing,
        missed: &captured.missed,
        coverage,
        picture: picture.clone(),
        merge,
    };
    let folder = args.output.display();
    let text = format!(
        "{} photos of the scan, {} of the stack: {folder}/scan, {folder}/stack\nwhere it was focused:   {folder}/plan.png\ndepth \
         map:              {folder}/depth.png\nsharp everywhere:       {}",
        report.scan,
        crew.session.of(Stage::Stack).count(),
        picture.display()
    );
    talk.result(&report, &text)?;
    capture::tell_coverage(coverage, &args.output, captured.missing.is_empty(), talk);
    Ok(capture::exit(&captured, talk))
}

/// Merges the stack, unless that is done.
fn merged(
    crew: &mut Crew<'_>,
    device: &Device,
    threads: usize,
    talk: &Talk,
) -> Result<(PathBuf, Option<MergeFile>)> {
    let stack: Vec<String> =
        crew.session.of(Stage::Stack).filter_map(|shot| shot.picture().map(str::to_owned)).collect();
    // One photo may be enough.
    let name = if let [only] = &stack[..] { only } else { "merged.tif" };
    let picture = crew.folder.join(name);
    if (picture.exists() && crew.session.merged == stack) || stack.len() < 2 {
        return Ok((picture, None));
    }
    let named = |name: &&str| crew.folder.join(name).display().to_string();
    let targets =
        || crew.session.of(Stage::Stack).filter_map(|shot| Some((shot.target_depth?, shot.picture()?)));
    let near = targets().min_by(|a, b| a.0.total_cmp(&b.0));
    let far = targets().max_by(|a, b| a.0.total_cmp(&b.0));
    let request = Request {
        frames: stack.iter().map(|name| crew.folder.join(name)).collect(),
        near: near.map(|(_, name)| named(&name)),
        far: far.map(|(_, name)| named(&name)),
        reference: None,
        output: picture.clone(),
        threads,
    };
    let job = Job::new(&request, None, Options::default())?;
    let progress = |stage, done, total| talk.progress(stage, done, total);
    let outcome = match device {
        Device::Cpu => merge::run(&CpuBackend, &job, &progress, &INTERRUPT),
        Device::Gpu(gpu) => merge::run(&GpuBackend::new(gpu, BAND_ROWS), &job, &progress, &INTERRUPT),
    }?;
    crew.session.merged = stack;
    crew.save()?;
    Ok((picture, Some(outcome.merge)))
}

#[derive(Serialize)]
struct DryRun {
    camera: String,
    strategy: &'static str,
    photos: usize,
    seconds: f64,
}

/// Says what would still be photographed of up to so many photos of the scan and the stack, and how long it would take.
pub(super) fn dry_run(
    mut camera: Box<dyn Camera + '_>,
    folder: &Path,
    [scan, stack]: [usize; 2],
    talk: &Talk,
) -> Result<Exit> {
    let condition = camera.condition()?;
    let session = SessionFile::read(folder)?;
    let taken = |stage| session.iter().flat_map(move |session| session.of(stage));
    let scan = match &session {
        Some(session) if session.scan_ended.is_some() => 0,
        _ => scan.saturating_sub(taken(Stage::Scan).count()),
    };
    let mut plan = match folder.join("plan.json").is_file() && stack > 0 {
        true => Some(PlanFile::read(folder, &MapFile::read(folder)?)?),
        false => None,
    };
    if let Some(plan) = &mut plan {
        plan.steps.retain(|step| taken(Stage::Stack).all(|shot| shot.step != Some(step.index)));
    }
    let photos = scan + plan.as_ref().map_or(stack, |plan| plan.steps.len());
    let found = crate::session::readiness(&condition, camera.strategy(), photos);
    found.must.iter().chain(&found.should).for_each(|text| talk.warn(text));
    let seconds = estimate(session.as_ref(), photos).as_secs_f64();
    let mut text = format!("{}, driven by {}\n", camera.model(), camera.strategy().name());
    for step in plan.iter().flat_map(|plan| &plan.steps) {
        text += &format!(
            "step {:2}  AF {:.3},{:.3}  depth {:.2}\n",
            step.index + 1,
            step.x,
            step.y,
            step.target_depth
        );
    }
    text += &format!("up to {photos} photos, about {seconds:.0} s; nothing was photographed");
    let (camera, strategy) = (camera.model().to_owned(), camera.strategy().name());
    talk.result(&DryRun { camera, strategy, photos, seconds }, &text)?;
    Ok(Exit::Done)
}
