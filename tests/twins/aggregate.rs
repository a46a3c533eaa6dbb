use nearfar::frame::{Plane, Size};
use nearfar::gpu::aggregate::Aggregate;
use nearfar::gpu::{Gpu, Recorder};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// 19 sums of positive values across and 19 down in the same order; a device may contract them with the weights.
const TOLERANCE: Tolerance = Tolerance::relative(3e-6);

fn on_gpu(gpu: &Gpu, stage: &Aggregate, measure: &Plane<f32>, weight: &Plane<f32>) -> Plane<f32> {
    let recorder = Recorder::new(gpu);
    let gathered = recorder.record(|encoder| {
        let (measure, weight) = (gpu.upload(encoder, measure), gpu.upload(encoder, weight));
        stage.encode(gpu, encoder, &measure, &weight)
    });
    recorder.download(&gathered).unwrap()
}

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Aggregate::new(&gpu);
    // Also every remainder of rows and columns by four.
    let small = [Size::new(5, 7), Size::new(6, 6), Size::new(2, 1), Size::new(1, 30)];
    for size in inputs::SIZES.into_iter().chain(small).chain([inputs::LARGE]) {
        let weight = inputs::random(size, 102, 0.0..100.0);
        for measure in inputs::both(size, 101, 1e-3) {
            let expected = nearfar::cpu::aggregate::aggregate(&measure, &weight);
            assert_same("aggregate", &expected, &on_gpu(&gpu, &stage, &measure, &weight), TOLERANCE);
        }
    }
}

#[test]
fn an_even_plane_stays_even() {
    let gpu = device();
    let size = Size::new(67, 31);
    let (measure, weight) = (Plane::filled(size, 2.0), Plane::filled(size, 0.5));
    let actual = on_gpu(&gpu, &Aggregate::new(&gpu), &measure, &weight);
    assert_same("aggregate", &Plane::filled(size, 1.0), &actual, Tolerance::absolute(2e-6));
}
