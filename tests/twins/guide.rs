use nearfar::gpu::Recorder;
use nearfar::gpu::guide::Guide;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Nine divisions, which devices round to 2.5 units in the last place; values without weight reach 10⁶.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-6, relative: 2e-6 };

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Guide::new(&gpu);
    for size in inputs::SIZES {
        let mut holes = inputs::random_rgba(size, 131);
        holes.data.iter_mut().step_by(11).for_each(|color| *color = [0.0; 4]);
        for sum in [holes, inputs::picture_rgba(size)] {
            let recorder = Recorder::new(&gpu);
            let softened = recorder.record(|encoder| {
                let sum = gpu.upload_texels(encoder, &sum);
                stage.encode(&gpu, encoder, &sum)
            });
            assert_same(
                "guide",
                &nearfar::cpu::guide::guide(&sum),
                &recorder.download_texels(&softened).unwrap(),
                TOLERANCE,
            );
        }
    }
}
