//! map and plan on rendered stacks, with every option.

use std::fs;
use std::path::Path;

use nearfar::files::{MapFile, PlanFile};
use nearfar::frame::Plane;
use nearfar::simulate::StackOptions;
use serde_json::Value;

use super::stack::{Rendered, desk, name, names, read_map, rendered, small};
use super::testenv::{Run, TestEnv, list};

/// Maps `stack` with its true anchors and `more` options into `map` of `env`.
fn map(env: &TestEnv, stack: &Rendered, more: &[&str]) -> Run {
    map_between(env, stack, [&stack.near, &stack.far], more)
}

/// Likewise with these anchors.
fn map_between(env: &TestEnv, stack: &Rendered, [near, far]: [&str; 2], more: &[&str]) -> Run {
    let frames = stack.shuffled();
    let common = [
        "map".as_ref(),
        frames.as_os_str(),
        "-o".as_ref(),
        "map".as_ref(),
        "--near".as_ref(),
        near.as_ref(),
        "--far".as_ref(),
        far.as_ref(),
    ];
    env.run(common.into_iter().chain(more.iter().map(AsRef::as_ref)))
}

fn read(env: &TestEnv) -> (MapFile, Plane<f32>) {
    read_map(&env.path("map"))
}

/// Share of the values that differ by more than `by`.
fn differing(a: &Plane<f32>, b: &Plane<f32>, by: f32) -> f64 {
    assert_eq!(a.size, b.size);
    let far = a.data.iter().zip(&b.data).filter(|(a, b)| a.is_nan() != b.is_nan() || (**a - **b).abs() > by);
    far.count() as f64 / a.data.len() as f64
}

#[test]
fn the_whole_job() {
    for options in [small(), desk()] {
        let (env, stack) = (TestEnv::new(), rendered(&options));
        let run = map(&env, &stack, &[]).exits(0);
        assert!(
            run.stdout.contains("nearfar plan map -n 9") && run.stdout.contains("depth.tif"),
            "{}",
            run.stdout
        );
        let (found, depth) = read(&env);
        assert_eq!(stack.levels_of(&found), (0..9).collect::<Vec<_>>());
        assert!(found.left_out.is_empty() && !found.near_guessed);
        assert_eq!((found.width, found.height, found.device.as_str()), (320, 220, "cpu"));
        let error = stack.depth_error(&found, &depth);
        println!("{}: depth error {error:.3} frames", options.scene);
        assert!(error < 0.5, "{}: depth is off by {error} frames", options.scene);

        env.run(["plan", "map", "-n", "5"]).exits(0);
        assert!(env.list("map").contains(&"plan.png".to_owned()));
        let plan: PlanFile =
            serde_json::from_slice(&fs::read(env.path("map/plan.json")).expect("plan.json")).expect("a plan");
        assert_eq!(
            (plan.version, plan.reference.as_str(), plan.steps.len()),
            (1, found.reference.as_str(), 5)
        );
        assert!((plan.af_size - 0.03).abs() < 1e-12);
        for (index, step) in plan.steps.iter().enumerate() {
            assert_eq!(step.index, index);
            let place = found.axis().place(step.target_depth);
            assert!((place - 2.0 * index as f64).abs() < 1e-6, "evenly along the focus axis: {step:?}");
            let (half_x, half_y) = (plan.af_size / 2.0, plan.af_size / 2.0 * 320.0 / 220.0);
            // A spot is made of whole pixels.
            assert!(step.x >= half_x - 0.01 && step.x <= 1.01 - half_x, "{step:?} is inside the frame");
            assert!(step.y >= half_y - 0.01 && step.y <= 1.01 - half_y, "{step:?} is inside the frame");
            assert!((0.0..=1.0).contains(&step.texture) && step.moved >= 0.0, "{step:?}");
            assert!(step.warning.is_some() || (step.depth - step.target_depth).abs() <= 1.0, "{step:?}");
        }
    }
}

