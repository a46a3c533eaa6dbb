use nearfar::gpu::Recorder;
use nearfar::gpu::vote::Vote;
use nearfar::params::VOTE_FLOOR;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// 49 sums of positive values in the same order; two divisions, which devices round to 2.5 units in the last place.
const TOLERANCE: Tolerance = Tolerance::relative(2e-6);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Vote::new(&gpu);
    for size in inputs::SIZES {
        for energy in inputs::both(size, 91, 1e-3) {
            for floor in [VOTE_FLOOR, 60.0 * VOTE_FLOOR] {
                let recorder = Recorder::new(&gpu);
                let votes = recorder.record(|encoder| {
                    let energy = gpu.upload(encoder, &energy);
                    stage.encode(&gpu, encoder, &energy, floor)
                });
                let expected = nearfar::cpu::vote::vote(&energy, floor);
                assert_same("vote", &expected, &recorder.download(&votes).unwrap(), TOLERANCE);
            }
        }
    }
}
