//! Whatever goes wrong with the camera or the program: the session ends complete, or says why it stopped and the same
//! command completes it, with no photo lost and none taken twice.

use std::process::{Command, Stdio};
use std::time::Duration;

use nearfar::frame::Size;
use nearfar::image_io::{Format, Limits, probe};
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};

use super::gphoto2::{af_point_gphoto2, wait};
use super::shooting::Stage;

/// Steps of a session.
pub const STEPS: usize = 9;

/// A scene of few levels in few pixels: some nine photos of the scan.
pub fn small(body: BodyKind, faults: &[&str]) -> Stage {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let settings = BodySettings { body, faults, seed: 1, ..BodySettings::default() };
    Stage::new(settings, SceneKind::Macro, Size::new(540, 360), 14.0)
}

/// Runs the same command until it is done; each time it stops it must say one of `causes`.
#[track_caller]
fn survives(body: BodyKind, faults: &[String], causes: &[&str], lost: usize) {
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let stage = small(body, &faults);
    let mut stops = 0;
    loop {
        let (code, out, err) = stage.run(stage.shoot(STEPS));
        if code == 0 {
            break;
        }
        stops += 1;
        assert_eq!(code, 1, "{faults:?}: {out}{err}");
        assert!(causes.iter().any(|cause| err.contains(cause)), "{faults:?}: no cause: {err}");
        assert!(stops <= faults.len(), "{faults:?} stop it {stops} times: {err}");
    }
    assert!(causes.is_empty() || stops > 0, "{faults:?}: it should have stopped");
    complete(&stage, lost);
}

/// All steps are photographed, and the picture is merged.
#[track_caller]
pub fn complete(stage: &Stage, lost: usize) {
    let mut steps: Vec<u64> =
        stage.shots("stack").iter().map(|shot| shot["step"].as_u64().unwrap()).collect();
    steps.sort_unstable();
    steps.dedup();
    assert_eq!(steps, (0..STEPS as u64).collect::<Vec<_>>());
    assert!(stage.path("session/merged.tif").exists() && stage.path("session/plan.png").exists());
    assert_eq!(stage.session().get("unasked"), None, "no photo was taken for nothing");
    stage.assert_nothing_lost_or_doubled(lost);
}

/// The fault at some shots of the scan and of the stack, or at all.
fn at(fault: &str, shots: &[u32]) -> Vec<String> {
    shots.iter().map(|shot| format!("{fault}@{shot}")).collect()
}

#[test]
fn pictures_without_events_or_with_late_ones_are_found() {
    survives(BodyKind::Old, &["no-events".into()], &[], 0);
    survives(BodyKind::Old, &["late-event".into()], &[], 0);
}

#[test]
fn a_busy_body_is_asked_again_and_a_slow_card_waited_for() {
    survives(BodyKind::Old, &at("busy", &[1, 2, 7, 14]), &[], 0);
    survives(BodyKind::Old, &at("slow-card", &[3, 13]), &[], 0);
}

#[test]
fn a_lost_picture_is_taken_again() {
    survives(BodyKind::Old, &at("picture-lost", &[2, 14]), &[], 2);
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    survives(BodyKind::Old, &["cut".into()], &[], 0);
}

#[test]
fn raw_files_are_kept_beside_their_pictures() {
    let settings = BodySettings {
        body: BodyKind::Old,
        raw: true,
        faults: ["cut@3", "slow-card@5", "late-event@13"].map(|fault| fault.parse().unwrap()).into(),
        seed: 1,
        ..BodySettings::default()
    };
    let stage = Stage::new(settings, SceneKind::Macro, Size::new(540, 360), 14.0);
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 0);
    for shot in [stage.shots("scan"), stage.shots("stack")].concat() {
        let names: Vec<&str> =
            shot["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        let [raw, jpeg] = names[..] else { panic!("{names:?}") };
        assert_eq!(raw.strip_suffix("arw"), jpeg.strip_suffix("jpg"));
        let format = |name| probe(&stage.path("session").join(name), &Limits::default()).unwrap().format;
        assert_eq!([format(raw), format(jpeg)], [Format::Tiff, Format::Jpeg]);
    }
}

