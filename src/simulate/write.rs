//! A focal stack as a folder: frames in true order and shuffled, the truth, and what was done.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde::Serialize;

use super::npy;
use super::scene::Scene;
use super::sensor::Curve;
use super::stack::{Stack, StackOptions};
use super::texture::mix;
use super::truth::{Truth, truth};
use crate::error::{Error, Result};
use crate::folder::NewFolder;
use crate::frame::Plane;
use crate::image_io;

/// What [`write_stack`] wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct StackSummary {
    /// Photos written.
    pub photos: usize,
    /// Shuffled photo of the nearest level.
    pub near: PathBuf,
    /// Shuffled photo of the farthest level.
    pub far: PathBuf,
    /// Share of the picture with enough texture to measure depth.
    pub textured_fraction: f32,
    /// Share of the picture near a depth discontinuity.
    pub edge_fraction: f32,
}

/// Linear frames alive at a time, in pixels: bounds memory to about 2 GB however many cores there are.
const PIXELS_IN_FLIGHT: usize = 48_000_000;

/// Renders the stack into `dir`, which must be new or empty; `progress` hears of photos done and their number, and an
/// error from it ends the work.
///
/// `frames/NN` are in true order near → far (with `NN-2`… for copies, `missed-N` for flawed ones), `shuffled/` has the
/// same photos under names that say nothing. `meta.json` is written last; on failure nothing is left behind.
pub fn write_stack(
    options: &StackOptions,
    dir: &Path,
    progress: &dyn Fn(usize, usize) -> Result<()>,
) -> Result<StackSummary> {
    let stack = Stack::plan(options)?;
    let unfinished = Unfinished::begin(dir)?;
    let total = stack.shots().len();
    progress(0, total)?;
    let scene = stack.scene();
    let truth = truth(&scene, &stack.focus_positions());
    let files = write_photos(&stack, &scene, dir, progress)?;
    let shuffled = shuffle(&stack, &files, dir)?;
    write_truth(&truth, &scene, dir)?;
    write_json(&dir.join("shuffled.json"), &shuffled)?;
    let meta = Meta::new(&stack, &truth);
    let summary = StackSummary {
        photos: total,
        near: dir.join("shuffled").join(&shuffled.near),
        far: dir.join("shuffled").join(&shuffled.far),
        textured_fraction: meta.textured_fraction,
        edge_fraction: meta.edge_fraction,
    };
    write_json(&dir.join("meta.json"), &meta)?;
    unfinished.finish();
    Ok(summary)
}

/// A folder being filled: emptied again unless finished.
struct Unfinished<'a> {
    dir: &'a Path,
    /// Gone when finished.
    folder: Option<NewFolder<'a>>,
}

