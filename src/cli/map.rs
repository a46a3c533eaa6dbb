//! `nearfar map`.

use std::path::{Path, PathBuf};

use super::{Device, Exit, INTERRUPT, Talk};
use crate::backend::{CpuBackend, GpuBackend};
use crate::error::Result;
use crate::files::{DepthScale, MapFile};
use crate::gpu::sharpness::BAND_ROWS;
use crate::pipeline::map::{self, Outcome, Request};
use crate::positions::Source;

/// Groups photos of one scene into levels of focus, orders these from near to far, and finds for every pixel the level at
/// which it is sharpest.
///
/// Writes DIR/map.json, depth.tif (levels as float32), depth.png, confidence.png and aif.jpg, an all-in-focus preview.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example: nearfar map shots/*.jpg --near 0.5,0.9 --far 0.2,0.1 -o map")]
pub struct Args {
    /// Photos, or folders of them: JPEG, PNG or TIFF, all of one size
    #[arg(required = true, value_name = "FRAMES")]
    frames: Vec<PathBuf>,
    /// Where the near end is: a frame, or a point X,Y
    ///
    /// A point is in fractions of the picture, 0,0 top left to 1,1 bottom right; the frame sharpest around it is the
    /// anchor. Frames nearer than it are left out. Default: the nearer end of the found order, which is a guess.
    #[arg(long, value_name = "FILE|X,Y", allow_hyphen_values = true)]
    near: Option<String>,
    /// Where the far end is: a frame, or a point X,Y
    #[arg(long, value_name = "FILE|X,Y", allow_hyphen_values = true)]
    far: Option<String>,
    /// Frame whose geometry the results have
    ///
    /// Default: the best registered frame near the middle of the order.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// What depth.tif and depth.png count in: order (levels) or optical (inverse distance, 0 near to 1 far)
    #[arg(long, value_name = "order|optical", default_value = "order")]
    depth_scale: DepthScale,
    /// Folder for the results
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

pub fn run(args: &Args, device: &str, threads: usize, talk: &Talk) -> Result<Exit> {
    let request = Request {
        frames: args.frames.clone(),
        near: args.near.clone(),
        far: args.far.clone(),
        reference: args.reference.clone(),
        output: args.output.clone(),
        threads,
    };
    let request = request.validate()?;
    let scale = args.depth_scale;
    let progress = |stage, done, total| talk.progress(stage, done, total);
    let outcome = match Device::open(device, talk)? {
        Device::Cpu => map::run(&CpuBackend, &request, scale, &progress, &INTERRUPT),
        Device::Gpu(gpu) => {
            map::run(&GpuBackend::new(&gpu, BAND_ROWS), &request, scale, &progress, &INTERRUPT)
        }
    }?;
    for left_out in &outcome.map.left_out {
        talk.warn(&format!("left out: {}: {}", left_out.file, left_out.reason));
    }
    if outcome.map.near_guessed {
        talk.say(&format!(
            "which end is near was guessed: {}; say so with --near or --far",
            outcome.map.near
        ));
    }
    if outcome.map.positions_from == Source::Order {
        let levels = outcome.map.clusters.len();
        let reason =
            if levels < 4 { format!("{levels} levels are too few") } else { "too little is textured".into() };
        talk.warn(&format!(
            "{reason} to tell how far apart the levels are: they are taken to be even, and so is every plan"
        ));
    }
    let plan = args.output.join("plan.json");
    if plan.exists() {
        talk.warn(&format!("{}: is of the map that was here before; plan again", plan.display()));
    }
    talk.result(&outcome.map, &summary(&outcome.map, &args.output))?;
    Ok(exit(&outcome))
}

fn exit(outcome: &Outcome) -> Exit {
    if outcome.unasked { Exit::LeftOut } else { Exit::Done }
}

fn summary(map: &MapFile, output: &Path) -> String {
    let total: f64 = map.timings_ms.values().sum();
    let file = |name: &str| output.join(name).display().to_string();
    format!(
        "{} frames at {} levels of focus, near {} … far {}; {:.1} s on {}\n\
         depth map:              {} (as float: {})\n\
         confidence:             {}\n\
         all-in-focus preview:   {}\n\
         next:                   nearfar plan {} -n 9",
        map.order.len(),
        map.clusters.len(),
        map.near,
        map.far,
        total / 1000.0,
        map.device,
        file("depth.png"),
        file("depth.tif"),
        file("confidence.png"),
        file("aif.jpg"),
        output.display(),
    )
}
