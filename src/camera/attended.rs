//! A camera that no program can drive: the photographer focuses and shoots, and the photos are taken from a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::{
    Camera, Condition, Exposed, Keep, Lock, Nudge, PhotoFile, Point, Remember, Strategy, is_picture, is_same,
};
use crate::error::{Error, Result};

/// The photographer, and the folder that photos appear in.
pub struct Attended<'a> {
    folder: PathBuf,
    /// Photos that were there, or were taken in.
    known: BTreeSet<PathBuf>,
    say: &'a (dyn Fn(&str) + Sync),
    interrupt: &'a AtomicBool,
}

/// From one look into the folder to the next; a file that has not grown meanwhile is whole.
const GLANCE: Duration = Duration::from_millis(250);

impl<'a> Attended<'a> {
    /// Watches `folder` for photos that come after `since`, or after now, and are none of those `taken` in before; `say`
    /// tells the photographer what to do.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn new(
        folder: &Path,
        since: Option<SystemTime>,
        taken: &[PathBuf],
        say: &'a (dyn Fn(&str) + Sync),
        interrupt: &'a AtomicBool,
    ) -> Result<Self> {
        let mut known = photos(folder)?;
        let old = |path: &Path| since.is_none_or(|since| arrived(path).is_none_or(|at| at <= since));
        let known_by = |bytes: Vec<u8>| taken.iter().any(|taken| is_same(taken, &bytes));
        known.retain(|path| old(path) || std::fs::read(path).is_ok_and(known_by));
        Ok(Self { folder: folder.to_owned(), known, say, interrupt })
    }
}

/// The photos in `folder`.
fn photos(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder, "reading"))?;
    let paths = entries.map(|entry| Ok(entry.map_err(Error::io(folder, "reading"))?.path()));
    paths.filter(|path| path.as_ref().map_or(true, |path| is_picture(&path.to_string_lossy()))).collect()
}

/// When a file came into its folder: what copies photos may give them the camera's time.
fn arrived(path: &Path) -> Option<SystemTime> {
    let data = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (seconds, nanos) = (data.ctime().try_into().ok()?, data.ctime_nsec().try_into().ok()?);
        Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
    }
    #[cfg(not(unix))]
    data.modified().ok()
}

impl Camera for Attended<'_> {
    fn model(&self) -> &str {
        "attended by the photographer"
    }

    fn strategy(&self) -> Strategy {
        Strategy::Manual
    }

    fn condition(&mut self) -> Result<Condition> {
        Ok(Condition::default())
    }

    fn take_over(&mut self, _before: &[(String, String)], _remember: Remember<'_>) -> Result<()> {
        Ok(())
    }

    fn give_back(&mut self, _before: &[(String, String)]) -> Result<()> {
        Ok(())
    }

    fn reconnect(&mut self) -> Result<()> {
        Ok(())
    }

    fn focus_at(&mut self, [x, y]: Point) -> Result<Lock> {
        (self.say)(&format!(
            "focus at {x:.3},{y:.3} ({:.0} % from the left, {:.0} % from the top), take one photo; waiting for it in {}",
            100.0 * x,
            100.0 * y,
            self.folder.display()
        ));
        Ok(Lock::Unknown)
    }

    fn let_go(&mut self) -> Result<()> {
        Ok(())
    }

    fn lens_position(&mut self) -> Option<f64> {
        None
    }

    fn dioptres(&mut self) -> Option<f64> {
        None
    }

    fn nudge(&mut self, _nudge: Nudge) -> Result<()> {
        Err(Error::Camera("this camera's lens cannot be moved by program".into()))
    }

    fn nudge_sizes(&self) -> usize {
        0
    }

    fn hold_focus(&mut self, _hold: bool) -> Result<()> {
        Ok(())
    }

    fn preview(&mut self) -> Result<Box<[u8]>> {
        Err(Error::Camera("this camera shows no live view to programs".into()))
    }

    fn expose(&mut self, keep: Keep<'_>) -> Result<Exposed> {
        let start = Instant::now();
        let mut seen: Option<(PathBuf, u64)> = None;
        loop {
            let next = photos(&self.folder)?.difference(&self.known).next().cloned();
            let length =
                next.as_ref().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |data| data.len());
            // A photo that is coming is taken in first: the next run would think it older than what it asks for.
            if length == 0 && self.interrupt.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if let Some(path) = next {
                if length > 0 && seen == Some((path.clone(), length)) {
                    let bytes = std::fs::read(&path).map_err(Error::io(&path, "reading"))?.into();
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    keep(PhotoFile { name, bytes })?;
                    self.known.insert(path);
                    return Ok(Exposed { exposing: start.elapsed(), transfer: Duration::ZERO });
                }
                seen = Some((path, length));
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn left_over(&mut self, _patience: Duration, _keep: Keep<'_>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_photos_are_taken_when_they_are_whole_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("old.jpg"), "old").expect("written");
        let interrupt = AtomicBool::new(false);
        let said = std::sync::Mutex::new(String::new());
        let say = |text: &str| said.lock().expect("unpoisoned").push_str(text);
        let mut camera = Attended::new(folder.path(), None, &[], &say, &interrupt).expect("a folder");
        assert_eq!(camera.focus_at([0.25, 0.5]).expect("said"), Lock::Unknown);
        assert!(said.lock().expect("unpoisoned").contains("0.250,0.500"));
        std::fs::write(path("notes.txt"), "text").expect("written");
        std::fs::write(path("new.JPG"), "new").expect("written");
        let mut kept = Vec::new();
        let mut keep = |file| {
            kept.push(file);
            Ok(())
        };
        camera.expose(&mut keep).expect("a photo");
        interrupt.store(true, Ordering::Relaxed);
        assert!(matches!(camera.expose(&mut keep), Err(Error::Interrupted)), "it is taken once");
        assert_eq!(kept, [PhotoFile { name: "new.JPG".into(), bytes: b"new"[..].into() }]);
        // While no program watched, photos came.
        let since = arrived(&path("new.JPG"));
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(path("meanwhile.jpg"), "meanwhile").expect("written");
        let interrupt = AtomicBool::new(false);
        // One of them the program took in before it was killed.
        std::fs::write(path("earlier.jpg"), "taken in").expect("written");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let taken = elsewhere.path().join("001.jpg");
        std::fs::write(&taken, "taken in").expect("written");
        let mut camera = Attended::new(folder.path(), since, &[taken], &say, &interrupt).expect("a folder");
        let mut kept = Vec::new();
        let mut keep = |file: PhotoFile| {
            kept.push(file.name);
            Ok(())
        };
        camera.expose(&mut keep).expect("a photo");
        assert_eq!(kept, ["meanwhile.jpg"]);
    }
}
