//! Where levels stand in stacks of which a random half is missing, against the truth.

use std::path::{Path, PathBuf};

use nearfar::frame::Size;
use nearfar::simulate::{SceneKind, Stack, StackOptions};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

use super::stack::{name, read_map, rendered};
use super::testenv::{Run, TestEnv};

/// Photos near to far, and the inverse depth that each is focused at.
type Photos = Vec<(PathBuf, f64)>;

/// What positions are off by.
struct Errors {
    /// Root mean square, as a share of the range.
    rms: f64,
    /// The same of even spacing.
    even: f64,
    /// Largest true gap of nine even steps, in even gaps.
    gap: f64,
    /// Time for positions and depth of field, as a share of that of all else in `map`.
    cost: f64,
}

fn moto() -> Photos {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/moto");
    let json = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.join(name)).expect("a readable file")).expect("JSON")
    };
    let (meta, shuffled) = (json("meta.json"), json("shuffled.json"));
    let focus =
        |index: &Value| meta["focus_inverse_depth"][index.as_u64().unwrap() as usize].as_f64().unwrap();
    let indices = shuffled["true_index"].as_object().unwrap();
    let mut photos: Photos =
        indices.iter().map(|(name, index)| (folder.join("shuffled").join(name), focus(index))).collect();
    photos.sort_by(|a, b| b.1.total_cmp(&a.1));
    photos
}

/// Maps both ends and a random half of what is between.
fn halved(photos: &Photos, seed: u64) -> Errors {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut inner: Vec<usize> = (1..photos.len() - 1).collect();
    inner.shuffle(&mut random);
    inner.truncate(photos.len() / 2 - 2);
    let kept: Vec<&(PathBuf, f64)> =
        [0, photos.len() - 1].into_iter().chain(inner).map(|index| &photos[index]).collect();
    let env = TestEnv::new();
    let mut command = env.nearfar();
    command.args(["--device", "cpu", "map", "-o", "map", "-q"]).args(kept.iter().map(|photo| &photo.0));
    command.arg("--near").arg(&kept[0].0).arg("--far").arg(&kept[1].0);
    Run::of(&mut command);
    let map = read_map(&env.path("map")).0;
    let found = &map.level_positions;
    assert!(found.windows(2).all(|pair| pair[1] > pair[0]), "{found:?} does not rise");
    let focus = |file: &String| kept.iter().find(|photo| name(&photo.0) == name(Path::new(file))).unwrap().1;
    let level = |files: &Vec<String>| files.iter().map(focus).sum::<f64>() / files.len() as f64;
    let focus: Vec<f64> = map.clusters.iter().map(level).collect();
    let last = focus.len() - 1;
    let truth: Vec<f64> = focus.iter().map(|at| (focus[0] - at) / (focus[0] - focus[last])).collect();
    let rms = |found: &[f64]| {
        let squares = found.iter().zip(&truth).map(|(found, at)| (found - at).powi(2));
        (squares.sum::<f64>() / truth.len() as f64).sqrt()
    };
    let even: Vec<f64> = (0..=last).map(|level| level as f64 / last as f64).collect();
    let steps: Vec<f64> = (0..9).map(|step| between(found, &truth, f64::from(step) / 8.0)).collect();
    let gap = steps.windows(2).map(|pair| 8.0 * (pair[1] - pair[0])).fold(0.0, f64::max);
    let time = |stage: &str| map.timings_ms[stage];
    let all: f64 = map.timings_ms.values().sum();
    let extra = time("positions") + time("blur");
    let cost = extra / (all - extra);
    Errors { rms: rms(found), even: rms(&even), gap, cost }
}

/// What `values` are at `place`, between `places`, which rise from 0 to 1.
fn between(places: &[f64], values: &[f64], place: f64) -> f64 {
    let after = places.partition_point(|at| *at < place).clamp(1, places.len() - 1);
    let share = (place - places[after - 1]) / (places[after] - places[after - 1]);
    values[after - 1] + share * (values[after] - values[after - 1])
}

#[test]
#[cfg_attr(not(shared_data), ignore = "../shared/data not found")]
fn half_of_a_measured_stack_tells_where_its_levels_stand() {
    let Errors { rms, even, gap, cost } = halved(&moto(), 1);
    println!(
        "off by {rms:.4}, even ones by {even:.4}; widest of nine steps {gap:.2}; at a cost of {cost:.3}"
    );
    assert!(rms <= 0.03 && rms < 0.6 * even && gap <= 1.25, "{rms} {even} {gap}");
}

/// The bars on three scenes, five seeds each: minutes.
#[test]
#[ignore = "measures for minutes: cargo test --release -- --ignored --nocapture bars_of_level_positions"]
fn bars_of_level_positions() {
    let base: u64 = std::env::var("FIRST_SEED").map_or(500, |seed| seed.parse().unwrap());
    let mut failed = 0;
    let mut tell = |scene: &str, seed: u64, photos: &Photos| {
        let Errors { rms, even, gap, cost } = halved(photos, base + seed);
        println!(
            "{scene:5} {seed}: off by {rms:.4}, even ones by {even:.4}; widest of nine steps {gap:.2}; cost {cost:.3}"
        );
        failed += u32::from(rms > 0.03 || gap > 1.25 || cost > 0.15);
    };
    for seed in 1..=5 {
        if cfg!(shared_data) {
            tell("moto", seed, &moto());
        }
        for scene in [SceneKind::Macro, SceneKind::Desk] {
            let size = Size::new(1200, 800);
            let options =
                StackOptions { scene, seed: base + seed, size, frames: 30, ..StackOptions::default() };
            let stack = rendered(&options);
            let focus = Stack::plan(&options).unwrap().focus_positions();
            let photos = focus.iter().enumerate().map(|(level, at)| (stack.photo(level), f64::from(*at)));
            tell(&scene.to_string(), seed, &photos.collect());
        }
    }
    assert_eq!(failed, 0);
}
