use nearfar::cpu::detail::detail;
use nearfar::cpu::shrink::shrink;
use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::detail::Detail;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Differences of values up to 1, each rounded a few times; a device may contract.
const BAND: Tolerance = Tolerance::absolute(5e-7);
/// Squares of those in units of 10⁻⁴: twice a band's value times its error, 10⁴ times.
const ENERGY: Tolerance = Tolerance { absolute: 1e-5, relative: 5e-6 };

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Detail::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for plane in [inputs::random_rgba(size, 151), inputs::picture_rgba(size)] {
            let lines = inputs::lines(&plane, 4);
            let half = shrink(&lines);
            let texels = inputs::pixels(&half);
            let recorder = Recorder::new(&gpu);
            let (band, energy) = recorder.record(|encoder| {
                let (plane, half) = (gpu.upload_texels(encoder, &plane), gpu.upload_texels(encoder, &texels));
                stage.encode(&gpu, encoder, &plane, &half)
            });
            let expected = detail(&lines, &half);
            let band = inputs::colours(&recorder.download_texels(&band).unwrap());
            assert_same("detail", &inputs::pixels(&expected.0), &band, BAND);
            let expected = Plane::new(expected.1.size, expected.1.data);
            assert_same("energy", &expected, &recorder.download(&energy).unwrap(), ENERGY);
        }
    }
}
