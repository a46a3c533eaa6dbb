use nearfar::frame::Plane;
use nearfar::gpu::Recorder;
use nearfar::gpu::confidence::Confidence;
use nearfar::params::{FILL_RULE, SHOWN_RULE};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Mean square less squared mean of depths up to 30 loses 900·2⁻²³ = 1e-4 of a variance that halves trust at 0.5, if a
/// device contracts it; powers go through the device's logarithm.
const TOLERANCE: Tolerance = Tolerance::absolute(5e-4);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Confidence::new(&gpu);
    for size in inputs::SIZES {
        // Smooth depth with a little noise, and noise alone.
        let noise = inputs::random(size, 111, -0.5..0.5);
        let smooth = inputs::picture(size);
        let smooth =
            Plane::new(size, smooth.data.iter().zip(&noise.data).map(|(d, n)| 30.0 * d + n + 0.5).collect());
        for raw in [smooth, inputs::random(size, 112, 0.0..3.0)] {
            let moved = inputs::random(size, 113, -1.0..1.0);
            let filled = Plane::new(size, raw.data.iter().zip(&moved.data).map(|(d, m)| d + m).collect());
            // Below, within and above both rules.
            let height = inputs::random(size, 114, 0.5..6.0);
            for rule in [FILL_RULE, SHOWN_RULE] {
                let recorder = Recorder::new(&gpu);
                let trusted = recorder.record(|encoder| {
                    let [raw, filled, height] =
                        [&raw, &filled, &height].map(|plane| gpu.upload(encoder, plane));
                    stage.encode(&gpu, encoder, &raw, &filled, &height, &rule)
                });
                let expected = nearfar::cpu::confidence::confidence(&raw, &filled, &height, &rule);
                assert_same("confidence", &expected, &recorder.download(&trusted).unwrap(), TOLERANCE);
            }
        }
    }
}
