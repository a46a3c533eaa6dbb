//! Where levels stand, how many photos are enough, and what depth is written in.

use std::io::Cursor;
use std::path::Path;

use nearfar::coverage::{Need, fewest};
use nearfar::frame::Size;
use nearfar::image_io;
use nearfar::simulate::{SceneKind, Stack, StackOptions};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use super::stack::{Rendered, read_map, rendered};
use super::testenv::{Run, TestEnv};

/// Twenty photos.
fn options(scene: SceneKind, seed: u64) -> StackOptions {
    StackOptions { scene, seed, size: Size::new(600, 400), frames: 20, coc_px: 24.0, ..Default::default() }
}

/// Maps these levels of the stack into `map`, depth in `scale`.
fn map(env: &TestEnv, stack: &Rendered, levels: &[usize], scale: &str) {
    let files: Vec<_> = levels.iter().map(|&level| stack.photo(level)).collect();
    let mut command = env.nearfar();
    command.args(["--device", "cpu", "map", "-o", scale, "--depth-scale", scale]).args(&files);
    command.arg("--near").arg(&files[0]).arg("--far").arg(&files[files.len() - 1]);
    Run::of(&mut command).exits(0);
}

#[test]
fn levels_of_unevenly_thinned_stacks_stand_where_they_are() {
    for (scene, seed) in [(SceneKind::Macro, 3), (SceneKind::Desk, 4)] {
        let (env, stack) = (TestEnv::new(), rendered(&options(scene, seed)));
        let kept = [0, 1, 3, 4, 7, 8, 9, 13, 14, 17, 19];
        map(&env, &stack, &kept, "order");
        let (map, _) = read_map(&env.path("order"));
        let focus = Stack::plan(&options(scene, seed)).unwrap().focus_positions();
        let at = |level: usize| f64::from((focus[0] - focus[level]) / (focus[0] - focus[19]));
        let levels = stack.levels_of(&map);
        let square = |(found, &level): (&f64, &usize)| (found - at(level)).powi(2);
        let rms =
            |found: &[f64]| (found.iter().zip(&levels).map(square).sum::<f64>() / levels.len() as f64).sqrt();
        let last = levels.len() as f64 - 1.0;
        let even: Vec<f64> = (0..levels.len()).map(|level| level as f64 / last).collect();
        let (found, even) = (rms(&map.level_positions), rms(&even));
        println!("{scene}: level positions off by {found:.4}, even ones by {even:.4}");
        assert!(found <= 0.03 && found < 0.6 * even, "{found} {even}");
        assert!(map.level_positions.windows(2).all(|pair| pair[1] > pair[0]));
        assert_eq!(map.level_uncertainties.len(), levels.len());
        let blur = map.blur.expect("textured enough").range_px;
        assert!(
            (blur / 24.0 - 1.0).abs() < 0.25,
            "the circle of confusion is 24 px over the range, not {blur}"
        );
    }
}

#[test]
fn blur_is_told_alike_however_far_apart_photos_are() {
    for (scene, seed) in [(SceneKind::Macro, 5), (SceneKind::Desk, 6)] {
        let options =
            StackOptions { size: Size::new(900, 600), frames: 31, coc_px: 36.0, ..options(scene, seed) };
        let stack = rendered(&options);
        let told = [1, 3, 5].map(|every| {
            let env = TestEnv::new();
            map(&env, &stack, &(0..31).step_by(every).collect::<Vec<_>>(), "order");
            read_map(&env.path("order")).0.blur.expect("textured enough").range_px
        });
        println!("{scene}: {told:.2?} px of 36");
        for px in told {
            assert!((px / 36.0 - 1.0).abs() < 0.12 && (px / told[0] - 1.0).abs() < 0.08, "{scene}: {told:?}");
        }
    }
}

