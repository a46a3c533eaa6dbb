//! Puts fused bands together again. Twin of `shaders/collapse.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use super::detail::{between_rows, padded, pair};
use super::spare;
use crate::frame::Plane;

/// The weighted mean in `sum` plus `half` expanded: the next finer plane of the fused picture, rows from `top` (even) on;
/// the fourth channel is 1.
pub fn collapse(sum: &Plane<[f32; 4]>, half: &Plane<[f32; 4]>, top: u32) -> Plane<[f32; 4]> {
    let width = sum.size.width as usize;
    let mut out: Plane<[f32; 4]> = spare::plane(sum.size);
    out.data.par_chunks_exact_mut(width).enumerate().for_each_init(
        || padded(half),
        |between, (y, out)| {
            between_rows(half, top + y as u32, between);
            add_mean(sum.row(y as u32), between, out);
        },
    );
    out
}

/// The weighted mean alone: the base.
pub fn collapse_base(sum: &Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    let mean = |&[r, g, b, weight]: &[f32; 4]| [r / weight, g / weight, b / weight, 1.0];
    Plane::new(sum.size, sum.data.iter().map(mean).collect())
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_mean(sum: &[[f32; 4]], half: &[[f32; 4]], out: &mut [[f32; 4]]) {
    for ((sum, out), three) in sum.chunks(2).zip(out.chunks_mut(2)).zip(half.windows(3)) {
        let expanded = pair(three);
        for (i, (sum, out)) in sum.iter().zip(out).enumerate() {
            for c in 0..4 {
                out[c] = sum[c] / sum[3] + expanded[i][c];
            }
            out[3] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::detail::detail;
    use super::super::fuse::{fuse, fuse_base};
    use super::super::shrink::shrink;
    use super::super::smooth::smooth;
    use super::super::weigh::weigh;
    use super::*;
    use crate::frame::Size;
    use crate::params::{BAND_FLOOR, FUSION_BANDS, FUSION_HALO};

    const SIZE: Size = Size::new(165, 201);

    /// A picture whose sharp half depends on `side`.
    fn picture(side: f32) -> Plane<[f32; 4]> {
        let pixel = |index: usize| {
            let (x, y) = ((index % SIZE.width as usize) as f32, (index / SIZE.width as usize) as f32);
            let sharp = 0.5 + 0.5 * (side * (0.03 * x + 0.05 * y)).sin();
            let fine = 0.2 * sharp * (1.9 * x + 0.7 * y).sin() * (0.9 * y - 0.3 * x).cos();
            let coarse = 0.5 + 0.2 * (0.11 * x).sin() + 0.1 * (0.07 * y + side).cos();
            [coarse + fine, 0.9 * coarse - fine, 0.3 + fine, 1.0]
        };
        Plane::new(SIZE, (0..SIZE.area()).map(pixel).collect())
    }

    /// What is made of one plane of a frame: the next coarser plane, and rows `core` of the sum.
    struct Part {
        half: Plane<[f32; 4]>,
        sum: Plane<[f32; 4]>,
    }

    /// Adds a frame's band, weighed by its energy or evenly, in strips of `rows` rows that look `halo` rows around.
    fn add(part: &mut Part, plane: &Plane<[f32; 4]>, rows: u32, halo: u32, even: bool) {
        let height = plane.size.height;
        for start in (0..height).step_by(rows as usize) {
            let end = (start + rows).min(height);
            let top = start.saturating_sub(halo);
            let strip = plane.rows(top..(end + halo).min(height));
            let half = shrink(&strip);
            let (band, energy) = detail(&strip, &half);
            let energy = smooth(&energy, 0.0);
            let ones = Plane::filled(energy.size, 1.0);
            let weight = if even { ones } else { weigh(&energy, &ones, &ones, BAND_FLOOR, [2, 0]) };
            let mut sum = part.sum.rows(start..end);
            fuse(&mut sum, &band, &weight, start - top);
            part.sum.put_rows(start, &sum, 0..end - start);
            let skip = (start - top) / 2;
            part.half.put_rows(start / 2, &half, skip..skip + (end - start).div_ceil(2));
        }
    }

    /// The whole way: pyramids of all frames, fused and put together again.
    fn merge(frames: &[Plane<[f32; 4]>], rows: u32, halo: u32, even: bool) -> Plane<[f32; 4]> {
        let mut sums = Vec::new();
        let mut planes = frames.to_vec();
        for _ in 0..FUSION_BANDS {
            let size = planes[0].size;
            let mut sum = Plane::filled(size, [0.0; 4]);
            for plane in &mut planes {
                let mut part = Part { half: Plane::filled(size.grid(2), [0.0; 4]), sum };
                add(&mut part, plane, rows, halo, even);
                *plane = part.half;
                sum = part.sum;
            }
            sums.push(sum);
        }
        let mut base = Plane::filled(planes[0].size, [0.0; 4]);
        for plane in &planes {
            fuse_base(&mut base, plane, &Plane::filled(plane.size, 0.5));
        }
        sums.iter().rev().fold(collapse_base(&base), |half, sum| {
            let mut out = sum.clone();
            for start in (0..sum.size.height).step_by(rows as usize) {
                let end = (start + rows).min(sum.size.height);
                out.put_rows(start, &collapse(&sum.rows(start..end), &half, start), 0..end - start);
            }
            out
        })
    }

    fn distance(a: &Plane<[f32; 4]>, b: &Plane<[f32; 4]>) -> f32 {
        assert_eq!(a.size, b.size);
        let pairs = a.data.as_flattened().iter().zip(b.data.as_flattened());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn bands_add_up_to_the_picture() {
        let frame = picture(1.0);
        for rows in [SIZE.height, 32] {
            let out = merge(std::slice::from_ref(&frame), rows, FUSION_HALO, true);
            assert!(distance(&out, &frame) < 1e-5, "{}", distance(&out, &frame));
            // A mean of the same is the same, whatever the weights.
            let out = merge(&[frame.clone(), frame.clone()], rows, FUSION_HALO, false);
            assert!(distance(&out, &frame) < 1e-5, "{}", distance(&out, &frame));
        }
    }

    #[test]
    fn what_is_sharp_counts() {
        let frames = [picture(1.0), picture(-1.0)];
        let fused = merge(&frames, SIZE.height, 0, false);
        let mean = merge(&frames, SIZE.height, 0, true);
        let energy = |plane: &Plane<[f32; 4]>| {
            let (_, energy) = detail(plane, &shrink(plane));
            energy.data.iter().map(|value| f64::from(*value)).sum::<f64>()
        };
        assert!(energy(&fused) > 1.3 * energy(&mean), "{} against {}", energy(&fused), energy(&mean));
    }

    /// Strips make the picture that one piece makes, if they look as far around as [`FUSION_HALO`] says; two rows less show.
    #[test]
    fn strips_leave_no_seam() {
        let frames = [picture(1.0), picture(-1.0)];
        let whole = merge(&frames, SIZE.height, 0, false);
        for rows in [2, 16, 50] {
            assert_eq!(
                distance(&merge(&frames, rows, FUSION_HALO, false), &whole),
                0.0,
                "strips of {rows} rows"
            );
        }
        assert!(distance(&merge(&frames, 16, FUSION_HALO - 2, false), &whole) > 0.0);
    }
}
