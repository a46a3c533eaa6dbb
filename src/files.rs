//! `map.json` and `plan.json`: what they hold, and how a map folder is read back.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::frame::Window;
use crate::image_io;
use crate::plan::{MAX_STEPS, Step};
use crate::positions::Axis;

/// Version of both formats.
const VERSION: u32 = 1;

/// `map.json`. File names are relative to its folder where they can be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MapFile {
    /// Format version, 1.
    pub version: u32,
    /// The frame whose geometry the planes have.
    pub reference: String,
    /// Width of the reference in pixels.
    pub width: u32,
    /// Height of the reference in pixels.
    pub height: u32,
    /// Side in pixels of the cells that `depth.tif` and the other planes have as pixels.
    pub cell: u32,
    /// Frames near → far.
    pub order: Vec<String>,
    /// Levels of focus near → far, each with its frames, sharpest first.
    pub clusters: Vec<Vec<String>>,
    /// Frames that were not used.
    pub left_out: Vec<LeftOutFile>,
    /// Nearest frame.
    pub near: String,
    /// Farthest frame.
    pub far: String,
    /// Whether which end is the near one was guessed from the picture.
    pub near_guessed: bool,
    /// Where each level stands along the focus axis, linear in inverse object distance: 0 near … 1 far.
    #[serde(default)]
    pub level_positions: Vec<f64>,
    /// For each frame of the order the 2×3 pixel matrix, reference → frame.
    pub transforms: BTreeMap<String, [[f64; 3]; 2]>,
    /// What computed it: "cpu" or an adapter's name.
    pub device: String,
    /// Wall time of the stages in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
}

/// A frame that was not used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOutFile {
    /// The frame.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// What `merge` says it did.
#[derive(Clone, Debug, Serialize)]
pub struct MergeFile {
    /// Format version, 1.
    pub version: u32,
    /// The picture.
    pub picture: String,
    /// Its bits a channel.
    pub bits: u8,
    /// The part of the reference that it shows.
    pub window: Window,
    /// The frame whose geometry it has.
    pub reference: String,
    /// Frames near → far.
    pub order: Vec<String>,
    /// Levels of focus among them.
    pub levels: usize,
    /// Whether the order was found; else it is the one given.
    pub ordered: bool,
    /// Whether which end is the near one was guessed from the picture.
    pub near_guessed: bool,
    /// For each frame the pixel matrix, reference → frame: 2×3, or 3×3 with perspective.
    pub transforms: BTreeMap<String, Vec<[f64; 3]>>,
    /// Frames that were not used.
    pub left_out: Vec<LeftOutFile>,
    /// Pictures of sub-stacks, near → far.
    pub slabs: Vec<String>,
    /// The depth map in the picture's geometry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth_map: Option<String>,
    /// What computed it: "cpu" or an adapter's name.
    pub device: String,
    /// Wall time of the stages in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
}

impl MergeFile {
    /// The format's version.
    pub const VERSION: u32 = VERSION;
}

/// `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanFile {
    /// Format version, 1.
    pub version: u32,
    /// The frame whose geometry the spots have.
    pub reference: String,
    /// Side of the autofocus spot as a fraction of the width.
    pub af_size: f64,
    /// Near first.
    pub steps: Vec<StepFile>,
}

/// One step of `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepFile {
    /// Number of the step, from 0.
    pub index: usize,
    /// Depth asked for, in levels.
    pub target_depth: f64,
    /// Depth expected inside the spot, in levels.
    pub depth: f64,
    /// Centre of the spot, fraction of the width.
    pub x: f64,
    /// Centre of the spot, fraction of the height.
    pub y: f64,
    /// Mean texture in the spot, 0…1.
    pub texture: f64,
    /// How far gravity pulled it, fraction of the width.
    pub moved: f64,
    /// Why the autofocus may miss.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warning: Option<String>,
}

