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

/// Cells that go through together where all of them lie inside.
const BLOCK: usize = 32;

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn warp_row(plane: &Plane<f32>, m: &[f32; 8], gain: f32, edge: Edge, y: f32, out: &mut [f32]) {
    let (last_x, last_y) = (plane.size.width as f32 - 1.0, plane.size.height as f32 - 1.0);
    let affine = m[6] == 0.0 && m[7] == 0.0;
    let inside = |x: usize| {
        let [u, v] = source(m, x, y);
        affine && u >= 0.0 && v >= 0.0 && u < last_x && v < last_y
    };
    for (start, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK)) {
        match <&mut [f32; BLOCK]>::try_from(&mut *out) {
            // Along a row both coordinates rise or fall, rounding included: what holds at both ends holds between them.
            Ok(block) if inside(start) && inside(start + BLOCK - 1) => {
                warp_block(plane, m, gain, y, start, block);
            }
            _ => {
                for (x, out) in (start..).zip(out) {
                    warp_cell(plane, source(m, x, y), gain, edge, out);
                }
            }
        }
    }
}

#[inline(always)]
fn source(m: &[f32; 8], x: usize, y: f32) -> [f32; 2] {
    let [u, v] = affine_source(m, x, y);
    let w = m[6] * x as f32 + m[7] * y + 1.0;
    [u / w, v / w]
}

#[inline(always)]
fn affine_source(m: &[f32; 8], x: usize, y: f32) -> [f32; 2] {
    let x = x as f32;
    [m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]]
}

#[inline(always)]
fn lerp([a, b, c, d]: [f32; 4], fx: f32, fy: f32) -> f32 {
    let upper = a + (b - a) * fx;
    let lower = c + (d - c) * fx;
    upper + (lower - upper) * fy
}

/// A block of an affine map all of whose sources lie inside: only the loads are scalar.
#[inline(always)]
fn warp_block(plane: &Plane<f32>, m: &[f32; 8], gain: f32, y: f32, start: usize, out: &mut [f32; BLOCK]) {
    let stride = plane.size.width as usize;
    let mut corner = [0u32; BLOCK];
    let [mut fx, mut fy] = [[0.0f32; BLOCK]; 2];
    for i in 0..BLOCK {
        let [u, v] = affine_source(m, start + i, y);
        // Signed: the conversion that processors have.
        let (x0, y0) = (u as i32, v as i32);
        (fx[i], fy[i]) = (u - x0 as f32, v - y0 as f32);
        corner[i] = y0 as u32 * stride as u32 + x0 as u32;
    }
    let [mut a, mut b, mut c, mut d] = [[0.0f32; BLOCK]; 4];
    for i in 0..BLOCK {
        let at = corner[i] as usize;
        let (upper, lower) = (&plane.data[at..at + 2], &plane.data[at + stride..at + stride + 2]);
        (a[i], b[i], c[i], d[i]) = (upper[0], upper[1], lower[0], lower[1]);
    }
    for i in 0..BLOCK {
        out[i] = lerp([a[i], b[i], c[i], d[i]], fx[i], fy[i]) * gain;
    }
}

#[inline(always)]
fn warp_cell(plane: &Plane<f32>, [u, v]: [f32; 2], gain: f32, edge: Edge, out: &mut f32) {
    let (stride, rows) = (plane.size.width as usize, plane.size.height as usize);
    let (last_x, last_y) = (plane.size.width as f32 - 1.0, plane.size.height as f32 - 1.0);
    let outside = u < -0.5 || v < -0.5 || u > last_x + 0.5 || v > last_y + 0.5;
    if outside && edge == Edge::Mark {
        return;
    }
    let (u, v) = (u.clamp(0.0, last_x), v.clamp(0.0, last_y));
    // Not negative, so that truncation is the floor.
    let (x0, y0) = (u as u32 as usize, v as u32 as usize);
    let below = if y0 + 1 < rows { stride } else { 0 };
    let right = usize::from(x0 + 1 < stride);
    let at = y0 * stride + x0;
    let corners = [at, at + right, at + below, at + below + right].map(|at| plane.data[at]);
    *out = lerp(corners, u - x0 as f32, v - y0 as f32) * gain;
}
