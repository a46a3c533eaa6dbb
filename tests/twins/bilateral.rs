use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::bilateral::Bilateral;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Nine levels of weighted means, each rounded and divided anew, of depths up to 29: some 10⁻⁶ of it a level.
const TOLERANCE: Tolerance = Tolerance::absolute(1e-3);
const LEVELS: u32 = 30;

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Bilateral::new(&gpu);
    for size in inputs::SIZES {
        let sparse = inputs::random(size, 142, -1.0..1.0).data.iter().map(|value| value.max(0.0)).collect();
        let sparse = Plane::new(size, sparse);
        let none = Plane::filled(size, 0.0);
        for depth in inputs::both(size, 141, LEVELS as f32 - 1.0) {
            for (confidence, guide) in [
                (&sparse, inputs::picture_rgba(size)),
                (&sparse, inputs::random_rgba(size, 143)),
                (&none, inputs::picture_rgba(size)),
            ] {
                let recorder = Recorder::new(&gpu);
                let smoothed = recorder.record(|encoder| {
                    let (depth, confidence) = (gpu.upload(encoder, &depth), gpu.upload(encoder, confidence));
                    let guide = gpu.upload_texels(encoder, &guide);
                    stage.encode(&gpu, encoder, &depth, &confidence, &guide, LEVELS)
                });
                let expected = nearfar::cpu::bilateral::bilateral(&depth, confidence, &guide, LEVELS);
                assert_same("bilateral", &expected, &recorder.download(&smoothed).unwrap(), TOLERANCE);
            }
        }
    }
}
