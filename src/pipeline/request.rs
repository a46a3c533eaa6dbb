//! From what was typed to what is to be done: files found, anchors resolved, folder ready.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::order::Anchor;

/// What `map` is asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// Pictures, or folders of them.
    pub frames: Vec<PathBuf>,
    /// A frame's name or path, or `X,Y`.
    pub near: Option<String>,
    /// Likewise.
    pub far: Option<String>,
    /// The frame whose geometry the results have.
    pub reference: Option<PathBuf>,
    /// Folder for the results.
    pub output: PathBuf,
    /// Decoding threads.
    pub threads: usize,
}

/// What `map` does.
#[derive(Clone, Debug)]
pub struct Job {
    /// Pictures in the order given, each once.
    pub files: Vec<PathBuf>,
    /// Near anchor; frames by their place in `files`.
    pub near: Option<Anchor>,
    /// Far anchor.
    pub far: Option<Anchor>,
    /// Reference, by its place in `files`.
    pub reference: Option<usize>,
    /// Folder for the results.
    pub output: PathBuf,
    /// Decoding threads.
    pub threads: usize,
}

impl Request {
    /// Resolves names.
    ///
    /// # Errors
    /// [`Error::Usage`] for fewer than two frames, an anchor or reference that is not among them, a point outside the
    /// picture, anchors that are one, an output folder that is a file; [`Error::Io`] for a folder that cannot be read.
    pub fn validate(&self) -> Result<Job> {
        let files = expand(&self.frames, &|file| is_result(file, &self.output))?;
        self.resolve(files)
    }

    /// As [`Self::validate`], of `files`.
    pub(super) fn resolve(&self, files: Vec<PathBuf>) -> Result<Job> {
        if files.len() < 2 {
            let got = files.first().map_or("none".to_owned(), |file| format!("only {}", file.display()));
            return Err(Error::Usage(format!(
                "two frames at least are needed, {got} given: add photos at other distances"
            )));
        }
        let anchor = |option: &str, typed: &Option<String>| {
            typed.as_ref().map(|typed| resolve(option, typed, &files)).transpose()
        };
        let (near, far) = (anchor("--near", &self.near)?, anchor("--far", &self.far)?);
        if near.is_some() && near == far {
            return Err(Error::Usage(
                "--near and --far are the same: name two frames or points at different distances".to_owned(),
            ));
        }
        let reference = self
            .reference
            .as_ref()
            .map(|path| find("--reference", &path.to_string_lossy(), &files))
            .transpose()?;
        if self.output.exists() && !self.output.is_dir() {
            return Err(Error::Usage(format!("-o {}: is a file; name a folder", self.output.display())));
        }
        Ok(Job { files, near, far, reference, output: self.output.clone(), threads: self.threads })
    }
}

/// Endings of pictures taken from a folder; files named themselves are told by content.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "tif", "tiff"];

/// What earlier runs left in the output folder, which may be the folder of the photos.
pub(super) const RESULTS: [&str; 5] = ["depth.tif", "depth.png", "confidence.png", "aif.jpg", "plan.png"];

/// Whether `file` is what an earlier run wrote into the folder `output`.
fn is_result(file: &Path, output: &Path) -> bool {
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    folder.is_some()
        && folder == output.canonicalize().ok()
        && RESULTS.iter().any(|name| file.file_name() == Some(name.as_ref()))
}

/// Files as given, folders replaced by the pictures in them in natural order; each file once. What `is_result` says of is
/// no photo.
pub(super) fn expand(given: &[PathBuf], is_result: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if let [path] = given
        && !path.exists()
    {
        return Err(Error::Usage(format!("{}: there is no such file or folder", path.display())));
    }
    for path in given {
        if path.is_dir() {
            files.extend(pictures(path, is_result)?);
        } else {
            files.push(path.clone());
        }
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(files)
}

/// The photos in `folder`, in natural order.
fn pictures(folder: &Path, is_result: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder, "listing"))? {
        let file = entry.map_err(Error::io(folder, "listing"))?.path();
        let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
            && file.is_file()
            && !is_result(&file)
        {
            inside.push(file);
        }
    }
    if inside.is_empty() {
        return Err(Error::Usage(format!("{}: no JPEG, PNG or TIFF in this folder", folder.display())));
    }
    inside.sort_by(|a, b| natord::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(inside)
}

