//! One photo after the other, so that none is lost and none taken twice, whatever happens in between.
//!
//! What is about to be taken is written down before, what was taken after. A program that was killed in between finds
//! the photo in the folder, or still on the camera, or knows that it was never taken.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::file::{Pending, SessionFile, Shot, Stage};
use crate::camera::{Camera, Exposed, Lock, Nudge, PhotoFile, Point, is_picture, is_same};
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
    /// The photographer is to do something.
    Prompt {
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
    /// Asked, with a sentence, whether to go on though something changed.
    pub ask: Ask,
    /// A Ctrl-C.
    pub interrupt: &'a AtomicBool,
    /// When the photo before was safe, or the work began: what comes before the next one counts for that.
    pub free_since: Instant,
    /// What autofocuses took since then that led to no photo.
    pub sought: Duration,
}

/// Whoever is asked a question to say yes or no to.
pub type Ask = Box<dyn Fn(&str) -> Result<bool> + Send>;

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
/// Times that the camera may go in one photo before it is an error.
const CUTS: usize = 4;
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

    /// Whether to go on with a photo that shows another scene: once answered yes, it is not asked again.
    pub fn goes_on_changed(&mut self, alike: f64) -> Result<bool> {
        if !self.session.changed {
            let question =
                format!("the scene or the exposure changed (correlation {alike:.2} with the photos before).");
            self.session.changed = (self.ask)(&question)?;
        }
        Ok(self.session.changed)
    }

    /// Writes down what is known.
    pub fn save(&self) -> Result<()> {
        self.session.write(&self.folder)
    }

    /// Sets the camera to be driven, and writes down how it was.
    pub fn take_over(&mut self) -> Result<()> {
        let Self { camera, session, folder, .. } = self;
        let before = session.set_back.clone();
        camera.take_over(&before, &mut |before| {
            session.set_back = before.to_vec();
            session.write(folder)
        })?;
        self.free_since = Instant::now();
        Ok(())
    }

    /// Sets the camera back to how it was.
    pub fn give_back(&mut self) -> Result<()> {
        // Files that came late are in memory only.
        let kept = self.keep_aside(Duration::ZERO);
        self.camera.give_back(&self.session.set_back)?;
        kept?;
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
        // A file that came late is an earlier exposure's.
        self.keep_aside(Duration::ZERO)?;
        self.session.pending = Some(Pending { shot, stem, fired: false });
        self.save()?;
        let focusing = Instant::now();
        let mut nudged = 0;
        let lock = self.kept_alive(|crew| crew.focus(aim, &mut nudged))?;
        let focus = std::mem::take(&mut self.sought) + focusing.elapsed();
        let lens = self.camera.lens_position();
        let skip = match lens {
            _ if lock == Some(Lock::Failed) => Some(Taken::NoLock),
            Some(at) if !worth(at) => Some(Taken::Known(at)),
            _ => None,
        };
        if let Some(skip) = skip {
            self.sought = focus;
            self.kept_alive(|crew| crew.camera.let_go())?;
            self.session.pending = None;
            self.save()?;
            return Ok(skip);
        }
        let dioptres = self.dioptres();
        if let Some(pending) = &mut self.session.pending {
            pending.fired = true;
            pending.shot.autofocus = lock;
            pending.shot.dioptres = dioptres;
            pending.shot.lens = pending.shot.lens.or(lens);
        }
        self.save()?;
        let photo = self.expose(aim)?;
        let known = focus + photo.exposing + photo.transfer;
        let index = self.taken()?;
        let other = self.free_since.elapsed().saturating_sub(known);
        let parts =
            [("focus", focus), ("exposure", photo.exposing), ("transfer", photo.transfer), ("other", other)];
        let shot = &mut self.session.shots[index];
        shot.took_ms.extend(parts.map(|(name, time)| (name.to_owned(), 1000.0 * time.as_secs_f64())));
        self.save()?;
        self.free_since = Instant::now();
        Ok(Taken::Photo(index))
    }

    /// Focuses; `nudged` are the nudges that are done, of which none is done twice.
    fn focus(&mut self, aim: &Aim, nudged: &mut usize) -> Result<Option<Lock>> {
        match aim {
            Aim::Point(point) => self.camera.focus_at(*point).map(Some),
            Aim::Nudges(nudges) => {
                while let Some(&nudge) = nudges.get(*nudged) {
                    *nudged += 1;
                    self.camera.nudge(nudge)?;
                }
                Ok(None)
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
        let mut last = String::new();
        for _ in 0..RECONNECTS {
            self.check()?;
            std::thread::sleep(RECONNECT_REST);
            match self.camera.reconnect() {
                Ok(()) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(Error::CameraGone(format!(
            "{text}; then run the same command again: it goes on where it stopped (last: {last})"
        )))
    }

    /// Exposes, and writes the files as they come: the camera forgets each with the next word that it hears. A photo that is
    /// lost is taken again, one that was cut off is fetched again.
    fn expose(&mut self, aim: &Aim) -> Result<Exposed> {
        let mut held = false;
        let exposed = self.expose_until_kept(aim, &mut held);
        let back = if held { self.kept_alive(|crew| crew.camera.hold_focus(false)) } else { Ok(()) };
        exposed.and_then(|exposed| back.map(|()| exposed))
    }

    /// As [`Self::expose`]; `held` is whether the focus is held in the end.
    fn expose_until_kept(&mut self, aim: &Aim, held: &mut bool) -> Result<Exposed> {
        let (mut lost, mut cuts) = (0, 0);
        loop {
            let Self { camera, session, folder, .. } = self;
            let error = match camera.expose(&mut |file| store(folder, session, file)) {
                Ok(exposed) => return Ok(exposed),
                Err(error) => error,
            };
            match error {
                Error::CameraGone(text) if cuts < CUTS => {
                    self.reconnect(text)?;
                    cuts += 1;
                    if self.fetch_left_over(FIRED)? {
                        return Ok(Exposed { exposing: Duration::ZERO, transfer: Duration::ZERO });
                    }
                    self.pending_aside()?;
                }
                Error::CameraLost(text) if lost < LOST => {
                    self.note(format!("{text}; taking it again"));
                    self.pending_aside()?;
                    lost += 1;
                }
                error @ (Error::Camera(_) | Error::CameraBusy(_) | Error::Supplies(_)) => {
                    // It may have fired all the same.
                    if self.fetch_left_over(NOT_FIRED).unwrap_or(false) {
                        return Ok(Exposed { exposing: Duration::ZERO, transfer: Duration::ZERO });
                    }
                    self.pending_aside()?;
                    self.session.pending = None;
                    self.save()?;
                    return Err(error);
                }
                error => return Err(error),
            }
            if let Aim::Point(point) = aim {
                // A lens that has its focus keeps it where the autofocus finds it no more.
                let lock = self.kept_alive(|crew| crew.camera.focus_at(*point))?;
                if lock == Lock::Failed && !*held {
                    self.kept_alive(|crew| crew.camera.hold_focus(true))?;
                    *held = true;
                }
                let (lens, dioptres) = (self.camera.lens_position(), self.dioptres());
                if let Some(pending) = &mut self.session.pending {
                    pending.shot.autofocus = Some(lock);
                    pending.shot.lens = lens.or(pending.shot.lens);
                    pending.shot.dioptres = dioptres;
                }
                self.save()?;
            }
        }
    }

    /// What the camera says that it is focused at, for a photo of the scan: the map takes its scale from these.
    fn dioptres(&mut self) -> Option<f64> {
        let scans = self.session.pending.as_ref().is_some_and(|pending| pending.shot.stage == Stage::Scan);
        if scans { self.camera.dioptres() } else { None }
    }

    /// Fetches what is still on the camera of the pending photo; whether its picture is there.
    fn fetch_left_over(&mut self, patience: Duration) -> Result<bool> {
        let Self { camera, session, folder, .. } = self;
        camera.left_over(patience, &mut |file| store(folder, session, file))?;
        let files = session.pending.as_ref().map(|pending| &pending.shot.files);
        Ok(files.is_some_and(|files| files.iter().any(|name| is_picture(name))))
    }

    /// Writes down that the pending photo, whose files are there, is taken; its place among the shots.
    fn taken(&mut self) -> Result<usize> {
        let Some(Pending { mut shot, .. }) = self.session.pending.take() else {
            return Err(Error::Camera("a photo came that nobody asked for".into()));
        };
        // The one to look at comes last.
        shot.files.sort_by_key(|name| is_picture(name));
        shot.time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        self.session.shots.push(shot);
        self.save()?;
        Ok(self.session.shots.len() - 1)
    }

    /// Clears up after a run that was killed: the photo it was taking is found in the folder, or on the camera, or was not
    /// taken. Photos on the camera that nobody asked for are kept aside.
    pub fn recover(&mut self) -> Result<()> {
        self.orphans_aside()?;
        let Some(pending) = &mut self.session.pending else {
            return self.keep_aside(NOT_FIRED);
        };
        let fired = pending.fired;
        pending.shot.files = found(&self.folder, &pending.stem)?;
        let whole = pending.shot.files.iter().any(|name| is_picture(name));
        let patience = if fired { FIRED } else { NOT_FIRED };
        if whole || self.fetch_left_over(patience)? {
            self.note("the photo that was being taken when the program ended is safe");
            return self.taken().map(drop);
        }
        self.pending_aside()?;
        self.session.pending = None;
        self.save()
    }

    /// Moves aside what lies among the photos and belongs to none: a program that was killed while it moved files.
    fn orphans_aside(&mut self) -> Result<()> {
        let pending = self.session.pending.as_ref().map(|pending| pending.stem.clone());
        let known = |name: &str| {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            self.session.shots.iter().any(|shot| shot.files.iter().any(|file| file == name))
                || pending.as_deref() == Some(stem)
        };
        let mut orphans = Vec::new();
        for stage in [Stage::Scan, Stage::Stack] {
            let Ok(entries) = std::fs::read_dir(self.folder.join(stage.folder())) else { continue };
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let names = names.filter(|name| is_ours(name));
            let names = names.map(|name| format!("{}/{name}", stage.folder()));
            orphans.extend(names.filter(|name| !known(name)));
        }
        if orphans.is_empty() { Ok(()) } else { self.move_aside(orphans) }
    }

    /// Moves files of the pending photo aside: a RAW file whose picture never came shows what no other does, and belongs
    /// to no photo.
    fn pending_aside(&mut self) -> Result<()> {
        let files = self.session.pending.as_mut().map(|pending| std::mem::take(&mut pending.shot.files));
        self.move_aside(files.unwrap_or_default())
    }

    /// Moves files that belong to no photo any more aside.
    fn move_aside(&mut self, files: Vec<String>) -> Result<()> {
        for name in files {
            let aside = aside(&self.folder, &ending(&name))?;
            let from = self.folder.join(&name);
            std::fs::rename(&from, self.folder.join(&aside)).map_err(Error::io(&from, "moving aside"))?;
            self.session.unasked.push(aside);
        }
        self.save()
    }

    /// Takes a photo out of the session that shows something else; its files stay, aside.
    pub fn disown(&mut self, index: usize) -> Result<()> {
        let shot = self.session.shots.remove(index);
        self.save()?;
        self.move_aside(shot.files)
    }

    /// Keeps what is on the camera, or comes within `patience`, and belongs to no photo of the session. A file that is
    /// here already is announced again where the program ended before the camera heard that it came.
    fn keep_aside(&mut self, patience: Duration) -> Result<()> {
        let Self { camera, session, folder, tell, .. } = self;
        camera.left_over(patience, &mut |file| {
            let known = session.shots.iter().flat_map(|shot| &shot.files).chain(&session.unasked);
            if known.into_iter().any(|name| is_same(&folder.join(name), &file.bytes)) {
                return Ok(());
            }
            let name = aside(folder, &ending(&file.name))?;
            let path = folder.join(&name);
            image_io::write_atomically(&path, |out| std::io::Write::write_all(out, &file.bytes))?;
            let text =
                format!("a photo was on the camera that belongs to no step: kept as {}", path.display());
            tell(&Event::Note { text });
            session.unasked.push(name);
            session.write(folder)
        })
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

/// A free name for a file that belongs to no photo; its folder is there.
fn aside(folder: &Path, ending: &str) -> Result<String> {
    let inside = folder.join("unasked");
    std::fs::create_dir_all(&inside).map_err(Error::io(&inside, "making the folder"))?;
    let names = (1..).map(|number| format!("unasked/{number:03}.{ending}"));
    let free = names.into_iter().find(|name| !folder.join(name).exists());
    free.ok_or_else(|| Error::Usage(format!("{}: is full", inside.display())))
}

/// Writes a file of the session's pending photo.
fn store(folder: &Path, session: &mut SessionFile, file: PhotoFile) -> Result<()> {
    let Some(pending) = &mut session.pending else {
        return Err(Error::Camera("a photo came that nobody asked for".into()));
    };
    let name = format!("{}.{}", pending.stem, ending(&file.name));
    let path = folder.join(&name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io(parent, "making the folder"))?;
    }
    // The same file may come twice, where the connection broke after it.
    if path.exists() && !is_same(&path, &file.bytes) {
        return Err(Error::Usage(format!("{}: is there already; move it away", path.display())));
    }
    image_io::write_atomically(&path, |out| std::io::Write::write_all(out, &file.bytes))?;
    if !pending.shot.files.contains(&name) {
        pending.shot.files.push(name);
    }
    Ok(())
}

/// Whether a file is named as photos are, in a scan or a stack.
fn is_ours(name: &str) -> bool {
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let stem = stem.strip_prefix("step_").unwrap_or(stem);
    ending != "xmp" && !stem.is_empty() && stem.chars().all(|c| c.is_ascii_digit() || c == '_')
}

/// Ending of a file name, in small letters.
fn ending(name: &str) -> String {
    let ending = Path::new(name).extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// Files in `folder` that `stem` names.
fn found(folder: &Path, stem: &str) -> Result<Vec<String>> {
    let path = folder.join(stem);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let Ok(entries) = std::fs::read_dir(parent) else { return Ok(Vec::new()) };
    let found = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| Path::new(file).file_stem() == Some(name))
        .map(|file| format!("{stem}.{}", Path::new(&file).extension().unwrap_or_default().to_string_lossy()));
    Ok(found.collect())
}
