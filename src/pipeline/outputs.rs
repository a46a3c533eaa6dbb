//! Writes a folder's results: all files beside each other first, then renamed into place together.

use std::path::Path;

use super::depth::Maps;
use crate::error::{Error, Result};
use crate::files::{DepthScale, MapFile, write_json};
use crate::frame::Plane;
use crate::image_io;

/// Files of a map folder; the last one vouches for the others.
const FILES: [&str; 5] = ["depth.tif", "depth.png", "confidence.png", "aif.jpg", "map.json"];
/// JPEG quality of the all-in-focus preview.
const PREVIEW_QUALITY: u8 = 92;

/// Writes `map` and `maps` into `folder`, replacing a map that is there.
///
/// # Errors
/// [`Error::Io`] naming the file; then the folder holds what it held before.
pub fn write(folder: &Path, map: &MapFile, maps: &Maps) -> Result<()> {
    replace(folder, &FILES, |staging| {
        let at = |name: &str| staging.join(name);
        let far = match map.depth_scale {
            DepthScale::Order => (map.clusters.len() - 1) as f32,
            DepthScale::Optical => 1.0,
        };
        image_io::write_tiff_f32(&at(FILES[0]), &maps.depth, map.cell)?;
        image_io::write_png_gray16(&at(FILES[1]), &to_u16(&maps.depth, 1.0 / far))?;
        image_io::write_png_gray16(&at(FILES[2]), &to_u16(&maps.confidence, 1.0))?;
        image_io::write_jpeg(&at(FILES[3]), &maps.aif, PREVIEW_QUALITY)?;
        write_json(&at(FILES[4]), map)
    })
}

/// Replaces `files` of `folder` by those that `fill` writes into a folder inside it; the last of `files` is taken away
/// first and put in place last, so that it never stands beside files that are not its own, whenever the process dies.
///
/// # Errors
/// [`Error::Io`] naming the file; then `folder` holds what it held before.
pub fn replace(folder: &Path, files: &[&str], fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let staging = tempfile::Builder::new()
        .prefix(".nearfar-")
        .tempdir_in(folder)
        .map_err(Error::io(folder, "making a temporary folder"))?;
    let (new, old) = (staging.path().join("new"), staging.path().join("old"));
    for inner in [&new, &old] {
        std::fs::create_dir(inner).map_err(Error::io(inner, "making a temporary folder"))?;
    }
    fill(&new)?;
    let mut put = 0;
    let result =
        files.iter().rev().try_for_each(|name| take_away(&folder.join(name), &old.join(name))).and_then(
            |()| {
                files.iter().try_for_each(|name| {
                    let target = folder.join(name);
                    std::fs::rename(new.join(name), &target)
                        .map_err(Error::io(&target, "renaming into place"))?;
                    put += 1;
                    Ok(())
                })
            },
        );
    if result.is_err() {
        for name in &files[..put] {
            // What cannot be taken back is written over by the old file, or stays without the file that vouches for it.
            let _ = std::fs::remove_file(folder.join(name));
        }
        for name in files.iter().filter(|name| old.join(name).exists()) {
            std::fs::rename(old.join(name), folder.join(name))
                .map_err(Error::io(&folder.join(name), "putting back"))?;
        }
    }
    result
}

/// Moves the file at `from` to `to`; nothing there is fine, anything but a file is not.
fn take_away(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        return Err(Error::Usage(format!(
            "{}: is a folder where a file is to be written; move it away",
            from.display()
        )));
    }
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(from, "replacing")(error))
        }
        _ => Ok(()),
    }
}

/// `plane`·`scale` of 0…1 as 0…65535; NaN as 0.
fn to_u16(plane: &Plane<f32>, scale: f32) -> Plane<u16> {
    // `as` saturates, and takes NaN to 0.
    Plane::new(plane.size, plane.data.iter().map(|value| (value * scale * 65535.0).round() as u16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_all(staging: &Path, text: &str) -> Result<()> {
        for name in ["a", "b", "c"] {
            std::fs::write(staging.join(name), text).map_err(Error::io(staging, "writing"))?;
        }
        Ok(())
    }

    #[test]
    fn all_files_are_replaced_or_none() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
        let files = ["a", "b", "c"];
        replace(folder.path(), &files, |staging| write_all(staging, "old")).expect("room");
        replace(folder.path(), &files, |staging| write_all(staging, "new")).expect("room");
        assert_eq!(files.map(read), files.map(|_| Some("new".to_owned())));
        // One of the new files is missing: the others must not stay.
        let failed = replace(folder.path(), &files, |staging| {
            write_all(staging, "newer")?;
            std::fs::remove_file(staging.join("b")).map_err(Error::io(staging, "removing"))
        });
        assert!(failed.is_err());
        assert_eq!(files.map(read), files.map(|_| Some("new".to_owned())));
        std::fs::remove_file(folder.path().join("b")).expect("a file");
        std::fs::create_dir(folder.path().join("b")).expect("a folder");
        assert!(replace(folder.path(), &files, |staging| write_all(staging, "newer")).is_err());
        assert_eq!(["a", "c"].map(read), ["a", "c"].map(|_| Some("new".to_owned())));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a listing").count(),
            3,
            "nothing temporary is left"
        );
    }
}
