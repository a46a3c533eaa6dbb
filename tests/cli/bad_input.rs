//! Frames, anchors and map folders that make no sense: the exit code, a message that names the file and the remedy, and
//! nothing half-written.

use std::fs::{self, File};
use std::path::Path;

use nearfar::frame::{Plane, Size};
use nearfar::image_io::{self, Limits};
use nearfar::simulate::StackOptions;
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::Gray8;

use super::stack::{Rendered, names, read_map, rendered, small};
use super::testenv::{Run, TestEnv};

/// Puts the photos of `stack` into `frames` of `env`.
fn put(env: &TestEnv, stack: &Rendered) {
    fs::create_dir(env.path("frames")).expect("a folder");
    for file in fs::read_dir(stack.sorted()).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        fs::copy(&file, env.path("frames").join(file.file_name().expect("a name"))).expect("a copy");
    }
}

/// Nine good photos in `frames`.
fn good() -> TestEnv {
    let env = TestEnv::new();
    put(&env, &rendered(&small()));
    env
}

fn map(env: &TestEnv) -> Run {
    env.run(["map", "frames", "-o", "map"])
}

/// Maps `frames`, which must fail with `code`, say `parts` and leave no output.
#[track_caller]
fn refused(env: &TestEnv, code: i32, parts: &[&str]) {
    map(env).exits(code).refuses().says(parts);
    assert!(!env.path("map").exists(), "left behind: {:?}", env.list("map"));
}

/// Maps `frames`, which must leave out only `file`, for a reason with `parts`, and use the nine good photos.
#[track_caller]
fn left_out(env: &TestEnv, file: &str, parts: &[&str]) {
    let run = env.run(["map", "frames", "-o", "map", "--near", "00.png"]).exits(3);
    run.says(&[&[file, "left out"], parts].concat());
    let (found, _) = read_map(&env.path("map"));
    assert_eq!(names(found.left_out.iter().map(|left_out| &left_out.file)), [file]);
    let expected: Vec<String> = (0..9).map(|level| format!("{level:02}.png")).collect();
    assert_eq!(names(&found.order), expected);
}

fn plain(env: &TestEnv, name: &str, size: Size, value: u8) {
    env.write(name, "");
    image_io::write_png_rgb8(&env.path(name), &Plane::filled(size, [value; 3])).expect("a picture");
}

#[test]
fn no_frames() {
    let env = TestEnv::new();
    env.run(["map", "-o", "map"]).exits(2).says(&["FRAMES"]);
    fs::create_dir(env.path("frames")).expect("a folder");
    refused(&env, 2, &["frames", "no JPEG, PNG or TIFF"]);
    env.run(["map", "", "-o", "map"]).exits(2).refuses();
    assert_eq!(env.list(""), ["frames"]);
}

#[test]
fn one_frame() {
    let env = TestEnv::new();
    plain(&env, "frames/a.png", Size::new(40, 30), 90);
    refused(&env, 2, &["a.png", "two frames", "add photos"]);
    env.run(["map", "frames/a.png", "frames/a.png", "frames", "-o", "map"])
        .exits(2)
        .refuses()
        .says(&["two frames"]);
}

#[test]
fn absent_frames() {
    let env = good();
    let run = env.run(["map", "frames", "absent.jpg", "-o", "map", "--near", "00.png"]).exits(3);
    run.says(&["absent.jpg", "no such file"]);
    let env = TestEnv::new();
    env.run(["map", "a.jpg", "b.jpg", "-o", "map"]).exits(1).refuses().says(&[
        "a.jpg",
        "b.jpg",
        "no such file",
    ]);
    assert!(env.list("").is_empty());
}

#[test]
fn text_named_jpg() {
    let env = good();
    env.write("frames/notes.jpg", "not a picture at all\n");
    env.write("frames/ignored.txt", "no picture, and not named like one");
    left_out(&env, "notes.jpg", &["JPEG, PNG or TIFF"]);
    let env = TestEnv::new();
    env.write("frames/a.jpg", "text");
    env.write("frames/b.png", "");
    refused(&env, 1, &["a.jpg", "b.png", "fewer than two usable"]);
}

#[test]
fn truncated_files() {
    let stack = rendered(&small());
    let jpegs = rendered(&StackOptions { jpeg_quality: Some(90), ..small() });
    let jpeg = fs::read(jpegs.sorted().join("04.jpg")).expect("a photo");
    let png = fs::read(stack.photo(4)).expect("a photo");
    let tiff = {
        let env = TestEnv::new();
        let path = env.path("a.tif");
        let header = image_io::probe(&stack.photo(4), &Limits::default()).expect("a photo");
        let mut encoder = TiffEncoder::new(File::create(&path).expect("a file")).expect("a TIFF");
        encoder
            .write_image::<Gray8>(header.size.width, header.size.height, &vec![7; header.size.area()])
            .expect("a picture");
        fs::read(path).expect("a TIFF")
    };
    for (name, bytes) in [("x.jpg", &jpeg), ("x.png", &png), ("x.tif", &tiff)] {
        for keep in [bytes.len() * 2 / 3, 200, 20, 3] {
            let env = good();
            env.write(&format!("frames/{name}"), &bytes[..keep.min(bytes.len())]);
            left_out(&env, name, &[]);
        }
    }
}

