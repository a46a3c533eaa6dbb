//! `nearfar simulate`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Exit, INTERRUPT, Talk};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::pipeline::stream::check;
use crate::simulate::{Lens, SceneKind, StackOptions, write_stack};

/// A simulated camera. With --port a Sony body that libgphoto2 connects to over PTP/IP, until Ctrl-C: it focuses, shows
/// live view and takes photos of the scene through a thin lens. With --render a focal stack, with the exact truth:
/// DIR/frames (near to far), DIR/shuffled (the same under names that say nothing), the all-in-focus picture and the depth
/// of every pixel.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["render", "port"]),
    after_long_help = "Examples:\n  nearfar simulate --port 15740 --body old --fault busy@3\n  \
                       nearfar simulate --render stack --scene desk --size 1200x800 --shift 4 --full-well 5000"
)]
pub struct Args {
    /// New or empty folder for a focal stack
    #[arg(long, value_name = "DIR")]
    render: Option<PathBuf>,
    #[command(flatten)]
    body: super::body::Args,
    /// macro (textured nearly everywhere), desk (half of it plain); with --port and --depth a picture
    #[arg(long, default_value_t = Target::Scene(SceneKind::Macro), value_name = "macro|desk|FILE")]
    scene: Target,
    /// Pixels of a frame
    #[arg(long, default_value = "1800x1200", value_name = "WxH", value_parser = size)]
    size: Size,
    /// Levels of focus
    #[arg(long, default_value_t = 21, value_name = "N")]
    frames: u32,
    /// Decides the scene and everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Circle of confusion in pixels of the far end when focused near
    #[arg(long, default_value_t = 40.0, value_name = "PX")]
    coc: f32,
    /// Unevenness of the focus steps, as a share of a step
    #[arg(long, default_value_t = 0.25)]
    step_jitter: f32,
    /// Change of magnification over the stack
    #[arg(long, default_value_t = 0.02)]
    breathing: f32,
    /// Hand-held shift in pixels, standard deviation
    #[arg(long, default_value_t = 0.0, value_name = "PX")]
    shift: f32,
    /// Hand-held rotation in degrees, standard deviation
    #[arg(long, default_value_t = 0.0, value_name = "DEG")]
    rotation: f32,
    /// Exposure changes from frame to frame, as a share
    #[arg(long, default_value_t = 0.0)]
    flicker: f32,
    /// Electrons at white: fewer are noisier, 0 is none of the noise
    #[arg(long, default_value_t = 12000.0, value_name = "E")]
    full_well: f32,
    /// Read noise in electrons
    #[arg(long, default_value_t = 4.0, value_name = "E")]
    read_noise: f32,
    /// Bits a channel: 8 or 16
    #[arg(long, default_value_t = 8)]
    bits: u8,
    /// JPEG of this quality instead of PNG
    #[arg(long, value_name = "1-100")]
    jpeg: Option<u8>,
    /// Photos of each level, alike but for their noise
    #[arg(long, default_value_t = 1, value_name = "N")]
    copies: u32,
    /// Photos added that missed focus or were shaken
    #[arg(long, default_value_t = 0, value_name = "N")]
    missed: u32,
}

/// What to photograph.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Scene(SceneKind),
    File(PathBuf),
}

impl std::str::FromStr for Target {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Scene))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scene(kind) => kind.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

pub(super) fn size(text: &str) -> Result<Size, String> {
    let sides =
        text.split_once(['x', 'X', '×']).and_then(|(w, h)| Some(Size::new(w.parse().ok()?, h.parse().ok()?)));
    sides.ok_or_else(|| format!("{text:?} is no size: write it as 1800x1200"))
}

#[derive(Serialize)]
struct Report {
    photos: usize,
    near: PathBuf,
    far: PathBuf,
    textured_fraction: f32,
}

pub fn run(args: &Args, talk: &Talk) -> Result<Exit> {
    match &args.render {
        Some(folder) => render(args, folder, talk),
        None => {
            let lens = Lens { coc_px: args.coc, breathing: args.breathing };
            super::body::serve(&args.body, &args.scene, args.size, args.seed, lens, talk)
        }
    }
}

fn render(args: &Args, folder: &Path, talk: &Talk) -> Result<Exit> {
    if args.frames > 999 {
        return Err(Error::Usage(format!("--frames {}: 1 to 999", args.frames)));
    }
    let Target::Scene(scene) = args.scene else {
        let text = format!("--scene {}: with --render choose macro or desk", args.scene);
        return Err(Error::Usage(text));
    };
    let options = StackOptions {
        scene,
        size: args.size,
        frames: args.frames,
        seed: args.seed,
        coc_px: args.coc,
        step_jitter: args.step_jitter,
        breathing: args.breathing,
        shift_px: args.shift,
        rotation_deg: args.rotation,
        flicker: args.flicker,
        full_well: args.full_well,
        read_noise: args.read_noise,
        bits: args.bits,
        jpeg_quality: args.jpeg,
        copies_per_level: args.copies,
        missed_frames: args.missed,
    };
    let progress = |done, total| {
        talk.progress("render", done, total);
        check(&INTERRUPT)
    };
    let summary = write_stack(&options, folder, &progress)?;
    let text = format!(
        "{} photos: {}\nnearest {}, farthest {}\nnext: nearfar map {} -o map",
        summary.photos,
        folder.join("shuffled").display(),
        summary.near.display(),
        summary.far.display(),
        folder.join("shuffled").display(),
    );
    let report = Report {
        photos: summary.photos,
        near: summary.near,
        far: summary.far,
        textured_fraction: summary.textured_fraction,
    };
    talk.result(&report, &text)?;
    Ok(Exit::Done)
}
