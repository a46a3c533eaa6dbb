//! What nearfar asks about, and what it refuses, before it takes a photo.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use nearfar::frame::Size;
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};

use super::resume::{STEPS, complete, small};
use super::shooting::Stage;

/// A body that is set in an odd way.
fn odd(settings: BodySettings) -> Stage {
    Stage::new(BodySettings { seed: 1, ..settings }, SceneKind::Macro, Size::new(540, 360), 14.0)
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn a_lens_that_is_switched_to_manual_is_named() {
    let stage = odd(BodySettings { lens_mf: true, ..BodySettings::default() });
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert!(code == 1 && err.contains("AF/MF switch of the lens"), "{code} {out}{err}");
    assert!(stage.truth().is_empty());
}

#[test]
fn a_lens_that_does_not_move_is_noticed() {
    let stage = odd(BodySettings { body: BodyKind::Old, lens_mf: true, ..BodySettings::default() });
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert!(code == 1 && err.contains("AF/MF switch of the lens"), "{code} {out}{err}");
    assert!(stage.shots("scan").is_empty() && stage.truth().len() < 9, "{:?}", stage.truth());
}

#[test]
fn lost_photos_do_not_look_like_raw_files_that_stay() {
    let faults = ["picture-lost@2", "picture-lost@3"].map(|fault| fault.parse().unwrap()).into();
    let stage = odd(BodySettings { body: BodyKind::Old, raw: true, faults, ..BodySettings::default() });
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 2);
    assert!(stage.shots("scan").iter().all(|shot| shot["files"].as_array().unwrap().len() == 2));
}

#[test]
fn raw_files_that_stay_on_the_card_are_soon_not_waited_for() {
    let settings =
        BodySettings { body: BodyKind::Old, raw: true, raw_stays: true, ..BodySettings::default() };
    let stage = odd(settings);
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 0);
    let shots = [stage.shots("scan"), stage.shots("stack")].concat();
    let other: Vec<f64> = shots.iter().map(|shot| shot["took_ms"]["other"].as_f64().unwrap()).collect();
    assert_eq!(other.iter().filter(|&&ms| ms > 4000.0).count(), 2, "{other:?}");
}

/// The whole job with near and far swapped.
fn swapped(stage: &Stage) -> Command {
    let right = stage.shoot(STEPS);
    let mut args: Vec<_> = right.get_args().map(ToOwned::to_owned).collect();
    let of = |name: &str| args.iter().position(|arg| arg == name).unwrap() + 1;
    let (near, far) = (of("--near"), of("--far"));
    args.swap(near, far);
    let mut swapped = Command::new(right.get_program());
    swapped.args(args).current_dir(stage.path("")).env("HOME", stage.path("")).stdin(Stdio::null());
    swapped
}

#[test]
fn ends_that_are_swapped_are_named_and_can_be_put_right() {
    let stage = small(BodyKind::Old, &[]);
    let (code, out, err) = stage.run(swapped(&stage));
    assert!(code == 2 && err.contains("the two swapped"), "{code} {out}{err}");
    let scanned = stage.truth().len();
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert_eq!(code, 0, "{out}{err}");
    complete(&stage, 0);
    assert_eq!(stage.shots("scan").len(), scanned, "the scan counts for both");
    let (code, out, err) = stage.run(swapped(&stage));
    assert!(code == 2 && err.contains("the session in session has"), "once it is mapped: {code} {out}{err}");
}

#[test]
fn a_refused_run_sets_back_what_a_killed_one_changed() {
    let stage = small(BodyKind::Old, &[]);
    let mut child = stage.start(&mut stage.shoot(STEPS));
    while stage.truth().len() < 3 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.focus_mode(), 1, "driven by hand");
    let (code, out, err) = stage.run(stage.shoot(STEPS + 1));
    assert!(code == 2 && err.contains("the session in session has"), "{code} {out}{err}");
    assert_eq!(stage.focus_mode(), 2, "as it was");
}

