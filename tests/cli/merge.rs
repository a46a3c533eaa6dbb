//! merge on rendered stacks, with every option.

use std::fs;
use std::path::Path;

use nearfar::frame::{Pixels, Plane, Size};
use nearfar::image_io::{self, Limits, Spares};
use nearfar::simulate::StackOptions;
use nearfar::transform::Transform;
use serde_json::Value;

use super::stack::{Rendered, desk, rendered, small};
use super::testenv::{Run, TestEnv, list};

/// Merges the photos of `stack` between its true anchors into `out` of `env`.
fn merge(env: &TestEnv, stack: &Rendered, out: &str, more: &[&str]) -> Run {
    let frames = stack.shuffled();
    let anchors = ["--near", &stack.near, "--far", &stack.far];
    let common = ["merge".as_ref(), frames.as_os_str(), "-o".as_ref(), out.as_ref()];
    env.run(common.into_iter().chain(anchors.iter().chain(more).map(AsRef::as_ref)))
}

fn pixels(path: &Path) -> Pixels {
    let header = image_io::probe(path, &Limits::default()).unwrap();
    image_io::decode_pixels(path, &header, &Spares::default()).unwrap()
}

/// The picture in 0…1.
pub(super) fn read(path: &Path) -> Plane<[f32; 3]> {
    match pixels(path) {
        Pixels::U8(plane) => {
            Plane::new(plane.size, plane.data.iter().map(|p| p.map(|v| f32::from(v) / 255.0)).collect())
        }
        Pixels::U16(plane) => {
            Plane::new(plane.size, plane.data.iter().map(|p| p.map(|v| f32::from(v) / 65535.0)).collect())
        }
    }
}

/// Peak signal-to-noise ratio in dB, a border of `border` pixels left out.
fn psnr(a: &Plane<[f32; 3]>, b: &Plane<[f32; 3]>, border: u32) -> f64 {
    assert_eq!(a.size, b.size);
    let (mut sum, mut count) = (0.0, 0.0);
    for y in border..a.size.height - border {
        for x in border..a.size.width - border {
            for (a, b) in a.at(x, y).iter().zip(b.at(x, y)) {
                sum += f64::from(a - b).powi(2);
                count += 1.0;
            }
        }
    }
    -10.0 * (sum / count).log10()
}

/// The stack's all-in-focus truth as the reference of `json` sees it, whatever part of it was kept.
fn truth(stack: &Rendered, json: &Value) -> Plane<[f32; 3]> {
    let reference = file_name(json["reference"].as_str().unwrap());
    let to_truth = stack.poses[stack.level[&reference]].inverse();
    let aif = read(&stack.shuffled().with_file_name("aif16.png"));
    let side = |key: &str| json["window"][key].as_u64().unwrap() as u32;
    let size = nearfar::frame::Size::new(side("width"), side("height"));
    let sample = |x: f64, y: f64| {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = ((x - left) as f32, (y - top) as f32);
        let at = |dx: i64, dy: i64| aif.clamped(left as i64 + dx, top as i64 + dy);
        let [a, b, c, d] = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
        std::array::from_fn(|k| {
            (a[k] * (1.0 - fx) + b[k] * fx) * (1.0 - fy) + (c[k] * (1.0 - fx) + d[k] * fx) * fy
        })
    };
    let pixel = |index: usize| {
        let (x, y) = (index as u32 % size.width + side("x"), index as u32 / size.width + side("y"));
        let [u, v] = to_truth.apply(f64::from(x), f64::from(y));
        sample(u, v)
    };
    Plane::new(size, (0..size.area()).map(pixel).collect())
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().unwrap().to_string_lossy().into_owned()
}

/// Largest distance of the corners from where they truly lie, over all photos.
fn corner_error(stack: &Rendered, json: &Value) -> f64 {
    let reference = file_name(json["reference"].as_str().unwrap());
    let from_reference = stack.poses[stack.level[&reference]].inverse();
    let transforms = json["transforms"].as_object().unwrap();
    let error = |(file, rows): (&String, &Value)| {
        let at = |row: usize, column: usize| rows[row][column].as_f64().unwrap();
        let mut found = Transform::affine([at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2)]);
        if rows.as_array().unwrap().len() == 3 {
            found.perspective = [at(2, 0), at(2, 1)];
        }
        let true_pose = stack.poses[stack.level[&file_name(file)]].after(&from_reference);
        found.corner_distance(&true_pose, f64::from(stack.size.width), f64::from(stack.size.height))
    };
    transforms.iter().map(error).fold(0.0, f64::max)
}

