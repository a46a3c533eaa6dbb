use nearfar::cpu::peak::Peak;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::peak::{Peak as GpuPeak, PeakSearch};
use nearfar::gpu::{Gpu, Recorder};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Sums in the order of the levels, comparisons and copies: nothing to round otherwise. Ties go to the nearer level.
const TOLERANCE: Tolerance = Tolerance::EXACT;

/// The pipeline's calls on the CPU: two levels are added, then every further one completes a triple.
pub fn search(levels: &[Plane<f32>]) -> Peak {
    let mut peak = Peak::start(levels[0].size);
    peak.add(&levels[0]);
    peak.add(&levels[1]);
    for (index, triple) in levels.windows(3).enumerate() {
        let (first, last) = (index == 0, index + 3 == levels.len());
        peak.update([&triple[0], &triple[1], &triple[2]], index as u32 + 1, first, last);
    }
    peak
}

/// The same on the device.
pub fn search_on_gpu(gpu: &Gpu, recorder: &Recorder<'_>, levels: &[Plane<f32>]) -> GpuPeak {
    let stage = PeakSearch::new(gpu);
    let images: Vec<_> =
        levels.iter().map(|level| recorder.record(|encoder| gpu.upload(encoder, level))).collect();
    let peak = recorder.record(|encoder| stage.start(gpu, encoder, levels[0].size));
    for image in &images[..2] {
        recorder.record(|encoder| stage.add(gpu, encoder, &peak, image));
    }
    for (index, triple) in images.windows(3).enumerate() {
        let (first, last) = (index == 0, index + 3 == images.len());
        let triple = [&triple[0], &triple[1], &triple[2]];
        recorder.record(|encoder| {
            stage.update(gpu, encoder, &peak, triple, index as u32 + 1, first, last);
        });
    }
    peak
}

/// Curves of `count` levels with one peak each, at the place where a picture says, over a little noise.
pub fn curves(size: Size, count: usize) -> Vec<Plane<f32>> {
    let place = inputs::picture(size);
    let level = |level: usize| {
        let noise = inputs::random(size, 200 + level as u64, 0.01..0.02);
        let at = |(place, noise): (&f32, &f32)| {
            let apart = level as f32 - place * (count as f32 - 1.0);
            (-0.5 * apart * apart).exp() + noise
        };
        Plane::new(size, place.data.iter().zip(&noise.data).map(at).collect())
    };
    (0..count).map(level).collect()
}

/// Noise of few values, so that many triples tie.
fn ties(size: Size, count: u64) -> Vec<Plane<f32>> {
    let level = |level: u64| {
        let noise = inputs::random(size, 300 + level, 0.0..1.0);
        Plane::new(size, noise.data.iter().map(|value| (value * 3.0).floor() / 3.0).collect())
    };
    (0..count).map(level).collect()
}

#[test]
fn twins_agree() {
    let gpu = device();
    for size in inputs::SIZES {
        for levels in [curves(size, 9), ties(size, 7), ties(size, 3)] {
            let recorder = Recorder::new(&gpu);
            let actual = search_on_gpu(&gpu, &recorder, &levels);
            let expected = search(&levels);
            assert_same(
                "peak",
                &expected.triple,
                &recorder.download_texels(&actual.triple).unwrap(),
                TOLERANCE,
            );
            let place = expected.place.data.iter().map(|&[level, sum]| [level, sum, 0.0, 0.0]).collect();
            let place = Plane::new(expected.place.size, place);
            assert_same("place", &place, &recorder.download_texels(&actual.place).unwrap(), TOLERANCE);
        }
    }
}