#[test]
fn json_is_one_object_and_what_the_file_says() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let mut printed = map(&env, &stack, &["--json"]).exits(0).silent().json();
    let mut written: Value =
        serde_json::from_slice(&fs::read(env.path("map/map.json")).expect("map.json")).expect("JSON");
    // The time that writing the file takes cannot be in the file.
    printed["timings_ms"] = Value::Null;
    written["timings_ms"] = Value::Null;
    assert_eq!(printed, written);
    let printed = env.run(["--json", "plan", "map", "-n", "3"]).exits(0).json();
    let written: Value =
        serde_json::from_slice(&fs::read(env.path("map/plan.json")).expect("plan.json")).expect("JSON");
    assert_eq!(printed, written);
    let printed = env
        .run(["--json", "simulate", "--render", "stack", "--size", "64x48", "--frames", "3"])
        .exits(0)
        .silent()
        .json();
    assert_eq!(printed["photos"], 3);
    assert!(env.path(printed["near"].as_str().expect("a path")).exists());
}

#[test]
fn quiet_is_quiet() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let run = map(&env, &stack, &["-q"]).exits(0).silent();
    assert_eq!(run.stdout, "");
    assert_eq!(env.run(["-q", "plan", "map", "-n", "3"]).exits(0).stdout, "");
}

#[test]
fn running_again_replaces_the_map() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    env.write("map/notes.txt", "mine");
    env.write("map/map.json", "damaged");
    map(&env, &stack, &[]).exits(0);
    let first = fs::read(env.path("map/depth.tif")).expect("depth.tif");
    map(&env, &stack, &[]).exits(0);
    assert_eq!(fs::read(env.path("map/notes.txt")).expect("kept"), b"mine");
    fs::remove_file(env.path("map/notes.txt")).expect("removed");
    let (found, _) = read(&env);
    assert_eq!(stack.levels_of(&found), (0..9).collect::<Vec<_>>());
    assert_eq!(first, fs::read(env.path("map/depth.tif")).expect("depth.tif"), "the same every time");
}

#[test]
fn threads_change_nothing() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    map(&env, &stack, &["--threads", "1"]).exits(0);
    let (one, one_depth) = read(&env);
    map(&env, &stack, &["--threads", "3"]).exits(0);
    let (three, three_depth) = read(&env);
    assert_eq!(one.clusters, three.clusters);
    assert_eq!(differing(&one_depth, &three_depth, 1e-4), 0.0);
    env.run(["--threads", "0", "devices"]).exits(2).says(&["--threads"]);
}

#[test]
fn reference_is_taken() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    map(&env, &stack, &["--reference", &stack.near]).exits(0);
    let (found, depth) = read(&env);
    assert_eq!(name(Path::new(&found.reference)), stack.near);
    let error = stack.depth_error(&found, &depth);
    assert!(error < 0.5, "depth is off by {error} frames in the near frame's geometry");
    let other = TestEnv::new();
    map(&other, &stack, &["--reference", "absent.jpg"]).exits(2).refuses().says(&[
        "--reference",
        "absent.jpg",
        "name one",
    ]);
    assert!(other.list("").is_empty());
}

