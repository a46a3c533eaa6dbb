use nearfar::gpu::Recorder;
use nearfar::gpu::accumulate::Accumulate;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// One product and one sum, which a device may contract.
const TOLERANCE: Tolerance = Tolerance::relative(3e-7);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Accumulate::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        let [sum, plane] = inputs::both(size, 81, 1.0);
        for scale in [1.0, 0.3] {
            let recorder = Recorder::new(&gpu);
            let total = recorder.record(|encoder| {
                let (sum, plane) = (gpu.upload(encoder, &sum), gpu.upload(encoder, &plane));
                stage.encode(&gpu, encoder, &sum, &plane, scale)
            });
            let mut expected = sum.clone();
            nearfar::cpu::accumulate::accumulate(&mut expected, &plane, scale);
            assert_same("accumulate", &expected, &recorder.download(&total).unwrap(), TOLERANCE);
        }
    }
}
