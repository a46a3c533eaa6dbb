//! The cameras of `nearfar devices`: what each can do, how it would be driven, and why.

use serde::Serialize;

use super::Talk;
use crate::camera::{self, Capabilities, FocusDrive, Wire};
use crate::error::Result;
use crate::frame::Size;
use crate::simulate::{BodySettings, Lens, SceneKind, Server, Subject, View};

#[derive(Serialize)]
pub(super) struct CameraJson {
    model: String,
    port: String,
    strategy: &'static str,
    why: String,
    capabilities: CapabilitiesJson,
}

#[derive(Serialize)]
struct CapabilitiesJson {
    af_point: bool,
    autofocus: bool,
    focus_told: bool,
    focus_steps: bool,
    focus_positions: bool,
    position_told: bool,
    distance_told: bool,
    battery_told: bool,
    quality: bool,
}

/// The cameras that `choice` asks for: those on USB, the one at a port, or a simulated one.
pub(super) fn cameras(choice: &str, talk: &Talk) -> Result<Vec<CameraJson>> {
    match choice {
        "auto" => {
            let ports = camera::connected()?.into_iter().map(|camera| camera.port);
            // A camera that does not open hides none of the others.
            let mut found = Vec::new();
            for port in ports {
                match camera::open(&port) {
                    Ok(camera) => found.push(describe(&camera)),
                    Err(error) => talk.warn(&error.to_string()),
                }
            }
            Ok(found)
        }
        "sim" => {
            let subject = Subject::Painted { kind: SceneKind::Desk, size: Size::new(96, 64), seed: 1 };
            let view = View::new(&subject, Lens::default())?;
            let server = Server::start(0, view, BodySettings::default())?;
            Ok(vec![describe(&camera::open(&server.port_string())?)])
        }
        port => Ok(vec![describe(&camera::open(port)?)]),
    }
}

/// libgphoto2's version, for people.
pub(super) fn library() -> String {
    camera::library_version().map_or_else(|| "unknown".into(), |version| version.to_string())
}

fn describe(camera: &Wire) -> CameraJson {
    let capabilities = camera.capabilities();
    CameraJson {
        model: camera.model(),
        port: camera.port().to_owned(),
        strategy: capabilities.strategy().name(),
        why: capabilities.why(camera::library_version()),
        capabilities: json(&capabilities),
    }
}

fn json(capabilities: &Capabilities) -> CapabilitiesJson {
    let drive = capabilities.focus_drive.as_ref();
    CapabilitiesJson {
        af_point: capabilities.af_point,
        autofocus: capabilities.autofocus.is_some(),
        focus_told: capabilities.focus_told,
        focus_steps: matches!(drive, Some(FocusDrive::Relative { .. })),
        focus_positions: matches!(drive, Some(FocusDrive::Absolute { .. })),
        position_told: capabilities.position_told,
        distance_told: capabilities.distance_told,
        battery_told: capabilities.battery_told,
        quality: capabilities.quality,
    }
}

/// Lines about the camera: its name, the table, the strategy.
pub(super) fn text(camera: &CameraJson) -> Vec<String> {
    let can = &camera.capabilities;
    let table = [
        ("autofocus at a point", can.af_point),
        ("autofocus", can.autofocus),
        ("tells when it is focused", can.focus_told),
        ("focus steps", can.focus_steps),
        ("focus positions", can.focus_positions),
        ("tells where the lens stands", can.position_told),
        ("tells how far it is focused", can.distance_told),
        ("tells its battery", can.battery_told),
        ("sets the quality", can.quality),
    ];
    let mut lines = vec![format!("camera  {} at {}", camera.model, camera.port)];
    lines.extend(table.map(|(what, can)| format!("  {what:<28} {}", if can { "yes" } else { "no" })));
    lines.push(format!("  strategy: {} ({})", camera.strategy, camera.why));
    lines
}
