use nearfar::cpu::motion::motion;
use nearfar::cpu::warp::warp;
use nearfar::frame::{Plane, Size};
use nearfar::gpu::Recorder;
use nearfar::gpu::motion::Motion;
use nearfar::params::{Edge, MOTION_SUMS, OUTSIDE, Slice};

use super::compare::{Tolerance, assert_same};
use super::{device, inputs};

/// At most 256 terms of one sign in the same order, which a device may contract.
const SQUARES: Tolerance = Tolerance { absolute: 1e-9, relative: 1e-5 };
/// The same by what Cauchy and Schwarz allow it to be; at 257 positions are rounded to 2⁻¹⁶ px, three times on the way,
/// times up to 1 a pixel, of residuals of about 0.3. No larger pictures: where positions are rounded to 10⁻⁴ px, devices
/// may differ in which cells the edge leaves out.
const RESIDUALS: Tolerance = Tolerance { absolute: 1e-4, relative: 0.0 };

/// Squares of terms; and all sums, divided by what they may be at most.
fn split(blocks: &[[f32; MOTION_SUMS]]) -> (Plane<f32>, Plane<f32>) {
    const PLACES: [[usize; 2]; 14] = [
        [0, 0],
        [0, 1],
        [0, 2],
        [0, 3],
        [1, 1],
        [1, 2],
        [1, 3],
        [2, 2],
        [2, 3],
        [3, 3],
        [0, 4],
        [1, 4],
        [2, 4],
        [3, 4],
    ];
    let (mut squares, mut shares) = (Vec::new(), Vec::new());
    for sums in blocks {
        let diagonal = [sums[0], sums[4], sums[7], sums[9], sums[14]];
        squares.extend(&diagonal[..4]);
        shares.extend(
            sums.iter().zip(PLACES).map(|(sum, [i, j])| sum / (diagonal[i] * diagonal[j]).sqrt().max(1e-9)),
        );
        shares.push(sums[14] / sums[9].max(1e-9));
    }
    let rows = blocks.len() as u32;
    (Plane::new(Size::new(4, rows), squares), Plane::new(Size::new(15, rows), shares))
}

#[test]
fn twins_agree() {
    let gpu = device();
    let stage = Motion::new(&gpu);
    let slices = [
        Slice { level: 3.3, radius: 2.1, margin: 0 },
        Slice { level: 0.0, radius: 1e9, margin: 3 },
        Slice { level: 6.0, radius: 4.0, margin: 40 },
    ];
    let mut counted = [0; 3];
    for size in inputs::SIZES {
        let depth = inputs::random(size, 232, 0.0..8.0);
        let views = inputs::views(size);
        let [noise, drawn] = inputs::both(size, 231, 1.0);
        let mut holes = noise.clone();
        holes.data.iter_mut().step_by(37).for_each(|value| *value = OUTSIDE);
        // The frame's own grid may be another.
        let other = inputs::random(Size::new(size.width + 9, size.height.max(4) - 3), 233, 0.0..1.0);
        let cut = warp(&drawn, &views[1], 1.0, Edge::Mark, size);
        for (fixed, moving) in [(&holes, &drawn), (&cut, &noise), (&noise, &other)] {
            for (slice, counted) in slices.iter().zip(&mut counted) {
                for view in &views {
                    let expected = motion(fixed, moving, view, &depth, slice);
                    let recorder = Recorder::new(&gpu);
                    let sums = recorder.record(|encoder| {
                        let [fixed, moving, depth] =
                            [fixed, moving, &depth].map(|plane| gpu.upload(encoder, plane));
                        stage.encode(&gpu, encoder, &fixed, &moving, view, &depth, slice)
                    });
                    let floats = recorder.download_buffer(&sums).unwrap();
                    let (actual, rest) = floats.as_chunks();
                    assert!(rest.is_empty());
                    let ((wanted, shares), (got, got_shares)) = (split(&expected), split(actual));
                    assert_same("motion", &wanted, &got, SQUARES);
                    assert_same("motion shares", &shares, &got_shares, RESIDUALS);
                    *counted += expected.iter().filter(|sums| sums[9] > 0.0).count();
                }
            }
        }
    }
    assert!(counted.iter().all(|blocks| *blocks > 100), "blocks that count: {counted:?}");
}
