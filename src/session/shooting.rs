//! One photo after the other, so that none is lost and none taken twice, whatever happens in between.
//!
//! What is about to be taken is written down before, what was taken after. A program that was killed in between finds
//! the photo in the folder, or still on the camera, or knows that it was never taken.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::file::{Pending, SessionFile, Shot, Stage};
use crate::camera::{Camera, Lock, Nudge, Photo, PhotoFile, Point};
use crate::error::{Error, Result};
use crate::image_io;

/// Something that programs and people may want to know at once.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// A photo is safe.
    Shot {
        /// Photos of this stage so far.
        number: usize,
        /// Photos that this stage will have, as far as is known.
        of: usize,
        /// All about it.
        #[serde(flatten)]
        shot: &'a Shot,
        /// Seconds left to the end of the stage, guessed from the photos so far.
        seconds_left: f64,
    },
    /// An autofocus failed.
    NoLock {
        /// Where.
        af_point: Point,
    },
    /// A stage begins or ends, or something was mended.
    Note {
        /// A sentence.
        text: String,
    },
    /// It was really sharp elsewhere than asked for.
    Missed {
        /// Step of the plan, from 0.
        step: usize,
        /// Depth asked for, in levels.
        target_depth: f64,
        /// Depth achieved, in levels.
        achieved_depth: f64,
    },
}

/// A session's folder, the camera, and whom to tell.
pub struct Crew<'a> {
    /// The session's folder.
    pub folder: PathBuf,
    /// What is known of it.
    pub session: SessionFile,
    /// The camera.
    pub camera: Box<dyn Camera + 'a>,
    /// Told everything.
    pub tell: &'a (dyn Fn(&Event<'_>) + Sync),
    /// A Ctrl-C.
    pub interrupt: &'a AtomicBool,
    /// When the photo before was safe, or the work began: what comes before the next one counts for that.
    pub free_since: Instant,
}

/// How to focus for a photo.
#[derive(Clone, Debug, PartialEq)]
pub enum Aim {
    /// Autofocus at a point.
    Point(Point),
    /// Nudges from where the lens stands.
    Nudges(Vec<Nudge>),
}

/// What came of it.
#[derive(Debug)]
pub enum Taken {
    /// A photo, by its place among the session's.
    Photo(usize),
    /// The autofocus found nothing.
    NoLock,
    /// The lens stands, at this place, where a photo was taken before.
    Known(f64),
}

/// Photos that may be lost in a row before it is an error.
const LOST: usize = 2;
/// Times a camera that is gone is looked for, and the rest between.
const RECONNECTS: usize = 6;
const RECONNECT_REST: Duration = Duration::from_millis(700);
/// How long a photo that may have been taken is waited for; and one that hardly was.
const FIRED: Duration = Duration::from_secs(7);
const NOT_FIRED: Duration = Duration::from_millis(600);

