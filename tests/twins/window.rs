use nearfar::cpu::sharpness::Moments;
use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::window::Window;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Sums in the same order; a device may contract the difference of mean square and squared mean, which costs a rounding of
/// either (here below 1e-2).
const TOLERANCE: Tolerance = Tolerance { absolute: 2e-9, relative: 2e-6 };

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Window::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for radius in [0, 1, 2, 5] {
            for (seed, energy) in (20..).zip(inputs::both(size, 21, 1e-2)) {
                let moments = Moments {
                    laplacian: inputs::random(size, seed, -0.1..0.1),
                    energy,
                    luma: inputs::picture(size),
                };
                let expected = nearfar::cpu::window::window(&moments, radius);
                let parts = moments.laplacian.data.iter().zip(&moments.energy.data).zip(&moments.luma.data);
                let packed = Plane::new(size, parts.map(|((&l, &e), &y)| [l, e, y, 0.0]).collect());
                let recorder = Recorder::new(&gpu);
                let (measure, luma) = recorder.record(|encoder| {
                    let moments = gpu.upload_texels(encoder, &packed);
                    stage.encode(&gpu, encoder, &moments, radius)
                });
                assert_same("window", &expected, &recorder.download(&measure).unwrap(), TOLERANCE);
                assert_same("luma", &moments.luma, &recorder.download(&luma).unwrap(), Tolerance::EXACT);
            }
        }
    }
}