/// Moved, turned and flickering.
fn hand_held() -> StackOptions {
    StackOptions { shift_px: 2.0, rotation_deg: 0.3, flicker: 0.05, ..small() }
}

#[test]
fn the_picture_is_near_the_truth() {
    for (options, least) in [(small(), 30.0), (desk(), 33.0), (hand_held(), 30.0)] {
        let (env, stack) = (TestEnv::new(), rendered(&options));
        let json = merge(&env, &stack, "merged.tif", &["--json"]).exits(0).json();
        assert!(json["ordered"].as_bool().unwrap() && json["levels"] == 9 && json["bits"] == 16);
        let merged = read(&env.path("merged.tif"));
        let found = psnr(&merged, &truth(&stack, &json), 4);
        assert!(found > least, "{found:.2} dB of {options:?}");
        let middle = read(&stack.sorted().join("04.png"));
        if options == small() {
            // Better than any photo of the stack by far.
            let whole = merge(&env, &stack, "whole.png", &["--no-crop", "--json"]).exits(0).json();
            let one = psnr(&middle, &truth(&stack, &whole), 8);
            assert!(found > one + 4.0, "{found:.2} dB where a photo has {one:.2}");
        }
        assert!(corner_error(&stack, &json) < 0.7, "{:.3} px", corner_error(&stack, &json));
        let left = env.list("");
        assert!(left.iter().all(|name| ["merged.tif", "whole.png"].contains(&name.as_str())), "{left:?}");
    }
}

#[test]
fn devices_agree() {
    let (env, stack) = (TestEnv::new(), rendered(&hand_held()));
    merge(&env, &stack, "cpu.tif", &[]).exits(0);
    let frames = stack.shuffled();
    let mut command = env.nearfar();
    command.args(["--device", "gpu", "merge"]).arg(frames).args(["-o", "gpu.tif"]);
    command.args(["--near", &stack.near, "--far", &stack.far]);
    Run::of(&mut command).exits(0);
    let found = psnr(&read(&env.path("cpu.tif")), &read(&env.path("gpu.tif")), 0);
    assert!(found > 60.0, "{found:.1} dB");
}