/// An anchor as typed: a frame if one has that name, else a point.
fn resolve(option: &str, typed: &str, files: &[PathBuf]) -> Result<Anchor> {
    let by_name = find(option, typed, files);
    let numbers: Vec<Option<f64>> = typed.split(',').map(|part| part.trim().parse().ok()).collect();
    match (by_name, numbers.as_slice()) {
        (Ok(index), _) => Ok(Anchor::Frame(index)),
        (Err(_), [Some(x), Some(y)]) => {
            if (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y) {
                Ok(Anchor::Point(*x, *y))
            } else {
                Err(Error::Usage(format!(
                    "{option} {typed}: a point is X,Y in fractions of the picture, 0,0 top left to 1,1 bottom right"
                )))
            }
        }
        (Err(error), _) => Err(error),
    }
}

/// Place in `files` of the one that `typed` names: by path, else by file name.
fn find(option: &str, typed: &str, files: &[PathBuf]) -> Result<usize> {
    let path = Path::new(typed);
    let real = path.canonicalize().ok();
    let same = |file: &PathBuf| file == path || (real.is_some() && file.canonicalize().ok() == real);
    if let Some(index) = files.iter().position(same) {
        return Ok(index);
    }
    let named =
        |(index, file): (usize, &PathBuf)| (file.file_name() == Some(path.as_os_str())).then_some(index);
    let found: Vec<usize> = files.iter().enumerate().filter_map(named).collect();
    match found.as_slice() {
        [index] => Ok(*index),
        [] => Err(Error::Usage(format!(
            "{option} {typed}: not among the {} frames; name one of them{}",
            files.len(),
            if option == "--reference" { "" } else { ", or a point X,Y in fractions of the picture" }
        ))),
        _ => Err(Error::Usage(format!(
            "{option} {typed}: {} frames have this name; give its path",
            found.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(frames: &[&str]) -> Request {
        Request {
            frames: frames.iter().map(PathBuf::from).collect(),
            near: None,
            far: None,
            reference: None,
            output: PathBuf::from("nowhere"),
            threads: 1,
        }
    }

    #[test]
    fn anchors_are_frames_or_points() {
        let mut asked = request(&["a/1.jpg", "a/2.jpg", "b/2.jpg"]);
        asked.near = Some("1.jpg".to_owned());
        asked.far = Some("0.5, 1".to_owned());
        let job = asked.validate().expect("a sound request");
        assert_eq!((job.near, job.far), (Some(Anchor::Frame(0)), Some(Anchor::Point(0.5, 1.0))));
        for wrong in ["2.jpg", "3.jpg", "0.5,1.2", "0.5", "nan,0"] {
            asked.near = Some(wrong.to_owned());
            let message = asked.validate().expect_err(wrong).to_string();
            assert!(message.contains("--near") && message.contains(wrong), "{message}");
        }
        asked.near = Some("b/2.jpg".to_owned());
        assert_eq!(asked.validate().expect("a sound request").near, Some(Anchor::Frame(2)));
        asked.far = Some("b/2.jpg".to_owned());
        assert!(asked.validate().is_err(), "near = far");
    }

    #[test]
    fn folders_are_expanded_in_natural_order_and_repeats_dropped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["f10.jpg", "f9.JPG", "f1.png", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let again = folder.path().join("f10.jpg");
        std::fs::write(folder.path().join("aif.jpg"), "").expect("a file");
        let is_result = |file: &Path| is_result(file, folder.path());
        let files = expand(&[folder.path().to_owned(), again], &is_result).expect("a listing");
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
        assert_eq!(names, ["f1.png", "f9.JPG", "f10.jpg"]);
    }

    #[test]
    fn one_frame_is_too_few() {
        assert!(request(&["a.jpg"]).validate().is_err());
        assert!(request(&["a.jpg", "a.jpg"]).validate().is_err());
    }
}