impl Crew<'_> {
    /// Fails after a Ctrl-C.
    pub fn check(&self) -> Result<()> {
        if self.interrupt.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Tells a sentence.
    pub fn note(&self, text: impl Into<String>) {
        (self.tell)(&Event::Note { text: text.into() });
    }

    /// Writes down what is known.
    pub fn save(&self) -> Result<()> {
        self.session.write(&self.folder)
    }

    /// Sets the camera to be driven, and writes down how it was.
    pub fn take_over(&mut self) -> Result<()> {
        self.camera.take_over(&self.session.set_back)?;
        self.session.set_back = self.camera.taken_over();
        self.free_since = Instant::now();
        self.save()
    }

    /// Sets the camera back to how it was.
    pub fn give_back(&mut self) -> Result<()> {
        self.camera.give_back()?;
        self.session.set_back.clear();
        self.save()
    }

    /// Takes a photo: `shot` says what for, `stem` names its files. `worth` is asked, where the camera tells where its lens
    /// stands, whether to take it there.
    pub fn take(
        &mut self,
        mut shot: Shot,
        stem: String,
        aim: &Aim,
        worth: &dyn Fn(f64) -> bool,
    ) -> Result<Taken> {
        match aim {
            Aim::Point(point) => shot.af_point = Some(*point),
            Aim::Nudges(nudges) => shot.nudges.clone_from(nudges),
        }
        self.session.pending = Some(Pending { shot, stem, fired: false });
        self.save()?;
        let focusing = Instant::now();
        let lock = self.kept_alive(|crew| crew.focus(aim))?;
        let focus = focusing.elapsed();
        let lens = self.camera.lens_position();
        let skip = match lens {
            _ if lock == Some(Lock::Failed) => Some(Taken::NoLock),
            Some(at) if !worth(at) => Some(Taken::Known(at)),
            _ => None,
        };
        if let Some(skip) = skip {
            self.kept_alive(|crew| crew.camera.let_go())?;
            self.session.pending = None;
            self.save()?;
            return Ok(skip);
        }
        if let Some(pending) = &mut self.session.pending {
            pending.fired = true;
            pending.shot.autofocus = lock;
            pending.shot.lens = pending.shot.lens.or(lens);
        }
        self.save()?;
        let photo = self.expose(aim)?;
        let known = focus + photo.exposing + photo.transfer;
        let index = self.keep(photo.files)?;
        let other = self.free_since.elapsed().saturating_sub(known);
        let parts =
            [("focus", focus), ("exposure", photo.exposing), ("transfer", photo.transfer), ("other", other)];
        let shot = &mut self.session.shots[index];
        shot.took_ms.extend(parts.map(|(name, time)| (name.to_owned(), 1000.0 * time.as_secs_f64())));
        self.save()?;
        self.free_since = Instant::now();
        Ok(Taken::Photo(index))
    }

    fn focus(&mut self, aim: &Aim) -> Result<Option<Lock>> {
        match aim {
            Aim::Point(point) => self.camera.focus_at(*point).map(Some),
            Aim::Nudges(nudges) => {
                nudges.iter().try_for_each(|&nudge| self.camera.nudge(nudge)).map(|()| None)
            }
        }
    }

    /// Does `work`; where the camera is gone meanwhile, looks for it and does it again.
    fn kept_alive<R>(&mut self, mut work: impl FnMut(&mut Self) -> Result<R>) -> Result<R> {
        match work(self) {
            Err(Error::CameraGone(text)) => {
                self.reconnect(text)?;
                work(self)
            }
            result => result,
        }
    }

    fn reconnect(&mut self, text: String) -> Result<()> {
        self.note(format!("{text}; connecting again"));
        for _ in 0..RECONNECTS {
            self.check()?;
            std::thread::sleep(RECONNECT_REST);
            if self.camera.reconnect().is_ok() {
                return Ok(());
            }
        }
        Err(Error::CameraGone(format!(
            "{text}; then run the same command again: it goes on where it stopped"
        )))
    }

    /// Exposes; a photo that is lost is taken again, one that was cut off is fetched again.
    fn expose(&mut self, aim: &Aim) -> Result<Photo> {
        let mut lost = 0;
        loop {
            let error = match self.camera.expose() {
                Ok(photo) => return Ok(photo),
                Err(error) => error,
            };
            match error {
                Error::CameraGone(text) => {
                    self.reconnect(text)?;
                    let files = self.camera.left_over(FIRED)?;
                    if !files.is_empty() {
                        return Ok(Photo { files, exposing: Duration::ZERO, transfer: Duration::ZERO });
                    }
                }
                Error::CameraLost(text) if lost < LOST => {
                    self.note(format!("{text}; taking it again"));
                    lost += 1;
                }
                error => {
                    // Nothing was taken: nothing is pending any more.
                    self.session.pending = None;
                    self.save()?;
                    return Err(error);
                }
            }
            if let Aim::Point(point) = aim {
                // A lens that has its focus keeps it where the autofocus finds it no more.
                self.kept_alive(|crew| crew.camera.focus_at(*point))?;
            }
        }
    }

    /// Writes the pending photo's files, and then down that it is taken; its place among the shots.
    fn keep(&mut self, files: Vec<PhotoFile>) -> Result<usize> {
        let Some(Pending { mut shot, stem, .. }) = self.session.pending.clone() else {
            return Err(Error::Camera("a photo came that nobody asked for".into()));
        };
        let mut files: Vec<_> = files.into_iter().map(|file| (ending(&file.name), file.bytes)).collect();
        // The one to look at comes last: once it is there, all are.
        files.sort_by_key(|(ending, _)| is_picture(ending));
        for (ending, bytes) in files {
            let name = format!("{stem}.{ending}");
            let path = self.folder.join(&name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(Error::io(parent, "making the folder"))?;
            }
            if path.exists() {
                return Err(Error::Usage(format!("{}: is there already; move it away", path.display())));
            }
            image_io::write_atomically(&path, |file| std::io::Write::write_all(file, &bytes))?;
            shot.files.push(name);
        }
        shot.time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        self.session.shots.push(shot);
        self.session.pending = None;
        self.save()?;
        Ok(self.session.shots.len() - 1)
    }

    /// Clears up after a run that was killed: the photo it was taking is found in the folder, or on the camera, or was not
    /// taken. Photos on the camera that nobody asked for are kept aside.
    pub fn recover(&mut self) -> Result<()> {
        let Some(pending) = self.session.pending.clone() else {
            let files = self.camera.left_over(NOT_FIRED)?;
            return self.keep_aside(files);
        };
        let found = found(&self.folder, &pending.stem)?;
        if found.last().is_some_and(|name| is_picture(&ending(name))) {
            let mut shot = Shot { files: found, ..pending.shot };
            shot.time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
            self.session.shots.push(shot);
        } else {
            // A RAW file alone comes again with its JPEG.
            for name in found {
                let path = self.folder.join(name);
                std::fs::remove_file(&path).map_err(Error::io(&path, "removing"))?;
            }
            let files = self.camera.left_over(if pending.fired { FIRED } else { NOT_FIRED })?;
            if files.is_empty() {
                self.session.pending = None;
                return self.save();
            }
            self.keep(files)?;
            self.note("the photo that was being taken was still on the camera");
        }
        self.session.pending = None;
        self.save()
    }

    fn keep_aside(&mut self, files: Vec<PhotoFile>) -> Result<()> {
        for file in files {
            let name = format!("unasked/{:03}.{}", self.session.unasked.len() + 1, ending(&file.name));
            let path = self.folder.join(&name);
            let parent = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(parent).map_err(Error::io(parent, "making the folder"))?;
            image_io::write_atomically(&path, |out| std::io::Write::write_all(out, &file.bytes))?;
            self.note(format!(
                "a photo was on the camera that belongs to no step: kept as {}",
                path.display()
            ));
            self.session.unasked.push(name);
            self.save()?;
        }
        Ok(())
    }

    /// Path of a photo's picture.
    pub fn picture(&self, index: usize) -> Option<PathBuf> {
        self.session.shots.get(index)?.picture().map(|name| self.folder.join(name))
    }

    /// The next unused stem of the scan.
    pub fn scan_stem(&self) -> String {
        format!("{}/{:03}", Stage::Scan.folder(), self.session.of(Stage::Scan).count() + 1)
    }
}

/// Ending of a file name, in small letters.
fn ending(name: &str) -> String {
    let ending = Path::new(name).extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// Whether nearfar can look at files with this ending.
fn is_picture(ending: &str) -> bool {
    ["jpg", "jpeg", "png", "tif", "tiff"].contains(&ending)
}

/// Files in `folder` that `stem` names, the picture last.
fn found(folder: &Path, stem: &str) -> Result<Vec<String>> {
    let path = folder.join(stem);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let Ok(entries) = std::fs::read_dir(parent) else { return Ok(Vec::new()) };
    let mut found: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| Path::new(file).file_stem() == Some(name))
        .map(|file| format!("{stem}.{}", Path::new(&file).extension().unwrap_or_default().to_string_lossy()))
        .collect();
    found.sort_by_key(|name| is_picture(&ending(name)));
    Ok(found)
}