/// Larger ones go through in strips on the CPU, bands on the GPU: no row may differ more than others.
#[test]
fn devices_agree_on_large_pictures() {
    let options = StackOptions { size: Size::new(2560, 1600), frames: 4, ..small() };
    let (env, stack) = (TestEnv::new(), rendered(&options));
    let [cpu, gpu] = ["cpu", "gpu"].map(|device| {
        let out = format!("{device}.tif");
        let mut command = env.nearfar();
        command.args(["--device", device, "merge", "--align", "none", "--no-crop"]);
        command.arg(stack.shuffled()).args(["-o", &out, "--near", &stack.near, "--far", &stack.far]);
        Run::of(&mut command).exits(0);
        read(&env.path(&out))
    });
    for y in 0..options.size.height {
        let apart = |(a, b): (&[f32; 3], &[f32; 3])| (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f32>();
        let squares: f32 = cpu.row(y).iter().zip(gpu.row(y)).map(apart).sum();
        let error = (squares / (3 * options.size.width) as f32).sqrt();
        assert!(error < 1e-3, "row {y}: {error}");
    }
}

#[test]
fn every_method_and_model_works() {
    let (env, stack) = (TestEnv::new(), rendered(&hand_held()));
    for (option, values) in [
        ("--method", &["auto", "pyramid", "weighted", "depth"][..]),
        ("--align", &["similarity", "affine", "homography"]),
        ("--prefer", &["front", "sharp"]),
    ] {
        for value in values {
            let json = merge(&env, &stack, "out.png", &[option, value, "--json"]).exits(0).json();
            let found = psnr(&read(&env.path("out.png")), &truth(&stack, &json), 4);
            assert!(found > 27.0, "{option} {value}: {found:.2} dB");
            let rows =
                json["transforms"].as_object().unwrap().values().map(|rows| rows.as_array().unwrap().len());
            assert_eq!(rows.max(), Some(if *value == "homography" { 3 } else { 2 }));
            assert!(corner_error(&stack, &json) < 0.9, "{option} {value}: {}", corner_error(&stack, &json));
        }
    }
    // Less may differ: shift leaves size and angle alone, none everything.
    let json = merge(&env, &stack, "out.png", &["--align", "shift", "--json"]).exits(0).json();
    for rows in json["transforms"].as_object().unwrap().values() {
        assert_eq!((rows[0][0].as_f64(), rows[0][1].as_f64()), (Some(1.0), Some(0.0)));
    }
    let json = merge(&env, &stack, "out.png", &["--align", "none", "--json"]).exits(0).json();
    let identity = serde_json::json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
    assert!(json["transforms"].as_object().unwrap().values().all(|rows| *rows == identity));
    assert_eq!(json["window"]["width"], 320, "frames that lie still cover each other");
}

#[test]
fn a_map_s_order_reference_and_depth_are_used() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let frames = stack.shuffled();
    let anchors = ["--near", &stack.near, "--far", &stack.far];
    env.run(
        ["map".as_ref(), frames.as_os_str(), "-o".as_ref(), "map".as_ref()]
            .into_iter()
            .chain(anchors.iter().map(AsRef::as_ref)),
    )
    .exits(0);
    // Edited by hand: the farthest frame goes.
    let text = fs::read_to_string(env.path("map/map.json")).unwrap();
    let mut map: Value = serde_json::from_str(&text).unwrap();
    let farthest = map["order"].as_array_mut().unwrap().pop().unwrap();
    map["clusters"].as_array_mut().unwrap().pop();
    fs::write(env.path("map/map.json"), map.to_string()).unwrap();
    let json =
        env.run(["merge", "map", "-o", "merged.tif", "--json", "--depth-map", "depth.png"]).exits(0).json();
    assert_eq!(json["order"].as_array().unwrap().len(), 8);
    assert!(
        !json["order"]
            .as_array()
            .unwrap()
            .iter()
            .any(|file| file_name(file.as_str().unwrap()) == file_name(farthest.as_str().unwrap()))
    );
    assert_eq!(file_name(json["reference"].as_str().unwrap()), file_name(map["reference"].as_str().unwrap()));
    let depth = image_io::read_png_gray16(&env.path("depth.png")).unwrap();
    assert_eq!(depth.size, read(&env.path("merged.tif")).size);
    env.run(["merge", "map", "-o", "x.tif", "--near", "0.5,0.5"]).exits(2).refuses().says(&["map says"]);
    for own in ["map/depth.tif", "map/confidence.png"] {
        env.run(["merge", "map", "-o", own]).exits(2).refuses().says(&["belongs to the map"]);
    }
    let depth = ["merge", "map", "-o", "y.tif", "--depth-map", "./y.tif"];
    env.run(depth).exits(2).refuses().says(&["the picture itself"]);
    fs::remove_file(env.path("map/depth.tif")).unwrap();
    env.run(["merge", "map", "-o", "x.tif"]).exits(1).refuses().says(&["depth.tif"]);
    assert!(!env.path("x.tif").exists());
}

/// So coarse that nothing is sharp at either end: named, the ends tell the order all the same.
#[test]
fn frames_between_named_ends_that_look_alike_count_as_given() {
    let size = Size::new(600, 400);
    let options = StackOptions { size, frames: 3, coc_px: 300.0, seed: 2, ..StackOptions::default() };
    let (env, stack) = (TestEnv::new(), rendered(&options));
    let run = merge(&env, &stack, "out.png", &["--json"]);
    assert_eq!(run.exits(0).says(&["count as they were given"]).json()["levels"], 3);
    assert!(env.path("out.png").exists());
}

#[test]
fn formats_bits_and_quality() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    for (name, more, bits) in [
        ("a.tif", &[][..], 16),
        ("a.tiff", &["--bits", "8"], 8),
        ("a.png", &[], 16),
        ("b.png", &["--bits", "8"], 8),
        ("a.jpg", &["--quality", "96"], 8),
        ("b.JPEG", &["--quality", "40"], 8),
    ] {
        merge(&env, &stack, name, more).exits(0);
        let wide = matches!(pixels(&env.path(name)), Pixels::U16(_));
        assert_eq!(if wide { 16 } else { 8 }, bits, "{name}");
    }
    let size = |name: &str| fs::metadata(env.path(name)).unwrap().len();
    assert!(size("a.jpg") > 2 * size("b.JPEG"));
    let tiff = read(&env.path("a.tif"));
    assert!(
        psnr(&tiff, &read(&env.path("a.png")), 0) > 90.0 && psnr(&tiff, &read(&env.path("a.tiff")), 0) > 50.0
    );
    for wrong in ["a.bmp", "a", "a.cr2"] {
        merge(&env, &stack, wrong, &[]).exits(2).refuses().says(&[wrong, ".tif, .png or .jpg"]);
    }
    merge(&env, &stack, "a.png", &["--depth-map", "d.jpg"]).exits(2).refuses().says(&["depth"]);
}