#[test]
fn frames_of_one_pixel() {
    for (width, height) in [(1, 1), (1, 7), (2, 2), (9, 1)] {
        let env = TestEnv::new();
        for (name, value) in [("a", 10), ("b", 90), ("c", 200)] {
            plain(&env, &format!("frames/{name}.png"), Size::new(width, height), value);
        }
        refused(&env, 1, &["photograph"]);
    }
}

/// A picture whose header declares 60000×60000 pixels.
fn huge(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match name {
        "x.png" => drop(png::Encoder::new(&mut bytes, 60_000, 60_000).write_header().expect("a header")),
        _ => {
            let stack = rendered(&StackOptions { jpeg_quality: Some(90), ..small() });
            bytes = fs::read(stack.sorted().join("04.jpg")).expect("a photo");
            // A baseline JPEG's frame header: marker, length, bits, height, width.
            let at = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header") + 5;
            bytes[at..at + 4].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
        }
    }
    bytes
}

#[test]
fn a_huge_frame_declared() {
    for name in ["x.png", "x.jpg"] {
        let env = good();
        env.write(&format!("frames/{name}"), huge(name));
        left_out(&env, name, &["60000×60000", "limit", "scale"]);
        let env = TestEnv::new();
        env.write(&format!("frames/1{name}"), huge(name));
        env.write(&format!("frames/2{name}"), huge(name));
        refused(&env, 1, &["60000×60000", &format!("1{name}"), &format!("2{name}")]);
    }
}

#[test]
fn mixed_sizes() {
    let env = good();
    plain(&env, "frames/odd.png", Size::new(200, 220), 90);
    left_out(&env, "odd.png", &["200×220", "320×220", "alike"]);
    let env = TestEnv::new();
    plain(&env, "frames/a.png", Size::new(20, 20), 90);
    plain(&env, "frames/b.png", Size::new(20, 21), 90);
    refused(&env, 1, &["fewer than two", "20×21"]);
}

#[test]
fn black_frames() {
    let env = TestEnv::new();
    for name in ["a", "b", "c"] {
        plain(&env, &format!("frames/{name}.png"), Size::new(120, 80), 0);
    }
    refused(&env, 1, &["frames", "photograph"]);
}

#[test]
fn a_black_frame_among_good_ones() {
    let env = good();
    plain(&env, "frames/cap.png", Size::new(320, 220), 0);
    left_out(&env, "cap.png", &[]);
}

#[test]
fn identical_frames() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let photo = fs::read(stack.photo(4)).expect("a photo");
    for name in ["a", "b", "c"] {
        env.write(&format!("frames/{name}.png"), &photo);
    }
    refused(&env, 1, &["one level of focus", "photograph"]);
}

#[test]
fn anchors_that_make_no_sense() {
    let env = good();
    let with = |more: &[&str]| {
        let run = env.run(["map", "frames", "-o", "map"].iter().chain(more));
        assert!(run.code == Some(0) || !env.path("map").exists(), "left behind: {:?}", env.list("map"));
        run
    };
    for option in ["--near", "--far"] {
        for wrong in ["absent.png", "0.5", "0.5,1.5", "-0.1,0.5", "nan,0.5", "0.1,0.2,0.3", ""] {
            with(&[option, wrong]).exits(2).refuses().says(&[option, wrong, "X,Y"]);
        }
    }
    with(&["--near", "03.png", "--far", "03.png"]).exits(2).refuses().says(&["--near", "--far", "different"]);
    with(&["--near", "03.png", "--far", "frames/03.png"]).exits(2).refuses().says(&[
        "--near",
        "--far",
        "different",
    ]);
    with(&["--near", "0.5,0.5", "--far", "0.5,0.5"]).exits(2).refuses().says(&[
        "--near",
        "--far",
        "different",
    ]);
    with(&["--near", "0.5,0.5", "--far", "0.5001,0.5"]).exits(2).refuses().says(&["near", "far"]);
    // Anchors that were left out.
    env.write("frames/broken.png", "no picture");
    for option in ["--near", "--far", "--reference"] {
        with(&[option, "broken.png"]).exits(2).refuses().says(&[option, "broken.png", "another frame"]);
    }
}

/// A folder with a map of nine levels.
fn mapped() -> TestEnv {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let frames = stack.shuffled();
    env.run([
        "map".as_ref(),
        frames.as_os_str(),
        "-o".as_ref(),
        "map".as_ref(),
        "--near".as_ref(),
        stack.near.as_ref(),
    ])
    .exits(0);
    env
}

