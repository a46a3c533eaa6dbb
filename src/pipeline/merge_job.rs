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
        if options.prefer == Prefer::Front && !matches!(options.method, Method::Auto | Method::Depth) {
            let text =
                "--prefer front goes by depth, which this --method does not look at; use auto or depth";
            return Err(Error::Usage(text.to_owned()));
        }
        if output.is_dir() {
            return Err(Error::Usage(format!("-o {}: is a folder; name a picture", output.display())));
        }
        let folder = match output.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
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
            None => expand(&asked.frames, &image_io::made_by_nearfar)?,
        };
        let stack = asked.resolve(files)?;
        let job = Self { stack, map, output, depth_map, options };
        let outputs = [Some(&job.output), job.depth_map.as_ref()];
        outputs.into_iter().flatten().try_for_each(|path| job.check_output(path))?;
        Ok(job)
    }

    /// Refuses to write over a frame, a file of the map that is read, or anything that nearfar did not make.
    pub(super) fn check_output(&self, path: &Path) -> Result<()> {
        let refuse = |what: &str| {
            let path = path.display();
            Err(Error::Usage(format!("{path}: {what}; name another file, photos are never overwritten")))
        };
        if self.stack.files.iter().any(|file| same_file(file, path)) {
            return refuse("is one of the frames and would be written over");
        }
        if path.exists() && !image_io::made_by_nearfar(path) {
            return refuse("is there already, and nearfar did not make it");
        }
        let of_map =
            |(folder, _): &(PathBuf, MapFile)| same_place(&folder.join("x"), &path.with_file_name("x"));
        let is_result = request::RESULTS.iter().any(|name| path.file_name() == Some(name.as_ref()));
        if is_result && self.map.as_ref().is_some_and(of_map) {
            return refuse("belongs to the map that is merged");
        }
        Ok(())
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

    /// Slabs of an earlier run that had more of them.
    pub(super) fn stale_slabs(&self, count: usize) -> impl Iterator<Item = PathBuf> {
        (count + 1..).map(|number| self.slab_path(number)).take_while(|path| image_io::made_by_nearfar(path))
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
    let name = depth_map.display();
    if same_file(depth_map, output) || same_place(depth_map, output) || depth_map == output {
        return Err(Error::Usage(format!("--depth-map {name}: is the picture itself")));
    }
    if stem(depth_map).starts_with(&format!("{}_slab_", stem(output))) {
        return Err(Error::Usage(format!("--depth-map {name}: is the name of a slab; name another file")));
    }
    let folder = depth_map.parent().unwrap_or(Path::new("")).join(".");
    if depth_map.is_dir()
        || !(folder.is_dir()
            || same_place(&depth_map.with_file_name("x"), &output.with_file_name("x"))
            || depth_map.parent() == output.parent())
    {
        return Err(Error::Usage(format!(
            "--depth-map {name}: there is no such folder, or it is one itself; make it first"
        )));
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Whether two paths, of files that need not be there, mean one place.
fn same_place(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| path.parent().unwrap_or(Path::new("")).join(".").canonicalize().ok();
    a.file_name() == b.file_name() && folder(a).is_some() && folder(a) == folder(b)
}
