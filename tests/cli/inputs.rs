//! Formats and depths of bit, alone and mixed.

use std::fs::File;
use std::path::Path;

use nearfar::frame::Luma;
use nearfar::image_io::{Limits, decode, probe};
use nearfar::simulate::StackOptions;
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::{Gray16, RGB8};

use super::stack::{Rendered, read_map, rendered, small};
use super::testenv::TestEnv;

/// Maps the photos in `frames` of `env`, named NN.*, and checks order and depth.
fn check(env: &TestEnv, stack: &Rendered, near: &str, far: &str) {
    env.run(["map", "frames", "--near", near, "--far", far, "-o", "map"]).exits(0).silent();
    let (map, depth) = read_map(&env.path("map"));
    assert_eq!(stack.levels_of(&map), (0..9).collect::<Vec<_>>());
    let error = stack.depth_error(&map, &depth);
    assert!(error < 0.5, "depth is off by {error} frames");
}

/// Copies the photo of `level` as `frames/NN.ending`.
fn copy(env: &TestEnv, stack: &Rendered, level: usize, ending: &str) {
    let name = format!("{level:02}.{ending}");
    env.write(&format!("frames/{name}"), std::fs::read(stack.sorted().join(name)).expect("a photo"));
}

/// Writes the photo at `from` as a TIFF: 8-bit colour, or 16-bit grey where it has 16 bits.
fn to_tiff(from: &Path, to: &Path) {
    let header = probe(from, &Limits::default()).expect("a photo");
    let frame = decode(from, &header, Some(1)).expect("a photo");
    let mut encoder = TiffEncoder::new(File::create(to).expect("a file")).expect("a TIFF");
    let (width, height) = (header.size.width, header.size.height);
    match &frame.luma {
        Luma::U8(_) => {
            let color = frame.color.expect("colour");
            encoder.write_image::<RGB8>(width, height, color.data.as_flattened()).expect("a picture");
        }
        Luma::U16(luma) => encoder.write_image::<Gray16>(width, height, &luma.data).expect("a picture"),
    }
}

#[test]
fn png_of_16_bits() {
    let (env, stack) = (TestEnv::new(), rendered(&StackOptions { bits: 16, ..small() }));
    (0..9).for_each(|level| copy(&env, &stack, level, "png"));
    check(&env, &stack, "00.png", "08.png");
}

#[test]
fn jpeg() {
    let (env, stack) = (TestEnv::new(), rendered(&StackOptions { jpeg_quality: Some(92), ..small() }));
    (0..9).for_each(|level| copy(&env, &stack, level, "jpg"));
    check(&env, &stack, "00.jpg", "08.jpg");
}

#[test]
fn tiff_of_8_bits_in_colour_and_16_bits_in_grey() {
    for bits in [8, 16] {
        let (env, stack) = (TestEnv::new(), rendered(&StackOptions { bits, ..small() }));
        std::fs::create_dir(env.path("frames")).expect("a folder");
        for level in 0..9 {
            to_tiff(&stack.photo(level), &env.path(&format!("frames/{level:02}.tif")));
        }
        check(&env, &stack, "00.tif", "08.tif");
    }
}

#[test]
fn mixed_depths_and_formats() {
    let env = TestEnv::new();
    let (eight, sixteen) = (rendered(&small()), rendered(&StackOptions { bits: 16, ..small() }));
    let jpeg = rendered(&StackOptions { jpeg_quality: Some(95), ..small() });
    for level in 0..9 {
        match level % 4 {
            0 => copy(&env, &eight, level, "png"),
            1 => copy(&env, &sixteen, level, "png"),
            2 => copy(&env, &jpeg, level, "jpg"),
            _ => to_tiff(&sixteen.photo(level), &env.path(&format!("frames/{level:02}.tif"))),
        }
    }
    check(&env, &eight, "00.png", "08.png");
}
