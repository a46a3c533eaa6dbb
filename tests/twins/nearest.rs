use nearfar::cpu::nearest::nearest;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::nearest::Nearest;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Differences of values that are given.
const TOLERANCE: Tolerance = Tolerance::absolute(1e-6);

const FOCUSED: [f32; 7] = [0.0, 0.4, 1.9, 2.6, 4.0, 5.5, 6.0];

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Nearest::new(&gpu);
    for size in inputs::SIZES {
        for focused in [&FOCUSED[..], &FOCUSED[3..4]] {
            let (recorder, depth) = (Recorder::new(&gpu), inputs::random(size, 18, -0.5..6.5));
            let distance = recorder.record(|encoder| {
                let depth = gpu.upload(encoder, &depth);
                stage.encode(&gpu, encoder, &depth, focused)
            });
            assert_same(
                "nearest",
                &nearest(&depth, focused),
                &recorder.download(&distance).unwrap(),
                TOLERANCE,
            );
        }
    }
}

#[test]
fn the_nearest_counts() {
    let near = nearest(&Plane::new(Size::new(3, 1), vec![0.1, 2.3, 9.0]), &FOCUSED);
    assert!((near.data[0] - 0.1).abs() < 1e-6 && (near.data[1] - 0.3).abs() < 1e-6 && near.data[2] == 3.0);
}
