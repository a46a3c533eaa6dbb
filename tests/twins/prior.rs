use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::prior::Prior;
use nearfar::params::{Prior as Rule, Standing, UNCOVERED};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Distances of up to 8 levels come out to a few 10⁻⁷ of that, by which (1 − t²)² changes less than twice as fast at the
/// radii here. No larger pictures: where positions are rounded to 10⁻⁴ px, devices may differ in which pixel the frame's
/// edge leaves out.
const TOLERANCE: Tolerance = Tolerance::absolute(4e-6);

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Prior::new(&gpu);
    let mut covered = [0; 2];
    for size in inputs::SIZES {
        for frame in [size, Size::new(101, 77)] {
            let grid = size.grid(2);
            let standing = Standing { level: 3.2, half: 0.45, frame };
            let confidence = inputs::random(grid, 172, 0.0..1.0);
            for (depth, rule) in inputs::both(grid, 171, 8.0).iter().zip([
                Rule { radius: 1.5, wide: 3.0, floor: 0.02, guessed: 0.7 },
                Rule { radius: 0.7, wide: 0.0, floor: 0.0, guessed: 0.0 },
            ]) {
                for view in inputs::views(size) {
                    for rows in inputs::bands(grid.height) {
                        let recorder = Recorder::new(&gpu);
                        let weights = recorder.record(|encoder| {
                            let [depth, confidence] =
                                [depth, &confidence].map(|plane| gpu.upload(encoder, plane));
                            let rows = rows.clone();
                            stage.encode(&gpu, encoder, &depth, &confidence, &rule, &standing, &view, rows)
                        });
                        let expected =
                            nearfar::cpu::prior::prior(depth, &confidence, &rule, &standing, &view, rows);
                        let actual: Plane<f32> = recorder.download(&weights).unwrap();
                        assert_same("prior", &expected, &actual, TOLERANCE);
                        for (expected, actual) in expected.data.iter().zip(&actual.data) {
                            assert_eq!(*expected == UNCOVERED, *actual == UNCOVERED);
                            covered[usize::from(*actual == UNCOVERED)] += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(covered.iter().all(|count| *count > 1000), "pixels covered and not: {covered:?}");
}
