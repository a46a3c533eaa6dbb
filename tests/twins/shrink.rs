use nearfar::cpu::shrink::shrink;
use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::shrink::Shrink;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Five positive terms across and five down, in either order; a device may contract them.
const TOLERANCE: Tolerance = Tolerance::relative(1e-6);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Shrink::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for plane in [inputs::random_rgba(size, 141), inputs::picture_rgba(size)] {
            // The fourth channel is 1 in all planes that are shrunk.
            let opaque = plane.data.iter().map(|&[r, g, b, _]| [r, g, b, 1.0]).collect();
            let plane = Plane::new(size, opaque);
            let recorder = Recorder::new(&gpu);
            let half = recorder.record(|encoder| {
                let plane = gpu.upload_texels(encoder, &plane);
                stage.encode(&gpu, encoder, &plane)
            });
            let expected = inputs::pixels::<4>(&shrink(&inputs::lines(&plane, 4)));
            assert_same("shrink", &expected, &recorder.download_texels(&half).unwrap(), TOLERANCE);
        }
        for plane in inputs::both(size, 142, 100.0) {
            let recorder = Recorder::new(&gpu);
            let half = recorder.record(|encoder| {
                let plane = gpu.upload(encoder, &plane);
                stage.encode_gray(&gpu, encoder, &plane)
            });
            let expected = shrink(&inputs::gray_lines(&plane));
            let expected = Plane::new(expected.size, expected.data);
            assert_same("shrink gray", &expected, &recorder.download(&half).unwrap(), TOLERANCE);
        }
    }
}
