//! A stack rendered elsewhere from a measured scene, where it lies beside this repository.

use std::path::{Path, PathBuf};

use nearfar::frame::{Plane, Size};
use nearfar::transform::Transform;
use serde_json::Value;

use super::stack::{error, name, read_map};
use super::testenv::TestEnv;

fn moto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/moto")
}

/// Rows and values of a version 1 `.npy` file of one plane; `width` bytes a value.
fn npy(path: &Path, kind: &str, width: usize) -> (Size, Vec<u8>) {
    let bytes = std::fs::read(path).expect("a readable file");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{}", path.display());
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
    assert!(header.contains(kind) && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split(['(', ')']).nth(1).expect("a shape");
    let sides: Vec<u32> = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    let size = Size::new(sides[1], sides[0]);
    let values = bytes[10 + length..].to_vec();
    assert_eq!(values.len(), size.area() * width);
    (size, values)
}

fn floats(path: &Path) -> Plane<f32> {
    let (size, bytes) = npy(path, "<f4", 4);
    Plane::new(size, bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

fn flags(path: &Path) -> Plane<bool> {
    let (size, bytes) = npy(path, "|b1", 1);
    Plane::new(size, bytes.iter().map(|b| *b != 0).collect())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a readable file")).expect("JSON")
}

/// The plane as a frame shows it whose pixels `back` takes to the reference geometry; beyond the edge, the edge.
fn moved<T: Copy>(plane: &Plane<T>, back: &Transform) -> Plane<T> {
    let Size { width, height } = plane.size;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let data = pixels.map(|(x, y)| {
        let [u, v] = back.apply(f64::from(x), f64::from(y)).map(f64::round);
        plane.at(u.clamp(0.0, f64::from(width - 1)) as u32, v.clamp(0.0, f64::from(height - 1)) as u32)
    });
    Plane::new(plane.size, data.collect())
}

#[test]
#[cfg_attr(not(shared_data), ignore = "../shared/data not found")]
fn moto_order_and_depth() {
    let folder = moto();
    let env = TestEnv::new();
    let shuffled = json(&folder.join("shuffled.json"));
    let end = |key: &str| shuffled[key].as_str().expect("a name").to_owned();
    let (near, far) = (end("near"), end("far"));
    let frames = folder.join("shuffled");
    env.run([
        "map".as_ref(),
        frames.as_os_str(),
        "--near".as_ref(),
        near.as_ref(),
        "--far".as_ref(),
        far.as_ref(),
        "-o".as_ref(),
        "map".as_ref(),
    ])
    .exits(0);
    let (map, depth) = read_map(&env.path("map"));
    let level = |file: &String| shuffled["true_index"][name(Path::new(file))].as_f64().expect("a level");
    let levels: Vec<f64> = map.clusters.iter().map(|files| level(&files[0])).collect();
    assert_eq!(levels, (0..21).map(f64::from).collect::<Vec<_>>(), "near → far, all of them");
    let pose = &json(&folder.join("meta.json"))["ref_to_frame"][level(&map.reference) as usize];
    let at = |row: usize, column: usize| pose[row][column].as_f64().expect("a number");
    let matrix = [at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2)];
    let back = Transform::affine(matrix).inverse();
    let plane = |name: &str| moved(&flags(&folder.join(name)), &back);
    let truth = moved(&floats(&folder.join("truth.npy")), &back);
    let error = error(&truth, &plane("texture.npy"), &plane("edge.npy"), &depth, &map, &levels);
    println!("moto: {:.3} frames where textured, {:.3} over all", error.textured, error.all);
    assert!(error.textured <= 0.25, "depth is off by {} frames where there is texture", error.textured);
    assert!(error.all <= 0.65, "depth is off by {} frames", error.all);
}
