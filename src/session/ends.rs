//! Where the ends of the range are on the map's focus axis, by the blocks of its frames.

use std::path::{Path, PathBuf};

use super::file::{SessionFile, Stage};
use crate::backend::Backend;
use crate::bells::Bells;
use crate::camera::{Lock, Point};
use crate::error::{Error, Result};
use crate::files::MapFile;
use crate::frame::Size;
use crate::pipeline::gather::{see, sharpness_grid};
use crate::pipeline::plan::End;

/// Sharpness of the blocks of photos.
pub type Sharpness = Vec<(PathBuf, Vec<f32>)>;

/// The bells of the map's frames, whose sharpness is `scanned` or is looked at.
pub(super) fn bells<B: Backend>(
    folder: &Path,
    map: &MapFile,
    scanned: Option<&Sharpness>,
    backend: &B,
) -> Result<Bells> {
    let axis = map.axis();
    let mut photos = Vec::new();
    for (frames, &place) in map.clusters.iter().zip(axis.levels()) {
        for name in frames {
            let known = scanned.and_then(|scanned| scanned.iter().find(|(file, _)| file.ends_with(name)));
            let blocks = match known {
                Some((_, blocks)) => blocks.clone(),
                None => see(backend, &folder.join(name))?.sharpness,
            };
            photos.push((place, blocks));
        }
    }
    let photos: Vec<(f64, &[f32])> = photos.iter().map(|(place, blocks)| (*place, &blocks[..])).collect();
    Bells::fit(&photos, None).ok_or_else(|| {
        Error::Stack(
            "the scan has fewer than three levels of focus: scan again, with more of the scene in reach"
                .into(),
        )
    })
}

/// Places on the map's focus axis of what is seen at the session's near and far points: the photos of a sweep stand beside
/// them by up to half a step. None where the autofocus found the point itself, or the blocks there do not tell.
///
/// # Errors
/// Those of reading the photos.
pub fn ends<B: Backend>(
    folder: &Path,
    session: &SessionFile,
    map: &MapFile,
    scanned: Option<&Sharpness>,
    backend: &B,
) -> Result<[End; 2]> {
    let focused = |point: &Point| {
        let mut shots = session.of(Stage::Scan);
        shots.any(|shot| shot.af_point == Some(*point) && shot.autofocus == Some(Lock::Locked))
    };
    let asked = [session.asked.near, session.asked.far];
    let spots = asked.map(|point| point.filter(focused));
    let points = asked.map(|point| point.filter(|point| !focused(point)));
    if points.iter().all(Option::is_none) {
        return Ok(spots.map(|spot| End { place: None, spot }));
    }
    let bells = bells(folder, map, scanned, backend)?;
    let grid = sharpness_grid(Size::new(map.width, map.height));
    let last = map.clusters.len() as f64 - 1.0;
    let places = points.map(|point| bells.depth_at(grid, point?));
    // Farther off than a level, it is no better than the level that was found sharpest.
    let axis = map.axis();
    let close =
        |place: Option<f64>, level: f64| place.filter(|&place| (axis.depth(place) - level).abs() <= 1.0);
    let found = [close(places[0], 0.0), close(places[1], last)];
    Ok([0, 1].map(|end| End { place: found[end], spot: spots[end] }))
}
