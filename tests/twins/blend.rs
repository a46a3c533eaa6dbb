use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::blend::Blend;
use nearfar::transform::Transform;

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// As for the warp: the rounding of source positions, times the weight; devices read bytes as 0…1 to a unit or so in the
/// last place.
const TOLERANCE: Tolerance = Tolerance::absolute(2e-4);

fn bytes(color: &Plane<[f32; 4]>) -> Plane<[u8; 3]> {
    let byte = |value: f32| (value * 255.0).round() as u8;
    Plane::new(color.size, color.data.iter().map(|&[r, g, b, _]| [byte(r), byte(g), byte(b)]).collect())
}

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Blend::new(&gpu);
    for size in inputs::SIZES {
        let centre = [f64::from(size.width) / 2.0, f64::from(size.height) / 2.0];
        let [noise, drawn] = inputs::both(size, 121, 4.0);
        for (depth, color) in [
            (noise, bytes(&inputs::picture_rgba(size))),
            (drawn, bytes(&inputs::random_rgba(Size::new(70, 70), 122))),
        ] {
            let mut expected = Plane::filled(size, [0.0; 4]);
            let recorder = Recorder::new(&gpu);
            let sum = recorder.record(|encoder| gpu.zeros(encoder, size));
            let depth_image = recorder.record(|encoder| gpu.upload(encoder, &depth));
            let color_image = recorder.record(|encoder| gpu.upload_color(encoder, &color));
            for level in 0..5 {
                let mut transform =
                    Transform::similarity(0.01 * f64::from(level), 0.013, [0.37, -1.21], centre);
                if level % 2 == 1 {
                    transform = inputs::tilted(transform, color.size);
                }
                let (gain, level) = (1.0 + 0.1 * level as f32, level as f32);
                nearfar::cpu::blend::blend(&mut expected, &depth, &color, &transform, gain, level);
                recorder.record(|encoder| {
                    stage.encode(&gpu, encoder, &sum, &depth_image, &color_image, &transform, gain, level);
                });
            }
            assert_same("blend", &expected, &recorder.download_texels(&sum).unwrap(), TOLERANCE);
        }
    }
}
