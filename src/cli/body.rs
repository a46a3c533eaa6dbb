//! `nearfar simulate --port`: a simulated body until Ctrl-C.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::simulate::Target;
use super::{Exit, INTERRUPT, Talk};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::simulate::{BodyKind, BodySettings, Fault, Lens, Server, Subject, View};

/// Options of a simulated body.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pose as a camera on this port of 127.0.0.1; 0: any that is free
    #[arg(long, value_name = "P")]
    port: Option<u16>,
    /// With --port: new (AF point, focus steps), old (focus steps only, with backlash), bare (neither)
    #[arg(long, default_value_t = BodyKind::New, conflicts_with = "render")]
    body: BodyKind,
    /// With --port: what goes wrong, always or at a shot: no-events, late-event, af-fails, busy, slow-card, picture-lost,
    /// cut, battery-empty, card-full; may be given several times
    #[arg(long, value_name = "FAULT[@SHOT]", conflicts_with = "render")]
    fault: Vec<Fault>,
    /// With --port: quality is RAW+JPEG when the body is switched on
    #[arg(long, conflicts_with = "render")]
    raw: bool,
    /// With --port: RAW files stay on the card, as with "RAW+J PC Save Img: JPEG only"
    #[arg(long, conflicts_with = "render")]
    raw_stays: bool,
    /// With --port: the AF/MF switch of the lens stands on MF
    #[arg(long, conflicts_with = "render")]
    lens_mf: bool,
    /// With --port and a picture as --scene: its depth map, dark near and bright far, or a depth.tif of nearfar map
    #[arg(long, value_name = "FILE", conflicts_with = "render")]
    depth: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    /// libgphoto2's name of the port.
    port: String,
    body: String,
    width: u32,
    height: u32,
}

/// Serves until Ctrl-C.
pub(super) fn serve(
    args: &Args,
    scene: &Target,
    size: Size,
    seed: u64,
    lens: Lens,
    talk: &Talk,
) -> Result<Exit> {
    let subject = match (scene, &args.depth) {
        (Target::Scene(kind), None) => Subject::Painted { kind: *kind, size, seed },
        (Target::File(picture), Some(depth)) => Subject::Picture { picture, depth },
        (Target::Scene(_), Some(_)) => {
            return Err(Error::Usage("--depth: belongs to a picture; give one as --scene FILE".into()));
        }
        (Target::File(_), None) => {
            let text =
                format!("--scene {scene}: choose macro or desk, or give the picture's --depth FILE too");
            return Err(Error::Usage(text));
        }
    };
    talk.say("making the scene…");
    let view = View::new(&subject, lens)?;
    let settings = BodySettings {
        body: args.body,
        faults: args.fault.clone(),
        raw: args.raw,
        raw_stays: args.raw_stays,
        lens_mf: args.lens_mf,
        seed,
    };
    let server = Server::start(args.port.unwrap_or(0), view, settings)?;
    let port = server.port_string();
    talk.say(&format!("a Sony ILCE-7RM3 (body {}); Ctrl-C switches it off. Try:", args.body));
    talk.say(&format!("  gphoto2 --port {port} --capture-image-and-download"));
    let Size { width, height } = server.view().size();
    let report = Report { port: port.clone(), body: args.body.to_string(), width, height };
    talk.result(&report, &port)?;
    while !INTERRUPT.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Exit::Interrupted)
}
