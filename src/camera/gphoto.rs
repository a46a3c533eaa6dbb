//! libgphoto2: the only place that knows it.

use std::ffi::{CStr, c_char};
use std::time::Duration;

use gphoto2::camera::CameraEvent;
use gphoto2::error::ErrorKind;
use gphoto2::file::CameraFilePath;
use gphoto2::libgphoto2_sys::{gp_setting_get, gp_setting_set};
use gphoto2::list::CameraDescriptor;
use gphoto2::widget::Widget as GphotoWidget;
use gphoto2::{Camera, Context};

use super::capabilities::{Capabilities, DriveValues, LibraryVersion, NAMES, Widget, WidgetKind};
use crate::error::{Error, Result};

/// A camera that libgphoto2 sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Model as the driver names it.
    pub model: String,
    /// libgphoto2's name of the port.
    pub port: String,
}

/// An open camera: its widgets by name, its events, its files.
pub struct Wire {
    /// None only where it could not be opened again.
    camera: Option<Camera>,
    context: Context,
    port: String,
}

/// What a camera tells by itself.
#[derive(Debug)]
pub(super) enum Happening {
    /// A file can be fetched.
    File(RemoteFile),
    /// Something else, such as a property that changed.
    Other,
    /// Nothing, for as long as was waited.
    Nothing,
}

/// A file on the camera.
#[derive(Debug)]
pub(super) struct RemoteFile(CameraFilePath);

impl RemoteFile {
    /// Its name there.
    pub(super) fn name(&self) -> String {
        self.0.name().into_owned()
    }
}

/// Driver of cameras on a network.
const NETWORK_MODEL: &str = "PTP/IP Camera";
const NETWORK_PORT: &str = "ptpip:";
/// The setting of the PTP driver for how many seconds it keeps what the camera told, and its default.
const DRIVER: &CStr = c"ptp2";
const CACHE_TIME: &CStr = c"cachetime";
const USUAL_CACHE_TIME: &CStr = c"2";
/// Room for a setting, as libgphoto2 asks for it.
const SETTING_ROOM: usize = 1024;

/// Version of the libgphoto2 at hand, where it can be read.
pub fn library_version() -> Option<LibraryVersion> {
    gphoto2::library_version()?.parse().ok()
}

/// The cameras on USB; those on a network are found by their port only.
pub fn connected() -> Result<Vec<Connected>> {
    let failed = |error| Error::Camera(format!("cameras cannot be listed: {error}"));
    let cameras = Context::new().and_then(|context| context.list_cameras().wait()).map_err(failed)?;
    Ok(cameras.map(|CameraDescriptor { model, port }| Connected { model, port }).collect())
}

/// Opens the camera at `port`, as [`connected`] or `nearfar simulate` names it.
///
/// # Errors
/// [`Error::Usage`] if no camera can be at such a port, [`Error::Camera`] if none answers or another program has it.
pub fn open(port: &str) -> Result<Wire> {
    let model = if port.starts_with(NETWORK_PORT) {
        NETWORK_MODEL.to_owned()
    } else {
        let cameras = connected()?;
        let here = cameras.iter().find(|camera| camera.port == port);
        let Some(camera) = here else {
            let known: Vec<_> = cameras.into_iter().map(|camera| camera.port).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::Usage(format!("--camera {port}: no camera at this port; there is: {known}")));
        };
        camera.model.clone()
    };
    let descriptor = CameraDescriptor { model, port: port.to_owned() };
    let failed = |error| {
        let remedy = "check cable and power, and that no other program has the camera open";
        Error::Camera(format!("the camera at {port} cannot be opened: {error}; {remedy}"))
    };
    let context = Context::new().map_err(failed)?;
    let fresh = FreshAnswers::new();
    let camera = context.get_camera(&descriptor).wait();
    // libgphoto2 connects no sooner than it is first asked for something.
    let camera = camera.and_then(|camera| camera.summary().map(|_| camera)).map_err(failed);
    drop(fresh);
    Ok(Wire { camera: Some(camera?), context, port: port.to_owned() })
}