#[test]
fn slabs_are_written_and_fused() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let json = merge(&env, &stack, "m.png", &["--slab", "4/2", "--json"]).exits(0).json();
    let slabs: Vec<String> =
        json["slabs"].as_array().unwrap().iter().map(|slab| file_name(slab.as_str().unwrap())).collect();
    assert_eq!(slabs, ["m_slab_01.tif", "m_slab_02.tif", "m_slab_03.tif", "m_slab_04.tif"]);
    let truth = truth(&stack, &json);
    let merged = psnr(&read(&env.path("m.png")), &truth, 4);
    for slab in &slabs {
        let slab = psnr(&read(&env.path(slab)), &truth, 4);
        assert!(merged > slab + 1.0, "{merged:.2} dB of the whole, {slab:.2} of a part");
    }
    assert!(merged > 29.0, "{merged:.2} dB");
    // Fewer of them leave no older one behind; what nearfar did not make stays.
    merge(&env, &stack, "m.png", &["--slab", "6/2"]).exits(0);
    assert_eq!(env.list(""), ["m.png", "m_slab_01.tif", "m_slab_02.tif"]);
    env.write("n_slab_01.tif", "retouched elsewhere");
    merge(&env, &stack, "n.png", &["--slab", "6/2"])
        .exits(2)
        .refuses()
        .says(&["n_slab_01.tif", "did not make it"]);
    assert_eq!(fs::read(env.path("n_slab_01.tif")).unwrap(), b"retouched elsewhere");
    merge(&env, &stack, "m.png", &["--slab", "2/2"]).exits(2).refuses().says(&["slab"]);
}

#[test]
fn a_batch_goes_on_after_a_failure() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    for name in ["one", "two"] {
        fs::create_dir(env.path(name)).unwrap();
        for file in list(&stack.sorted()) {
            fs::copy(stack.sorted().join(&file), env.path(name).join(&file)).unwrap();
        }
    }
    env.write("broken/a.jpg", "no picture");
    env.write("broken/b.jpg", "no picture either");
    let run = env.run(["--json", "merge", "--batch", "one", "broken", "two", "-o", "out", "--format", "png"]);
    let json = run.exits(3).says(&["broken", "not merged"]).json();
    assert_eq!(list(&env.path("out")), ["one.png", "two.png"]);
    let results = json["results"].as_array().unwrap();
    assert!(results[0]["picture"].is_string() && results[1]["error"].is_string() && results.len() == 3);
    env.run(["-q", "merge", "--batch", "broken", "-o", "other"]).exits(1).says(&["none of the 1"]);
    assert!(!env.path("other").exists());
    env.run(["merge", "--batch", "one", "one/00.png", "-o", "out", "--format", "png"])
        .exits(3)
        .says(&["no folder"]);
    // A second run into the photos' own folder takes the picture for no photo.
    env.run(["merge", "one", "-o", "one/merged.tif"]).exits(0);
    let json = env.run(["--json", "merge", "one", "-o", "one/merged.tif"]).exits(0).json();
    assert_eq!(json["order"].as_array().unwrap().len(), 9);
    let photo = fs::read(env.path("one/03.png")).unwrap();
    env.run(["merge", "one", "-o", "one/03.png"]).exits(2).refuses().says(&["03.png", "never overwritten"]);
    let depth = ["merge", "one", "-o", "x.png", "--depth-map", "one/03.png"];
    env.run(depth).exits(2).refuses().says(&["03.png", "never overwritten"]);
    assert_eq!(fs::read(env.path("one/03.png")).unwrap(), photo);
}

