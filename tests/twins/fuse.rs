use nearfar::cpu::fuse::{fuse, fuse_base};
use nearfar::cpu::lines::Lines;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::fuse::Fuse;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// A product and a sum for each of four frames, which a device may contract: units in the last place of sums of up to four
/// times the largest weight, 50.
const TOLERANCE: Tolerance = Tolerance { absolute: 3e-5, relative: 0.0 };

/// Weights of some orders of magnitude.
fn weights(size: Size, seed: u64) -> Plane<f32> {
    let noise = inputs::random(size, seed, -9.0..4.0);
    Plane::new(size, noise.data.iter().map(|value| value.exp()).collect())
}

#[test]
fn bands_agree() {
    let gpu = device();
    let stage = Fuse::new(&gpu);
    for (size, strips) in inputs::SIZES.map(|size| (size, 4)).into_iter().chain([(inputs::LARGE, 2)]) {
        // All rows; some in the middle, at the top and at the bottom.
        let rows = [0..size.height, 2..size.height - 1, 0..size.height / 2, 6..size.height];
        for rows in rows.into_iter().take(strips).filter(|rows| !rows.is_empty()) {
            let part = Size::new(size.width, rows.len() as u32);
            let mut expected = Lines::new(part, 4);
            let recorder = Recorder::new(&gpu);
            let sum = recorder.record(|encoder| gpu.zeros(encoder, part));
            for frame in 0..4 {
                let band = inputs::random_band(size, 191 + frame);
                let weight = weights(size.grid(2), 195 + frame);
                fuse(&mut expected, &inputs::lines(&band, 3), &inputs::gray_lines(&weight), rows.start);
                recorder.record(|encoder| {
                    let (band, weight) = (gpu.upload_texels(encoder, &band), gpu.upload(encoder, &weight));
                    stage.encode(&gpu, encoder, &sum, &band, &weight, rows.start);
                });
            }
            let expected = inputs::pixels(&expected);
            assert_same("fuse", &expected, &recorder.download_texels(&sum).unwrap(), TOLERANCE);
        }
    }
}

#[test]
fn bases_agree() {
    let gpu = device();
    let stage = Fuse::new(&gpu);
    for size in inputs::SIZES {
        let start = inputs::random_rgba(size, 201);
        let mut expected = inputs::lines(&start, 4);
        let recorder = Recorder::new(&gpu);
        let sum = recorder.record(|encoder| gpu.upload_texels(encoder, &start));
        for frame in 0..3 {
            let (plane, weight) = (inputs::random_band(size, 202 + frame), weights(size, 205 + frame));
            let weighed = |(&[r, g, b, _], &weight): (&[f32; 4], &f32)| [r, g, b, weight];
            let weighed = Plane::new(size, plane.data.iter().zip(&weight.data).map(weighed).collect());
            fuse_base(&mut expected, &inputs::lines(&weighed, 4));
            recorder.record(|encoder| {
                let (plane, weight) = (gpu.upload_texels(encoder, &plane), gpu.upload(encoder, &weight));
                stage.encode_base(&gpu, encoder, &sum, &plane, &weight);
            });
        }
        let expected = inputs::pixels(&expected);
        assert_same("fuse base", &expected, &recorder.download_texels(&sum).unwrap(), TOLERANCE);
    }
}
