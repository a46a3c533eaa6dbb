//! Adds one level's colour to the all-in-focus picture. Twin of `shaders/blend.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;
use crate::transform::Transform;

/// Adds to `sum` the colour of a frame where `depth` lies less than one level from `level`, weighted by 1 − distance; the
/// fourth channel sums the weights.
///
/// `color` is the frame's on its own grid, read as 0…1; `transform` maps the reference grid to it; bilinear, edge pixels
/// replicated, times `gain`.
pub fn blend(
    sum: &mut Plane<[f32; 4]>,
    depth: &Plane<f32>,
    color: &Plane<[u8; 3]>,
    transform: &Transform,
    gain: f32,
    level: f32,
) {
    let m = transform.to_f32();
    let width = sum.size.width as usize;
    sum.data.par_chunks_mut(width).zip(depth.data.par_chunks(width)).enumerate().for_each(
        |(y, (sum, depth))| {
            blend_row(sum, depth, color, &m, gain, level, y as f32);
        },
    );
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn blend_row(
    sum: &mut [[f32; 4]],
    depth: &[f32],
    color: &Plane<[u8; 3]>,
    m: &[f32; 8],
    gain: f32,
    level: f32,
    y: f32,
) {
    for (x, (sum, depth)) in sum.iter_mut().zip(depth).enumerate() {
        let weight = 1.0 - (depth - level).abs();
        if weight > 0.0 {
            let w = m[6] * x as f32 + m[7] * y + 1.0;
            let u = m[0] * x as f32 + m[1] * y + m[2];
            let v = m[3] * x as f32 + m[4] * y + m[5];
            let color = bilinear(color, u / w, v / w);
            for channel in 0..3 {
                sum[channel] += weight * gain * color[channel];
            }
            sum[3] += weight;
        }
    }
}

#[inline(always)]
fn bilinear(plane: &Plane<[u8; 3]>, u: f32, v: f32) -> [f32; 3] {
    let u = u.clamp(0.0, plane.size.width as f32 - 1.0);
    let v = v.clamp(0.0, plane.size.height as f32 - 1.0);
    let (left, top) = (u.floor(), v.floor());
    let (fx, fy) = (u - left, v - top);
    let at =
        |dx: i64, dy: i64| plane.clamped(left as i64 + dx, top as i64 + dy).map(|v| f32::from(v) / 255.0);
    let [a, b, c, d] = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
    std::array::from_fn(|k| {
        let upper = a[k] + (b[k] - a[k]) * fx;
        let lower = c[k] + (d[k] - c[k]) * fx;
        upper + (lower - upper) * fy
    })
}
