use nearfar::cpu::smooth::smooth;
use nearfar::gpu::Recorder;
use nearfar::gpu::smooth::Smooth;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Five positive terms across and five down, in either order; a device may contract them.
const TOLERANCE: Tolerance = Tolerance::relative(1e-6);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Smooth::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for (plane, offset) in inputs::both(size, 161, 1e3).iter().zip([0.0, 0.25]) {
            let recorder = Recorder::new(&gpu);
            let smoothed = recorder.record(|encoder| {
                let plane = gpu.upload(encoder, plane);
                stage.encode(&gpu, encoder, &plane, offset)
            });
            let actual = recorder.download(&smoothed).unwrap();
            assert_same("smooth", &smooth(plane, offset), &actual, TOLERANCE);
        }
    }
}
