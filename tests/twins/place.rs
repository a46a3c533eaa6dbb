use nearfar::cpu::place::place;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::place::Place;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// A product and a sum that devices may make in one.
const TOLERANCE: Tolerance = Tolerance::absolute(4e-6);
const TABLE: [f32; 7] = [0.0, 0.4, 1.9, 2.6, 4.0, 5.5, 6.0];

#[test]
fn places_agree() {
    let gpu = device();
    let stage = Place::new(&gpu);
    for size in inputs::SIZES {
        for table in [&TABLE[..], &TABLE[..2]] {
            let (recorder, depth) = (Recorder::new(&gpu), inputs::random(size, 17, -0.5..6.5));
            let placed = recorder.record(|encoder| {
                let depth = gpu.upload(encoder, &depth);
                stage.encode(&gpu, encoder, &depth, table)
            });
            assert_same("place", &place(&depth, table), &recorder.download(&placed).unwrap(), TOLERANCE);
        }
    }
}

#[test]
fn levels_come_to_their_places_and_what_lies_between_them_between() {
    let depth = Plane::new(Size::new(5, 1), vec![0.0, 3.0, 6.0, 1.5, 7.0]);
    let found = place(&depth, &TABLE);
    for (found, expected) in found.data.iter().zip([0.0, 2.6, 6.0, 1.15, 6.5]) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}
