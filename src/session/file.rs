//! `session.json`: what was asked, the camera, and every photo; replaced atomically around each shot.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::camera::{Lock, Nudge, Point};
use crate::error::{Error, Result};
use crate::files::write_json;

/// Name of the file.
pub const NAME: &str = "session.json";
/// Name of the file that is held by the program at work on a session.
pub const LOCK: &str = ".nearfar-lock";
const VERSION: u32 = 1;

/// The whole of it. File names are relative to the session's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionFile {
    /// Format version, 1.
    pub version: u32,
    /// What the session is to become.
    pub asked: Asked,
    /// The camera's model.
    pub camera: String,
    /// How it is driven: the strategy's name.
    pub strategy: String,
    /// Its settings that make photos look alike.
    pub settings: BTreeMap<String, String>,
    /// What is to be set back when the camera is let go: names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_back: Vec<(String, String)>,
    /// Why the scan ended; none while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_ended: Option<String>,
    /// Why a sweep came to its end, after which it goes back for what it left out; none while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<String>,
    /// Every photo, in the order taken.
    pub shots: Vec<Shot>,
    /// The photo that is being taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Whether the photographer went on though the scene changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// Photos that the merged picture is made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
    /// Photos that were found on the camera and nobody here asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<String>,
}

/// What a session is to become.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Where the near end is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<Point>,
    /// Where the far end is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far: Option<Point>,
    /// Focus steps of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}

/// What a photo is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// To find out about the scene.
    Scan,
    /// To be merged.
    Stack,
}

impl Stage {
    /// Folder of its photos, and its name for people.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Stack => "stack",
        }
    }
}

/// Removes what a killed program was writing in a session's folder. Nobody else may be at work on it.
pub fn clear_leftovers(folder: &Path) {
    let folders = [folder.to_owned(), folder.join(Stage::Scan.folder()), folder.join(Stage::Stack.folder())];
    for entry in folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(".nearfar-") && name != LOCK {
            let path = entry.path();
            // What cannot be removed does no harm.
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

/// A photo that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// What it is for.
    pub stage: Stage,
    /// Step of the plan, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// When, in UTC.
    pub time: String,
    /// Its files, the one to look at last.
    pub files: Vec<String>,
    /// Where autofocus was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub af_point: Option<Point>,
    /// How that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autofocus: Option<Lock>,
    /// How the lens was moved before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nudges: Vec<Nudge>,
    /// Where the lens stood, as far as is known: as the camera tells, 0 … 100; or the sum of the nudges
    /// from the near stop, in thousandths of the whole way about, put right by what the photo shows sharp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lens: Option<f64>,
    /// What it was focused at in dioptres, as the camera tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dioptres: Option<f64>,
    /// Depth asked for, in levels of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_depth: Option<f64>,
    /// Depth at which it really is sharp, in levels of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_depth: Option<f64>,
    /// Milliseconds that its parts took: focus, exposure, transfer, other.
    pub took_ms: BTreeMap<String, f64>,
}

/// A photo that is being taken: enough to know it again after the program was killed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// As it will be, its files not named yet.
    pub shot: Shot,
    /// Name of its files without their endings, relative to the session's folder.
    pub stem: String,
    /// Whether the shutter may have been released.
    pub fired: bool,
}

impl SessionFile {
    /// A session without photos.
    pub fn new(asked: Asked, camera: &str, strategy: &str, settings: BTreeMap<String, String>) -> Self {
        Self {
            version: VERSION,
            asked,
            camera: camera.to_owned(),
            strategy: strategy.to_owned(),
            settings,
            set_back: Vec::new(),
            scan_ended: None,
            swept: None,
            shots: Vec::new(),
            pending: None,
            merged: Vec::new(),
            changed: false,
            unasked: Vec::new(),
        }
    }

    /// Reads that of `folder`; none if there is none.
    ///
    /// # Errors
    /// [`Error::Picture`] naming the file if it is damaged, [`Error::Io`].
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&path, "reading")(error)),
        };
        let session: Self = serde_json::from_str(&text).map_err(|error| {
            Error::picture(&path, format!("is damaged ({error}); mend it, or start in another folder"))
        })?;
        if session.version != VERSION {
            let reason = format!("has version {}, this nearfar reads version {VERSION}", session.version);
            return Err(Error::picture(&path, reason));
        }
        Ok(Some(session))
    }

    /// Writes it into `folder`, atomically.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join(NAME), self)
    }

    /// Photos of a stage.
    pub fn of(&self, stage: Stage) -> impl Iterator<Item = &Shot> {
        self.shots.iter().filter(move |shot| shot.stage == stage)
    }
}

impl Shot {
    /// A photo for `stage` that is yet to be taken.
    pub fn new(stage: Stage) -> Self {
        Self {
            stage,
            step: None,
            time: String::new(),
            files: Vec::new(),
            af_point: None,
            autofocus: None,
            nudges: Vec::new(),
            lens: None,
            dioptres: None,
            target_depth: None,
            achieved_depth: None,
            took_ms: BTreeMap::new(),
        }
    }

    /// The file to look at: the JPEG of a RAW and a JPEG.
    pub fn picture(&self) -> Option<&str> {
        self.files.last().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_was_writing_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("scan")).expect("a folder");
        std::fs::create_dir_all(path(".nearfar-map1")).expect("a folder");
        for name in [LOCK, "session.json", "scan/001.jpg", "scan/.nearfar-xRP0yk", ".nearfar-map1/map.json"] {
            std::fs::write(path(name), "x").expect("a file");
        }
        clear_leftovers(folder.path());
        for (name, stays) in [
            (LOCK, true),
            ("session.json", true),
            ("scan/001.jpg", true),
            ("scan/.nearfar-xRP0yk", false),
            (".nearfar-map1", false),
        ] {
            assert_eq!(path(name).exists(), stays, "{name}");
        }
    }
}
