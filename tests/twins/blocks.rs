use nearfar::frame::Size;
use nearfar::gpu::Recorder;
use nearfar::gpu::blocks::Blocks;
use nearfar::params::OUTSIDE;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Sums in the same order; only the division may round otherwise.
const TOLERANCE: Tolerance = Tolerance::relative(1e-6);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Blocks::new(&gpu);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        for mut measure in inputs::both(size, 61, 1e-3) {
            // A corner is not covered, so that some blocks are in part.
            for (index, value) in measure.data.iter_mut().enumerate() {
                if index % size.width as usize + index / size.width as usize > size.width as usize {
                    *value = OUTSIDE;
                }
            }
            // llvmpipe ends an invocation's loops after 65535 turns in all: one block of the large plane would be more.
            let coarse = if size == inputs::LARGE { Size::new(9, 7) } else { Size::new(1, 1) };
            for blocks in [coarse, Size::new(size.width.min(32), size.height.min(21))] {
                let recorder = Recorder::new(&gpu);
                let means = recorder.record(|encoder| {
                    let measure = gpu.upload(encoder, &measure);
                    stage.encode(&gpu, encoder, &measure, blocks)
                });
                let expected = nearfar::cpu::blocks::blocks(&measure, blocks);
                assert_same("blocks", &expected, &recorder.download(&means).unwrap(), TOLERANCE);
            }
        }
    }
}
