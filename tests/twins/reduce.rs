use nearfar::gpu::Recorder;
use nearfar::gpu::reduce::Reduce;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Three sums in the same order and an exact quarter.
const TOLERANCE: Tolerance = Tolerance::EXACT;

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Reduce::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for plane in inputs::both(size, 31, 1.0) {
            let recorder = Recorder::new(&gpu);
            let halved = recorder.record(|encoder| {
                let plane = gpu.upload(encoder, &plane);
                stage.encode(&gpu, encoder, &plane)
            });
            let actual = recorder.download(&halved).unwrap();
            assert_same("reduce", &nearfar::cpu::reduce::reduce(&plane), &actual, TOLERANCE);
        }
    }
}
