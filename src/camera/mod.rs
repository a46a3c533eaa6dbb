//! Tethered cameras: what is connected, what it can do, and how nearfar drives it.
//!
//! What a camera can do is told by the widgets that libgphoto2 shows for it, never by its model's name: the same body
//! shows others to an older libgphoto2. [`Camera`] is what photographing a session needs of one: [`Tethered`] does it
//! through libgphoto2, [`Attended`] by asking the photographer.

mod attended;
mod capabilities;
mod gphoto;
mod tethered;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use attended::Attended;
pub use capabilities::{Capabilities, FocusDrive, LibraryVersion, Strategy, Widget, WidgetKind};
pub use gphoto::{Connected, Wire, connected, library_version, open};
pub use tethered::Tethered;

use crate::error::Result;

/// A point of the picture as fractions of its width and height: 0,0 top left … 1,1 bottom right.
pub type Point = [f64; 2];

/// How an autofocus ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// The focus was found.
    Locked,
    /// It was not: too little contrast.
    Failed,
    /// Nobody can tell: the photographer has seen to it.
    Unknown,
}

/// A file as the camera made it.
#[derive(Clone, PartialEq, Eq)]
pub struct PhotoFile {
    /// Name without folders, as the camera gave it.
    pub name: String,
    /// Content.
    pub bytes: Box<[u8]>,
}

/// Whether nearfar can look at a file of this name; RAW files it keeps.
pub fn is_picture(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["jpg", "jpeg", "png", "tif", "tiff"].contains(&ending.as_str())
}

/// Whether the file at `path` has just these bytes.
pub fn is_same(path: &Path, bytes: &[u8]) -> bool {
    std::fs::metadata(path).is_ok_and(|there| there.len() == bytes.len() as u64)
        && std::fs::read(path).is_ok_and(|there| there[..] == *bytes)
}

impl std::fmt::Debug for PhotoFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// How long an exposure took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// From the release to the first word of the picture: exposure, and the camera's own work.
    pub exposing: Duration,
    /// How long the files took to come over.
    pub transfer: Duration,
}

/// Takes in a file: what has come back from it is safe.
pub type Keep<'a> = &'a mut dyn FnMut(PhotoFile) -> Result<()>;

/// Writes down what a camera is to be set back to, before it is set: names and values.
pub type Remember<'a> = &'a mut dyn FnMut(&[(String, String)]) -> Result<()>;

/// How a camera is set, and whether it can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Charge of the battery in per cent, if it tells.
    pub battery: Option<u32>,
    /// Photos for which the card has room, if it tells.
    pub room: Option<u32>,
    /// Whether focus mode can be changed by program, or a switch on the lens stands against it.
    pub focus_mode: Option<String>,
    /// Settings that make photos look alike: exposure, size and quality.
    pub settings: BTreeMap<String, String>,
}

/// Which way, and how far in the camera's own sizes, a lens is told to go: −7 … 7 on Sony, positive is farther.
pub type Nudge = i32;

/// What photographing needs of a camera.
///
/// Errors of every call: [`crate::error::Error::CameraBusy`] if it may do it later, [`crate::error::Error::CameraGone`]
/// if it does not answer any more, [`crate::error::Error::Camera`] for what it refuses,
/// [`crate::error::Error::Interrupted`].
pub trait Camera: Send {
    /// Its model.
    fn model(&self) -> &str;

    /// How it is driven.
    fn strategy(&self) -> Strategy;

    /// How it is set, and whether it can go on.
    fn condition(&mut self) -> Result<Condition>;

    /// Sets it to be driven; what it was, by now or as an earlier run found it (`before`), is remembered first.
    fn take_over(&mut self, before: &[(String, String)], remember: Remember<'_>) -> Result<()>;

    /// Sets it back to how it was, `before`; all of it, whatever fails, and then the first error.
    fn give_back(&mut self, before: &[(String, String)]) -> Result<()>;

    /// Connects anew to a camera that is gone.
    fn reconnect(&mut self) -> Result<()>;

    /// Autofocuses at a point; the focus stays until [`Camera::let_go`].
    fn focus_at(&mut self, point: Point) -> Result<Lock>;

    /// Ends an autofocus.
    fn let_go(&mut self) -> Result<()>;

    /// Where the lens stands, if it tells: 0 near … 100 far.
    fn lens_position(&mut self) -> Option<f64>;

    /// What it is focused at in dioptres (1 / metres, 0 at infinity), if it tells.
    fn dioptres(&mut self) -> Option<f64>;

    /// Moves the lens by one nudge, and waits until it has settled.
    fn nudge(&mut self, nudge: Nudge) -> Result<()>;

    /// Sizes of nudges that it takes: 7 on Sony, 3 on Canon; 0 if its lens cannot be moved.
    fn nudge_sizes(&self) -> usize;

    /// Whether it shoots without autofocus from now on, the lens staying where it is.
    fn hold_focus(&mut self, hold: bool) -> Result<()>;

    /// What it sees, as a JPEG.
    fn preview(&mut self) -> Result<Box<[u8]>>;

    /// Takes a photo at the present focus; each of its files, RAW, JPEG or both, is kept before the camera hears another
    /// word.
    fn expose(&mut self, keep: Keep<'_>) -> Result<Exposed>;

    /// Keeps files of an earlier exposure that nobody has fetched; waits so long for the first, and as long as the shutter is
    /// open.
    fn left_over(&mut self, patience: Duration, keep: Keep<'_>) -> Result<()>;
}
