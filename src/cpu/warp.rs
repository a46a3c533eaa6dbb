//! Resamples a plane into the reference geometry. Twin of `shaders/warp.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::{Plane, Size};
use crate::params::{Edge, OUTSIDE};
use crate::transform::Transform;

/// `plane` seen from the reference: bilinear at `transform(x, y)`, times `gain`. Where the frame does not reach (more
/// than half a pixel beyond its edge pixels' centres), `edge` says what stands: [`OUTSIDE`] or the nearest edge pixel.
///
/// `size` is that of the result; `transform` maps its pixels to those of `plane`.
pub fn warp(plane: &Plane<f32>, transform: &Transform, gain: f32, edge: Edge, size: Size) -> Plane<f32> {
    let m = transform.to_f32();
    let mut out = Plane::filled(size, OUTSIDE);
    out.data.par_chunks_exact_mut(size.width as usize).enumerate().for_each(|(y, out)| {
        warp_row(plane, &m, gain, edge, y as f32, out);
    });
    out
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn warp_row(plane: &Plane<f32>, m: &[f32; 6], gain: f32, edge: Edge, y: f32, out: &mut [f32]) {
    let (stride, rows) = (plane.size.width as usize, plane.size.height as usize);
    let (last_x, last_y) = (plane.size.width as f32 - 1.0, plane.size.height as f32 - 1.0);
    for (x, out) in out.iter_mut().enumerate() {
        let u = m[0] * x as f32 + m[1] * y + m[2];
        let v = m[3] * x as f32 + m[4] * y + m[5];
        let outside = u < -0.5 || v < -0.5 || u > last_x + 0.5 || v > last_y + 0.5;
        if outside && edge == Edge::Mark {
            continue;
        }
        let (u, v) = (u.clamp(0.0, last_x), v.clamp(0.0, last_y));
        // Not negative, so that truncation is the floor.
        let (x0, y0) = (u as u32 as usize, v as u32 as usize);
        let (fx, fy) = (u - x0 as f32, v - y0 as f32);
        let below = if y0 + 1 < rows { stride } else { 0 };
        let right = usize::from(x0 + 1 < stride);
        let at = y0 * stride + x0;
        let [a, b] = [plane.data[at], plane.data[at + right]];
        let [c, d] = [plane.data[at + below], plane.data[at + below + right]];
        let upper = a + (b - a) * fx;
        let lower = c + (d - c) * fx;
        *out = (upper + (lower - upper) * fy) * gain;
    }
}
