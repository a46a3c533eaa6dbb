use std::ops::Range;

use nearfar::frame::{Pixels, Plane, Size};
use nearfar::gains::GainField;
use nearfar::gpu::resample::Resample;
use nearfar::gpu::{Gpu, Recorder};
use nearfar::transform::Transform;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// As for the warp, one way after the other: at 2047 positions are rounded to 2⁻¹³ px, a few times on the way, and a cubic
/// is up to 1.2 times as steep as its pixels are apart.
const TOLERANCE: Tolerance = Tolerance::absolute(1e-3);
/// At 257 positions are rounded to 2⁻¹⁵ px.
const SMALL: Tolerance = Tolerance::absolute(1e-4);

/// Exposure, white balance and vignetting.
const GAINS: GainField =
    GainField { channels: [[1.13, 0.04, -0.03, 0.05], [0.91, -0.02, 0.05, -0.04], [1.02, 0.01, 0.02, 0.03]] };

fn on_gpu(
    gpu: &Gpu,
    stage: &Resample,
    pixels: &Pixels,
    (transform, gains): (&Transform, &GainField),
    size: Size,
    rows: Range<u32>,
) -> Plane<[f32; 3]> {
    let recorder = Recorder::new(gpu);
    let image = recorder.record(|encoder| stage.encode(gpu, encoder, pixels, transform, gains, size, rows));
    inputs::colours(&recorder.download_texels(&image).unwrap())
}

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Resample::new(&gpu);
    let check = |pixels: &Pixels, view: (&Transform, &GainField), size: Size, rows: Range<u32>, tolerance| {
        let expected = nearfar::cpu::resample::resample(pixels, view.0, view.1, size, rows.clone());
        let expected = inputs::pixels(&expected);
        assert_same("resample", &expected, &on_gpu(&gpu, &stage, pixels, view, size, rows), tolerance);
    };
    for size in inputs::SIZES {
        for (index, view) in inputs::views(size).iter().enumerate() {
            for (pixels, rows) in inputs::photos(size, 131)
                .iter()
                .flat_map(|p| inputs::bands(size.height).map(|rows| (p, rows)))
            {
                let gains = [&GAINS, &GainField::UNITY][index % 2];
                check(pixels, (view, gains), size, rows, SMALL);
            }
        }
    }
    for pixels in inputs::photos(inputs::LARGE, 132) {
        let [all, .., bottom] = inputs::bands(inputs::LARGE.height);
        let [_, near, _, askew, ..] = inputs::views(inputs::LARGE);
        check(&pixels, (&near, &GAINS), inputs::LARGE, bottom, TOLERANCE);
        check(&pixels, (&askew, &GAINS), inputs::LARGE, all, TOLERANCE);
    }
    // Upside down the photo's rows go up as the reference's go down.
    for pixels in inputs::photos(Size::new(65, 67), 135) {
        let size = pixels.size();
        let turned = Transform::similarity(0.01, std::f64::consts::PI, [0.3, -0.6], [32.0, 33.0]);
        for rows in inputs::bands(size.height) {
            check(&pixels, (&turned, &GAINS), size, rows, SMALL);
        }
    }
    // The photo need not be as large as the reference.
    for pixels in inputs::photos(Size::new(70, 90), 133) {
        let size = Size::new(131, 67);
        check(&pixels, (&inputs::views(size)[3], &GAINS), size, 10..60, SMALL);
    }
}

/// Bands are put together without seams: the same arithmetic on the same pixels.
#[test]
fn a_band_is_what_the_whole_holds_there() {
    let gpu = device();
    let stage = Resample::new(&gpu);
    let size = Size::new(257, 129);
    for pixels in inputs::photos(size, 134) {
        for view in inputs::views(size) {
            let whole = on_gpu(&gpu, &stage, &pixels, (&view, &GAINS), size, 0..size.height);
            for rows in inputs::bands(size.height) {
                let band = on_gpu(&gpu, &stage, &pixels, (&view, &GAINS), size, rows.clone());
                assert_same("band", &whole.rows(rows), &band, Tolerance::EXACT);
            }
        }
    }
}
