//! Each fault, as the real command meets it.

use std::time::{Duration, Instant};

use nearfar::simulate::{AfResult, BodyKind};

use super::gphoto2::{Camera, Which};

const SHOOT: &[&str] = &["--capture-image-and-download", "--force-overwrite"];
/// Fires without waiting for the picture, then downloads what comes.
const FIRE: &[&str] = &["--trigger-capture", "--wait-event-and-download=2s", "--force-overwrite"];

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_picture_is_found_without_its_event_or_before_it() {
    for fault in ["no-events@1", "late-event@1"] {
        let camera = Camera::new(BodyKind::New, &[fault]);
        camera.gphoto2(SHOOT);
        assert_eq!((camera.files().len(), camera.shots().len()), (1, 1), "{fault}");
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_failed_autofocus_is_told_and_holds_until_the_shot_is_taken() {
    let camera = Camera::new(BodyKind::New, &["af-fails@1"]);
    let focus = ["--set-config", "autofocus=1", "--wait-event=1s"];
    for _ in 0..2 {
        let text = camera.gphoto2(&focus);
        assert!(text.contains("d213 changed, \"Focus status\" to \"3\""), "{text}");
    }
    camera.gphoto2(&["--set-config", "focusmode=0"]);
    camera.gphoto2(SHOOT);
    camera.gphoto2(&["--set-config", "focusmode=1"]);
    camera.gphoto2(SHOOT);
    let shots = camera.shots();
    let results: Vec<_> = shots.iter().map(|shot| shot.autofocus).collect();
    assert_eq!(results, [None, Some(AfResult::Locked)]);
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_busy_body_refuses_for_a_while() {
    let camera = Camera::new(BodyKind::Old, &["busy@1"]);
    let text = camera.run(Which::System, SHOOT).fails();
    assert!(text.contains("I/O in progress"), "libgphoto2's words for it: {text}");
    assert!(camera.shots().is_empty());
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        let done = camera.run(Which::System, SHOOT);
        if !done.failed() {
            break;
        }
        assert!(Instant::now() < end, "it is busy for a second: {done:?}");
    }
    assert_eq!(camera.shots().len(), 1);
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_slow_card_takes_four_seconds_more() {
    let camera = Camera::new(BodyKind::New, &["slow-card@1"]);
    let done = camera.run(Which::System, SHOOT);
    assert!(done.took > Duration::from_secs(4), "{done:?}");
    done.succeeds();
    assert_eq!(camera.files().len(), 1);
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_lost_picture_was_shot_and_never_comes() {
    let camera = Camera::new(BodyKind::New, &["picture-lost@1"]);
    camera.gphoto2(&["--set-config", "focusmode=0"]);
    camera.run(Which::System, FIRE);
    assert_eq!((camera.shots().len(), camera.files().len()), (1, 0));
    camera.run(Which::System, FIRE).succeeds();
    assert_eq!((camera.shots().len(), camera.files().len()), (2, 1));
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_picture_whose_transfer_was_cut_can_be_fetched_again() {
    let camera = Camera::new(BodyKind::New, &["cut@1"]);
    camera.run(Which::System, SHOOT).fails();
    assert_eq!((camera.files().len(), camera.server.state().pictures), (0, 1));
    camera.gphoto2(&["--wait-event-and-download=2s"]);
    assert_eq!((camera.files().len(), camera.server.state().pictures), (1, 0));
    assert_eq!(camera.shots().len(), 1, "nothing was shot twice");
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn without_power_or_room_nothing_is_shot_until_they_are_renewed() {
    // Neither has words of its own in PTP's answers as gphoto2 shows them: the properties tell.
    for (fault, battery, room) in [("battery-empty@1", "0%", "1999"), ("card-full@1", "90%", "0")] {
        let camera = Camera::new(BodyKind::New, &[fault]);
        let look = ["--get-config", "batterylevel", "--get-config", "/main/other/d249"];
        let text = camera.run(Which::System, &[&look[..], SHOOT].concat()).fails();
        let shown: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("Current: ")).collect();
        assert_eq!(shown, [battery, room], "{text}");
        assert!(camera.shots().is_empty());
        camera.gphoto2(SHOOT);
        assert_eq!((camera.files().len(), camera.shots().len()), (1, 1), "{fault}");
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn a_fault_at_no_shot_in_particular_strikes_at_each() {
    let camera = Camera::new(BodyKind::New, &["card-full"]);
    for _ in 0..3 {
        camera.run(Which::System, SHOOT).fails();
    }
    assert!(camera.shots().is_empty());
}
