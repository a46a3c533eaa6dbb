//! Whatever goes wrong with the camera or the program: the session ends complete, or says why it stopped and the same
//! command completes it, with no photo lost and none taken twice.

use std::time::Duration;

use nearfar::simulate::{BodyKind, SceneKind};

use super::gphoto2::wait;
use super::shooting::Stage;

/// Steps of a session.
const STEPS: usize = 9;

/// Runs the same command until it is done; each time it stops it must say one of `causes`.
#[track_caller]
fn survives(body: BodyKind, faults: &[String], causes: &[&str], lost: usize) {
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let stage = Stage::new(body, SceneKind::Macro, 1, &faults);
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
fn complete(stage: &Stage, lost: usize) {
    let mut steps: Vec<u64> =
        stage.shots("stack").iter().map(|shot| shot["step"].as_u64().unwrap()).collect();
    steps.sort_unstable();
    steps.dedup();
    assert_eq!(steps, (0..STEPS as u64).collect::<Vec<_>>());
    assert!(stage.path("session/merged.tif").exists() && stage.path("session/plan.png").exists());
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
    survives(BodyKind::Old, &at("busy", &[1, 2, 9, 16, 20]), &[], 0);
    survives(BodyKind::Old, &at("slow-card", &[1, 5, 17]), &[], 0);
}

#[test]
fn a_lost_picture_is_taken_again() {
    survives(BodyKind::Old, &at("picture-lost", &[2, 18]), &[], 2);
}

#[test]
fn a_connection_that_is_cut_is_made_again() {
    survives(BodyKind::Old, &["cut".into()], &[], 0);
}

#[test]
fn an_empty_battery_and_a_full_card_are_named_and_changed() {
    survives(BodyKind::Old, &at("battery-empty", &[1, 4, 19]), &["battery is empty"], 0);
    survives(BodyKind::Old, &at("card-full", &[1, 7, 20]), &["card is full"], 0);
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn a_new_body_survives_too() {
    survives(BodyKind::New, &at("af-fails", &[5, 12, 22]), &[], 0);
    survives(BodyKind::New, &["cut".into(), "late-event".into()], &[], 0);
}

/// Every fault at every shot: hours.
#[test]
#[ignore = "takes hours: cargo test --release -- --ignored --nocapture every_fault"]
fn every_fault_at_every_shot() {
    let bodies: &[BodyKind] =
        if cfg!(af_point_gphoto2) { &[BodyKind::Old, BodyKind::New] } else { &[BodyKind::Old] };
    let shots: Vec<u32> = match std::env::var("SHOTS") {
        Ok(list) => list.split(' ').map(|shot| shot.parse().unwrap()).collect(),
        Err(_) => (1..=32).collect(),
    };
    for &body in bodies {
        for shot in &shots {
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

/// Kills the program at moments spread over its run, and runs the same command again.
#[track_caller]
fn kills(body: BodyKind, times: u32) {
    let stage = Stage::new(body, SceneKind::Macro, 1, &[]);
    // From one moment to the next by the golden section: none is like another.
    let mut part = 0.37;
    let mut killed = 0;
    loop {
        let mut child = stage.start(&mut stage.shoot(STEPS));
        part = (part + 0.618_034) % 1.0;
        let ended = if killed < times {
            wait(&mut child, Duration::from_secs_f64(0.2 + 2.6 * part))
        } else {
            wait(&mut child, Duration::from_secs(240))
        };
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

#[test]
fn a_program_that_is_killed_goes_on() {
    kills(BodyKind::Old, 12);
}

#[test]
#[ignore = "takes minutes: cargo test --release -- --ignored --nocapture fifty_kills"]
fn fifty_kills() {
    kills(BodyKind::Old, 50);
    if cfg!(af_point_gphoto2) {
        kills(BodyKind::New, 50);
    }
}
