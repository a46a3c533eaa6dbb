//! --device: GPU against CPU, and what is said where there is none.
//!
//! These need an adapter, a software one will do (`make deps` installs it): without one they fail.

use std::process::Command;

use nearfar::files::MapFile;
use nearfar::frame::{Plane, Size};
use nearfar::simulate::StackOptions;
use serde_json::Value;

use super::stack::{Rendered, desk, read_map, rendered, small};
use super::testenv::{Run, TestEnv};

fn map_on(device: &str, env: &TestEnv, stack: &Rendered) -> (MapFile, Plane<f32>, Value) {
    let mut command = env.nearfar();
    command.args(["--device", device, "map"]).arg(stack.shuffled()).args(["-o", device]);
    Run::of(command.args(["--near", &stack.near, "--far", &stack.far])).exits(0);
    let (map, depth) = read_map(&env.path(device));
    let plan = env.run(["--json", "plan", device, "-n", "7"]).exits(0).json();
    (map, depth, plan)
}

/// Share of cells that may differ by more than 0.01 level: rounding differs between compilers of shaders, and near a tie
/// of two levels a rounding decides.
const MAY_DIFFER: f64 = 0.001;

#[test]
fn gpu_and_cpu_make_the_same_map_and_plan() {
    let nudged = StackOptions { shift_px: 1.5, flicker: 0.03, seed: 8, ..small() };
    // Noise decides in plain places, and there a rounding decides between noises.
    let noisy = StackOptions {
        full_well: 300.0,
        shift_px: 4.0,
        flicker: 0.1,
        seed: 7,
        size: Size::new(600, 400),
        ..desk()
    };
    for options in [small(), desk(), nudged, noisy] {
        let (env, stack) = (TestEnv::new(), rendered(&options));
        let (cpu, cpu_depth, cpu_plan) = map_on("cpu", &env, &stack);
        let (gpu, gpu_depth, gpu_plan) = map_on("gpu", &env, &stack);
        assert_ne!(gpu.device, "cpu");
        assert_eq!((&cpu.clusters, &cpu.reference), (&gpu.clusters, &gpu.reference));
        assert_eq!(cpu_depth.size, gpu_depth.size);
        let pairs = cpu_depth.data.iter().zip(&gpu_depth.data).enumerate();
        let far: Vec<_> = pairs
            .filter(|(_, (c, g))| c.is_nan() != g.is_nan() || (**c - **g).abs() > 0.01)
            .map(|(at, (c, g))| {
                (at % cpu_depth.size.width as usize, at / cpu_depth.size.width as usize, *c, *g)
            })
            .collect();
        let share = far.len() as f64 / cpu_depth.data.len() as f64;
        let worst = far.iter().map(|(.., c, g)| (c - g).abs()).fold(0.0, f32::max);
        println!("{}, seed {}: {} cells differ, worst by {worst}", options.scene, options.seed, far.len());
        assert!(
            share < MAY_DIFFER,
            "{share} of the depth differs, worst by {worst}; first {:?}",
            &far[..far.len().min(5)]
        );
        let [cpu_steps, gpu_steps] =
            [&cpu_plan, &gpu_plan].map(|plan| plan["steps"].as_array().expect("steps"));
        assert_eq!(cpu_steps.len(), gpu_steps.len());
        for (c, g) in cpu_steps.iter().zip(gpu_steps) {
            for key in ["x", "y", "depth", "target_depth"] {
                let (c, g) = (c[key].as_f64().expect(key), g[key].as_f64().expect(key));
                assert!((c - g).abs() < 0.02, "{key}: {c} on the CPU, {g} on the GPU");
            }
        }
    }
}

#[test]
fn devices_lists_an_adapter() {
    let env = TestEnv::new();
    let report = env.run(["--json", "devices"]).exits(0).json();
    let adapters = report["adapters"].as_array().expect("adapters");
    assert!(!adapters.is_empty(), "no adapter: `make deps` installs Mesa's software one");
    let name = adapters[0]["name"].as_str().expect("a name");
    assert!(adapters[0]["max_texture_side"].as_u64() >= Some(2048));
    let text = env.run(["devices"]).exits(0).stdout;
    assert!(text.contains(name) && text.contains("--device auto takes: "), "{text}");
}

#[test]
fn an_adapter_is_found_by_a_part_of_its_name() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let report = env.run(["--json", "devices"]).exits(0).json();
    let name = report["adapters"][0]["name"].as_str().expect("an adapter").to_owned();
    let part = name.split_whitespace().next().expect("a word").to_uppercase();
    let mut command = env.nearfar();
    command.args(["--device", &part, "map"]).arg(stack.shuffled()).args(["-o", "map"]);
    Run::of(&mut command).exits(0).says(&[&name]);
    assert_eq!(read_map(&env.path("map")).0.device, name);
}

#[test]
fn an_unknown_device_is_named() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let mut command = env.nearfar();
    command.args(["--device", "nonsense", "map"]).arg(stack.shuffled()).args(["-o", "map"]);
    Run::of(&mut command).exits(2).refuses().says(&["--device nonsense", "nearfar devices"]);
    assert!(env.list("").is_empty());
}

/// Hides every driver from `command`.
fn without_adapters(command: &mut Command) -> &mut Command {
    let nowhere = "/nonexistent";
    for name in
        ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LIBGL_DRIVERS_PATH", "__EGL_VENDOR_LIBRARY_FILENAMES"]
    {
        command.env(name, nowhere);
    }
    command
}

#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_gpu_says_what_to_install_and_auto_works() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let map = |device: &str| {
        let mut command = env.nearfar();
        command.args(["--device", device, "map"]).arg(stack.shuffled()).args([
            "-o",
            "map",
            "--near",
            &stack.near,
        ]);
        Run::of(without_adapters(&mut command))
    };
    map("gpu").exits(1).refuses().says(&["no compute adapter", "mesa-vulkan-drivers", "--device cpu"]);
    assert!(env.list("").is_empty());
    map("auto").exits(0);
    assert_eq!(read_map(&env.path("map")).0.device, "cpu");
    let mut command = env.nearfar();
    let report = Run::of(without_adapters(command.args(["--json", "devices"]))).exits(0).json();
    assert_eq!(
        (report["auto"].as_str(), report["adapters"].as_array().map(Vec::len)),
        (Some("cpu"), Some(0))
    );
}
