//! The scan: photographs the scene at so many levels of focus that every textured region is sharp in some photo.

mod sweep;

pub(super) use sweep::home;

use std::thread;
use std::time::Instant;

use super::choice::{Known, texture};
use super::file::{Shot, Stage};
use super::shooting::{Aim, Crew, Event, Taken};
use crate::backend::Backend;
use crate::bells::Bells;
use crate::blur;
use crate::camera::{Point, Strategy};
use crate::error::{Error, Result};
use crate::pipeline::gather::{ALIKE, Gathered, blur_grid, correlation, sharpness_grid};

/// How to scan.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanOptions {
    /// Photos at the most. Default: 40.
    pub max_photos: usize,
    /// Share of what one photo shows sharp that the next shows sharp too, 0…0.8. Default: 0.2.
    pub overlap: f64,
    /// Circle of confusion in pixels that counts as sharp. Default: 1.5.
    pub coc_px: f64,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { max_photos: 40, overlap: 0.2, coc_px: 1.5 }
    }
}

/// Autofocus points without a new level, after which the scan ends.
const FRUITLESS: usize = 5;
/// Points without a new level, after which the bells of few photos are not followed any more.
const DOUBTFUL: usize = 2;
/// Points without a new level, after which the scan ends with however few photos.
const HOPELESS: usize = 20;
/// Autofocuses that fail one after the other before a photo is taken where the lens stands.
const FAILURES: usize = 3;
/// Where the camera's own scale of 0 … 100 is all there is to go by: less than this apart is one level.
const SAME_PLACE: f64 = 0.8;
/// Where nothing tells where the lens stands: a block is sharper in a photo from this ratio of its variance, and the photo
/// shows a new level from this share of the blocks.
const SHARPER: f32 = 1.3;
const NOTHING: f64 = 0.004;
/// Photos from which a scan by autofocus knows how far apart two levels are.
const SURE: usize = 8;
/// Photos from which bells tell how wide they are.
const KNOWING: usize = 5;

/// A scan in progress.
pub struct Scan<'c, 'a, 'b, B: Backend> {
    crew: &'c mut Crew<'a>,
    backend: &'b B,
    options: ScanOptions,
    gathered: Option<Gathered>,
    /// Photos by their place among the session's, in the order taken, of which the last may not be taken in yet.
    shots: Vec<usize>,
    tried: Vec<Point>,
    /// Depths that were sought by autofocus, and not found.
    refuted: Vec<f64>,
    /// Places on the axis where photos were not worth taking.
    passed: Vec<f64>,
    /// Of every block, over the photos taken in: the most contrast, and the sharpest it is.
    contrast: Vec<f32>,
    sharpest: Vec<f32>,
    /// Photos that these are of, and how many of the last show hardly anything sharper than those before.
    counted: usize,
    idle: usize,
    /// The bells of the blocks, once there are photos enough, and their width as found last.
    bells: Option<Bells>,
    width: Option<f64>,
    /// Half of the range on the axis that a photo shows sharp.
    tolerance: Option<f64>,
    /// Whether the next photo is the first of this run.
    resumed: bool,
}

/// Scans, or goes on with a scan; the photos taken in, and where on the axis each is.
///
/// # Errors
/// As those of the camera, [`Error::Stack`] if hardly anything can be focused on, [`Error::Io`].
pub fn scan<B: Backend>(crew: &mut Crew<'_>, backend: &B, options: &ScanOptions) -> Result<Gathered> {
    let shots =
        (0..crew.session.shots.len()).filter(|&i| crew.session.shots[i].stage == Stage::Scan).collect();
    let tried = crew.session.of(Stage::Scan).filter_map(|shot| shot.af_point).collect();
    let options = options.clone();
    let mut scan = Scan {
        crew,
        backend,
        options,
        gathered: None,
        shots,
        tried,
        refuted: Vec::new(),
        passed: Vec::new(),
        contrast: Vec::new(),
        sharpest: Vec::new(),
        counted: 0,
        idle: 0,
        bells: None,
        width: None,
        tolerance: None,
        resumed: true,
    };
    scan.take_in()?;
    if scan.crew.session.scan_ended.is_none() {
        let reason = match scan.crew.camera.strategy() {
            Strategy::AfPoint | Strategy::Manual => scan.by_autofocus()?,
            Strategy::Sweep | Strategy::Direct => scan.by_sweep()?,
        };
        scan.take_in()?;
        scan.crew.note(format!("{} photos of the scene: {reason}", scan.shots.len()));
        scan.crew.session.scan_ended = Some(reason);
        scan.crew.save()?;
    }
    let places = scan.places();
    let dioptres = scan.shots.iter().map(|&index| scan.crew.session.shots[index].dioptres).collect();
    let mut gathered = scan.gathered.ok_or_else(|| Error::Stack("the scan has no photo".into()))?;
    (gathered.places, gathered.dioptres) = (places, dioptres);
    Ok(gathered)
}