/// Share of the textured pixels that photos focused at these inverse depths show within `coc` pixels.
fn covered(stack: &Rendered, options: &StackOptions, photos: &[f64], coc: f64) -> f64 {
    let focus = Stack::plan(options).unwrap().focus_positions();
    let (mut seen, mut all) = (0, 0);
    for (index, textured) in stack.truth.depth_index.data.iter().zip(&stack.truth.textured.data) {
        if *textured && index.is_finite() {
            let depth = between(&focus, f64::from(*index));
            all += 1;
            let sharp = |photo: &f64| (photo - depth).abs() * f64::from(options.coc_px) <= coc;
            seen += u32::from(photos.iter().any(sharp));
        }
    }
    f64::from(seen) / f64::from(all)
}

fn between(values: &[f32], at: f64) -> f64 {
    let (low, high) = (at.floor() as usize, (at.ceil() as usize).min(values.len() - 1));
    f64::from(values[low]) + at.fract() * f64::from(values[high] - values[low])
}

#[test]
fn as_few_photos_as_are_enough_are_planned() {
    for (scene, seed) in [(SceneKind::Macro, 3), (SceneKind::Desk, 4)] {
        let options = options(scene, seed);
        let (env, stack) = (TestEnv::new(), rendered(&options));
        map(&env, &stack, &(0..20).collect::<Vec<_>>(), "order");
        let (map, _) = read_map(&env.path("order"));
        let focus = Stack::plan(&options).unwrap().focus_positions();
        let range = f64::from(focus[0] - focus[19]);
        let plan = |coc: &str, count: &str| {
            let plan = env.run(["--json", "plan", "order", "-n", count, "--coc", coc]).exits(0).json();
            let axis = map.axis();
            let depth = |step: &serde_json::Value| axis.place(step["target_depth"].as_f64().unwrap()) / 19.0;
            let steps = plan["steps"].as_array().unwrap().iter();
            let photos: Vec<f64> = steps.map(|step| f64::from(focus[0]) - range * depth(step)).collect();
            (photos, plan["coverage"].clone())
        };
        for (coc, px) in [("1.5", 1.5), ("3", 3.0)] {
            let (photos, coverage) = plan(coc, "auto");
            let share = covered(&stack, &options, &photos, px);
            println!("{scene}, {px} px: {} photos show {share:.4} of what is textured", photos.len());
            // Over the whole range, with three tenths shared.
            let most = (1.25 * range * f64::from(options.coc_px) / (2.0 * px * 0.7)).ceil();
            assert!(share >= 0.99 && photos.len() as f64 <= most, "{share} by {} of {most}", photos.len());
            assert_eq!(coverage["enough"], photos.len());
            let (few, told) = plan(coc, "4");
            let (told, share) = (told["share"].as_f64().unwrap(), covered(&stack, &options, &few, px));
            assert!((told - share).abs() < 0.1, "four photos show {share}, not {told}");
        }
    }
}

