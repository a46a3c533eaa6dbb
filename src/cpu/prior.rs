//! What the depth map says of a frame, on the pyramid's second plane. Twin of `shaders/prior.wgsl`.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;

use super::spare;
use crate::frame::{Plane, Size};
use crate::params::{Prior, Standing, UNCOVERED};
use crate::transform::Transform;

/// Weight of a frame by `rule` at every other pixel of every other row of the reference, rows `rows` of them:
/// (1 − t²)² + floor, more where the map is guessed, with t the distance of its levels from `depth`, in radii, and [`UNCOVERED`] where
/// `transform`, reference → frame, leads out of the frame.
pub fn prior(
    depth: &Plane<f32>,
    confidence: &Plane<f32>,
    rule: &Prior,
    standing: &Standing,
    transform: &Transform,
    rows: Range<u32>,
) -> Plane<f32> {
    let half = standing.size.grid(2);
    let m = transform.to_f32();
    let mut out: Plane<f32> = spare::plane(Size::new(half.width, rows.len() as u32));
    out.data.par_chunks_exact_mut(half.width as usize).zip(rows).for_each(|(out, y)| {
        prior_row([depth, confidence], rule, standing, &m, 2.0 * y as f32, out);
    });
    out
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn prior_row(
    planes: [&Plane<f32>; 2],
    rule: &Prior,
    standing: &Standing,
    m: &[f32; 8],
    y: f32,
    out: &mut [f32],
) {
    for (x, out) in out.iter_mut().enumerate() {
        let x = 2.0 * x as f32;
        *out = if covers(m, standing.frame, x, y) {
            let [depth, confidence] = sample(planes, standing.cell as f32, x, y);
            let far = ((depth - standing.level).abs() - standing.half).max(0.0);
            let t = far / (rule.radius + rule.wide * (1.0 - confidence));
            let bump = (1.0 - t * t).max(0.0);
            bump * bump + rule.floor + rule.guessed * (1.0 - confidence)
        } else {
            UNCOVERED
        };
    }
}

/// Whether the frame shows the reference's pixel (`x`, `y`).
#[inline(always)]
fn covers(m: &[f32; 8], frame: Size, x: f32, y: f32) -> bool {
    let w = m[6] * x + m[7] * y + 1.0;
    let u = (m[0] * x + m[1] * y + m[2]) / w;
    let v = (m[3] * x + m[4] * y + m[5]) / w;
    u >= -0.5 && v >= -0.5 && u <= frame.width as f32 - 0.5 && v <= frame.height as f32 - 0.5
}

/// Both planes, bilinear at the reference's pixel (`x`, `y`).
#[inline(always)]
fn sample(planes: [&Plane<f32>; 2], cell: f32, x: f32, y: f32) -> [f32; 2] {
    let Size { width, height } = planes[0].size;
    let place = |at: f32, side: u32| ((at - (cell - 1.0) / 2.0) / cell).clamp(0.0, side as f32 - 1.0);
    let (u, v) = (place(x, width), place(y, height));
    let (x0, y0) = (u as u32, v as u32);
    let (fx, fy) = (u - x0 as f32, v - y0 as f32);
    let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
    planes.map(|plane| {
        let upper = plane.at(x0, y0) + (plane.at(x1, y0) - plane.at(x0, y0)) * fx;
        let lower = plane.at(x0, y1) + (plane.at(x1, y1) - plane.at(x0, y1)) * fx;
        upper + (lower - upper) * fy
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(64, 40);
    const RULE: Prior = Prior { radius: 2.0, wide: 4.0, floor: 0.125, guessed: 0.5 };

    fn standing(level: f32, cell: u32) -> Standing {
        Standing { level, half: 0.5, cell, frame: SIZE, size: SIZE }
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
            let planes = [3.0, confidence].map(|value| Plane::filled(SIZE, value));
            let out = prior(&planes[0], &planes[1], &RULE, &standing(level, 1), &Transform::IDENTITY, 0..20);
            let expected = expected + RULE.guessed * (1.0 - confidence);
            assert_eq!(out, Plane::filled(SIZE.grid(2), expected), "level {level}, confidence {confidence}");
            let out =
                prior(&planes[0], &planes[1], &Prior::NONE, &standing(level, 1), &Transform::IDENTITY, 0..20);
            assert_eq!(out, Plane::filled(SIZE.grid(2), 1.0));
        }
    }

    #[test]
    fn frames_count_where_they_reach() {
        let plane = Plane::filled(SIZE, 1.0);
        let standing = Standing { frame: Size::new(50, 30), ..standing(1.0, 1) };
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

    /// Depth that is the pixel's own column or row, given at the cells' middles.
    #[test]
    fn cells_lie_where_their_pixels_do() {
        for cell in [1, 2, 4] {
            let grid = SIZE.grid(cell);
            let middle = |index: usize| (cell as usize * index) as f32 + (cell as f32 - 1.0) / 2.0;
            let width = grid.width as usize;
            let across = (0..grid.area()).map(|index| middle(index % width)).collect();
            let down = (0..grid.area()).map(|index| middle(index / width)).collect();
            let sure = Plane::filled(grid, 1.0);
            let rule = Prior { radius: 3.5, wide: 0.0, floor: 0.0, guessed: 0.0 };
            let standing = standing(20.0, cell);
            let [across, down] = [across, down].map(|data| {
                prior(&Plane::new(grid, data), &sure, &rule, &standing, &Transform::IDENTITY, 3..18)
            });
            let expected = |at: u32| {
                let t = ((2.0 * at as f32 - 20.0).abs() - 0.5).max(0.0) / 3.5;
                (1.0 - t * t).max(0.0).powi(2)
            };
            for y in 3..18 {
                for x in 2..30 {
                    let got = [across.at(x, y - 3), down.at(x, y - 3)];
                    let wanted = [x, y].map(expected);
                    let near = |got: f32, wanted: f32| (got - wanted).abs() < 1e-5;
                    assert!(
                        near(got[0], wanted[0]) && near(got[1], wanted[1]),
                        "cells of {cell}, ({x}, {y})"
                    );
                }
            }
        }
    }
}
