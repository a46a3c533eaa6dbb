use nearfar::frame::Size;
use nearfar::gpu::Recorder;
use nearfar::gpu::warp::Warp;
use nearfar::params::Edge;
use nearfar::transform::Transform;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Source positions are rounded to 2⁻¹³ px at 2047, which is as much of the step between two pixels of 0…1; a device may
/// contract products and sums.
const TOLERANCE: Tolerance = Tolerance::absolute(6e-4);

fn check(plane: Size, size: Size, transform: &Transform) {
    let gpu = device();
    let stage = Warp::new(&gpu);
    for plane in inputs::both(plane, 41, 1.0) {
        for edge in [Edge::Mark, Edge::Replicate] {
            let recorder = Recorder::new(&gpu);
            let warped = recorder.record(|encoder| {
                let plane = gpu.upload(encoder, &plane);
                stage.encode(&gpu, encoder, &plane, transform, 1.25, edge, size)
            });
            let actual = recorder.download(&warped).unwrap();
            let expected = nearfar::cpu::warp::warp(&plane, transform, 1.25, edge, size);
            assert_same("warp", &expected, &actual, TOLERANCE);
            assert!(edge == Edge::Mark || actual.data.iter().all(|value| *value >= 0.0));
        }
    }
}

#[test]
fn twins_agree() {
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        let centre = [f64::from(size.width) / 2.0, f64::from(size.height) / 2.0];
        check(size, size, &Transform::IDENTITY);
        check(size, size, &Transform::similarity(0.0213, 0.0171, [1.37, -2.61], centre));
        let askew = Transform::similarity(0.0113, 0.0171, [1.37, -2.61], centre);
        check(size, size, &inputs::tilted(askew, size));
        check(size, size, &Transform::similarity(-0.0313, -0.0051, [0.41, 0.83], centre));
        // Beyond the frame altogether.
        check(size, size, &Transform::similarity(0.0, 0.0, [5000.3, 0.0], centre));
    }
    check(Size::new(64, 64), Size::new(131, 70), &Transform::similarity(-0.5, 0.0, [0.26, 0.24], [0.0, 0.0]));
}
