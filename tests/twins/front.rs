use nearfar::cpu::front::front;
use nearfar::gpu::Recorder;
use nearfar::gpu::front::Front;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Comparisons only.
const TOLERANCE: Tolerance = Tolerance::EXACT;

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Front::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        let [noise, drawn] = inputs::both(size, 221, 9.0);
        for (plane, radius) in [(&noise, 0), (&noise, 1), (&drawn, 5), (&noise, 7)] {
            let recorder = Recorder::new(&gpu);
            let least = recorder.record(|encoder| {
                let plane = gpu.upload(encoder, plane);
                stage.encode(&gpu, encoder, &plane, radius)
            });
            assert_same("front", &front(plane, radius), &recorder.download(&least).unwrap(), TOLERANCE);
        }
    }
}
