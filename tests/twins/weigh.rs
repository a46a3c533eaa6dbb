use nearfar::cpu::weigh::weigh;
use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::weigh::Weigh;
use nearfar::params::UNCOVERED;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Products in the same order, and none that is added to anything.
const TOLERANCE: Tolerance = Tolerance::EXACT;

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Weigh::new(&gpu);
    for size in inputs::SIZES {
        let [energy, drawn] = inputs::both(size, 181, 500.0);
        let finest = inputs::random(size, 182, 0.5..20.0);
        // A third of the frame does not reach.
        let known = inputs::random(size, 183, -0.5..1.0);
        let prior = Plane::new(size, known.data.iter().map(|value| value.max(UNCOVERED)).collect());
        for powers in [[0, 0], [1, 0], [0, 1], [2, 3], [4, 8], [1, 6], [5, 5]] {
            for (energy, floor) in [(&energy, 0.25), (&drawn, 0.0), (&drawn, 1.6e-4)] {
                let recorder = Recorder::new(&gpu);
                let weight = recorder.record(|encoder| {
                    let [energy, finest, prior] =
                        [energy, &finest, &prior].map(|plane| gpu.upload(encoder, plane));
                    stage.encode(&gpu, encoder, &energy, &finest, &prior, floor, powers)
                });
                let expected = weigh(energy, &finest, &prior, floor, powers);
                assert_same("weigh", &expected, &recorder.download(&weight).unwrap(), TOLERANCE);
            }
        }
    }
}