/// `-n auto` on whole stacks and on random halves of them, against the fewest photos that the truth allows: minutes.
#[test]
#[ignore = "measures for minutes: cargo test --release -- --ignored --nocapture bars_of_auto"]
fn bars_of_auto() {
    const OVERLAP: f64 = 0.3;
    let base: u64 = std::env::var("FIRST_SEED").map_or(500, |seed| seed.parse().unwrap());
    let mut failed = 0;
    for (scene, seed, side) in [SceneKind::Macro, SceneKind::Desk]
        .into_iter()
        .flat_map(|scene| (1..=5).map(move |seed| (scene, seed, 1)).chain([(scene, 6, 2)]))
    {
        let size = Size::new(1200 * side, 800 * side);
        let options = StackOptions { scene, seed: base + seed, size, frames: 30, ..StackOptions::default() };
        let options = StackOptions { coc_px: options.coc_px * side as f32, ..options };
        let (env, stack) = (TestEnv::new(), rendered(&options));
        let focus = Stack::plan(&options).unwrap().focus_positions();
        let mut half: Vec<usize> = (1..29).collect();
        half.shuffle(&mut Pcg64Mcg::seed_from_u64(base + seed));
        half.truncate(13);
        half.extend([0, 29]);
        half.sort_unstable();
        for (scale, levels) in [("order", (0..30).collect()), ("optical", half)] {
            map(&env, &stack, &levels, scale);
            let (map, _) = read_map(&env.path(scale));
            let axis = map.axis();
            // A level may hold frames of several, its sharpest first.
            let found = stack.levels_of(&map);
            let (near, far) = (focus[found[0]], focus[found[found.len() - 1]]);
            let last = axis.levels().len() as f64 - 1.0;
            for px in [1.5, 2.0, 3.0] {
                let plan = ["--json", "plan", scale, "-n", "auto", "--coc", &px.to_string()];
                let plan = env.run(plan).exits(0).json();
                let range = f64::from(near - far);
                let depth =
                    |step: &serde_json::Value| axis.place(step["target_depth"].as_f64().unwrap()) / last;
                let steps = plan["steps"].as_array().unwrap().iter();
                let photos: Vec<f64> = steps.map(|step| f64::from(near) - range * depth(step)).collect();
                let share = covered(&stack, &options, &photos, px);
                let truth = stack.truth.depth_index.data.iter().zip(&stack.truth.textured.data);
                let needs: Vec<Need> = truth
                    .filter(|(index, textured)| **textured && index.is_finite())
                    .map(|(index, _)| Need {
                        depth: -between(&focus, f64::from(*index)) as f32,
                        reach: px as f32 / options.coc_px,
                    })
                    .collect();
                let least = fewest(&needs, OVERLAP).len();
                let ratio = photos.len() as f64 / least as f64;
                println!(
                    "{scene:5} {seed} {size} {:2} levels, {px} px: {} photos show {share:.4}; {least} are the least: {ratio:.2}",
                    axis.levels().len(),
                    photos.len(),
                );
                failed += u32::from(share < 0.99 || ratio > 1.25);
            }
        }
    }
    assert_eq!(failed, 0);
}

#[test]
fn steps_are_even_in_what_was_asked_for() {
    let (env, stack) = (TestEnv::new(), rendered(&options(SceneKind::Macro, 3)));
    map(&env, &stack, &[0, 1, 2, 3, 4, 5, 8, 11, 14, 16, 19], "order");
    let axis = read_map(&env.path("order")).0.axis();
    let targets = |even: &str| -> Vec<f64> {
        let plan = env.run(["--json", "plan", "order", "-n", "5", "--even", even]).exits(0).json();
        plan["steps"].as_array().unwrap().iter().map(|step| step["target_depth"].as_f64().unwrap()).collect()
    };
    let places: Vec<f64> = targets("optical").into_iter().map(|depth| axis.place(depth)).collect();
    for found in [targets("order"), places] {
        for (at, even) in found.iter().zip([0.0, 2.5, 5.0, 7.5, 10.0]) {
            assert!((at - even).abs() < 1e-6, "{found:?}");
        }
    }
}

#[test]
fn optical_depth_is_written_and_read_back() {
    let (env, stack) = (TestEnv::new(), rendered(&options(SceneKind::Macro, 3)));
    let kept = [0, 1, 2, 3, 4, 5, 8, 11, 14, 16, 19];
    map(&env, &stack, &kept, "order");
    map(&env, &stack, &kept, "optical");
    let depth = |scale: &str| image_io::read_tiff_f32(&env.path(scale).join("depth.tif")).unwrap();
    let (order, optical, axis) = (depth("order"), depth("optical"), read_map(&env.path("order")).0.axis());
    for (level, place) in order.data.iter().zip(&optical.data) {
        let expected = axis.place(f64::from(*level)) / 10.0;
        assert!((expected - f64::from(*place)).abs() < 1e-4, "{level} is at {expected}, not {place}");
    }
    let plan = |scale: &str| env.run(["--json", "plan", scale, "-n", "5"]).exits(0).json()["steps"].clone();
    for (a, b) in plan("order").as_array().unwrap().iter().zip(plan("optical").as_array().unwrap()) {
        for key in ["x", "y", "target_depth"] {
            assert!((a[key].as_f64().unwrap() - b[key].as_f64().unwrap()).abs() < 1e-3, "{a} {b}");
        }
    }
    for scale in ["order", "optical"] {
        let picture = format!("{scale}.tif");
        env.run(["merge", scale, "-o", &picture, "--depth-map", &format!("{scale}.png")]).exits(0);
    }
    let pngs = ["order.png", "optical.png"].map(|name| image_io::read_png_gray16(&env.path(name)).unwrap());
    let off = pngs[0].data.iter().zip(&pngs[1].data).filter(|(a, b)| a.abs_diff(**b) > 60).count();
    assert!(off * 1000 < pngs[0].data.len(), "{off} places differ");
}