#[test]
fn an_empty_battery_and_a_full_card_are_named_and_changed() {
    survives(BodyKind::Old, &at("battery-empty", &[1, 4, 14]), &["battery is empty"], 0);
    survives(BodyKind::Old, &at("card-full", &[13]), &["card is full"], 0);
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn a_new_body_survives_too() {
    survives(BodyKind::New, &at("af-fails", &[1, 3, 7, 14]), &[], 0);
    survives(BodyKind::New, &["cut".into(), "late-event".into()], &[], 0);
}

/// Every fault at every shot: hours.
#[test]
#[ignore = "takes hours: cargo test --release -- --ignored --nocapture every_fault"]
fn every_fault_at_every_shot() {
    let bodies = std::env::var("BODIES").unwrap_or("old new".into());
    let bodies = bodies.split(' ').map(|body| body.parse::<BodyKind>().unwrap());
    let asked =
        std::env::var("SHOTS").map(|list| list.split(' ').map(|shot| shot.parse().unwrap()).collect());
    for body in bodies.filter(|&body| body != BodyKind::New || cfg!(af_point_gphoto2)) {
        let undisturbed = small(body, &[]);
        assert_eq!(undisturbed.run(undisturbed.shoot(STEPS)).0, 0);
        let photos = undisturbed.truth().len() as u32;
        drop(undisturbed);
        let shots: Vec<u32> = asked.clone().unwrap_or_else(|_| (1..=photos).collect());
        for shot in shots.iter().filter(|shot| **shot <= photos) {
            for (fault, causes, lost) in [
                ("no-events", &[][..], 0),
                ("late-event", &[], 0),
                ("busy", &[], 0),
                ("slow-card", &[], 0),
                ("picture-lost", &[], 1),
                ("cut", &[], 0),
                ("af-fails", &[], 0),
                ("battery-empty", &["battery is empty"], 0),
                ("card-full", &["card is full"], 0),
            ] {
                println!("{body}: {fault} at shot {shot}");
                survives(body, &at(fault, &[*shot]), causes, lost);
            }
        }
    }
}

/// Kills the program at so many moments spread over its run, and each time runs the same command again.
#[track_caller]
fn kills(body: BodyKind, times: u32) {
    // From one moment to the next by the golden section: none is like another.
    let mut part = 0.37;
    let mut killed = 0;
    while killed < times {
        let stage = small(body, &[]);
        loop {
            let mut child = stage.start(&mut stage.shoot(STEPS));
            part = (part + 0.618_034) % 1.0;
            let limit = if killed < times { 0.2 + 2.6 * part } else { 240.0 };
            let ended = wait(&mut child, Duration::from_secs_f64(limit));
            let error = std::fs::read_to_string(stage.path("err.txt")).unwrap();
            match ended {
                None => killed += 1,
                Some(true) => break,
                Some(false) => panic!("after {killed} kills: {error}"),
            }
        }
        println!("{body}: killed {killed} times");
        complete(&stage, 0);
    }
}

#[test]
fn a_program_that_is_killed_goes_on() {
    kills(BodyKind::Old, 6);
    if cfg!(af_point_gphoto2) {
        kills(BodyKind::New, 3);
    }
}

/// Killed as soon as a photo's file is there, before the camera hears that it came: it offers the photo again.
#[test]
fn a_photo_that_is_offered_again_is_known() {
    let stage = small(BodyKind::Old, &[]);
    for photo in ["scan/001.jpg", "scan/004.jpg", "scan/007.jpg", "stack/step_004.jpg"] {
        let mut child = stage.start(&mut stage.shoot(STEPS));
        while !stage.path("session").join(photo).exists() {
            assert!(child.try_wait().unwrap().is_none(), "ended before {photo}");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 0);
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored --nocapture fifty_kills"]
fn fifty_kills() {
    kills(BodyKind::Old, 50);
    if cfg!(af_point_gphoto2) {
        kills(BodyKind::New, 50);
    }
}

/// Sets the body's shutter with a program of others.
fn set_shutter(stage: &Stage, time: &str) {
    let mut gphoto2 = Command::new("gphoto2");
    gphoto2.args(["--port", &stage.server.port_string(), "--set-config", &format!("shutterspeed={time}")]);
    let set = gphoto2.env("HOME", stage.path("")).stdout(Stdio::null()).status().unwrap();
    assert!(set.success());
}

/// The shutter stays open for longer than a photo is waited for else.
#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_long_exposure_is_waited_for_after_a_kill() {
    let stage = small(BodyKind::Old, &[]);
    set_shutter(&stage, "8");
    let mut scan = stage.nearfar();
    scan.args(["scan", "-o", "session", "--max-frames", "3", "--camera", &stage.server.port_string()]);
    // So long, the photos show nothing.
    scan.arg("--yes");
    let mut child = stage.start(&mut scan);
    let fired = || {
        let text = std::fs::read_to_string(stage.path("session/session.json")).ok()?;
        serde_json::from_str::<serde_json::Value>(&text).ok()?["pending"]["fired"].as_bool()
    };
    while fired() != Some(true) {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, out, err) = stage.run(scan);
    assert!(format!("{out}{err}").contains("is safe"), "{out}{err}");
    assert_eq!(stage.shots("scan").len(), 3);
    stage.assert_nothing_lost_or_doubled(0);
}

/// Ctrl-C as soon as so many photos are taken.
#[cfg(unix)]
fn interrupted_after(stage: &Stage, photos: usize) {
    let mut child = stage.start(&mut stage.shoot(STEPS));
    while stage.truth().len() < photos {
        std::thread::sleep(Duration::from_millis(10));
    }
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
    assert!(sent.unwrap().success());
    assert_eq!(wait(&mut child, Duration::from_secs(30)), Some(false));
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Within the scan, and within the stack.
#[test]
#[cfg(unix)]
fn another_scene_is_noticed_and_its_photo_is_kept_out() {
    for photos in [4, 13] {
        let mut stage = small(BodyKind::Old, &[]);
        interrupted_after(&stage, photos);
        let before = stage.session()["shots"].as_array().unwrap().len();
        stage.move_to(2);
        let (code, out, err) = stage.run(stage.shoot(STEPS));
        assert!(code == 2 && err.contains("scene"), "{code} {out}{err}");
        let session = stage.session();
        assert_eq!(session["shots"].as_array().unwrap().len(), before, "{session:#}");
        assert!(!session["unasked"].as_array().unwrap().is_empty());
        // Whoever wants it so gets it.
        let back = photos == 4;
        if back {
            stage.move_to(1);
        }
        let mut shoot = stage.shoot(STEPS);
        if !back {
            shoot.arg("--yes");
        }
        let (code, out, err) = stage.run(shoot);
        assert_eq!(code, 0, "{out}{err}");
        assert!(stage.path("session/merged.tif").exists());
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_after_the_photo_and_sets_the_camera_back() {
    let stage = small(BodyKind::Old, &[]);
    interrupted_after(&stage, 3);
    let session = stage.session();
    assert!(session.get("set_back").is_none() && session.get("pending").is_none(), "{session:#}");
    stage.assert_nothing_lost_or_doubled(0);
    // The focus mode is automatic again, as it was.
    assert_eq!(stage.focus_mode(), 2);
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 0);
}

#[test]
#[cfg(unix)]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn ctrl_c_sets_area_and_point_of_the_autofocus_back() {
    let stage = small(BodyKind::New, &[]);
    let set = |settings: &[&str]| {
        let mut gphoto2 = af_point_gphoto2();
        gphoto2.args(["--port", &stage.server.port_string()]).env("HOME", stage.path(""));
        for setting in settings {
            gphoto2.args(["--set-config", setting]);
        }
        assert!(gphoto2.stdout(Stdio::null()).status().unwrap().success());
    };
    set(&["focusarea=Flexible Spot: M", "spotfocusarea=100,280", "focusarea=Wide"]);
    let area = stage.server.state().focus_area;
    interrupted_after(&stage, 3);
    let state = stage.server.state();
    assert_eq!((state.focus_mode, state.focus_area, state.af_point), (2, area, [100, 280]));
    assert!(stage.session().get("set_back").is_none());
}