impl PlanFile {
    /// Reads `folder`/plan.json, which may have been edited, and checks it against the map.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the step and the value that makes no sense, [`Error::Picture`], [`Error::Io`].
    pub fn read(folder: &Path, map: &MapFile) -> Result<Self> {
        let path = folder.join("plan.json");
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Usage(format!(
                "{}: no plan here; make one with `nearfar plan {0} -n N`",
                folder.display()
            )),
            _ => Error::io(&path, "reading")(source),
        })?;
        let plan: Self = serde_json::from_str(&text).map_err(|error| {
            Error::picture(&path, format!("is damaged ({error}); mend it, or plan again"))
        })?;
        plan.check(map)
            .map_err(|text| Error::Usage(format!("{}: {text}; mend it, or plan again", path.display())))?;
        Ok(plan)
    }

    fn check(&self, map: &MapFile) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("has version {}, this nearfar reads version {VERSION}", self.version));
        }
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            return Err(format!("has {} steps; a plan has 1 to {MAX_STEPS}", self.steps.len()));
        }
        if !(0.002..=0.5).contains(&self.af_size) {
            return Err(format!("af_size {}: a fraction of the width from 0.002 to 0.5", self.af_size));
        }
        let last = map.clusters.len() as f64 - 1.0;
        for (at, step) in self.steps.iter().enumerate() {
            let StepFile { index, target_depth, x, y, .. } = step;
            if *index != at {
                return Err(format!("step {at} has index {index}: number them 0, 1, 2…"));
            }
            if !(-1.0..=last + 1.0).contains(target_depth) {
                return Err(format!(
                    "step {at}: target_depth {target_depth} lies outside the map's 0 … {last}"
                ));
            }
            if ![x, y].into_iter().all(|at| (0.0..=1.0).contains(at)) {
                return Err(format!("step {at}: {x},{y} lies outside the picture's 0 … 1"));
            }
        }
        Ok(())
    }

    /// The file of planned `steps`.
    pub fn new(reference: &str, af_size: f64, steps: &[Step]) -> Self {
        let steps = steps.iter().enumerate().map(|(index, step)| StepFile {
            index,
            target_depth: step.target_depth,
            depth: step.depth,
            x: step.x,
            y: step.y,
            texture: step.texture,
            moved: step.moved,
            warning: step.warning.clone(),
        });
        Self { version: VERSION, reference: reference.to_owned(), af_size, steps: steps.collect() }
    }
}

impl MapFile {
    /// The format's version, for those who fill one in.
    pub const VERSION: u32 = VERSION;

    /// The focus axis: even where the map does not tell.
    pub fn axis(&self) -> Axis {
        let levels = self.clusters.len();
        let last = levels.max(2) as f64 - 1.0;
        let rising = self.level_positions.windows(2).all(|pair| pair[1] > pair[0]);
        if self.level_positions.len() == levels && levels > 1 && rising {
            return Axis::new(self.level_positions.iter().map(|at| at * last).collect());
        }
        Axis::new((0..levels.max(2)).map(|level| level as f64).collect())
    }

    /// Reads `folder`/map.json.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Picture`] naming the file and what to do.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("map.json");
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::Usage(format!(
                "{}: no map here; make one with `nearfar map FRAMES… -o {0}`",
                folder.display()
            )),
            _ => Error::io(&path, "reading")(source),
        })?;
        let map: Self = serde_json::from_str(&text)
            .map_err(|error| Error::picture(&path, format!("is damaged ({error}); map the frames again")))?;
        if map.version != VERSION {
            let reason =
                format!("has version {}, this nearfar reads version {VERSION}; map again", map.version);
            return Err(Error::picture(&path, reason));
        }
        Ok(map)
    }
}

/// Writes `value` as indented JSON, atomically.
///
/// # Errors
/// [`Error::Io`] naming `path`.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    image_io::write_atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}

/// How `folder`'s files name `path`: relative to the folder where the system can tell, else absolute.
pub fn name_from(folder: &Path, path: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let relative: PathBuf = pathdiff::diff_paths(real(path), real(folder)).unwrap_or_else(|| path.to_owned());
    relative.to_string_lossy().into_owned()
}
