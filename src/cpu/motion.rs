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
        if bump <= 0.0 {
            continue;
        }
        let (left, after, up, down) = (here[x - 1], here[x + 1], above[x], below[x]);
        let value = here[x];
        if value == OUTSIDE || left.min(after).min(up.min(down)) == OUTSIDE {
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use nalgebra::{Matrix4, Vector4};

    use super::*;

    const SIZE: Size = Size::new(90, 75);
    const ALL: Slice = Slice { level: 0.0, radius: 1e9, margin: 2 };

    fn scene(x: f32, y: f32) -> f32 {
        0.5 + 0.2 * (0.3 * x + 0.1 * y).sin() + 0.15 * (0.25 * y - 0.07 * x + 1.0).sin()
    }

    fn plane(value: impl Fn(f32, f32) -> f32) -> Plane<f32> {
        let width = SIZE.width as usize;
        let at = |index: usize| value((index % width) as f32, (index / width) as f32);
        Plane::new(SIZE, (0..SIZE.area()).map(at).collect())
    }

    /// The step of least squares: shift across, shift down, gain − 1 and bias that `blocks` call for.
    fn solve(blocks: &[[f32; MOTION_SUMS]]) -> Vector4<f64> {
        let sums: [f64; MOTION_SUMS] =
            std::array::from_fn(|at| blocks.iter().map(|sums| f64::from(sums[at])).sum());
        let [a, b, c, d, e, f, g, h, i, j, right @ .., _] = sums;
        let matrix = Matrix4::new(a, b, c, d, b, e, f, g, c, f, h, i, d, g, i, j);
        let right = Vector4::from([right[0], right[1], right[2], right[3]]);
        matrix.cholesky().expect("the scene has gradients").solve(&right)
    }

    fn close(found: Vector4<f64>, wanted: [f64; 4], within: [f64; 4]) {
        for at in 0..4 {
            assert!((found[at] - wanted[at]).abs() <= within[at], "{found:?} is not {wanted:?}");
        }
    }

    /// Central differences make too little of gradients by the k²/6 of a wave, 1.5 % here; a gain takes part of the second
    /// order of the shift, s²k²/2.
    #[test]
    fn a_shift_is_found() {
        let fixed = plane(scene);
        let flat = Plane::filled(SIZE, 0.0);
        for (sx, sy) in [(0.3, -0.2), (-0.4, 0.0), (0.0, 0.25)] {
            let moving = plane(|x, y| 1.05 * scene(x - sx, y - sy) + 0.02);
            let sums = motion(&fixed, &moving, &Transform::IDENTITY, &flat, &ALL);
            let wanted = [-f64::from(sx), -f64::from(sy), 0.05, 0.02];
            // Five percent, since the gain multiplies the gradient too, and three for the differences.
            close(solve(&sums), wanted, [0.08 * 0.4, 0.08 * 0.4, 0.01, 0.01]);
            // What the map already says is no motion any more.
            let known = Transform::affine([1.0, 0.0, f64::from(sx), 0.0, 1.0, f64::from(sy)]);
            let moving = plane(|x, y| scene(x - sx, y - sy));
            let sums = motion(&fixed, &moving, &known, &flat, &ALL);
            close(solve(&sums), [0.0; 4], [0.01, 0.01, 0.02, 0.01]);
        }
    }

    #[test]
    fn slices_move_each_for_itself() {
        let fixed = plane(scene);
        let depth = plane(|x, _| if x < 45.0 { 2.0 } else { 6.0 });
        let moving = plane(|x, y| if x < 45.0 { scene(x - 0.3, y) } else { scene(x, y + 0.25) });
        let at = |level| {
            let slice = Slice { level, radius: 3.0, margin: 1 };
            solve(&motion(&fixed, &moving, &Transform::IDENTITY, &depth, &slice))
        };
        close(at(2.0), [-0.3, 0.0, 0.0, 0.0], [0.02, 0.02, 0.02, 0.02]);
        close(at(6.0), [0.0, 0.25, 0.0, 0.0], [0.02, 0.02, 0.02, 0.02]);
    }

    #[test]
    fn weights_fall_with_depth() {
        let (fixed, depth) = (plane(scene), Plane::filled(SIZE, 4.0));
        let weight = |level| {
            let slice = Slice { level, radius: 2.0, margin: 1 };
            motion(&fixed, &fixed, &Transform::IDENTITY, &depth, &slice)[0][9]
        };
        // 15×15 cells of the first block.
        assert_eq!([4.0, 5.0, 3.0, 6.0, 7.0].map(weight), [225.0, 225.0 * 0.5625, 225.0 * 0.5625, 0.0, 0.0]);
    }

    #[test]
    fn cells_that_count() {
        let depth = Plane::filled(SIZE, 0.0);
        let count = |fixed: &Plane<f32>, margin, transform: &Transform| {
            let slice = Slice { margin, ..ALL };
            motion(fixed, &plane(scene), transform, &depth, &slice).iter().map(|sums| sums[9]).sum::<f32>()
        };
        let full = plane(scene);
        let inner = |margin: u32| ((SIZE.width - 2 * margin) * (SIZE.height - 2 * margin)) as f32;
        for (margin, counted) in [(0, inner(1)), (1, inner(1)), (7, inner(7)), (38, 0.0), (60, 0.0)] {
            assert_eq!(count(&full, margin, &Transform::IDENTITY), counted, "margin {margin}");
        }
        // The moving plane's margins count as well.
        let shift = Transform::affine([1.0, 0.0, 10.0, 0.0, 1.0, -20.0]);
        assert_eq!(count(&full, 3, &shift), inner(3) - (84 * 69 - 74 * 49) as f32);
        // A cell that is not covered takes its four neighbours with it.
        let mut holed = full.clone();
        let mut hole =
            |x: Range<u32>, y: u32| x.for_each(|x| holed.data[(y * SIZE.width + x) as usize] = OUTSIDE);
        hole(30..31, 30);
        hole(50..52, 33);
        assert_eq!(count(&holed, 1, &Transform::IDENTITY), inner(1) - 5.0 - 8.0);
    }
}