impl<B: Backend> Scan<'_, '_, '_, B> {
    /// Looks at the photos that were not looked at yet.
    fn take_in(&mut self) -> Result<()> {
        let done = self.gathered.as_ref().map_or(0, |gathered| gathered.files.len());
        for &index in &self.shots[done..] {
            let picture = self.crew.picture(index).ok_or_else(|| {
                Error::Usage(
                    "a photo of the session has no file; set the camera to JPEG, or RAW and JPEG".into(),
                )
            })?;
            if self.gathered.is_none() {
                self.gathered = Some(Gathered::new(&self.crew.folder, &picture)?);
            }
            if let Some(gathered) = &mut self.gathered {
                gathered.add(self.backend, &picture)?;
            }
        }
        Ok(())
    }

    /// Takes a photo while the ones before are looked at.
    fn take(&mut self, shot: Shot, aim: &Aim, worth: &(dyn Fn(f64) -> bool + Sync)) -> Result<Taken> {
        self.crew.check()?;
        let stem = self.crew.scan_stem();
        let started = Instant::now();
        let done = self.gathered.as_ref().map_or(0, |gathered| gathered.files.len());
        let waiting: Vec<_> =
            self.shots[done..].iter().filter_map(|&index| self.crew.picture(index)).collect();
        let (crew, gathered, backend) = (&mut *self.crew, &mut self.gathered, self.backend);
        let (taken, added) = thread::scope(|scope| {
            let shooting = scope.spawn(move || crew.take(shot, stem, aim, worth));
            let added = waiting.iter().try_for_each(|picture| match gathered {
                Some(gathered) => gathered.add(backend, picture),
                None => Ok(()),
            });
            (shooting.join(), added)
        });
        let taken = taken.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        added?;
        if let Taken::Photo(index) = taken {
            self.shots.push(index);
            let left =
                self.options.max_photos.saturating_sub(self.shots.len()).min(18 - self.shots.len().min(18));
            (self.crew.tell)(&Event::Shot {
                number: self.shots.len(),
                of: self.options.max_photos,
                shot: &self.crew.session.shots[index],
                seconds_left: left as f64 * started.elapsed().as_secs_f64(),
            });
            if self.gathered.is_none() || self.resumed {
                self.take_in()?;
                self.resumed = false;
            }
            self.check_scene()?;
        }
        Ok(taken)
    }

    /// Whether the photos show one scene: a session that goes on may find another. The photo that does not is moved aside.
    fn check_scene(&mut self) -> Result<()> {
        let Some(gathered) = &self.gathered else { return Ok(()) };
        let [before @ .., last] = &gathered.base[..] else { return Ok(()) };
        // Focused elsewhere it may be very unlike one of them, but not unlike all.
        let alikes = before.iter().map(|before| correlation(&before.data, &last.data));
        let Some(alike) = alikes.max_by(|a, b| a.total_cmp(b)) else { return Ok(()) };
        if alike < ALIKE && !self.crew.goes_on_changed(alike)? {
            let first = gathered.files.len() - 1;
            for &index in self.shots[first..].iter().rev() {
                self.crew.disown(index)?;
            }
            let text = format!(
                "the scene or the exposure changed since the photos before (correlation {alike:.2}): put it back, go on with \
                 --yes, or start a new session in another folder"
            );
            return Err(Error::Usage(text));
        }
        Ok(())
    }

    /// Where the photos are on the axis: as the camera tells, or by their order.
    fn places(&self) -> Vec<f64> {
        let told: Option<Vec<f64>> =
            self.shots.iter().map(|&index| self.crew.session.shots[index].lens).collect();
        told.unwrap_or_default()
    }

    /// Where the anchors are on the axis, as far as they are photographed.
    fn range(&self, places: &[f64]) -> [f64; 2] {
        let asked = &self.crew.session.asked;
        let place = |point: Option<Point>| {
            let shot = self.shots.iter().position(|&index| self.crew.session.shots[index].af_point == point);
            places.get(point.and(shot)?).copied()
        };
        match (self.crew.camera.strategy(), place(asked.near), place(asked.far)) {
            (Strategy::AfPoint, Some(near), Some(far)) => [near.min(far), near.max(far)],
            _ => [f64::MIN, f64::MAX],
        }
    }

    /// Counts in the photos taken in since.
    fn count(&mut self) {
        let Some(gathered) = &self.gathered else { return };
        let grid = sharpness_grid(gathered.size());
        self.contrast.resize(grid.area(), 0.0);
        self.sharpest.resize(grid.area(), 0.0);
        for (base, sharpness) in gathered.base.iter().zip(&gathered.sharpness).skip(self.counted) {
            let each = self.contrast.iter_mut().zip(texture(base, grid));
            each.for_each(|(contrast, here)| *contrast = contrast.max(here));
            let mut sharper = 0;
            for (sharpest, here) in self.sharpest.iter_mut().zip(sharpness) {
                sharper += usize::from(*here > SHARPER * *sharpest);
                *sharpest = sharpest.max(*here);
            }
            let idle = (sharper as f64) < NOTHING * grid.area() as f64;
            self.idle = if idle { self.idle + 1 } else { 0 };
        }
        self.counted = gathered.files.len();
    }

    /// What is known, handed to `work`.
    fn known<R>(&mut self, places: &[f64], work: impl FnOnce(&Known<'_>) -> R) -> Option<R> {
        self.count();
        let gathered = self.gathered.as_ref()?;
        let (grid, cell) = (sharpness_grid(gathered.size()), gathered.cell());
        let count = gathered.files.len();
        let photos: Vec<(f64, &[f32])> =
            places.iter().take(count).zip(&gathered.sharpness).map(|(&at, s)| (at, &s[..])).collect();
        self.bells = if photos.len() == count { Bells::fit(&photos, self.width) } else { None };
        self.width = self.bells.as_ref().filter(|_| count >= KNOWING).map(|bells| bells.width);
        let fine: Vec<(f64, &[f32])> =
            photos.iter().zip(&gathered.fine).map(|((at, _), fine)| (*at, &fine[..])).collect();
        let coc_px = self.options.coc_px * (1.0 - self.options.overlap);
        let coarse = matches!(self.crew.camera.strategy(), Strategy::Sweep | Strategy::Direct);
        self.tolerance = self.bells.as_ref().map(|bells| {
            let per_px = blur::per_px(&fine, blur_grid(gathered.size()), cell);
            // The coarse steps that a sweep begins with make bells too wide: the narrower of both counts.
            let least = if coarse { bells.per_px(cell) } else { f64::MAX };
            coc_px * per_px.map_or(bells.per_px(cell), |per_px| per_px.min(least))
        });
        let all: Vec<f64> = places.iter().chain(&self.passed).copied().collect();
        Some(work(&Known {
            grid,
            texture: &self.contrast,
            sharpest: &self.sharpest,
            bells: self.bells.as_ref(),
            places: &all,
            refuted: &self.refuted,
            tried: &self.tried,
            range: self.range(places),
            tolerance: self.tolerance,
        }))
    }

    /// Autofocus at the anchors, then where nothing is sharp yet.
    fn by_autofocus(&mut self) -> Result<String> {
        let anchors = [self.crew.session.asked.far, self.crew.session.asked.near];
        let taken = |point: &Point| self.crew.session.shots.iter().any(|shot| shot.af_point == Some(*point));
        let mut anchors: Vec<Point> = anchors.into_iter().flatten().filter(|point| !taken(point)).collect();
        let (mut fruitless, mut failures) = (0, 0);
        loop {
            if self.shots.len() >= self.options.max_photos {
                return Ok(format!("as many as were allowed ({})", self.options.max_photos));
            }
            if fruitless >= HOPELESS {
                return Ok(format!("the last {fruitless} points gave no new level"));
            }
            let anchored = anchors.pop();
            let places = self.places();
            // The bells of a few photos may see depths that are not there.
            let doubtful = fruitless >= DOUBTFUL && self.shots.len() < SURE;
            let (mut tolerance, mut sought) = (None, None);
            let point = match anchored {
                Some(point) => Some(point),
                None if self.gathered.is_none() => Some([0.5, 0.5]),
                None => self
                    .known(&places, |known| {
                        tolerance = known.tolerance;
                        let by_contrast = if doubtful { known.next_by_contrast() } else { None };
                        let point = by_contrast.or_else(|| known.next())?;
                        sought = known.bells.and_then(|bells| bells.depth_at(known.grid, point));
                        Some(point)
                    })
                    .flatten(),
            };
            // Where the camera does not tell where its lens stands, the pictures do.
            let fruitless_now = if places.is_empty() { fruitless.max(self.idle) } else { fruitless };
            let Some(point) = point else {
                // The last photo may show what is missing.
                let behind =
                    self.gathered.as_ref().is_some_and(|gathered| gathered.files.len() < self.shots.len());
                if behind {
                    self.take_in()?;
                    continue;
                }
                return Ok("every textured region is sharp in some of them".into());
            };
            if fruitless_now >= FRUITLESS && self.shots.len() >= SURE {
                return Ok(format!("the last {fruitless_now} points gave no new level"));
            }
            self.tried.push(point);
            // A few photos hardly tell how wide the bells are.
            let sure = tolerance.filter(|_| self.shots.len() >= SURE);
            let apart = sure.map_or(SAME_PLACE, |tolerance: f64| (0.5 * tolerance).max(SAME_PLACE));
            let [near, far] = self.range(&places);
            let known_places = [places, self.passed.clone()].concat();
            let new = |at: f64| known_places.iter().all(|place| (place - at).abs() >= apart);
            let worth = |at: f64| {
                anchored.is_some() || (new(at) && at >= near - SAME_PLACE && at <= far + SAME_PLACE)
            };
            match self.take(Shot::new(Stage::Scan), &Aim::Point(point), &worth)? {
                Taken::Photo(_) => (fruitless, failures) = (0, 0),
                Taken::Known(at) => {
                    self.refuted.extend(sought);
                    self.passed.push(at);
                    fruitless += 1;
                }
                Taken::NoLock => {
                    self.refuted.extend(sought);
                    (self.crew.tell)(&Event::NoLock { af_point: point });
                    (fruitless, failures) = (fruitless + 1, failures + 1);
                    if failures == FAILURES {
                        self.where_it_stands()?;
                    } else if failures > FAILURES && anchored.is_some() {
                        return Err(Error::Usage(format!(
                            "the autofocus finds nothing at {:.3},{:.3}, an end of the range: choose a point with texture \
                             for --near and --far",
                            point[0], point[1]
                        )));
                    }
                    // An end is tried again: some autofocus fails now and then.
                    anchors.extend(anchored);
                }
            }
        }
    }

    /// A photo where the lens stands: some cameras focus again after one.
    fn where_it_stands(&mut self) -> Result<()> {
        self.crew.camera.hold_focus(true)?;
        let taken = self.take(Shot::new(Stage::Scan), &Aim::Nudges(Vec::new()), &|_| true);
        let back = self.crew.camera.hold_focus(false);
        taken.and(back)
    }
}
