//! `nearfar shoot --manual`: a photographer does with another program what nearfar asks for.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nearfar::frame::Size;
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};

use super::gphoto2::{af_point_gphoto2, spot, wait};
use super::shooting::Stage;

const STEPS: usize = 4;
/// Photos after which the photographer goes on without the program for one.
const MEANWHILE: usize = 3;

/// The point that nearfar asked for last, if it asked `more` than so often.
fn asked(stage: &Stage, more: usize) -> Option<[f32; 2]> {
    let said = std::fs::read_to_string(stage.path("err.txt")).unwrap_or_default();
    let points: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("focus at ")).collect();
    let (x, rest) = points.get(more)?.split_once(',')?;
    let (y, _) = rest.split_once(' ')?;
    Some([x.parse().unwrap(), y.parse().unwrap()])
}

/// Focuses at a point and shoots, into the folder that nearfar watches.
fn photograph(stage: &Stage, point: [f32; 2], number: usize) {
    let mut gphoto2 = af_point_gphoto2();
    gphoto2.args(["--port", &stage.server.port_string(), "--quiet"]);
    for setting in ["focusarea=Flexible Spot: M", &spot(point)] {
        gphoto2.args(["--set-config", setting]);
    }
    gphoto2.args(["--capture-image-and-download", "--filename", &format!("DSC{number:05}.jpg")]);
    gphoto2.current_dir(stage.path("watch")).env("HOME", stage.path("")).stdout(Stdio::null());
    assert!(gphoto2.status().unwrap().success());
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn a_photographer_who_focuses_by_hand_gets_the_whole_job_done() {
    let settings = BodySettings { body: BodyKind::New, seed: 1, ..BodySettings::default() };
    let stage = Stage::new(settings, SceneKind::Macro, Size::new(540, 360), 14.0);
    std::fs::create_dir(stage.path("watch")).unwrap();
    let mut command = stage.shoot_with(&["--manual", "--watch", "watch"]);
    command.args(["-n", &STEPS.to_string(), "--max-frames", "8"]);
    let mut child = stage.start(&mut command);
    let (mut taken, mut answered, end) = (0, 0, Instant::now() + Duration::from_secs(200));
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "nearfar waits after {taken} photos");
        if let Some(point) = asked(&stage, answered) {
            // Once the program ends before the photo comes.
            if taken == MEANWHILE {
                child.kill().unwrap();
                child.wait().unwrap();
                // What the photographer is to do is said even so.
                command.arg("--quiet");
            }
            photograph(&stage, point, taken);
            (taken, answered) = (taken + 1, answered + 1);
            if taken == MEANWHILE + 1 {
                child = stage.start(&mut command);
                // The point is asked for again, and the photo is there.
                answered = 1;
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = ["out.txt", "err.txt"].map(|name| std::fs::read_to_string(stage.path(name)).unwrap()).concat();
    assert_eq!(wait(&mut child, Duration::from_secs(1)), Some(true), "{said}");
    assert!(
        said.contains("number 4 in session/plan.png"),
        "the photographer is shown where to focus: {said}"
    );
    let steps: Vec<_> = stage.shots("stack").iter().map(|shot| shot["step"].as_u64().unwrap()).collect();
    assert!((0..STEPS as u64).all(|step| steps.contains(&step)), "{steps:?}");
    assert!(stage.path("session/merged.tif").exists());
    stage.assert_nothing_lost_or_doubled(0);
    assert_eq!(stage.session()["strategy"], "manual");
}