/// The photo at `path` as a JPEG that says how far it is focused.
fn with_distance(path: &Path, metres: f64) -> Vec<u8> {
    let header = image_io::probe(path, &image_io::Limits::default()).unwrap();
    let color = image_io::decode(path, &header, Some(1)).unwrap().color.unwrap();
    let jpeg = image_io::encode_jpeg(&color, 92).unwrap();
    let value = exif::Value::Rational(vec![((metres * 1000.0).round() as u32, 1000).into()]);
    let field = exif::Field { tag: exif::Tag::SubjectDistance, ifd_num: exif::In::PRIMARY, value };
    let mut writer = exif::experimental::Writer::new();
    writer.push_field(&field);
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, false).unwrap();
    let exif = [&b"Exif\0\0"[..], &block.into_inner()].concat();
    let app1 = [&[0xff, 0xe1][..], &(exif.len() as u16 + 2).to_be_bytes(), &exif].concat();
    [&jpeg[..2], &app1, &jpeg[2..]].concat()
}

#[test]
fn distances_in_exif_make_dioptres() {
    let options = options(SceneKind::Macro, 3);
    let (env, stack) = (TestEnv::new(), rendered(&options));
    let focus = Stack::plan(&options).unwrap().focus_positions();
    let dioptres = |level: usize| 2.0 + 3.0 * f64::from(focus[level]);
    let kept = [0, 1, 3, 4, 7, 8, 9, 13, 14, 17, 19];
    let files: Vec<_> = kept.iter().map(|level| env.path(&format!("{level}.jpg"))).collect();
    for (file, &level) in files.iter().zip(&kept) {
        std::fs::write(file, with_distance(&stack.photo(level), 1.0 / dioptres(level))).unwrap();
    }
    let mapped = |near: usize, far: usize| {
        let mut command = env.nearfar();
        command.args(["--device", "cpu", "map", "-o", "map"]).args(&files);
        command.arg("--near").arg(&files[near]).arg("--far").arg(&files[far]);
        Run::of(&mut command)
    };
    mapped(kept.len() - 1, 0).exits(0).says(&["what is called near is the far end"]);
    assert_eq!(read_map(&env.path("map")).0.level_dioptres, [0.0; 0]);
    mapped(0, kept.len() - 1).exits(0);
    let map = read_map(&env.path("map")).0;
    assert_eq!(map.level_dioptres.len(), map.clusters.len());
    for (found, level) in map.level_dioptres.iter().zip(&map.clusters) {
        let level = level[0].rsplit('/').next().unwrap().trim_end_matches(".jpg").parse().unwrap();
        assert!((found - dioptres(level)).abs() < 0.1, "{found} D is not {}", dioptres(level));
    }
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let (env, stack) = (TestEnv::new(), rendered(&options(SceneKind::Macro, 3)));
    map(&env, &stack, &[0, 19], "order");
    let plan = |args: &[&str]| env.run([&["plan", "order"][..], args].concat());
    plan(&["-n", "auto"]).exits(2).refuses().says(&["name a number"]);
    plan(&["-n", "auto", "--even", "order"]).exits(2).refuses().says(&["--even order", "leave"]);
    let told = plan(&["-n", "3"]).exits(0).stdout;
    assert!(told.contains("is not known"), "{told}");
    plan(&["-n", "few"]).exits(2).says(&["auto"]);
    plan(&["-n", "5", "--coc", "0"]).exits(2).refuses().says(&["--coc", "0.3 to 50"]);
    plan(&["-n", "5", "--overlap", "1"]).exits(2).refuses().says(&["--overlap"]);
    plan(&["-n", "5", "--even", "depth"]).exits(2).says(&["optical or order"]);
}
