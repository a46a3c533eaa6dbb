//! `nearfar merge`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Device, Exit, INTERRUPT, Talk};
use crate::backend::{CpuBackend, GpuBackend};
use crate::error::{Error, Result};
use crate::files::MergeFile;
use crate::gpu::sharpness::BAND_ROWS;
use crate::pipeline::map::Request;
use crate::pipeline::merge::{self, Job, Method, Options, Outcome, Prefer, Slabs};
use crate::pipeline::refine::Align;

/// Aligns photos of one scene, each focused elsewhere, and fuses them into one picture that is sharp everywhere.
///
/// FRAMES may be photos in any order, folders of them, one folder that `nearfar map` wrote (then its order, reference and
/// depth are used), or a session. The format is that of OUT's ending: .tif, .png or .jpg. The colour profile and EXIF of
/// the reference go with it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  nearfar merge shots/*.jpg -o merged.tif\n  \
    nearfar merge map -o merged.png --depth-map depth.png\n  \
    nearfar merge shots -o merged.tif --slab 12/4\n  \
    nearfar merge --batch beetle moth wasp -o merged --format jpg")]
pub struct Args {
    /// Photos, or folders of them: JPEG, PNG or TIFF, all of one size
    #[arg(required = true, value_name = "FRAMES")]
    frames: Vec<PathBuf>,
    /// The picture; with --batch the folder for them
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Each of FRAMES is a folder with a stack of its own; one that fails does not stop the others
    #[arg(long, conflicts_with = "depth_map")]
    batch: bool,
    /// Format of the pictures of a batch
    #[arg(long, value_name = "FORMAT", default_value = "tif", requires = "batch")]
    format: Format,
    /// What may differ between the frames
    ///
    /// none takes them as they lie. shift, similarity (place, angle, size), affine and homography let ever more differ;
    /// the last two can distort the picture.
    #[arg(long, value_name = "MODEL", default_value = "similarity")]
    align: AlignArg,
    /// How frames become one picture
    ///
    /// auto weighs every band of detail by its energy, that of the finest band and the depth map. pyramid does without the
    /// depth map and is more decided. weighted weighs all bands alike. depth takes every pixel at the depth map's level.
    #[arg(long, value_name = "METHOD", default_value = "auto")]
    method: MethodArg,
    /// Who wins where a near object covers a far one
    ///
    /// sharp shows what is sharp beside the near object's blurred edge; front keeps the edge sharp, and lets what is
    /// behind it blur.
    #[arg(long, value_name = "WHAT", default_value = "sharp")]
    prefer: PreferArg,
    /// Frame whose geometry and metadata the picture has
    ///
    /// Default: the best registered frame near the middle of the order.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    reference: Option<PathBuf>,
    /// Where the near end is: a frame, or a point X,Y; nearer frames are left out
    #[arg(long, value_name = "FILE|X,Y", allow_hyphen_values = true)]
    near: Option<String>,
    /// Where the far end is: a frame, or a point X,Y; farther frames are left out
    #[arg(long, value_name = "FILE|X,Y", allow_hyphen_values = true)]
    far: Option<String>,
    /// Keep the whole reference, not just what all frames show
    #[arg(long)]
    no_crop: bool,
    /// Also write depth, pixel by pixel of the picture: .tif (levels as float32) or .png (16 bit)
    #[arg(long, value_name = "FILE")]
    depth_map: Option<PathBuf>,
    /// Merge sub-stacks of K levels first, neighbours sharing OVERLAP, and write them too
    ///
    /// They are written beside OUT as OUT_slab_01.tif …, near to far, all in OUT's geometry: layers to retouch from.
    #[arg(long, value_name = "K/OVERLAP", value_parser = slabs)]
    slab: Option<Slabs>,
    /// Bits a channel of TIFF and PNG
    #[arg(long, value_name = "BITS", default_value = "16", value_parser = bits)]
    bits: u8,
    /// Quality of a JPEG, 1 to 100
    #[arg(long, value_name = "Q", default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Tif,
    Png,
    Jpg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AlignArg {
    None,
    Shift,
    Similarity,
    Affine,
    Homography,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MethodArg {
    Auto,
    Pyramid,
    Weighted,
    Depth,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PreferArg {
    Sharp,
    Front,
}

fn bits(typed: &str) -> Result<u8, String> {
    match typed {
        "8" => Ok(8),
        "16" => Ok(16),
        _ => Err("8 or 16".to_owned()),
    }
}

fn slabs(typed: &str) -> Result<Slabs, String> {
    let (levels, overlap) = typed.split_once('/').unwrap_or((typed, "0"));
    match (levels.parse(), overlap.parse()) {
        (Ok(levels), Ok(overlap)) if levels >= 2 && overlap < levels => Ok(Slabs { levels, overlap }),
        _ => Err("levels of a slab, at least 2, and levels that two share, fewer than that: 12/4".to_owned()),
    }
}

impl Args {
    fn options(&self) -> Options {
        Options {
            align: match self.align {
                AlignArg::None => Align::None,
                AlignArg::Shift => Align::Shift,
                AlignArg::Similarity => Align::Similarity,
                AlignArg::Affine => Align::Affine,
                AlignArg::Homography => Align::Homography,
            },
            method: match self.method {
                MethodArg::Auto => Method::Auto,
                MethodArg::Pyramid => Method::Pyramid,
                MethodArg::Weighted => Method::Weighted,
                MethodArg::Depth => Method::Depth,
            },
            prefer: match self.prefer {
                PreferArg::Sharp => Prefer::Sharp,
                PreferArg::Front => Prefer::Front,
            },
            crop: !self.no_crop,
            bits: self.bits,
            quality: self.quality,
            slabs: self.slab,
        }
    }

    fn request(&self, frames: Vec<PathBuf>, output: PathBuf, threads: usize) -> Request {
        let (near, far, reference) = (self.near.clone(), self.far.clone(), self.reference.clone());
        Request { frames, near, far, reference, output, threads }
    }
}

pub fn run(args: &Args, device: &str, threads: usize, talk: &Talk) -> Result<Exit> {
    if args.batch {
        return batch(args, device, threads, talk);
    }
    let request = args.request(args.frames.clone(), args.output.clone(), threads);
    let job = Job::new(&request, args.depth_map.clone(), args.options())?;
    let device = Device::open(device, talk)?;
    let outcome = merge(&job, &device, talk)?;
    say(&outcome, talk);
    talk.result(&outcome.merge, &summary(&outcome.merge))?;
    Ok(if outcome.unasked { Exit::LeftOut } else { Exit::Done })
}

fn merge(job: &Job, device: &Device, talk: &Talk) -> Result<Outcome> {
    let progress = |stage, done, total| talk.progress(stage, done, total);
    match device {
        Device::Cpu => merge::run(&CpuBackend, job, &progress, &INTERRUPT),
        Device::Gpu(gpu) => merge::run(&GpuBackend::new(gpu, BAND_ROWS), job, &progress, &INTERRUPT),
    }
}

fn say(outcome: &Outcome, talk: &Talk) {
    for left_out in &outcome.merge.left_out {
        talk.warn(&format!("left out: {}: {}", left_out.file, left_out.reason));
    }
}

/// One result of a batch.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Merged {
    Done {
        folder: String,
        #[serde(flatten)]
        merge: Box<MergeFile>,
    },
    Failed {
        folder: String,
        error: String,
    },
}

/// All results of a batch.
#[derive(serde::Serialize)]
struct Batch {
    results: Vec<Merged>,
}

fn batch(args: &Args, device: &str, threads: usize, talk: &Talk) -> Result<Exit> {
    let ending = match args.format {
        Format::Tif => "tif",
        Format::Png => "png",
        Format::Jpg => "jpg",
    };
    if args.output.is_file() {
        return Err(Error::Usage(format!(
            "-o {}: is a file; name a folder for the batch",
            args.output.display()
        )));
    }
    let named = names(&args.frames)?;
    let device = Device::open(device, talk)?;
    let (mut results, mut lines) = (Vec::new(), Vec::new());
    let (mut failed, mut unasked) = (0, false);
    for (folder, name) in &named {
        let output = args.output.join(format!("{name}.{ending}"));
        let request = args.request(vec![folder.to_path_buf()], output, threads);
        let job = if folder.is_dir() {
            Job::new(&request, None, args.options())
        } else {
            Err(Error::Usage(format!("{}: is no folder; --batch takes one a stack", folder.display())))
        };
        let outcome = job.and_then(|job| merge(&job, &device, talk));
        let folder = folder.display().to_string();
        match outcome {
            Ok(outcome) => {
                say(&outcome, talk);
                unasked |= outcome.unasked;
                lines.push(summary(&outcome.merge));
                results.push(Merged::Done { folder, merge: Box::new(outcome.merge) });
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                failed += 1;
                talk.warn(&format!("{folder}: not merged: {error}"));
                results.push(Merged::Failed { folder, error: error.to_string() });
            }
        }
    }
    talk.result(&Batch { results }, &lines.join("\n"))?;
    if failed == named.len() {
        return Err(Error::Stack(format!("none of the {failed} folders could be merged")));
    }
    Ok(if failed > 0 || unasked { Exit::LeftOut } else { Exit::Done })
}

/// The folders of a batch with the names of their pictures.
fn names(folders: &[PathBuf]) -> Result<Vec<(&Path, String)>> {
    let mut named: Vec<(&Path, String)> = Vec::new();
    for folder in folders {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((other, _)) = named.iter().find(|(_, other)| *other == name) {
            return Err(Error::Usage(format!(
                "{} and {}: both would become {name}; merge them in two batches",
                other.display(),
                folder.display()
            )));
        }
        named.push((folder, name));
    }
    Ok(named)
}

fn summary(merge: &MergeFile) -> String {
    let total: f64 = merge.timings_ms.values().sum();
    let mut text = format!(
        "{} frames at {} levels of focus, {:.1} s on {}\npicture:                {} ({}×{}, {} bit)",
        merge.order.len(),
        merge.levels,
        total / 1000.0,
        merge.device,
        merge.picture,
        merge.window.width,
        merge.window.height,
        merge.bits,
    );
    if let (Some(first), Some(last)) = (merge.slabs.first(), merge.slabs.last()) {
        text += &format!("\nslabs:                  {first} … {last}");
    }
    if let Some(depth_map) = &merge.depth_map {
        text += &format!("\ndepth map:              {depth_map}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_are_levels_and_overlap() {
        assert_eq!(slabs("12/4"), Ok(Slabs { levels: 12, overlap: 4 }));
        assert_eq!(slabs("5"), Ok(Slabs { levels: 5, overlap: 0 }));
        for wrong in ["1/0", "4/4", "x", "4/-1", "", "4/x"] {
            assert!(slabs(wrong).is_err(), "{wrong}");
        }
    }
}
