use nearfar::backend::{Backend, GpuBackend};
use nearfar::cpu;
use nearfar::frame::{Plane, Size};
use nearfar::params::Edge;
use nearfar::transform::{NormalEquations, Transform};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// Both add runs in single precision and the runs in double, but runs of other lengths: a run of 64 loses at most some
/// 10⁻⁶ of the sum of magnitudes, by which sums are divided here.
const TOLERANCE: Tolerance = Tolerance::absolute(1e-5);

/// Entries divided by what Cauchy and Schwarz allow them to be.
fn normalised(equations: &NormalEquations) -> Plane<f32> {
    let diagonal = |i: usize| equations.hessian[i][i].max(1e-30).sqrt();
    let mut values = Vec::new();
    for i in 0..6 {
        values.extend((0..6).map(|j| equations.hessian[i][j] / (diagonal(i) * diagonal(j))));
        values.push(equations.gradient[i] / (diagonal(i) * equations.residual.max(1e-30).sqrt()));
    }
    Plane::new(Size::new(7, 6), values.iter().map(|value| *value as f32).collect())
}

#[test]
fn twins_agree() {
    let gpu = device();
    let backend = GpuBackend::new(&gpu, nearfar::gpu::sharpness::BAND_ROWS);
    for size in inputs::SIZES.into_iter().chain([inputs::LARGE]) {
        let centre = [f64::from(size.width) / 2.0, f64::from(size.height) / 2.0];
        let transform = Transform::similarity(0.0113, 0.0071, [0.87, -0.61], centre);
        for reference in inputs::both(size, 51, 1.0) {
            let warped = cpu::warp::warp(&reference, &transform, 1.1, Edge::Mark, size);
            let expected = cpu::align::align(&reference, &warped);
            let actual = backend.align(&backend.upload(reference.clone()), &backend.upload(warped)).unwrap();
            assert_eq!(expected.count, actual.count, "pixels of {size}");
            assert!((expected.residual - actual.residual).abs() <= 1e-5 * expected.residual);
            for i in 0..6 {
                let (wanted, got) = (expected.hessian[i][i], actual.hessian[i][i]);
                assert!(
                    (wanted - got).abs() <= 1e-5 * wanted,
                    "{size}, unknown {i}: {got} instead of {wanted}"
                );
            }
            assert_same("align", &normalised(&expected), &normalised(&actual), TOLERANCE);
        }
    }
}
