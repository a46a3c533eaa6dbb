//! Where the ends of the range are on the map's focus axis, by the blocks of its frames.

use std::path::{Path, PathBuf};

use super::file::{SessionFile, Stage};
use crate::backend::Backend;
use crate::bells::Bells;
use crate::camera::{Lock, Point};
use crate::error::{Error, Result};
use crate::files::{LeftOutFile, MapFile};
use crate::frame::Size;
use crate::order::Reason;
use crate::pipeline::gather::{see, sharpness_grid};
use crate::pipeline::plan::End;
use crate::positions::Axis;

/// Sharpness of the blocks of photos.
pub type Sharpness = Vec<(PathBuf, Vec<f32>)>;

/// How far beyond the ends of the map photos of the scan count too, in the distance of its outermost levels.
const BEYOND: f64 = 3.0;
/// Levels from an end whose places tell how far on the axis the lens moves there.
const NEAREST: usize = 2;

/// The bells of the map's frames and of the photos just beyond its ends, whose sharpness is `scanned` or is looked at.
pub(super) fn bells<B: Backend>(
    folder: &Path,
    session: &SessionFile,
    map: &MapFile,
    scanned: Option<&Sharpness>,
    backend: &B,
) -> Result<Bells> {
    let axis = map.axis();
    let levels = map.clusters.iter().zip(axis.levels());
    let of_map = levels.flat_map(|(frames, &place)| frames.iter().map(move |name| (place, name.as_str())));
    let mut photos = Vec::new();
    let blocks = |name: &str| {
        let known = scanned.and_then(|scanned| scanned.iter().find(|(file, _)| file.ends_with(name)));
        match known {
            Some((_, blocks)) => Ok(blocks.clone()),
            None => see(backend, &folder.join(name)).map(|seen| seen.sharpness),
        }
    };
    for (place, name) in of_map {
        photos.push((place, blocks(name)?));
    }
    for (place, name) in beyond(session, &map.clusters, &map.left_out, &axis) {
        match blocks(name) {
            Ok(blocks) => photos.push((place, blocks)),
            // Nobody else needs it.
            Err(error) => tracing::debug!("{error}"),
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

/// Photos of the scan beyond both ends of the map, and where they are on its axis by how far the lens was moved: only they
/// tell whether what is sharpest in the outermost level would be sharper still beyond. None beyond an end at whose levels
/// the camera does not tell where its lens stands, and none that show another scene.
fn beyond<'a>(
    session: &'a SessionFile,
    clusters: &[Vec<String>],
    left_out: &[LeftOutFile],
    axis: &Axis,
) -> Vec<(f64, &'a str)> {
    let reasons = [Reason::NotSharp, Reason::BeyondNear, Reason::BeyondFar].map(|reason| reason.to_string());
    let fits = |name: &str| left_out.iter().any(|out| out.file == name && reasons.contains(&out.reason));
    let scanned = || session.of(Stage::Scan).filter_map(|shot| Some((shot.lens?, shot.picture()?)));
    let lens = |level: usize| {
        let frames = &clusters[level];
        let of_level = scanned().filter(|(_, name)| frames.iter().any(|frame| frame == name));
        let told: Vec<f64> = of_level.map(|(lens, _)| lens).collect();
        (told.len() == frames.len()).then(|| told.iter().sum::<f64>() / told.len() as f64)
    };
    let (places, last) = (axis.levels(), clusters.len() - 1);
    let of_end = |end: usize, inner: usize| -> Vec<(f64, &'a str)> {
        let Some((at_end, inside)) = lens(end).zip(lens(inner)) else { return Vec::new() };
        if (inside - at_end) * (inner as f64 - end as f64) <= 0.0 {
            return Vec::new();
        }
        let of_photo = |(at, name): (f64, &'a str)| {
            // In the distance from the inner level to the end.
            let off = (at - at_end) / (at_end - inside);
            let close = off > 0.0 && off * end.abs_diff(inner) as f64 <= BEYOND;
            close.then(|| (places[end] + off * (places[end] - places[inner]), name))
        };
        scanned().filter(|(_, name)| fits(name)).filter_map(of_photo).collect()
    };
    let inner = NEAREST.min(last);
    [of_end(0, inner), of_end(last, last - inner)].concat()
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
    let bells = bells(folder, session, map, scanned, backend)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Asked, Shot};

    #[test]
    fn photos_beyond_the_map_stand_where_the_lens_stood() {
        let mut session = SessionFile::new(Asked::default(), "ILCE-7RM3", "sweep", Default::default());
        for (at, lens) in [10.0, 30.0, 40.0, 50.0, 60.0, 80.0, 110.0, 75.0].into_iter().enumerate() {
            let files = vec![format!("scan/{at}.arw"), format!("scan/{at}.jpg")];
            session.shots.push(Shot { lens: Some(lens), files, ..Shot::new(Stage::Scan) });
        }
        let name = |at: usize| format!("scan/{at}.jpg");
        // The last level is of two photos, one of which is beyond their mean.
        let clusters = [vec![name(2)], vec![name(3)], vec![name(4)], vec![name(5), name(7)]];
        let axis = Axis::new(vec![0.0, 1.2, 2.0, 3.0]);
        let out = |at: usize, reason: Reason| LeftOutFile { file: name(at), reason: reason.to_string() };
        let mut left_out =
            vec![out(0, Reason::NotSharp), out(1, Reason::BeyondNear), out(6, Reason::BeyondFar)];
        let found = |session: &SessionFile, left_out: &[LeftOutFile]| -> Vec<(f64, String)> {
            let found = beyond(session, &clusters, left_out, &axis);
            found.into_iter().map(|(place, name)| (place, name.to_owned())).collect()
        };
        // 40 and 60 are 2 apart on the axis, 50 and 77.5 are 1.8.
        let (near, far) = (-3.0, 3.0 + 32.5 / 27.5 * 1.8);
        let close = |found: &[(f64, String)], expected: &[(f64, String)]| {
            let pairs = || found.iter().zip(expected);
            found.len() == expected.len() && pairs().all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && a.1 == b.1)
        };
        let all = found(&session, &left_out);
        assert!(close(&all, &[(near, name(0)), (-1.0, name(1)), (far, name(6))]), "{all:?}");
        left_out[0].reason = "does not fit".into();
        let fitting = found(&session, &left_out);
        assert!(close(&fitting, &[(-1.0, name(1)), (far, name(6))]), "{fitting:?}");
        session.shots[6].lens = Some(130.0);
        let near = found(&session, &left_out);
        assert!(close(&near, &[(-1.0, name(1))]), "the other is too far off to tell: {near:?}");
        session.shots[4].lens = None;
        assert_eq!(found(&session, &left_out), [], "the camera does not tell where it stood there");
    }
}
