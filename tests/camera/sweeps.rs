//! A sweep of a scene whose blur grows fast: steps between photos keep overlap, as far as there are photos.

use std::time::Duration;

use nearfar::frame::Size;
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};
use serde_json::Value;

use super::shooting::Stage;

/// A photo shows sharp a fortieth of what lies between both ends.
fn stage() -> Stage {
    let settings = BodySettings { body: BodyKind::Old, seed: 2, ..BodySettings::default() };
    Stage::new(settings, SceneKind::Macro, Size::new(1050, 700), 70.0)
}

/// Where the photos of the scan are on the lens's way, as the session has them.
fn places(stage: &Stage) -> Vec<f64> {
    stage.shots("scan").iter().map(|shot| shot["lens"].as_f64().unwrap()).collect()
}

#[test]
fn what_the_first_steps_left_out_is_photographed_though_the_program_is_killed() {
    let stage = stage();
    let mut child = stage.start(&mut stage.scan(60));
    let gone_back = || {
        let session = std::fs::read(stage.path("session/session.json")).unwrap_or_default();
        let Ok(session) = serde_json::from_slice::<Value>(&session) else { return false };
        let lens = |shot: &Value| shot["lens"].as_f64();
        let places: Vec<f64> = session["shots"].as_array().into_iter().flatten().filter_map(lens).collect();
        places.windows(2).any(|pair| pair[1] < pair[0])
    };
    while !gone_back() {
        assert!(child.try_wait().unwrap().is_none(), "it ends without going back");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = stage.shots("scan").len();
    let (code, out, err) = stage.run(stage.scan(60));
    assert_eq!(code, 0, "{out}{err}");
    let (photos, share) = (stage.shots("scan").len(), stage.scan_coverage(1.5));
    println!("{share:.4} by {photos} photos, {killed} before the end; {:.1?}", places(&stage));
    assert!(share >= 0.99 && killed < photos && photos <= 36, "{share} {photos}");
    stage.assert_nothing_lost_or_doubled(0);
}

#[test]
fn photos_too_few_for_the_way_to_far_end_the_scan_and_say_so() {
    let stage = stage();
    for _ in 0..2 {
        // The second run has nothing left to photograph.
        stage.run(stage.scan(4));
        let ended = stage.session()["scan_ended"].as_str().unwrap().to_owned();
        assert!(
            ended.contains("before the far end was reached") && ended.contains("--max-frames"),
            "{ended}"
        );
        assert_eq!(stage.truth().len(), 4);
        stage.assert_nothing_lost_or_doubled(0);
    }
}

#[test]
fn too_few_photos_are_spread_over_the_whole_range() {
    let stage = stage();
    let (code, out, err) = stage.run(stage.scan(18));
    assert_eq!(code, 0, "{out}{err}");
    let mut places = places(&stage);
    let ended = stage.session()["scan_ended"].as_str().unwrap().to_owned();
    places.sort_by(f64::total_cmp);
    let widest = places.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    println!("{ended}: {places:.1?}");
    assert!(ended.starts_with("the far point is behind; as many as were allowed (18), where "), "{ended}");
    assert!(places.len() == 18 && widest < 75.0, "{places:?}");
}
