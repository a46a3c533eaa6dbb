use nearfar::cpu::sharpness::{Moments, sharpness};
use nearfar::frame::{Luma, Plane, Size};
use nearfar::gpu::sharpness::{BAND_ROWS, Sharpness};
use nearfar::gpu::{Gpu, Recorder};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// The Laplacian is an integer; what follows is a division and a sum of at most 16 squares.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-12, relative: 2e-6 };

fn lumas(size: Size, seed: u64) -> Vec<Luma> {
    let quantise =
        |plane: &Plane<f32>, full: f32| plane.data.iter().map(move |v| v.clamp(0.0, 1.0) * full).collect();
    let mut lumas = Vec::new();
    for plane in inputs::both(size, seed, 1.0) {
        let (bytes, words): (Vec<f32>, Vec<f32>) = (quantise(&plane, 255.0), quantise(&plane, 65535.0));
        lumas.push(Luma::U8(Plane::new(size, bytes.iter().map(|v| *v as u8).collect())));
        lumas.push(Luma::U16(Plane::new(size, words.iter().map(|v| *v as u16).collect())));
    }
    // The largest Laplacian there is.
    let board = |i: usize| {
        if (i % size.width as usize + i / size.width as usize).is_multiple_of(2) { 65535 } else { 0 }
    };
    lumas.push(Luma::U16(Plane::new(size, (0..size.area()).map(board).collect())));
    lumas
}

fn packed(moments: &Moments) -> Plane<[f32; 4]> {
    let parts = moments.laplacian.data.iter().zip(&moments.energy.data).zip(&moments.luma.data);
    Plane::new(moments.luma.size, parts.map(|((&l, &e), &y)| [l, e, y, 0.0]).collect())
}

fn on_gpu(gpu: &Gpu, stage: &Sharpness, luma: &Luma, cell: u32, band: u32) -> Plane<[f32; 4]> {
    let recorder = Recorder::new(gpu);
    let moments = recorder.record(|encoder| stage.encode(gpu, encoder, luma, cell, band));
    recorder.download_texels(&moments).unwrap()
}

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Sharpness::new();
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for luma in lumas(size, 11) {
            for cell in [1, 2, 4] {
                let actual = on_gpu(&gpu, &stage, &luma, cell, BAND_ROWS);
                assert_same("sharpness", &packed(&sharpness(&luma, cell)), &actual, TOLERANCE);
            }
        }
    }
}

#[test]
fn bands_change_nothing() {
    let gpu = device();
    let stage = Sharpness::new();
    for luma in lumas(Size::new(257, 129), 12) {
        for cell in [1, 2, 4] {
            let whole = on_gpu(&gpu, &stage, &luma, cell, BAND_ROWS);
            for band in [32, 64] {
                let banded = on_gpu(&gpu, &stage, &luma, cell, band);
                assert_same("banded sharpness", &whole, &banded, Tolerance::EXACT);
            }
        }
    }
}
