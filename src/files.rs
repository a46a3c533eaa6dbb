//! `map.json` and `plan.json`: what they hold, and how a map folder is read back.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::blur::Blur;
use crate::error::{Error, Result};
use crate::frame::{Plane, Window};
use crate::image_io;
use crate::plan::{MAX_STEPS, Step};
use crate::positions::{Axis, Source};

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
    /// Standard deviation of each, both ends being 0 by definition; empty unless the pictures told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub level_uncertainties: Vec<f64>,
    /// What the positions are known from.
    #[serde(default)]
    pub positions_from: Source,
    /// Where each level is focused in dioptres (1 / metres), if the photos' EXIF or the camera tells distances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub level_dioptres: Vec<f64>,
    /// What depth.tif and depth.png count in.
    #[serde(default)]
    pub depth_scale: DepthScale,
    /// How fast blur grows along the focus axis, if the pictures tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    /// For each frame of the order the 2×3 pixel matrix, reference → frame.
    pub transforms: BTreeMap<String, [[f64; 3]; 2]>,
    /// What computed it: "cpu" or an adapter's name.
    pub device: String,
    /// Wall time of the stages in milliseconds.
    pub timings_ms: BTreeMap<String, f64>,
}

/// What depth is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepthScale {
    /// Levels: 0 the nearest … their number − 1.
    #[default]
    Order,
    /// The focus axis, linear in inverse object distance: 0 near … 1 far.
    Optical,
}

impl std::str::FromStr for DepthScale {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "order" => Ok(Self::Order),
            "optical" => Ok(Self::Optical),
            _ => Err(format!("{name:?}: order or optical")),
        }
    }
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
    /// What the photos of these steps show sharp, if the map tells how fast blur grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageFile>,
    /// Near first; behind them what `capture --fill` added.
    pub steps: Vec<StepFile>,
}

/// How much of what is textured a stack of photos shows sharp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageFile {
    /// Circle of confusion in pixels that counts as sharp.
    pub coc_px: f64,
    /// Share of one photo's depth of field that its neighbour shows too.
    pub overlap: f64,
    /// Share of the textured places that some photo shows sharp, 0…1.
    pub share: f64,
    /// Photos that would be enough for all of them, and share so much.
    pub enough: usize,
    /// Nearest and farthest depth that is to be sharp, in levels.
    pub range: [f64; 2],
}

impl CoverageFile {
    fn check(&self) -> Result<(), String> {
        let [near, far] = self.range;
        match self {
            Self { coc_px, .. } if !(0.3..=50.0).contains(coc_px) => {
                Err(format!("coverage: coc_px {coc_px}: pixels from 0.3 to 50"))
            }
            Self { overlap, .. } if !(0.0..=0.8).contains(overlap) => {
                Err(format!("coverage: overlap {overlap}: a share from 0 to 0.8"))
            }
            _ if near.is_finite() && far.is_finite() && near <= far => Ok(()),
            _ => Err(format!("coverage: range {near} … {far}: two depths, the nearer first")),
        }
    }
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
    /// Whether `capture --fill` added it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub fill: bool,
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
        if let Some(wanted) = &self.coverage {
            wanted.check()?;
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
    pub fn new(reference: &str, af_size: f64, steps: &[Step], coverage: Option<CoverageFile>) -> Self {
        let steps = steps.iter().enumerate().map(|(index, step)| StepFile::new(index, step, false)).collect();
        Self { version: VERSION, reference: reference.to_owned(), af_size, coverage, steps }
    }

    /// Adds steps that fill what the others leave open.
    pub fn fill(&mut self, steps: &[Step]) {
        let first = self.steps.len();
        self.steps.extend(steps.iter().enumerate().map(|(at, step)| StepFile::new(first + at, step, true)));
    }

    /// Steps as they were planned, without those that fill.
    pub fn planned(&self) -> usize {
        self.steps.iter().filter(|step| !step.fill).count()
    }
}

impl StepFile {
    fn new(index: usize, step: &Step, fill: bool) -> Self {
        let Step { target_depth, depth, x, y, texture, moved, ref warning } = *step;
        Self { index, target_depth, depth, x, y, texture, moved, warning: warning.clone(), fill }
    }
}

impl MapFile {
    /// The format's version, for those who fill one in.
    pub const VERSION: u32 = VERSION;

    /// Whether every level has a position: none is missing, as where levels were taken out by hand.
    pub fn has_positions(&self) -> bool {
        self.level_positions.len() == self.clusters.len() && self.clusters.len() > 1
    }

    /// The focus axis: even where the map does not tell.
    pub fn axis(&self) -> Axis {
        let levels = self.clusters.len();
        let last = levels.max(2) as f64 - 1.0;
        if self.has_positions() {
            return Axis::new(self.level_positions.iter().map(|at| at * last).collect());
        }
        Axis::new((0..levels.max(2)).map(|level| level as f64).collect())
    }

    /// How fast blur grows along [`Self::axis`], if the pictures told.
    pub fn blur(&self) -> Option<Blur> {
        let length = self.clusters.len().max(2) as f64 - 1.0;
        self.blur.clone().filter(Blur::is_sound).map(|blur| Blur { length, ..blur })
    }

    /// Depth as depth.tif holds it → places on [`Self::axis`].
    pub fn to_places(&self, depth: &mut Plane<f32>) {
        let axis = self.axis();
        let length = axis.levels().len() as f32 - 1.0;
        depth.data.iter_mut().for_each(|depth| match self.depth_scale {
            DepthScale::Order => *depth = axis.place(f64::from(*depth)) as f32,
            DepthScale::Optical => *depth *= length,
        });
    }

    /// Depth as depth.tif holds it → levels.
    pub fn to_levels(&self, depth: &mut Plane<f32>) {
        if self.depth_scale == DepthScale::Optical {
            let axis = self.axis();
            let length = axis.levels().len() as f64 - 1.0;
            depth.data.iter_mut().for_each(|depth| *depth = axis.depth(f64::from(*depth) * length) as f32);
        }
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
        let at = &map.level_positions;
        let rising = at.windows(2).all(|pair| pair[1] > pair[0]);
        if !rising || !at.iter().all(|at| (-1e-6..=1.0 + 1e-6).contains(at)) {
            let reason = "is damaged (level_positions do not rise from 0 to 1); map the frames again";
            return Err(Error::picture(&path, reason));
        }
        if map.depth_scale == DepthScale::Optical && !map.has_positions() {
            let reason = "has depth in a scale that its level_positions do not tell; map the frames again";
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