/// Answers a question on a terminal: whether the program succeeded, and what it said.
#[cfg(target_os = "linux")]
fn answered(stage: &Stage, answer: &str) -> (bool, String) {
    let command = stage.shoot(4);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &words.join(" "), "/dev/null"]);
    script.current_dir(stage.path("")).env("HOME", stage.path("")).stdin(Stdio::piped());
    let mut child = script.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{answer}").unwrap();
    // The terminal is there as long as somebody may write.
    let done = child.wait_with_output().unwrap();
    drop(stdin);
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
#[cfg(target_os = "linux")]
fn changed_settings_are_asked_about_on_a_terminal() {
    let stage = small(BodyKind::Old, &[]);
    let (code, out, err) = stage.run(stage.shoot(4));
    assert_eq!(code, 0, "{out}{err}");
    let file = stage.path("session/session.json");
    let session = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, session.replace("\"iso\": \"100\"", "\"iso\": \"800\"")).unwrap();
    let (succeeded, said) = answered(&stage, "n");
    assert!(!succeeded && said.contains("Go on all the same? [y/N]"), "{said}");
    let (succeeded, said) = answered(&stage, "y");
    assert!(succeeded && said.contains("iso was 800, is 100"), "{said}");
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_camera_that_another_program_has_is_left_to_it() {
    let stage = small(BodyKind::Old, &[]);
    let mut gphoto2 = Command::new("stdbuf");
    gphoto2.args(["-oL", "gphoto2", "--port", &stage.server.port_string(), "--wait-event=60s"]);
    let mut other = gphoto2.env("HOME", stage.path("")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (code, out, err) = stage.run(stage.shoot(STEPS));
    assert!(code == 1 && err.contains("no other program has the camera open"), "{line}{code} {out}{err}");
    assert!(!stage.path("session").exists() && stage.truth().is_empty());
    other.kill().unwrap();
    other.wait().unwrap();
    let mut dry_run = stage.shoot(STEPS);
    dry_run.arg("--dry-run");
    assert_eq!(stage.run(dry_run).0, 0, "once it is free");
}

#[test]
fn sessions_are_held_against_what_does_not_fit_them() {
    let stage = small(BodyKind::Old, &[]);
    let (code, out, err) = stage.run(stage.shoot(4));
    assert_eq!(code, 0, "{out}{err}");
    let port = stage.server.port_string();
    let mut dry_run = stage.nearfar();
    dry_run.args(["capture", "session", "--dry-run", "--camera", &port]);
    let (code, out, _) = stage.run(dry_run);
    assert!(code == 0 && out.contains("\"photos\":0"), "all are taken: {out}");
    let camera = ["--camera", &port];
    let refused = |args: &[&str], words: &str| {
        let mut command = stage.nearfar();
        command.args(args);
        let (code, _, err) = stage.run(command);
        assert!(matches!(code, 1 | 2) && err.contains(words), "{words}: {code} {err}");
    };
    let taken = stage.truth().len();
    let shoot = |folder: &str, ends: [&str; 2], steps: &str, words: &str| {
        let args = ["shoot", "-o", folder, "--near", ends[0], "--far", ends[1], "-n", steps];
        refused(&[&args[..], &camera].concat(), words);
    };
    shoot("session", ["0.5,0.9", "0.5,0.1"], "4", "the session in session has");
    shoot("new", ["0,2", "1,1"], "4", "fractions");
    shoot("new", ["0,1", "0,1"], "4", "are the same");
    shoot("new", ["0,1", "1,1"], "1", "2 to 999");
    refused(&["scan", "-o", "new", "--camera", "ptpip:127.0.0.1:1:1"], "cannot be opened");
    refused(&["scan", "-o", ".", "--camera", &port], "is no session");
    refused(&["capture", "nowhere", "--camera", &port], "no session here");
    let capture = ["capture", "session", "--camera", &port];
    let plan = stage.path("session/plan.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    for (from, to, words) in
        [("\"x\": 0.", "\"x\": 7.", "outside the picture"), ("\"index\": 1", "\"index\": 5", "number them")]
    {
        std::fs::write(&plan, text.replacen(from, to, 1)).unwrap();
        refused(&capture, words);
    }
    std::fs::write(&plan, "{").unwrap();
    refused(&capture, "damaged");
    std::fs::write(&plan, text).unwrap();
    let file = stage.path("session/session.json");
    let session = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, session.replace("ILCE-7RM3", "NIKON Z 9")).unwrap();
    refused(&capture, "NIKON Z 9");
    std::fs::write(&file, session.replace("\"iso\": \"100\"", "\"iso\": \"800\"")).unwrap();
    refused(&capture, "settings changed");
    assert_eq!(stage.truth().len(), taken, "nothing was photographed");
}

#[test]
fn a_dry_run_photographs_nothing() {
    let stage = small(BodyKind::Old, &[]);
    let mut command = stage.shoot(STEPS);
    command.arg("--dry-run");
    let (code, out, err) = stage.run(command);
    assert!(
        code == 0 && out.contains("\"strategy\":\"sweep\"") && out.contains("\"photos\":49"),
        "{out}{err}"
    );
    assert!(stage.truth().is_empty() && !stage.path("session").exists());
}
