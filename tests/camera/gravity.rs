//! What gravity is for: whether the autofocus locks at the planned points of a half plain scene.

use nearfar::frame::Size;
use nearfar::simulate::{BodyKind, BodySettings, SceneKind};
use serde_json::Value;

use super::shooting::Stage;

/// Planned points at which the autofocus locked, and photos that missed their target by more than half a step.
fn locks(seed: u64, steps: usize, gravity: bool) -> (usize, usize) {
    let settings = BodySettings { body: BodyKind::New, seed, ..BodySettings::default() };
    let stage = Stage::new(settings, SceneKind::Desk, Size::new(1500, 1000), 40.0);
    let mut command = stage.shoot(steps);
    if !gravity {
        command.arg("--no-gravity");
    }
    let (code, out, err) = stage.run(command);
    assert!(code == 0 || code == 3, "{code} {out}{err}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let plan = std::fs::read_to_string(stage.path("session/plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let failed = |step: &&Value| {
        let fails = |event: &Value| {
            event["event"] == "no-lock" && event["af_point"] == serde_json::json!([step["x"], step["y"]])
        };
        events.iter().any(fails)
    };
    let missed = events.iter().filter(|event| event["event"] == "missed").count();
    let failed: Vec<&Value> = plan["steps"].as_array().unwrap().iter().filter(failed).collect();
    failed.iter().for_each(|step| println!("  no lock at {step}"));
    (steps - failed.len(), missed)
}

/// The autofocus locks at 98 of 100 planned points.
#[test]
#[ignore = "measures for minutes: cargo test --release -- --ignored --nocapture gravity_is_worth"]
fn gravity_is_worth_its_while() {
    let mut failures = Vec::new();
    for steps in [9, 20] {
        let mut sums = [[0; 2]; 2];
        println!(
            "desk, new body, {steps} steps: points that lock, photos that miss by more than half a step"
        );
        for seed in 1..=5 {
            for (sum, gravity) in sums.iter_mut().zip([true, false]) {
                let (locked, missed) = locks(seed, steps, gravity);
                println!(
                    "seed {seed}, {}: {locked}, {missed}",
                    if gravity { "gravity" } else { "no gravity" }
                );
                *sum = [sum[0] + locked, sum[1] + missed];
            }
        }
        println!("of {}: gravity {:?}, no gravity {:?}", 5 * steps, sums[0], sums[1]);
        if sums[0][0] * 100 < 98 * 5 * steps || sums[0][0] <= sums[1][0] {
            failures.push((steps, sums));
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