impl<'a> Unfinished<'a> {
    fn begin(dir: &'a Path) -> Result<Self> {
        match fs::read_dir(dir) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    let text = "is not empty; choose another folder, so that no two stacks get mixed";
                    return Err(Error::Usage(format!("{}: {text}", dir.display())));
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
                return Err(Error::Usage(format!(
                    "{}: is a file; choose a folder to write to",
                    dir.display()
                )));
            }
            Err(e) => return Err(Error::io(dir, "reading the folder")(e)),
        }
        let folder = NewFolder::create(dir).map_err(Error::io(dir, "making the folder"))?;
        let unfinished = Self { dir, folder: Some(folder) };
        for folder in ["frames", "shuffled"].map(|name| dir.join(name)) {
            fs::create_dir(&folder).map_err(Error::io(&folder, "making the folder"))?;
        }
        Ok(unfinished)
    }

    fn finish(mut self) {
        if let Some(folder) = self.folder.take() {
            folder.keep();
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.folder.is_none() {
            return;
        }
        // The error that led here is what gets reported; a rest that cannot be removed has no meta.json.
        for entry in fs::read_dir(self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// Renders and writes all photos; their file names.
fn write_photos(
    stack: &Stack,
    scene: &Scene,
    dir: &Path,
    progress: &dyn Fn(usize, usize) -> Result<()>,
) -> Result<Vec<String>> {
    let extension = if stack.options().jpeg_quality.is_some() { "jpg" } else { "png" };
    let files: Vec<_> = stack.shots().iter().map(|shot| format!("{}.{extension}", shot.stem)).collect();
    let curve = Curve::new();
    let in_flight = (PIXELS_IN_FLIGHT / scene.size().area()).clamp(1, rayon::current_num_threads());
    let numbers: Vec<usize> = (0..files.len()).collect();
    for chunk in numbers.chunks(in_flight) {
        chunk.par_iter().try_for_each(|&number| {
            let frame = stack.shoot(scene, number);
            write_photo(&dir.join("frames").join(&files[number]), &frame, &curve, stack.options())
        })?;
        progress(chunk.last().map_or(0, |last| last + 1), files.len())?;
    }
    Ok(files)
}

fn write_photo(path: &Path, frame: &Plane<[f32; 3]>, curve: &Curve, options: &StackOptions) -> Result<()> {
    match (options.jpeg_quality, options.bits) {
        (Some(quality), _) => image_io::write_jpeg(path, &curve.to_8_bits(frame), quality),
        (None, 16) => image_io::write_png_rgb16(path, &curve.to_16_bits(frame)),
        (None, _) => image_io::write_png_rgb8(path, &curve.to_8_bits(frame)),
    }
}

/// `shuffled.json`.
#[derive(Serialize)]
struct Shuffled {
    near: String,
    far: String,
    /// Level of every shuffled photo.
    true_index: BTreeMap<String, usize>,
    /// Photos that missed focus or were shaken.
    missed: Vec<String>,
}

/// Gives every photo a second name that does not tell its place.
fn shuffle(stack: &Stack, files: &[String], dir: &Path) -> Result<Shuffled> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(mix(stack.options().seed ^ mix(99))));
    let mut names = vec![String::new(); files.len()];
    let (mut true_index, mut missed) = (BTreeMap::new(), Vec::new());
    for (place, &number) in order.iter().enumerate() {
        let extension = files[number].rsplit('.').next().unwrap_or_default();
        let name = format!("img_{place:02}.{extension}");
        let (from, to) = (dir.join("frames").join(&files[number]), dir.join("shuffled").join(&name));
        // Some file systems have no hard links.
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(Error::io(&to, "writing"))?;
        }
        let shot = &stack.shots()[number];
        true_index.insert(name.clone(), shot.level);
        if shot.flaw.is_some() {
            missed.push(name.clone());
        }
        names[number] = name;
    }
    let last = stack.levels().len() - 1;
    Ok(Shuffled { near: names[0].clone(), far: names[last].clone(), true_index, missed })
}

/// Writes the truth as pictures and arrays.
fn write_truth(truth: &Truth, scene: &Scene, dir: &Path) -> Result<()> {
    let curve = Curve::new();
    image_io::write_png_rgb8(&dir.join("aif.png"), &curve.to_8_bits(&truth.aif))?;
    image_io::write_png_rgb16(&dir.join("aif16.png"), &curve.to_16_bits(&truth.aif))?;
    // Index × 1000 + 1, held at what 16 bits can hold; 0 is unknown.
    let code =
        |index: &f32| if index.is_nan() { 0 } else { (index * 1000.0).round().min(65534.0) as u16 + 1 };
    let codes = Plane::new(truth.depth_index.size, truth.depth_index.data.iter().map(code).collect());
    image_io::write_png_gray16(&dir.join("truth.png"), &codes)?;
    write_file(&dir.join("truth.npy"), |out| npy::write_f32(out, &truth.depth_index))?;
    write_file(&dir.join("inv_depth.npy"), |out| npy::write_f32(out, &scene.inverse_depth()))?;
    write_file(&dir.join("texture.npy"), |out| npy::write_bool(out, &truth.textured))?;
    write_file(&dir.join("edge.npy"), |out| npy::write_bool(out, &truth.edge))
}

/// `meta.json`: the options under the names of their flags, and what came of them.
#[derive(Serialize)]
struct Meta {
    mode: &'static str,
    scene: &'static str,
    size: String,
    width: u32,
    height: u32,
    frames: usize,
    seed: u64,
    coc: f32,
    step_jitter: f32,
    breathing: f32,
    shift: f32,
    rot: f32,
    flicker: f32,
    fullwell: f32,
    read: f32,
    bits: u8,
    jpeg: u8,
    copies: u32,
    missed: u32,
    focus_inverse_depth: Vec<f32>,
    note: &'static str,
    ref_to_frame: Vec<[[f64; 3]; 2]>,
    gain: Vec<f32>,
    textured_fraction: f32,
    edge_fraction: f32,
    unknown_fraction: f32,
    coc_px_per_frame_step: f32,
}

