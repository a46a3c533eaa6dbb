//! Sums up, block by block, how a frame moves against another. Twin of `shaders/motion.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::{Plane, Size};
use crate::params::{MOTION_BLOCK, MOTION_SUMS, OUTSIDE, Slice};
use crate::transform::Transform;

/// Sums over the cells of each block, of [`MOTION_BLOCK`] cells a side.
///
/// With the terms x gradient, y gradient and value of `fixed`, and one, they are those of the terms' products, of the
/// terms times the residual `moving`(`transform`) − `fixed`, and of the squared residual. A cell counts by how near `depth`
/// is to the slice: (1 − t²)².
///
/// `fixed` and `depth` lie on the reference's grid, `moving` on its own; bilinear. Cells whose neighbours `fixed` does not
/// cover do not count.
pub fn motion(
    fixed: &Plane<f32>,
    moving: &Plane<f32>,
    transform: &Transform,
    depth: &Plane<f32>,
    slice: &Slice,
) -> Vec<[f32; MOTION_SUMS]> {
    let m = transform.to_f32();
    let blocks = fixed.size.grid(MOTION_BLOCK);
    let mut out = vec![[0.0; MOTION_SUMS]; blocks.area()];
    out.par_chunks_exact_mut(blocks.width as usize).enumerate().for_each(|(block_y, out)| {
        let top = block_y as u32 * MOTION_BLOCK;
        for y in top..(top + MOTION_BLOCK).min(fixed.size.height) {
            add_row(fixed, moving, &m, depth, slice, y, out);
        }
    });
    out
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_row(
    fixed: &Plane<f32>,
    moving: &Plane<f32>,
    m: &[f32; 8],
    depth: &Plane<f32>,
    slice: &Slice,
    y: u32,
    out: &mut [[f32; MOTION_SUMS]],
) {
    let Size { width, height } = fixed.size;
    let margin = slice.margin.max(1);
    if y < margin || y + margin >= height || width < 2 * margin {
        return;
    }
    let (low, high) = (margin as f32, margin as f32 + 1.0);
    let (right, bottom) = (moving.size.width as f32 - high, moving.size.height as f32 - high);
    let [above, here, below] = [y - 1, y, y + 1].map(|row| fixed.row(row));
    let depth = depth.row(y);
    for x in margin as usize..(width - margin) as usize {
        let t = (depth[x] - slice.level) / slice.radius;
        let bump = 1.0 - t * t;
        let (left, after, up, down) = (here[x - 1], here[x + 1], above[x], below[x]);
        let value = here[x];
        if bump <= 0.0 || value == OUTSIDE || left.min(after).min(up.min(down)) == OUTSIDE {
            continue;
        }
        let (fx, fy) = (x as f32, y as f32);
        let w = m[6] * fx + m[7] * fy + 1.0;
        let (u, v) = ((m[0] * fx + m[1] * fy + m[2]) / w, (m[3] * fx + m[4] * fy + m[5]) / w);
        if u < low || v < low || u > right || v > bottom {
            continue;
        }
        let residual = bilinear(moving, u, v) - value;
        let weight = bump * bump;
        let terms = [(after - left) * 0.5, (down - up) * 0.5, value, 1.0];
        let sums = &mut out[x / MOTION_BLOCK as usize];
        let mut at = 0;
        for i in 0..4 {
            let term = weight * terms[i];
            for other in &terms[i..] {
                sums[at] += term * other;
                at += 1;
            }
        }
        for i in 0..4 {
            sums[10 + i] += weight * terms[i] * residual;
        }
        sums[14] += weight * residual * residual;
    }
}

#[inline(always)]
fn bilinear(plane: &Plane<f32>, u: f32, v: f32) -> f32 {
    let (x, y) = (u as u32, v as u32);
    let (fx, fy) = (u - x as f32, v - y as f32);
    let at = (y * plane.size.width + x) as usize;
    let (upper, lower) = (&plane.data[at..at + 2], &plane.data[at + plane.size.width as usize..][..2]);
    let (upper, lower) = (upper[0] + (upper[1] - upper[0]) * fx, lower[0] + (lower[1] - lower[0]) * fx);
    upper + (lower - upper) * fy
}
