//! What the depth map says of a frame, on the pyramid's second plane. Twin of `shaders/prior.wgsl`.

use std::ops::Range;

use multiversion::multiversion;

use crate::frame::{Plane, Size};
use crate::params::{Prior, Standing, UNCOVERED};
use crate::transform::Transform;

/// Weight of a frame by `rule` at every other pixel of every other row of the reference, rows `rows` of them.
///
/// It is (1 − t²)² + floor, more where the map is guessed, with t the distance of the frame's levels from `depth`, in
/// radii, and [`UNCOVERED`] where `transform`, reference → frame, leads out of the frame. `depth` and `confidence` lie on
/// those pixels.
pub fn prior(
    depth: &Plane<f32>,
    confidence: &Plane<f32>,
    rule: &Prior,
    standing: &Standing,
    transform: &Transform,
    rows: Range<u32>,
) -> Plane<f32> {
    let m = transform.to_f32();
    let mut out = Plane::filled(Size::new(depth.size.width, rows.len() as u32), 0.0);
    for (out, y) in out.data.chunks_exact_mut(depth.size.width as usize).zip(rows) {
        let (depth, confidence) = (depth.row(y), confidence.row(y));
        prior_row(depth, confidence, rule, standing, &m, [0, y], out);
    }
    out
}

/// A row of the weights, from column and row `[left, y]` on.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn prior_row(
    depth: &[f32],
    confidence: &[f32],
    rule: &Prior,
    standing: &Standing,
    m: &[f32; 8],
    [left, y]: [u32; 2],
    out: &mut [f32],
) {
    let y = 2.0 * y as f32;
    let (right, bottom) = (standing.frame.width as f32 - 0.5, standing.frame.height as f32 - 0.5);
    for (((out, depth), confidence), x) in out.iter_mut().zip(depth).zip(confidence).zip(left..) {
        let x = 2.0 * x as f32;
        let w = m[6] * x + m[7] * y + 1.0;
        let u = (m[0] * x + m[1] * y + m[2]) / w;
        let v = (m[3] * x + m[4] * y + m[5]) / w;
        let far = ((depth - standing.level).abs() - standing.half).max(0.0);
        let t = far / (rule.radius + rule.wide * (1.0 - confidence));
        let bump = (1.0 - t * t).max(0.0);
        let value = bump * bump + rule.floor + rule.guessed * (1.0 - confidence);
        let covered = u >= -0.5 && v >= -0.5 && u <= right && v <= bottom;
        *out = if covered { value } else { UNCOVERED };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(64, 40);
    const RULE: Prior = Prior { radius: 2.0, wide: 4.0, floor: 0.125, guessed: 0.5 };

    fn standing(level: f32) -> Standing {
        Standing { level, half: 0.5, frame: SIZE }
    }

    #[test]
    fn weight_falls_with_the_distance_in_levels() {
        let bump = |t: f32| (1.0 - t * t).powi(2) + RULE.floor;
        for (level, confidence, expected) in [
            (3.0, 1.0, bump(0.0)),
            // Still among the levels at which the frame is sharp.
            (3.5, 1.0, bump(0.0)),
            (2.5, 0.0, bump(0.0)),
            (4.5, 1.0, bump(0.5)),
            (1.5, 1.0, bump(0.5)),
            // Where depth is half a guess, twice as far.
            (4.5, 0.5, bump(0.25)),
            (5.5, 1.0, RULE.floor),
            (60.0, 1.0, RULE.floor),
            (-60.0, 0.0, RULE.floor),
        ] {
            let planes = [3.0, confidence].map(|value| Plane::filled(SIZE.grid(2), value));
            let out = prior(&planes[0], &planes[1], &RULE, &standing(level), &Transform::IDENTITY, 0..20);
            let expected = expected + RULE.guessed * (1.0 - confidence);
            assert_eq!(out, Plane::filled(SIZE.grid(2), expected), "level {level}, confidence {confidence}");
            let out =
                prior(&planes[0], &planes[1], &Prior::NONE, &standing(level), &Transform::IDENTITY, 0..20);
            assert_eq!(out, Plane::filled(SIZE.grid(2), 1.0));
        }
    }

    #[test]
    fn frames_count_where_they_reach() {
        let plane = Plane::filled(SIZE.grid(2), 1.0);
        let standing = Standing { frame: Size::new(50, 30), ..standing(1.0) };
        let shift = Transform::affine([1.0, 0.0, -4.7, 0.0, 1.0, 3.0]);
        for rows in [0..20, 11..17] {
            let out = prior(&plane, &plane, &RULE, &standing, &shift, rows.clone());
            for y in rows.clone() {
                for x in 0..SIZE.width / 2 {
                    let (u, v) = (2.0 * f64::from(x) - 4.7, 2.0 * f64::from(y) + 3.0);
                    let reaches = (-0.5..=49.5).contains(&u) && (-0.5..=29.5).contains(&v);
                    let expected = if reaches { 1.0 + RULE.floor } else { UNCOVERED };
                    assert_eq!(out.at(x, y - rows.start), expected, "({x}, {y})");
                }
            }
        }
    }
}