/// Plans on `map`, which must fail with `code`, say `parts` and write nothing.
#[track_caller]
fn no_plan(env: &TestEnv, options: &[&str], code: i32, parts: &[&str]) {
    let before = env.list("map");
    env.run(["plan", "map"].iter().chain(options)).exits(code).says(parts);
    assert_eq!(env.list("map"), before);
}

#[test]
fn numbers_of_steps_out_of_range() {
    let env = mapped();
    for steps in ["0", "1", "1000", "10000"] {
        no_plan(&env, &["-n", steps], 2, &["-n", steps, "2 to 999"]);
    }
    for steps in ["-1", "x", "1.5", "99999999999999999999999"] {
        no_plan(&env, &["-n", steps], 2, &["--steps"]);
    }
    no_plan(&env, &[], 2, &["--steps"]);
    for side in ["0", "0.6", "nan", "-0.1"] {
        no_plan(&env, &["-n", "3", "--af-size", side], 2, &["--af-size"]);
    }
    env.run(["plan", "map", "-n", "999"]).exits(0);
}

#[test]
fn plan_without_a_map() {
    let env = TestEnv::new();
    env.run(["plan", "absent", "-n", "3"]).exits(2).refuses().says(&["absent", "no map here", "nearfar map"]);
    fs::create_dir(env.path("map")).expect("a folder");
    no_plan(&env, &["-n", "3"], 2, &["map", "no map here", "nearfar map"]);
    env.write("file", "x");
    let run = env.run(["plan", "file", "-n", "3"]).refuses();
    assert!(matches!(run.code, Some(1 | 2)), "{:?}", run.code);
}

#[test]
fn damaged_maps() {
    for text in ["", "{", "[]", "{\"version\":1}", "{\"version\":2}", "\u{0}\u{0}"] {
        let env = mapped();
        env.write("map/map.json", text);
        no_plan(&env, &["-n", "3"], 1, &["map.json", "map"]);
    }
    let edited = |key: &str, value: serde_json::Value| {
        let env = mapped();
        let bytes = fs::read(env.path("map/map.json")).expect("map.json");
        let mut map: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        map[key] = value;
        env.write("map/map.json", map.to_string());
        env
    };
    no_plan(&edited("version", 2.into()), &["-n", "3"], 1, &["map.json", "version 2"]);
    for positions in [[0.0, 0.5, 0.4, 1.0], [0.0, 1.0, 2.0, 9.0]] {
        let env = edited("level_positions", serde_json::json!(positions));
        no_plan(&env, &["-n", "3"], 1, &["map.json", "level_positions", "again"]);
    }
    let others = edited("level_positions", serde_json::json!([0.0, 1.0]));
    others.run(["plan", "map", "-n", "3"]).exits(0).says(&["level_positions of 2 levels", "even"]);
    let run = edited("clusters", serde_json::json!([])).run(["plan", "map", "-n", "3"]).refuses();
    assert!(matches!(run.code, Some(1 | 2)), "{:?}", run.code);
}

#[test]
fn damaged_planes() {
    for name in ["depth.tif", "confidence.png", "aif.jpg"] {
        let damage = |bytes: &[u8]| {
            let env = mapped();
            env.write(&format!("map/{name}"), bytes);
            no_plan(&env, &["-n", "3"], 1, &[name]);
        };
        let env = mapped();
        let bytes = fs::read(env.path("map").join(name)).expect("a plane");
        damage(b"");
        damage(b"text");
        damage(&bytes[..bytes.len() / 2]);
        damage(&bytes[..100]);
        let env = mapped();
        fs::remove_file(env.path("map").join(name)).expect("removed");
        no_plan(&env, &["-n", "3"], 1, &[name]);
    }
    // A plane of another map.
    let env = mapped();
    image_io::write_tiff_f32(&env.path("map/depth.tif"), &Plane::filled(Size::new(9, 9), 1.0), 1)
        .expect("a plane");
    let run = env.run(["plan", "map", "-n", "3"]).refuses().says(&["map again"]);
    assert!(matches!(run.code, Some(1 | 2)), "{:?}", run.code);
    assert!(!env.path("map/plan.json").exists());
    // Depth that is nowhere known.
    let env = mapped();
    let unknown = Plane::filled(Size::new(320, 220), f32::NAN);
    image_io::write_tiff_f32(&env.path("map/depth.tif"), &unknown, 1).expect("a plane");
    no_plan(&env, &["-n", "3"], 1, &["no known pixel", "map"]);
}

#[test]
fn command_lines_that_make_no_sense() {
    let env = TestEnv::new();
    for args in [&[][..], &["nonsense"], &["map"], &["plan"], &["--json"], &["-q", "-v", "devices"]] {
        env.run(args).exits(2);
    }
    env.run(["--help"]).exits(0).silent();
    env.run(["--version"]).exits(0).silent();
    assert!(!Path::new(&env.path("map")).exists());
}