#[test]
fn gravity_can_be_turned_off() {
    let (env, stack) = (TestEnv::new(), rendered(&desk()));
    map(&env, &stack, &[]).exits(0);
    let pulled = env.run(["--json", "plan", "map", "-n", "9"]).exits(0).json();
    let plain = env.run(["--json", "plan", "map", "-n", "9", "--no-gravity"]).exits(0).json();
    let steps = |plan: &Value| plan["steps"].as_array().expect("steps").clone();
    assert_eq!((steps(&pulled).len(), steps(&plain).len()), (9, 9));
    assert!(steps(&plain).iter().all(|step| step["moved"] == 0.0), "{plain}");
    assert!(steps(&pulled).iter().any(|step| step["moved"].as_f64() > Some(0.0)), "{pulled}");
    // In one plan spots without it may have more texture by luck; in many they do not.
    let texture = |plan: &Value| steps(plan).iter().filter_map(|step| step["texture"].as_f64()).sum::<f64>();
    let [with, without] = [None, Some("--no-gravity")].map(|off| {
        let plans = ["5", "6", "7", "8", "9", "10", "11", "12"].map(|count| {
            let args = ["--json", "plan", "map", "-n", count].into_iter().chain(off);
            texture(&env.run(args).exits(0).json())
        });
        plans.iter().sum::<f64>()
    });
    assert!(with > without, "gravity pulls to texture: {with}, not {without}");
    let least = |plan: &Value| {
        steps(plan).iter().filter_map(|step| step["texture"].as_f64()).fold(f64::MAX, f64::min)
    };
    assert!(least(&pulled) > 2.0 * least(&plain), "gravity pulls to texture: {pulled} {plain}");
    let large = env.run(["--json", "plan", "map", "-n", "2", "--af-size", "0.2"]).exits(0).json();
    assert_eq!(large["af_size"], 0.2);
}

#[test]
fn anchors_as_points() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    // The macro scene's ground runs from the bottom, near, to the top, far.
    let frames = stack.shuffled();
    let point = |level: f32| {
        let truth = &stack.truth;
        let (w, h) = (stack.size.width, stack.size.height);
        // A textured place whose surroundings are all near that depth.
        let all = (16..h - 16).step_by(4).flat_map(|y| (16..w - 16).step_by(4).map(move |x| (x, y)));
        let spread = |&(x, y): &(u32, u32)| {
            let around =
                (y - 12..=y + 12).step_by(4).flat_map(|v| (x - 12..=x + 12).step_by(4).map(move |u| (u, v)));
            around
                .map(|(u, v)| {
                    (truth.depth_index.at(u, v) - level).abs()
                        + if truth.textured.at(u, v) { 0.0 } else { 1.0 }
                })
                .sum::<f32>()
        };
        let (x, y) = all.min_by(|a, b| spread(a).total_cmp(&spread(b))).expect("pixels");
        format!("{:.4},{:.4}", f64::from(x) / f64::from(w), f64::from(y) / f64::from(h))
    };
    let (near, far) = (point(1.0), point(7.0));
    let run = env.run([
        "map".as_ref(),
        frames.as_os_str(),
        "-o".as_ref(),
        "map".as_ref(),
        "--near".as_ref(),
        near.as_ref(),
        "--far".as_ref(),
        far.as_ref(),
    ]);
    run.exits(0);
    let (found, _) = read(&env);
    let levels = stack.levels_of(&found);
    assert!(levels.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{levels:?}");
    assert!(
        levels[0].abs_diff(1) <= 1 && levels[levels.len() - 1].abs_diff(7) <= 1,
        "{near} … {far} gave {levels:?}"
    );
    assert!(!found.near_guessed);
}

#[test]
fn frames_beyond_the_anchors_are_left_out() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let named = |level: usize| stack.level.iter().find(|(_, at)| **at == level).expect("a photo").0.clone();
    let run = map_between(&env, &stack, [&named(2), &named(6)], &[]);
    // As asked: not something left out against the user's will.
    let run = run.exits(0);
    let (found, _) = read(&env);
    assert_eq!(stack.levels_of(&found), [2, 3, 4, 5, 6]);
    let mut out: Vec<usize> = found.left_out.iter().map(|left_out| stack.level_of(&left_out.file)).collect();
    out.sort_unstable();
    assert_eq!(out, [0, 1, 7, 8]);
    assert!(found.left_out.iter().all(|left_out| left_out.reason.contains("anchor")), "{:?}", found.left_out);
    for left_out in &found.left_out {
        assert!(run.stderr.contains(&name(Path::new(&left_out.file))), "stderr names it: {}", run.stderr);
    }
}

