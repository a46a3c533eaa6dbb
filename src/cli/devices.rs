//! `nearfar devices`: adapters with the limits that matter, and which one would be used; cameras with what they can do.

use serde::Serialize;

use super::cameras::{self, CameraJson};
use super::{Exit, NO_ADAPTER, Talk};
use crate::error::Result;
use crate::gpu::{self, Adapter, Selector};

/// Lists every adapter that can compute, best first, with its largest texture side and buffer, then says which one
/// `--device auto` takes and why. Then every camera with what it can do, and how nearfar would drive it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// auto (those on USB), a port as libgphoto2 names it, or sim (a simulated one)
    #[arg(long, default_value = "auto", value_name = "auto|PORT|sim")]
    camera: String,
}

#[derive(Serialize)]
struct Report<'a> {
    adapters: Vec<AdapterJson<'a>>,
    auto: &'a str,
    why: String,
    libgphoto2: String,
    cameras: Vec<CameraJson>,
}

#[derive(Serialize)]
struct AdapterJson<'a> {
    name: &'a str,
    kind: &'a str,
    api: &'a str,
    driver: &'a str,
    max_texture_side: u32,
    max_storage_mib: u64,
    max_buffer_mib: u64,
}

pub fn run(args: &Args, _: &str, talk: &Talk) -> Result<Exit> {
    let adapters = gpu::adapters();
    let auto = gpu::choose(&adapters, &Selector::Hardware);
    let why = match auto {
        Some(adapter) => format!("the first hardware adapter is a {}", adapter.kind),
        None if adapters.is_empty() => NO_ADAPTER.to_owned(),
        None => "only software adapters are here, and the CPU path is faster than those; --device gpu takes them all the \
                 same"
            .to_owned(),
    };
    let name = auto.map_or("cpu", |adapter| &adapter.name);
    let report = Report {
        adapters: adapters.iter().map(json).collect(),
        auto: name,
        why,
        libgphoto2: cameras::library(),
        cameras: cameras::cameras(&args.camera, talk)?,
    };
    talk.result(&report, &text(&report))?;
    Ok(Exit::Done)
}

fn json(adapter: &Adapter) -> AdapterJson<'_> {
    AdapterJson {
        name: &adapter.name,
        kind: adapter.kind,
        api: &adapter.api,
        driver: &adapter.driver,
        max_texture_side: adapter.max_texture_side,
        max_storage_mib: adapter.max_storage_bytes >> 20,
        max_buffer_mib: adapter.max_buffer_bytes >> 20,
    }
}

fn text(report: &Report<'_>) -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lines = vec![format!("cpu  {threads} thread{}", if threads == 1 { "" } else { "s" })];
    for adapter in &report.adapters {
        lines.push(format!(
            "gpu  {}: {}, {}, {}; textures to {} px a side, storage bindings to {} MiB, buffers to {} MiB",
            adapter.name,
            adapter.kind,
            adapter.api,
            adapter.driver,
            adapter.max_texture_side,
            adapter.max_storage_mib,
            adapter.max_buffer_mib
        ));
    }
    lines.push(format!("--device auto takes: {} ({})", report.auto, report.why));
    lines.push(format!("libgphoto2 {}", report.libgphoto2));
    if report.cameras.is_empty() {
        lines.push("no camera on USB; one on a network is found by --camera PORT".to_owned());
    }
    lines.extend(report.cameras.iter().flat_map(cameras::text));
    lines.join("\n")
}
