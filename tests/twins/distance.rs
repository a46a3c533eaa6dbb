use nearfar::frame::Size;
use nearfar::gpu::Recorder;
use nearfar::gpu::distance::Distance;
use nearfar::params::MISSING;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Up to 1024 terms in the same order; a device may contract each.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-5 };

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Distance::new(&gpu);
    for (blocks, frames) in [(1, 1), (2, 3), (32, 64), (64, 65), (704, 67), (1024, 130)] {
        let mut features = inputs::random(Size::new(blocks, frames), 71, -3.0..3.0);
        for value in features.data.iter_mut().step_by(7) {
            *value = 2.0 * MISSING;
        }
        // One frame shares no block with any other.
        features.data[..blocks as usize].fill(2.0 * MISSING);
        let weights = inputs::random(Size::new(blocks, 1), 72, 0.0..1.0);
        let recorder = Recorder::new(&gpu);
        let distances = recorder.record(|encoder| {
            let (features, weights) = (gpu.upload(encoder, &features), gpu.upload(encoder, &weights));
            stage.encode(&gpu, encoder, &features, &weights)
        });
        let expected = nearfar::cpu::distance::distance(&features, &weights);
        assert_same("distance", &expected, &recorder.download(&distances).unwrap(), TOLERANCE);
    }
}