/// As long as this lives, the driver opens cameras without keeping what they told: else a focus that is found is seen
/// up to two seconds late. The setting lasts beyond the process, so it is put back.
struct FreshAnswers {
    before: [c_char; SETTING_ROOM],
    known: bool,
}

impl FreshAnswers {
    #[expect(unsafe_code, reason = "the crate has no safe call for settings")]
    fn new() -> Self {
        let mut before = [0; SETTING_ROOM];
        // SAFETY: libgphoto2 takes names that end with 0, and room of the size that it documents; it keeps no pointer.
        let known = unsafe {
            let (driver, name) = (DRIVER.as_ptr().cast_mut(), CACHE_TIME.as_ptr().cast_mut());
            let known = gp_setting_get(driver, name, before.as_mut_ptr()) >= 0;
            gp_setting_set(driver, name, c"0".as_ptr().cast_mut());
            known
        };
        Self { before, known }
    }
}

impl Drop for FreshAnswers {
    #[expect(unsafe_code, reason = "the crate has no safe call for settings")]
    fn drop(&mut self) {
        let before = if self.known { self.before.as_ptr() } else { USUAL_CACHE_TIME.as_ptr() };
        // SAFETY: as above; `before` ends with 0, since libgphoto2 wrote it so.
        unsafe {
            gp_setting_set(DRIVER.as_ptr().cast_mut(), CACHE_TIME.as_ptr().cast_mut(), before.cast_mut());
        }
    }
}

impl Wire {
    fn camera(&self) -> gphoto2::Result<&Camera> {
        self.camera.as_ref().ok_or_else(|| gphoto2::Error::from("it could not be opened again".to_owned()))
    }

    /// Opens a camera that is gone again.
    ///
    /// # Errors
    /// As [`open`].
    pub(super) fn reopen(&mut self) -> Result<()> {
        let dead = self.camera.take();
        if self.port.starts_with(NETWORK_PORT) {
            // Closing a broken connection, libgphoto2 closes sockets that it has closed before, and with them files of
            // ours that have come to their numbers since (seen in 2.5.30 and 2.5.34).
            std::mem::forget(dead);
        } else {
            // Else nobody could claim it on USB again.
            drop(dead);
        }
        *self = open(&self.port)?;
        Ok(())
    }

    /// libgphoto2's name of the port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Model as the camera itself says, else as its driver does.
    pub fn model(&self) -> String {
        let told = self.read("cameramodel").filter(|model| !model.is_empty());
        let driver = || self.camera().map(|camera| camera.abilities().model().into_owned());
        told.or_else(|| driver().ok()).unwrap_or_default()
    }

