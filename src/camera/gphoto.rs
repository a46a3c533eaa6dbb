//! libgphoto2: the only place that knows it.

use gphoto2::list::CameraDescriptor;
use gphoto2::widget::Widget as GphotoWidget;
use gphoto2::{Camera, Context};

use super::capabilities::{Capabilities, LibraryVersion, NAMES, Widget, WidgetKind};
use crate::error::{Error, Result};

/// A camera that libgphoto2 sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Model as the driver names it.
    pub model: String,
    /// libgphoto2's name of the port.
    pub port: String,
}

/// An open camera.
pub struct Tethered {
    camera: Camera,
    port: String,
}

/// Driver of cameras on a network.
const NETWORK_MODEL: &str = "PTP/IP Camera";
const NETWORK_PORT: &str = "ptpip:";

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
pub fn open(port: &str) -> Result<Tethered> {
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
    let camera = Context::new().and_then(|context| context.get_camera(&descriptor).wait());
    // libgphoto2 connects no sooner than it is first asked for something.
    let camera = camera.and_then(|camera| camera.summary().map(|_| camera));
    let camera = camera.map_err(|error| {
        let remedy = "check cable and power, and that no other program has the camera open";
        Error::Camera(format!("the camera at {port} cannot be opened: {error}; {remedy}"))
    })?;
    Ok(Tethered { camera, port: port.to_owned() })
}

impl Tethered {
    /// libgphoto2's name of the port.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Model as the camera itself says, else as its driver does.
    pub fn model(&self) -> String {
        let told = match self.camera.config_key("cameramodel").wait() {
            Ok(GphotoWidget::Text(widget)) => Some(widget.value()),
            _ => None,
        };
        told.filter(|model| !model.is_empty()).unwrap_or_else(|| self.camera.abilities().model().into_owned())
    }

    /// What its widgets say it can do.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::of(&NAMES.into_iter().filter_map(|name| self.widget(name)).collect::<Vec<_>>())
    }

    /// A widget by its name; none if the camera has no such one.
    fn widget(&self, name: &str) -> Option<Widget> {
        let widget: GphotoWidget = self.camera.config_key(name).wait().ok()?;
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
}