#[test]
fn plain_frames_are_averaged() {
    use rand::{RngExt, SeedableRng};
    let env = TestEnv::new();
    let mut rng = rand_pcg::Pcg64::seed_from_u64(7);
    let size = nearfar::frame::Size::new(300, 200);
    fs::create_dir(env.path("grey")).unwrap();
    // Sums of even noise: σ = 2 %.
    let mut noise = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>() * 0.02;
    for frame in 0..21 {
        let pixel = |_| [0, 1, 2].map(|_| ((0.5 + noise()) * 255.0).round() as u8);
        let plane = Plane::new(size, (0..size.area()).map(pixel).collect());
        image_io::write_png_rgb8(&env.path(&format!("grey/{frame:02}.png")), &plane).unwrap();
    }
    for method in ["auto", "pyramid", "weighted", "depth"] {
        env.run(["merge", "grey", "-o", "out.tif", "--method", method])
            .exits(0)
            .says(&["as they were given"]);
        let merged = read(&env.path("out.tif"));
        let mean = merged.data.iter().map(|p| f64::from(p[1])).sum::<f64>() / size.area() as f64;
        let variance = merged.data.iter().map(|p| (f64::from(p[1]) - mean).powi(2)).sum::<f64>();
        let sigma = (variance / size.area() as f64).sqrt();
        assert!(sigma < 0.012 && (mean - 0.5).abs() < 0.01, "{method}: σ {sigma:.4} about {mean:.3}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    fs::create_dir(env.path("photos")).unwrap();
    for file in list(&stack.sorted()) {
        fs::copy(stack.sorted().join(&file), env.path("photos").join(&file)).unwrap();
    }
    let other = Plane::filled(nearfar::frame::Size::new(100, 80), [9; 3]);
    image_io::write_png_rgb8(&env.path("photos/odd.png"), &other).unwrap();
    env.write("photos/torn.jpg", "no picture");
    let run = env.run(["--json", "merge", "photos", "-o", "out.tif"]);
    let json = run.exits(3).says(&["odd.png", "100×80", "torn.jpg"]).json();
    assert_eq!((json["left_out"].as_array().unwrap().len(), json["levels"].as_u64()), (2, Some(9)));
    env.run(["merge", "photos/00.png", "-o", "one.tif"]).exits(2).refuses().says(&["two frames"]);
    env.run(["merge", "photos/00.png", "photos/odd.png", "-o", "one.tif"]).exits(1).refuses();
    env.run(["merge", "nowhere", "-o", "one.tif"]).exits(2).refuses();
    assert!(!env.path("one.tif").exists());
}

#[test]
fn profile_and_exif_go_with_the_picture() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    fs::create_dir(env.path("photos")).unwrap();
    let mut profile = vec![7; 300];
    profile[..4].copy_from_slice(&300u32.to_be_bytes());
    profile[16..20].copy_from_slice(b"RGB ");
    profile[36..40].copy_from_slice(b"acsp");
    // A little-endian block that says which camera it was.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x05\0\0\0\x1a\0\0\0\0\0\0\0".to_vec();
    exif.extend(b"SONY\0");
    let write = |icc: &[u8]| {
        let metadata = image_io::Metadata { exif: Some(exif.clone()), icc: Some(icc.to_vec()) };
        for file in list(&stack.sorted()) {
            let photo = pixels(&stack.sorted().join(&file));
            let path = env.path("photos").join(&file);
            image_io::write_picture(&path, &photo, &metadata, &Default::default()).unwrap();
        }
    };
    write(&profile);
    for out in ["out.tif", "out.png", "out.jpg"] {
        // One by one: in a folder nearfar would take what it wrote for results.
        let photos = list(&env.path("photos")).into_iter().map(|name| format!("photos/{name}"));
        env.run(["merge", "-o", out].into_iter().map(str::to_owned).chain(photos)).exits(0);
        let path = env.path(out);
        let header = image_io::probe(&path, &Limits::default()).unwrap();
        let found = image_io::metadata(&path, &header).unwrap();
        assert_eq!(found.icc.as_deref(), Some(&profile[..]), "{out}");
        let exif = found.exif.unwrap();
        let holds = |text: &[u8]| exif.windows(text.len()).any(|window| window == text);
        assert!(holds(b"SONY") && holds(b"nearfar"), "{out}");
    }
    write(b"no profile at all");
    let photos = list(&env.path("photos")).into_iter().map(|name| format!("photos/{name}"));
    let run = env.run(["merge", "-o", "out.tif"].into_iter().map(str::to_owned).chain(photos));
    run.exits(0).says(&["colour profile is broken"]);
    let header = image_io::probe(&env.path("out.tif"), &Limits::default()).unwrap();
    let found = image_io::metadata(&env.path("out.tif"), &header).unwrap();
    assert_eq!(found.icc.as_deref(), Some(&b"no profile at all"[..]));
}
