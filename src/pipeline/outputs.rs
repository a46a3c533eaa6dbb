//! Writes a map folder: all files beside each other first, then each renamed into place, map.json last.

use std::path::Path;

use super::depth::Maps;
use crate::error::{Error, Result};
use crate::files::{MapFile, write_json};
use crate::frame::Plane;
use crate::image_io;

/// Files of a map folder in the order in which they come into place.
const FILES: [&str; 5] = ["depth.tif", "depth.png", "confidence.png", "aif.jpg", "map.json"];
/// JPEG quality of the all-in-focus preview.
const PREVIEW_QUALITY: u8 = 92;

/// Writes `map` and `maps` into `folder`, replacing a map that is there.
///
/// # Errors
/// [`Error::Io`] naming the file; then the folder holds what it held before.
pub fn write(folder: &Path, map: &MapFile, maps: &Maps) -> Result<()> {
    let staging = tempfile::Builder::new()
        .prefix(".map-")
        .tempdir_in(folder)
        .map_err(Error::io(folder, "making a temporary folder"))?;
    let at = |name: &str| staging.path().join(name);
    let far = (map.clusters.len() - 1) as f32;
    image_io::write_tiff_f32(&at(FILES[0]), &maps.depth, map.cell)?;
    image_io::write_png_gray16(&at(FILES[1]), &to_u16(&maps.depth, 1.0 / far))?;
    image_io::write_png_gray16(&at(FILES[2]), &to_u16(&maps.confidence, 1.0))?;
    image_io::write_jpeg(&at(FILES[3]), &maps.aif, PREVIEW_QUALITY)?;
    write_json(&at(FILES[4]), map)?;
    for name in FILES {
        let target = folder.join(name);
        std::fs::rename(at(name), &target).map_err(Error::io(&target, "renaming into place"))?;
    }
    Ok(())
}

/// `plane`·`scale` of 0…1 as 0…65535; NaN as 0.
fn to_u16(plane: &Plane<f32>, scale: f32) -> Plane<u16> {
    // `as` saturates, and takes NaN to 0.
    Plane::new(plane.size, plane.data.iter().map(|value| (value * scale * 65535.0).round() as u16).collect())
}