    /// What its widgets say it can do.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::of(&NAMES.into_iter().filter_map(|name| self.widget(name)).collect::<Vec<_>>())
    }

    /// The widget that moves the lens, and how.
    pub(super) fn drive(&self) -> Option<(String, DriveValues)> {
        ["manualfocus", "manualfocusdrive"].into_iter().find_map(|name| {
            let widget = self.widget(name)?;
            Some((widget.name.clone(), DriveValues::of(&widget)?))
        })
    }

    /// A widget by its name; none if the camera has no such one.
    fn widget(&self, name: &str) -> Option<Widget> {
        let widget: GphotoWidget = self.camera().ok()?.config_key(name).wait().ok()?;
        let kind = match &widget {
            GphotoWidget::Range(range) => {
                let (ends, _) = range.range_and_step();
                WidgetKind::Range { least: *ends.start(), greatest: *ends.end() }
            }
            GphotoWidget::Radio(radio) => WidgetKind::Choice(radio.choices_iter().collect()),
            GphotoWidget::Toggle(_) => WidgetKind::Toggle,
            _ => WidgetKind::Other,
        };
        Some(Widget { name: name.to_owned(), kind })
    }

    /// What the widget of this name shows; none if there is no such one, or the camera is gone.
    pub(super) fn read(&self, name: &str) -> Option<String> {
        match self.camera().ok()?.config_key::<GphotoWidget>(name).wait().ok()? {
            GphotoWidget::Text(widget) => Some(widget.value()),
            GphotoWidget::Radio(widget) => Some(widget.choice()),
            GphotoWidget::Range(widget) => Some(widget.value().to_string()),
            GphotoWidget::Toggle(widget) => widget.toggled().map(|on| u8::from(on).to_string()),
            _ => None,
        }
    }

    /// Whether the widget of this name takes `value`, as far as it lists what it takes.
    pub(super) fn offers(&self, name: &str, value: &str) -> bool {
        match self.widget(name).map(|widget| widget.kind) {
            Some(WidgetKind::Choice(choices)) => choices.is_empty() || choices.iter().any(|c| c == value),
            Some(_) => true,
            None => false,
        }
    }

    /// Presses the shutter button of a camera that has no widget for that.
    pub(super) fn trigger(&self) -> Result<()> {
        let result = self.camera().and_then(|camera| camera.trigger_capture().wait());
        result.map_err(|error| self.failed("the shutter", &error))
    }

    /// Sets the widget of this name to `value`, a toggle to 0 or 1.
    pub(super) fn write(&self, name: &str, value: &str) -> Result<()> {
        let result = (|| {
            let camera = self.camera()?;
            let widget: GphotoWidget = camera.config_key(name).wait()?;
            match &widget {
                GphotoWidget::Text(widget) => widget.set_value(value)?,
                GphotoWidget::Radio(widget) => widget.set_choice(value)?,
                GphotoWidget::Range(widget) => widget.set_value(value.parse().unwrap_or_default()),
                GphotoWidget::Toggle(widget) => widget.set_toggled(value == "1"),
                _ => return Err(gphoto2::Error::from(format!("{name} cannot be set"))),
            }
            camera.set_config(&widget).wait()
        })();
        result.map_err(|error| self.failed(&format!("setting {name} to {value}"), &error))
    }

    /// The next thing that the camera tells within `patience`.
    pub(super) fn next(&self, patience: Duration) -> Result<Happening> {
        match self.camera().and_then(|camera| camera.wait_event(patience).wait()) {
            Ok(CameraEvent::NewFile(path)) => Ok(Happening::File(RemoteFile(path))),
            Ok(CameraEvent::Timeout) => Ok(Happening::Nothing),
            Ok(_) => Ok(Happening::Other),
            // Unspecified, where the connection broke.
            Err(error) if error.kind() == ErrorKind::Other => Err(self.gone("waiting", &error)),
            Err(error) => Err(self.failed("waiting", &error)),
        }
    }

    /// The content of a file.
    pub(super) fn fetch(&self, file: &RemoteFile) -> Result<Box<[u8]>> {
        let (folder, name) = (file.0.folder(), file.0.name());
        let download = self.camera().and_then(|camera| camera.fs().download(&folder, &name).wait());
        let bytes = download.and_then(|download| download.get_data(&self.context).wait());
        bytes.map_err(|error| self.failed(&format!("fetching {name}"), &error))
    }

    /// What the lens sees now, as a JPEG.
    pub(super) fn preview(&self) -> Result<Box<[u8]>> {
        let preview = self.camera().and_then(|camera| camera.capture_preview().wait());
        let bytes = preview.and_then(|preview| preview.get_data(&self.context).wait());
        bytes.map_err(|error| self.failed("the live view", &error))
    }

    /// The error that `error` is while doing `what`.
    fn failed(&self, what: &str, error: &gphoto2::Error) -> Error {
        match error.kind() {
            ErrorKind::CameraBusy => Error::CameraBusy(format!("{what}: the camera is busy")),
            ErrorKind::Io
            | ErrorKind::IoRead
            | ErrorKind::IoWrite
            | ErrorKind::IoUsbFind
            | ErrorKind::IoUsbClaim
            | ErrorKind::Timeout
            | ErrorKind::OsFailure => self.gone(what, error),
            // Unspecified: it may be gone all the same.
            ErrorKind::Other if !self.answers() => self.gone(what, error),
            _ => Error::Camera(format!("{what}: {error}")),
        }
    }

    fn answers(&self) -> bool {
        self.camera().and_then(|camera| camera.wait_event(Duration::from_millis(1)).wait()).is_ok()
    }

    fn gone(&self, what: &str, error: &gphoto2::Error) -> Error {
        Error::CameraGone(format!(
            "the camera at {} does not answer any more ({what}: {error}); check cable and power",
            self.port
        ))
    }
}
