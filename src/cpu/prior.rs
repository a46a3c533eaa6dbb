//! What the depth map says of a frame, on the pyramid's second plane. Twin of `shaders/prior.wgsl`.

use std::ops::Range;

use rayon::prelude::*;

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
    let mut out = Plane::filled(Size::new(half.width, rows.len() as u32), 0.0);
    out.data.par_chunks_exact_mut(half.width as usize).zip(rows).for_each(|(out, y)| {
        let y = 2.0 * y as f32;
        for (x, out) in out.iter_mut().enumerate() {
            let x = 2.0 * x as f32;
            *out = if covers(&m, standing.frame, x, y) {
                let [depth, confidence] = sample([depth, confidence], standing.cell as f32, x, y);
                let far = ((depth - standing.level).abs() - standing.half).max(0.0);
                let t = far / (rule.radius + rule.wide * (1.0 - confidence));
                let bump = (1.0 - t * t).max(0.0);
                bump * bump + rule.floor + rule.guessed * (1.0 - confidence)
            } else {
                UNCOVERED
            };
        }
    });
    out
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
