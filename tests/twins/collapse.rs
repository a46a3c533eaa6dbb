use nearfar::cpu::collapse::{collapse, collapse_base};
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::collapse::Collapse;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Means and expanded values of up to 1; a device's division may be 2.5 units in the last place off, and it may contract.
const TOLERANCE: Tolerance = Tolerance::absolute(1e-6);

/// Colours of −0.5…0.5 times a weight of some orders of magnitude, and the weight.
fn sums(size: Size, seed: u64) -> Plane<[f32; 4]> {
    let weighed = |&[r, g, b, weight]: &[f32; 4]| {
        let weight = (20.0 * weight).exp();
        [r * weight, g * weight, b * weight, weight]
    };
    Plane::new(size, inputs::random_band(size, seed).data.iter().map(weighed).collect())
}

#[test]
fn bands_agree() {
    let gpu = device();
    let stage = Collapse::new(&gpu);
    for (size, strips) in inputs::SIZES.map(|size| (size, 4)).into_iter().chain([(inputs::LARGE, 2)]) {
        let (sum, half) = (sums(size, 211), inputs::random_rgba(size.grid(2), 212));
        let rows = [0..size.height, 2..size.height - 1, 0..size.height / 2, 6..size.height];
        for rows in rows.into_iter().take(strips).filter(|rows| !rows.is_empty()) {
            let (top, sum) = (rows.start, sum.rows(rows));
            let recorder = Recorder::new(&gpu);
            let picture = recorder.record(|encoder| {
                let (sum, half) = (gpu.upload_texels(encoder, &sum), gpu.upload_texels(encoder, &half));
                stage.encode(&gpu, encoder, &sum, &half, top)
            });
            let actual = recorder.download_texels(&picture).unwrap();
            let expected = collapse(&inputs::lines(&sum, 4), &inputs::lines(&half, 3), top);
            assert_same("collapse", &inputs::pixels(&expected), &inputs::colours(&actual), TOLERANCE);
        }
    }
}

#[test]
fn bases_agree() {
    let gpu = device();
    let stage = Collapse::new(&gpu);
    for size in inputs::SIZES {
        let sum = sums(size, 213);
        let recorder = Recorder::new(&gpu);
        let picture = recorder.record(|encoder| {
            let sum = gpu.upload_texels(encoder, &sum);
            stage.encode_base(&gpu, encoder, &sum)
        });
        let expected = inputs::pixels(&collapse_base(&inputs::lines(&sum, 4)));
        let actual = inputs::colours(&recorder.download_texels(&picture).unwrap());
        assert_same("collapse base", &expected, &actual, TOLERANCE);
    }
}