#[test]
fn a_guessed_near_end_is_said_to_be_guessed() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let frames = stack.shuffled();
    env.run(["map".as_ref(), frames.as_os_str(), "-o".as_ref(), "map".as_ref()])
        .exits(0)
        .says(&["guessed", "--near"]);
    let (found, _) = read(&env);
    assert!(found.near_guessed);
    let levels = stack.levels_of(&found);
    let backwards: Vec<usize> = (0..9).rev().collect();
    assert!(levels == (0..9).collect::<Vec<_>>() || levels == backwards, "{levels:?}");
    // One anchor is enough to know.
    let far = stack.far.as_str();
    env.run([
        "map".as_ref(),
        frames.as_os_str(),
        "-o".as_ref(),
        "map".as_ref(),
        "--far".as_ref(),
        far.as_ref(),
    ])
    .exits(0)
    .silent();
    let (found, _) = read(&env);
    assert_eq!((found.near_guessed, stack.levels_of(&found)), (false, (0..9).collect::<Vec<_>>()));
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let run = |frames: &Path, near: &str, far: &str| {
        let args = [
            "map".as_ref(),
            frames.as_os_str(),
            "-o".as_ref(),
            "map".as_ref(),
            "--near".as_ref(),
            near.as_ref(),
            "--far".as_ref(),
            far.as_ref(),
        ];
        env.run(args).exits(0);
        read(&env)
    };
    let (shuffled, shuffled_depth) = run(&stack.shuffled(), &stack.near, &stack.far);
    let (sorted, sorted_depth) = run(&stack.sorted(), "00.png", "08.png");
    assert_eq!(stack.levels_of(&shuffled), stack.levels_of(&sorted));
    assert_eq!(stack.level_of(&shuffled.reference), stack.level_of(&sorted.reference));
    let share = differing(&shuffled_depth, &sorted_depth, 0.01);
    assert!(share < 0.001, "{share} of the depth differs");
}

#[test]
fn frames_that_missed_focus_are_left_out_and_named() {
    let (env, stack) = (TestEnv::new(), rendered(&StackOptions { missed_frames: 2, ..small() }));
    assert_eq!(stack.missed.len(), 2);
    let missed: Vec<&str> = stack.missed.iter().map(String::as_str).collect();
    let run = map(&env, &stack, &[]).exits(3).says(&missed);
    let (found, depth) = read(&env);
    let mut out = names(found.left_out.iter().map(|left_out| &left_out.file));
    out.sort();
    let mut expected = stack.missed.clone();
    expected.sort();
    assert_eq!(out, expected, "{}", run.stderr);
    assert_eq!(stack.levels_of(&found), (0..9).collect::<Vec<_>>());
    assert!(stack.depth_error(&found, &depth) < 0.5);
}

#[test]
fn copies_make_clusters() {
    let (env, stack) =
        (TestEnv::new(), rendered(&StackOptions { copies_per_level: 3, frames: 6, ..small() }));
    map(&env, &stack, &[]).exits(0);
    let (found, _) = read(&env);
    let levels: Vec<Vec<usize>> =
        found.clusters.iter().map(|files| files.iter().map(|file| stack.level_of(file)).collect()).collect();
    assert_eq!(levels, (0..6).map(|level| vec![level; 3]).collect::<Vec<_>>());
}

