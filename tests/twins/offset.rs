use nearfar::cpu::offset::offset;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::offset::Offset;

use super::compare::{Tolerance, assert_same};
use super::peak::{curves, search, search_on_gpu};
use super::{device, inputs};

/// A device's logarithm may be 3 units in the last place off, at |ln| up to 28 some 1e-5, and their difference is divided
/// by slopes of 0.05 and more here.
const DEPTH: Tolerance = Tolerance::absolute(5e-4);
/// A product and a division.
const HEIGHT: Tolerance = Tolerance::relative(1e-6);

fn check(levels: &[Plane<f32>], ratios: &[f32]) {
    let gpu = device();
    let recorder = Recorder::new(&gpu);
    let peak = search_on_gpu(&gpu, &recorder, levels);
    let stage = Offset::new(&gpu);
    let (depth, height) = recorder.record(|encoder| stage.encode(&gpu, encoder, &peak, ratios));
    let expected = offset(&search(levels), ratios);
    assert_same("offset", &expected.0, &recorder.download(&depth).unwrap(), DEPTH);
    assert_same("height", &expected.1, &recorder.download(&height).unwrap(), HEIGHT);
}

#[test]
fn twins_agree() {
    for size in inputs::SIZES {
        let levels = curves(size, 9);
        check(&levels, &[1.0; 9]);
        check(&levels, &[1.0, 0.5, 2.0, 1.3, 0.8, 2.5, 0.4, 1.1, 1.0]);
    }
}

#[test]
fn flat_and_dark_curves_agree() {
    // Flat, dark, rising to the last level and falling from the first.
    let size = Size::new(4, 1);
    let level = |values: [f32; 4]| Plane::new(size, values.to_vec());
    let levels = [
        level([0.5, 0.0, 0.1, 0.9]),
        level([0.5, 0.0, 0.3, 0.5]),
        level([0.5, 0.0, 0.5, 0.3]),
        level([0.5, 0.0, 0.9, 0.1]),
    ];
    check(&levels, &[1.0; 4]);
    let (depth, _) = offset(&search(&levels), &[1.0; 4]);
    assert_eq!(depth.data, [1.0, 1.0, 3.0, 0.0]);
}