impl Meta {
    fn new(stack: &Stack, truth: &Truth) -> Self {
        let (options, levels) = (stack.options(), stack.levels());
        let share = |count: usize| count as f32 / options.size.area() as f32;
        let marked = |plane: &Plane<bool>| share(plane.data.iter().filter(|&&v| v).count());
        let rows = |[a, b, c, d, e, f]: [f64; 6]| [[a, b, c], [d, e, f]];
        Self {
            mode: "layers",
            scene: options.scene.name(),
            size: format!("{}x{}", options.size.width, options.size.height),
            width: options.size.width,
            height: options.size.height,
            frames: levels.len(),
            seed: options.seed,
            coc: options.coc_px,
            step_jitter: options.step_jitter,
            breathing: options.breathing,
            shift: options.shift_px,
            rot: options.rotation_deg,
            flicker: options.flicker,
            fullwell: options.full_well,
            read: options.read_noise,
            bits: options.bits,
            jpeg: options.jpeg_quality.unwrap_or(0),
            copies: options.copies_per_level,
            missed: options.missed_frames,
            focus_inverse_depth: stack.focus_positions(),
            note: "normalised inverse depth 1=near frame focus, 0=far frame focus",
            ref_to_frame: levels.iter().map(|level| rows(level.pose.matrix)).collect(),
            gain: levels.iter().map(|level| level.gain).collect(),
            textured_fraction: marked(&truth.textured),
            edge_fraction: marked(&truth.edge),
            unknown_fraction: share(truth.depth_index.data.iter().filter(|v| v.is_nan()).count()),
            coc_px_per_frame_step: options.coc_px / (levels.len().max(2) - 1) as f32,
        }
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_file(path, |mut out| {
        serde_json::to_writer_pretty(&mut out, value)?;
        out.write_all(b"\n")
    })
}

/// Writes a file under another name in the same folder, syncs and renames it.
fn write_file(path: &Path, write: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let result = fs::File::create(&partial)
        .and_then(|mut file| write(&mut file).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result.map_err(Error::io(path, "writing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn small() -> StackOptions {
        StackOptions {
            size: Size::new(64, 48),
            frames: 3,
            copies_per_level: 2,
            missed_frames: 1,
            ..Default::default()
        }
    }

    #[test]
    fn a_stack_has_all_its_files_and_is_the_same_every_time() {
        let (a, b) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
        let calls = std::cell::RefCell::new(Vec::new());
        let summary = write_stack(&small(), a.path(), &|done, all| {
            calls.borrow_mut().push((done, all));
            Ok(())
        })
        .expect("room");
        write_stack(&small(), &b.path().join("deep/er"), &|_, _| Ok(())).expect("room");
        assert_eq!((calls.borrow()[0], *calls.borrow().last().expect("calls")), ((0, 7), (7, 7)));
        assert!(summary.photos == 7 && summary.near.exists() && summary.far.exists());
        let names = [
            "shuffled.json",
            "aif.png",
            "aif16.png",
            "truth.png",
            "truth.npy",
            "texture.npy",
            "edge.npy",
            "meta.json",
        ];
        let frames = ["frames/00.png", "frames/02-2.png", "frames/missed-0.png", "shuffled/img_06.png"];
        for name in names.iter().chain(&frames) {
            let read = |root: &Path| fs::read(root.join(name)).expect(name);
            assert!(read(a.path()) == read(&b.path().join("deep/er")), "{name}");
        }
        assert!(
            fs::read(a.path().join("frames/00.png")).expect("copy")
                != fs::read(a.path().join("frames/00-2.png")).expect("copy")
        );
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("photo.jpg");
        fs::write(&file, "x").expect("room");
        for target in [dir.path(), &file] {
            assert!(matches!(write_stack(&small(), target, &|_, _| Ok(())), Err(Error::Usage(_))));
        }
        assert_eq!(fs::read_dir(dir.path()).expect("folder").count(), 1);
    }

    #[test]
    fn an_unfinished_stack_is_removed() {
        let dir = tempfile::tempdir().expect("temp");
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        fs::create_dir(&old).expect("room");
        for target in [&old, &new] {
            let unfinished = Unfinished::begin(target).expect("empty");
            fs::write(target.join("frames/00.png"), "x").expect("room");
            drop(unfinished);
        }
        assert!(!new.exists() && fs::read_dir(&old).expect("kept").count() == 0);
    }
}