#[test]
fn a_hand_held_flickering_stack() {
    let options = StackOptions { shift_px: 2.0, rotation_deg: 0.1, flicker: 0.05, ..small() };
    let (env, stack) = (TestEnv::new(), rendered(&options));
    map(&env, &stack, &[]).exits(0);
    let (found, depth) = read(&env);
    assert_eq!(stack.levels_of(&found), (0..9).collect::<Vec<_>>());
    assert!(stack.depth_error(&found, &depth) < 0.5);
    // reference → frame is frame ∘ reference⁻¹ of the true poses.
    let back = stack.poses[stack.level_of(&found.reference)].inverse();
    for (file, [[a, b, c], [d, e, f]]) in &found.transforms {
        let expected = stack.poses[stack.level_of(file)].after(&back);
        for (x, y) in [(0.0, 0.0), (319.0, 0.0), (0.0, 219.0), (319.0, 219.0)] {
            let ([u, v], [s, t]) = (expected.apply(x, y), [a * x + b * y + c, d * x + e * y + f]);
            let off = (u - s).hypot(v - t);
            assert!(off < 1.5, "{file} is off by {off} px at {x},{y}");
        }
    }
}

#[test]
fn simulate_writes_what_it_says() {
    let env = TestEnv::new();
    let args = ["simulate", "--render", "stack", "--size", "64x48", "--frames", "3", "--missed", "1"];
    let run = env.run(args).exits(0);
    assert!(run.stdout.contains("4 photos"), "{}", run.stdout);
    assert_eq!(list(&env.path("stack/shuffled")).len(), 4);
    env.run(args).exits(2).refuses().says(&["stack", "not empty", "another folder"]);
    env.run(["simulate", "--render", "new", "--size", "64"]).exits(2).says(&["--size", "1800x1200"]);
    env.run(["simulate", "--render", "new", "--frames", "0"]).exits(2).refuses().says(&["--frames"]);
    assert!(!env.path("new").exists());
}

/// The reference has an identity transform and is one of the ordered frames.
fn reference_is_ordered(found: &MapFile) {
    assert!(found.order.contains(&found.reference), "{} is not in {:?}", found.reference, found.order);
    let [[a, b, c], [d, e, f]] = found.transforms[&found.reference];
    assert_eq!([a, b, c, d, e, f], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn reference_is_never_a_frame_that_is_left_out() {
    let stack = rendered(&small());
    let named = |level: usize| stack.level.iter().find(|(_, at)| **at == level).expect("a photo").0.clone();
    // The middle frame of the whole stack lies beyond one anchor or the other.
    for (near, far) in [(0, 2), (6, 8), (5, 7)] {
        let env = TestEnv::new();
        map_between(&env, &stack, [&named(near), &named(far)], &[]).exits(0);
        let (found, depth) = read(&env);
        reference_is_ordered(&found);
        assert_eq!(stack.levels_of(&found), (near..=far).collect::<Vec<_>>());
        assert!(depth.data.iter().all(|value| (0.0..=2.0).contains(value)));
    }
    let env = TestEnv::new();
    let run = map_between(&env, &stack, [&named(0), &named(2)], &["--reference", &named(7)]);
    run.exits(2).refuses().says(&["--reference", &named(7), "name another frame"]);
}

#[test]
fn two_levels_are_told_apart_and_alike_from_both_ends() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let ends = [&stack.near, &stack.far].map(|end| stack.shuffled().join(name(end.as_ref())));
    let confidence = |near: usize, output: &str| {
        let files = ends.each_ref().map(|file| file.to_str().expect("UTF-8"));
        env.run(["map", files[0], files[1], "--near", files[near], "--reference", files[0], "-o", output])
            .exits(0);
        let (_, depth) = read_map(&env.path(output));
        assert!(depth.data.iter().all(|depth| (0.0..=1.0).contains(depth)), "two levels are 0 and 1");
        depth
    };
    let (there, back) = (confidence(0, "there"), confidence(1, "back"));
    let turned = Plane::new(back.size, back.data.iter().map(|depth| 1.0 - depth).collect());
    // What is plain is filled more from the far end, which is not the same end: there is little of it here.
    assert!(differing(&there, &turned, 0.5) < 0.2, "{}", differing(&there, &turned, 0.5));
    let share = there.data.iter().filter(|depth| **depth < 0.5).count() as f64 / there.data.len() as f64;
    assert!((0.05..0.95).contains(&share), "{share} of the picture is near");
}
