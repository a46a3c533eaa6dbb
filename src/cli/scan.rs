//! `nearfar scan`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::plan::SharpArgs;
use super::tether::{self, CameraArgs, ScanArgs};
use super::{Device, Exit, INTERRUPT, Talk};
use crate::backend::{Backend, CpuBackend, GpuBackend};
use crate::camera::Point;
use crate::error::Result;
use crate::files::MapFile;
use crate::gpu::sharpness::BAND_ROWS;
use crate::order::Anchor;
use crate::pipeline::map::{self, Job};
use crate::session::{self, Asked, Crew, Event, ScanOptions, Sharpness};

/// Photographs a scene at so many levels of focus that every textured region is sharp in some photo, and maps it.
///
/// By autofocus at points of the picture where the camera takes them, else by focus steps from the near to the far end.
/// Writes SESSION/scan and the files of a map. Run again, it goes on where it stopped.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example: nearfar scan -o beetle --near 0.5,0.9 --far 0.2,0.1")]
pub struct Args {
    /// Folder of the session, new or begun
    #[arg(short, long, value_name = "SESSION")]
    output: PathBuf,
    /// The nearest point to be sharp: X,Y in fractions of the picture
    #[arg(long, value_name = "X,Y", value_parser = tether::point, allow_hyphen_values = true)]
    near: Option<Point>,
    /// The farthest point to be sharp
    #[arg(long, value_name = "X,Y", value_parser = tether::point, allow_hyphen_values = true)]
    far: Option<Point>,
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
    photos: usize,
    ended: &'a str,
    map: &'a MapFile,
}

pub fn run(args: &Args, device: &str, threads: usize, talk: &Talk) -> Result<Exit> {
    let options = args.scan.options(&args.sharp)?;
    tether::check_ends(args.near, args.far)?;
    let asked = Asked { near: args.near, far: args.far, steps: None };
    let body = args.camera.body(talk)?;
    let say = |text: &str| talk.ask(text);
    let camera = args.camera.open(&body, &args.output, &say)?;
    if args.camera.dry_run() {
        return super::shoot::dry_run(camera, &args.output, [options.max_photos, 0], talk);
    }
    let held = tether::hold(&args.output, true)?;
    let tell = |event: &Event<'_>| tether::tell(talk, event);
    let mut crew = held.crew(asked, &args.camera, camera, options.max_photos, &tell, talk)?;
    let device = Device::open(device, talk)?;
    let map = tether::with_camera(&mut crew, |crew| match &device {
        Device::Cpu => scanned(crew, &CpuBackend, &options, threads, talk),
        Device::Gpu(gpu) => scanned(crew, &GpuBackend::new(gpu, BAND_ROWS), &options, threads, talk),
    })?
    .0;
    let photos = crew.session.of(session::Stage::Scan).count();
    let ended = crew.session.scan_ended.as_deref().unwrap_or_default();
    let report = Report { session: &args.output, photos, ended, map: &map };
    let folder = args.output.display();
    let text = format!(
        "{photos} photos at {} levels of focus: {folder}/scan\ndepth map: {folder}/depth.png\nnext: nearfar plan {folder} -n 9, \
         then nearfar capture {folder}",
        map.clusters.len()
    );
    talk.result(&report, &text)?;
    Ok(Exit::Done)
}

/// Scans and maps, as far as that is not done yet.
pub(super) fn scanned<B: Backend>(
    crew: &mut Crew<'_>,
    backend: &B,
    options: &ScanOptions,
    threads: usize,
    talk: &Talk,
) -> Result<(MapFile, Option<Sharpness>)> {
    if crew.session.scan_ended.is_some() && crew.folder.join("map.json").is_file() {
        return Ok((MapFile::read(&crew.folder)?, None));
    }
    let gathered = session::scan(crew, backend, options)?;
    let sharpness: Sharpness =
        gathered.files.iter().cloned().zip(gathered.sharpness.iter().cloned()).collect();
    let anchor = |point: Option<Point>| point.map(|[x, y]| Anchor::Point(x, y));
    let job = Job {
        files: gathered.files.clone(),
        near: anchor(crew.session.asked.near),
        far: anchor(crew.session.asked.far),
        reference: None,
        output: crew.folder.clone(),
        threads,
    };
    let progress = |stage, done, total| talk.progress(stage, done, total);
    let outcome = map::run_gathered(backend, &job, gathered, &progress, &INTERRUPT)?;
    for left_out in &outcome.map.left_out {
        tracing::info!("{}: not in the map: {}", left_out.file, left_out.reason);
    }
    Ok((outcome.map, Some(sharpness)))
}
