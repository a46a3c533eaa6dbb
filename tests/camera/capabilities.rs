//! `nearfar devices` on each body, through the real libgphoto2, the system's and one that can set AF points.

use std::process::Command;

use nearfar::simulate::BodyKind;
use serde_json::Value;

use super::gphoto2::{Camera, Which};
use crate::cli::testenv::TestEnv;

/// What `devices` says of the body.
fn devices(camera: &Camera, which: Which) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nearfar"));
    if let (Which::AfPoint, Some(run)) = (which, option_env!("NEARFAR_LIBGPHOTO2_RUN")) {
        command = Command::new(run);
        command.arg(env!("CARGO_BIN_EXE_nearfar"));
    }
    command.args(["--json", "devices", "--camera", &camera.server.port_string()]);
    let text = camera.finish(command).succeeds();
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str(line).unwrap()
}

/// Strategy, reason, and what is said about focus: point, steps, position.
fn focus(report: &Value) -> (String, String, [bool; 3]) {
    let camera = &report["cameras"][0];
    assert_eq!(camera["model"], "ILCE-7RM3", "{report}");
    let can = ["af_point", "focus_steps", "position_told"].map(|name| camera["capabilities"][name] == true);
    for name in ["autofocus", "focus_told", "battery_told", "quality"] {
        assert_eq!(camera["capabilities"][name], true, "{name}: {report}");
    }
    assert!(!can[2] || camera["capabilities"]["distance_told"] == true, "{report}");
    let text = |name: &str| camera[name].as_str().unwrap().to_owned();
    (text("strategy"), text("why"), can)
}

#[test]
fn the_system_s_library_decides_what_the_bodies_can() {
    for (body, strategy, steps) in
        [(BodyKind::New, "sweep", true), (BodyKind::Old, "sweep", true), (BodyKind::Bare, "manual", false)]
    {
        let report = devices(&Camera::new(body, &[]), Which::System);
        let version = report["libgphoto2"].as_str().unwrap();
        let version: nearfar::camera::LibraryVersion = version.parse().unwrap();
        let newer = version.0 >= [2, 5, 32];
        let (found, why, can) = focus(&report);
        let strategy = if newer && body == BodyKind::New { "af-point" } else { strategy };
        assert_eq!((found.as_str(), can[1]), (strategy, steps), "{body}: {why}");
        assert_eq!(why.contains(&format!("libgphoto2 {version}")), !newer, "{body}: {why}");
    }
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn a_newer_library_finds_the_af_point_of_the_new_body() {
    for (body, strategy, can) in [
        (BodyKind::New, "af-point", [true, true, true]),
        (BodyKind::Old, "sweep", [false, true, false]),
        (BodyKind::Bare, "manual", [false; 3]),
    ] {
        let (found, why, has) = focus(&devices(&Camera::new(body, &[]), Which::AfPoint));
        assert_eq!((found.as_str(), has), (strategy, can), "{body}: {why}");
        assert!(!why.contains("libgphoto2"), "{body}: the library is not the reason: {why}");
    }
}

#[test]
fn a_simulated_camera_needs_no_port_and_no_camera_is_no_error() {
    let env = TestEnv::new();
    let report = env.run(["--json", "devices", "--camera", "sim"]).exits(0).json();
    assert_eq!(report["cameras"][0]["model"], "ILCE-7RM3");
    let text = env.run(["devices", "--camera", "sim"]).exits(0).stdout;
    assert!(text.contains("strategy: ") && text.contains("autofocus at a point"), "{text}");
}

#[test]
fn a_port_without_a_camera_is_named() {
    let env = TestEnv::new();
    let nobody = "ptpip:127.0.0.1:1:1";
    env.run(["devices", "--camera", nobody]).exits(1).refuses().says(&[nobody, "cannot be opened"]);
    env.run(["devices", "--camera", "usb:999,999"]).exits(2).refuses().says(&["usb:999,999", "there is:"]);
}
