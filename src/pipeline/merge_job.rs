//! What `merge` is asked for: files found, names checked, nothing that would be lost overwritten.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::refine::Align;
use super::request::{self, Request, expand};
use crate::error::{Error, Result};
use crate::files::MapFile;
use crate::image_io::{self, OutputFormat, WriteOptions};

/// How frames become one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Bands weighted by their own energy, that of the finest, and the depth map.
    Auto,
    /// The same without the depth map and more decided: close to selecting the sharpest band.
    Pyramid,
    /// All bands weighted alike, by the energy of the finest.
    Weighted,
    /// By the depth map alone.
    Depth,
}

/// What wins where a near object covers a far one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefer {
    /// The frame in which the far object is sharp beside its blurred neighbour.
    Sharp,
    /// The frame in which the near object is sharp, up to where its blur would reach.
    Front,
}

/// Sub-stacks to write besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slabs {
    /// Levels of each.
    pub levels: usize,
    /// Levels that two neighbours share.
    pub overlap: usize,
}

/// How to merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What may differ between frames. Default: similarity.
    pub align: Align,
    /// How frames become one. Default: auto.
    pub method: Method,
    /// Who wins at depth edges. Default: sharp.
    pub prefer: Prefer,
    /// Whether only what all frames show is kept. Default: true.
    pub crop: bool,
    /// Bits a channel of TIFF and PNG, 8 or 16. Default: 16.
    pub bits: u8,
    /// Quality of a JPEG, 1…100. Default: 95.
    pub quality: u8,
    /// Sub-stacks to write first. Default: none.
    pub slabs: Option<Slabs>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            align: Align::Similarity,
            method: Method::Auto,
            prefer: Prefer::Sharp,
            crop: true,
            bits: 16,
            quality: WriteOptions::default().quality,
            slabs: None,
        }
    }
}

/// What `merge` does.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) stack: request::Job,
    /// Found before, with the folder it lies in.
    pub(super) map: Option<(PathBuf, MapFile)>,
    pub(super) output: PathBuf,
    pub(super) depth_map: Option<PathBuf>,
    pub(super) options: Options,
}

impl Job {
    /// Resolves names. `request.output` is the picture; its frames may be one folder with a map or a session.
    ///
    /// # Errors
    /// [`Error::Usage`] for all that makes no sense, [`Error::Io`] for a folder that cannot be read.
    pub fn new(request: &Request, depth_map: Option<PathBuf>, options: Options) -> Result<Self> {
        let output = request.output.clone();
        OutputFormat::from_path(&output)?;
        if let Some(depth_map) = &depth_map {
            check_depth_map(depth_map, &output)?;
        }
        if output.is_dir() {
            return Err(Error::Usage(format!("-o {}: is a folder; name a picture", output.display())));
        }
        let folder = match output.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let results = Results { output: &output };
        let mut asked = Request { output: folder, ..request.clone() };
        let map = match &request.frames[..] {
            [folder] if folder.join("map.json").is_file() && !folder.join("session.json").is_file() => {
                let map = MapFile::read(folder)?;
                let anchored = request.near.is_some() || request.far.is_some() || request.reference.is_some();
                if anchored {
                    return Err(Error::Usage(format!(
                        "{}: the map says which frames are near, far and the reference; leave these options out, or \
                         give the photos themselves",
                        folder.display()
                    )));
                }
                Some((folder.clone(), map))
            }
            [folder] if folder.join("session.json").is_file() => {
                asked.frames = vec![folder.join("stack")];
                None
            }
            _ => None,
        };
        let files = match &map {
            Some((folder, map)) => map.order.iter().map(|name| folder.join(name)).collect(),
            None => expand(&asked.frames, &|file| results.holds(file))?,
        };
        let stack = asked.resolve(files)?;
        let overwrites = |file: &&PathBuf| {
            results.names(file) || depth_map.as_ref().is_some_and(|depth_map| same_file(file, depth_map))
        };
        if let Some(file) = stack.files.iter().find(overwrites) {
            return Err(Error::Usage(format!(
                "{}: is one of the frames and would be written over; name another file, photos are never overwritten",
                file.display()
            )));
        }
        Ok(Self { stack, map, output, depth_map, options })
    }

    /// Levels of focus that are left for slabs to share.
    pub(super) fn slabs(&self, levels: usize) -> Vec<Range<usize>> {
        let Some(Slabs { levels: length, overlap }) = self.options.slabs else { return Vec::new() };
        let step = length - overlap;
        let mut slabs = Vec::new();
        let mut start = 0;
        while start == 0 || start + overlap < levels {
            slabs.push(start..(start + length).min(levels));
            start += step;
        }
        slabs
    }

    /// Where slab `number` (from 1 on) is written: beside the picture, without loss.
    pub(super) fn slab_path(&self, number: usize) -> PathBuf {
        self.output.with_file_name(format!("{}_slab_{number:02}.tif", stem(&self.output)))
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn check_depth_map(depth_map: &Path, output: &Path) -> Result<()> {
    let format = OutputFormat::from_path(depth_map)?;
    if format == OutputFormat::Jpeg {
        return Err(Error::Usage(format!(
            "--depth-map {}: a JPEG cannot hold depth; end the name in .tif (levels as float32) or .png (16 bit)",
            depth_map.display()
        )));
    }
    if same_file(depth_map, output) || depth_map == output {
        return Err(Error::Usage(format!("--depth-map {}: is the picture itself", depth_map.display())));
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// What an earlier run of the same command wrote, which is no photo.
struct Results<'a> {
    output: &'a Path,
}

impl Results<'_> {
    /// Whether `file` has the name of a result.
    fn names(&self, file: &Path) -> bool {
        let name = stem(file);
        let slab = name.strip_prefix(&format!("{}_slab_", stem(self.output)));
        let beside = || {
            let folder = |path: &Path| path.parent().unwrap_or(Path::new("")).join(".").canonicalize().ok();
            folder(file) == folder(self.output)
        };
        same_file(file, self.output) || (slab.is_some_and(|number| number.parse::<u32>().is_ok()) && beside())
    }

    /// Whether `file` is a result: a photo that happens to have its name is none.
    fn holds(&self, file: &Path) -> bool {
        self.names(file) && image_io::made_by_nearfar(file)
    }
}
