//! What a stack does not show sharp is told, and photographed.

use nearfar::frame::Size;
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};
use serde_json::Value;

use super::shooting::Stage;

fn stage(size: Size, coc_px: f32) -> Stage {
    let settings = BodySettings { body: BodyKind::Old, seed: 1, ..BodySettings::default() };
    Stage::new(settings, SceneKind::Macro, size, coc_px)
}

/// What the last line of stdout says.
fn result(out: &str) -> Value {
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

#[test]
fn what_too_few_photos_leave_open_is_filled() {
    let stage = stage(Size::new(540, 360), 14.0);
    let (code, out, err) = stage.run(stage.shoot(3));
    let before = result(&out)["coverage"].as_f64().unwrap();
    assert!(code == 0 && before < 0.9 && err.contains("--fill"), "{before} {out}{err}");
    let fill = || {
        let mut command = stage.nearfar();
        command.args(["capture", "session", "--fill", "--camera", &stage.server.port_string()]);
        let (code, out, err) = stage.run(command);
        assert_eq!(code, 0, "{out}{err}");
        result(&out)
    };
    let first = fill();
    let (filled, after) = (first["filled"].as_u64().unwrap(), first["coverage"].as_f64().unwrap());
    println!("{before:.3} by 3 photos, {after:.3} by {filled} more");
    assert!(filled > 0 && after >= 0.99, "{first}");
    assert!(stage.path("session/coverage.png").exists());
    assert_eq!(fill()["filled"], 0, "nothing is missing any more");
    stage.assert_nothing_lost_or_doubled(0);
    // The command that began the session knows it still.
    let (code, out, err) = stage.run(stage.shoot(3));
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn as_many_photos_are_taken_as_are_enough() {
    let stage = stage(Size::new(900, 600), 24.0);
    let mut command = stage.shoot_with(&["--camera", &stage.server.port_string()]);
    command.args(["-n", "auto", "--coc", "2"]);
    let (code, out, err) = stage.run(command);
    assert_eq!(code, 0, "{out}{err}");
    let (steps, share) = (result(&out)["steps"].clone(), stage.stack_coverage(2.0));
    println!("{steps} steps show {share:.4} within 2 px");
    // 24 px of blur over the range: 6 photos, or 9 that share three tenths.
    assert!(share >= 0.99 && (6..=10).contains(&steps.as_u64().unwrap()), "{share} {steps}");
}
