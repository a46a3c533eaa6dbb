//! Resampling from reference geometry to a frame's.

use rayon::prelude::*;

use super::layer::Rect;
use crate::frame::{Plane, Size};
use crate::transform::Transform;

/// Lobes of the Lanczos window (Turkowski 1990).
const LOBES: i32 = 4;
/// Taps per axis.
const TAPS: usize = 2 * LOBES as usize;
/// Sub-pixel positions with stored weights.
const PHASES: usize = 512;

/// Canvas pixels that resampling `wanted` through `inverse` (frame → reference) reads.
pub(super) fn footprint(inverse: &Transform, wanted: Rect) -> Rect {
    let (left, top) = (f64::from(wanted.x), f64::from(wanted.y));
    let (right, bottom) = (f64::from(wanted.right() - 1), f64::from(wanted.bottom() - 1));
    let corners =
        [[left, top], [right, top], [left, bottom], [right, bottom]].map(|[x, y]| inverse.apply(x, y));
    let least = |axis: usize| corners.iter().map(|c| c[axis]).fold(f64::INFINITY, f64::min).floor() as i32;
    let most = |axis: usize| corners.iter().map(|c| c[axis]).fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
    let (x, y) = (least(0), least(1));
    Rect { x, y, width: (most(0) - x + 1) as u32, height: (most(1) - y + 1) as u32 }.dilate(LOBES)
}

/// Cuts `wanted` out of the pixels of `rect`; outside, the outermost pixels are repeated.
pub(super) fn window(rect: Rect, pixels: &[[f32; 3]], wanted: Rect) -> Plane<[f32; 3]> {
    let size = Size::new(wanted.width, wanted.height);
    if rect == wanted {
        return Plane::new(size, pixels.to_vec());
    }
    let data = (wanted.y..wanted.bottom())
        .flat_map(|y| (wanted.x..wanted.right()).map(move |x| (x, y)))
        .map(|(x, y)| pixels[index(rect, x, y)])
        .collect();
    Plane::new(size, data)
}

/// Resamples `wanted` from the pixels of `rect`: `inverse` maps frame to reference pixels.
pub(super) fn lanczos(rect: Rect, pixels: &[[f32; 3]], inverse: &Transform, wanted: Rect) -> Plane<[f32; 3]> {
    let weights: Vec<[f32; TAPS]> = (0..=PHASES).map(|i| phase(i as f32 / PHASES as f32)).collect();
    let [_, across_by_row, _, down_by_column, ..] = inverse.matrix;
    if across_by_row == 0.0 && down_by_column == 0.0 {
        return separable(rect, pixels, inverse, wanted, &weights);
    }
    let size = Size::new(wanted.width, wanted.height);
    let mut frame = Plane::filled(size, [0.0; 3]);
    frame.data.par_chunks_mut((wanted.width as usize).max(1)).enumerate().for_each(|(row, out)| {
        let y = f64::from(wanted.y + row as i32);
        for (column, out) in out.iter_mut().enumerate() {
            let [u, v] = inverse.apply(f64::from(wanted.x + column as i32), y);
            let (x0, y0) = (u.floor(), v.floor());
            let at = |t: f64| &weights[(t * PHASES as f64 + 0.5) as usize];
            *out = sample(rect, pixels, [x0 as i32, y0 as i32], at(u - x0), at(v - y0)).map(|c| c.max(0.0));
        }
    });
    frame
}

/// The same without rotation: first along the rows, then down the columns, in the same order of operations at an eighth
/// of the taps.
fn separable(
    rect: Rect,
    pixels: &[[f32; 3]],
    inverse: &Transform,
    wanted: Rect,
    weights: &[[f32; TAPS]],
) -> Plane<[f32; 3]> {
    // First tap and weights of a place.
    let taps = |u: f64| {
        let base = u.floor();
        (base as i32 - LOBES + 1, &weights[((u - base) * PHASES as f64 + 0.5) as usize])
    };
    let add = |sum: [f32; 3], w: f32, p: [f32; 3]| std::array::from_fn(|i| sum[i] + w * p[i]);
    let columns: Vec<_> =
        (wanted.x..wanted.right()).map(|x| taps(inverse.apply(f64::from(x), 0.0)[0])).collect();
    let width = columns.len().max(1);
    let mut lines = vec![[0.0; 3]; width * rect.height as usize];
    lines.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
        let line = &pixels[row * rect.width as usize..][..rect.width as usize];
        for (out, &(first, weights)) in out.iter_mut().zip(&columns) {
            let start = first - rect.x;
            let whole = usize::try_from(start).ok().and_then(|start| line.get(start..start + TAPS));
            *out = match whole {
                Some(taps) => taps.iter().zip(weights).fold([0.0; 3], |sum, (p, w)| add(sum, *w, *p)),
                None => (start..).zip(weights).fold([0.0; 3], |sum, (at, w)| {
                    add(sum, *w, line[at.clamp(0, line.len() as i32 - 1) as usize])
                }),
            };
        }
    });
    let mut frame = Plane::filled(Size::new(wanted.width, wanted.height), [0.0; 3]);
    frame.data.par_chunks_mut(width).enumerate().for_each(|(row, out)| {
        let (first, weights) = taps(inverse.apply(0.0, f64::from(wanted.y + row as i32))[1]);
        for (at, weight) in (first - rect.y..).zip(weights) {
            let line = &lines[at.clamp(0, rect.height as i32 - 1) as usize * width..][..out.len()];
            out.iter_mut().zip(line).for_each(|(out, p)| *out = add(*out, *weight, *p));
        }
        out.iter_mut().for_each(|p| *p = p.map(|c| c.max(0.0)));
    });
    frame
}

/// Weighted sum of the taps around `base`.
#[inline]
fn sample(rect: Rect, pixels: &[[f32; 3]], base: [i32; 2], wx: &[f32; TAPS], wy: &[f32; TAPS]) -> [f32; 3] {
    let (x, y) = (base[0] - LOBES + 1, base[1] - LOBES + 1);
    let inside =
        x >= rect.x && y >= rect.y && x + TAPS as i32 <= rect.right() && y + TAPS as i32 <= rect.bottom();
    let mut total = [0.0; 3];
    for (j, wy) in wy.iter().enumerate() {
        let mut line = [0.0; 3];
        let mut add = |w: f32, p: [f32; 3]| line = std::array::from_fn(|i| line[i] + w * p[i]);
        if inside {
            let start = index(rect, x, y + j as i32);
            pixels[start..start + TAPS].iter().zip(wx).for_each(|(p, w)| add(*w, *p));
        } else {
            (x..).zip(wx).for_each(|(x, w)| add(*w, pixels[index(rect, x, y + j as i32)]));
        }
        total = std::array::from_fn(|i| total[i] + wy * line[i]);
    }
    total
}

/// Index of the pixel of `rect` nearest to (`x`, `y`).
fn index(rect: Rect, x: i32, y: i32) -> usize {
    let (x, y) = (x.clamp(rect.x, rect.right() - 1), y.clamp(rect.y, rect.bottom() - 1));
    (y - rect.y) as usize * rect.width as usize + (x - rect.x) as usize
}

/// Lanczos weights for a point `t` (0…1) right of its base pixel, normalised to sum 1.
fn phase(t: f32) -> [f32; TAPS] {
    let weights: [f32; TAPS] = std::array::from_fn(|k| {
        let x = std::f32::consts::PI * (k as f32 - (LOBES - 1) as f32 - t);
        let lobes = LOBES as f32;
        if x.abs() < 1e-4 { 1.0 } else { lobes * x.sin() * (x / lobes).sin() / (x * x) }
    });
    let sum: f32 = weights.iter().sum();
    weights.map(|w| w / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_alone_is_the_same_along_rows_and_columns() {
        let rect = Rect { x: -9, y: -7, width: 81, height: 60 };
        let pixel = |i: u32| [0, 7, 13].map(|s| ((i * 37 + s) % 101) as f32 / 101.0);
        let pixels: Vec<[f32; 3]> = (0..81 * 60).map(pixel).collect();
        // A turn too small to move anything takes the general way.
        let [still, turned] =
            [0.0, 1e-12].map(|turn| Transform::similarity(-0.013, turn, [0.4, 0.2], [32.0, 20.0]));
        // Beyond the pixels too, where their edge goes on.
        let wanted = Rect { x: -14, y: -10, width: 90, height: 70 };
        let (a, b) = (lanczos(rect, &pixels, &still, wanted), lanczos(rect, &pixels, &turned, wanted));
        assert_eq!(a.size, b.size);
        let worst = a.data.iter().zip(&b.data).flat_map(|(a, b)| (0..3).map(move |i| (a[i] - b[i]).abs()));
        assert!(worst.fold(0.0, f32::max) < 2e-3, "phases may round to the next of 512");
    }

    #[test]
    fn a_smooth_wave_is_moved_exactly() {
        let rect = Rect { x: -10, y: -10, width: 84, height: 60 };
        let wave = |x: f64, y: f64| (0.5 + 0.3 * (0.9 * x + 0.4 * y).sin()) as f32;
        let pixels: Vec<[f32; 3]> = (rect.y..rect.bottom())
            .flat_map(|y| (rect.x..rect.right()).map(move |x| [wave(f64::from(x), f64::from(y)); 3]))
            .collect();
        let pose = Transform::similarity(0.02, 0.01, [1.3, -2.6], [32.0, 20.0]);
        let wanted = Rect { x: 0, y: 0, width: 64, height: 40 };
        let moved = lanczos(rect, &pixels, &pose.inverse(), wanted);
        for (x, y) in (0..64).flat_map(|x| (0..40).map(move |y| (x, y))) {
            let [u, v] = pose.inverse().apply(f64::from(x), f64::from(y));
            assert!((moved.at(x, y)[1] - wave(u, v)).abs() < 4e-3, "{x} {y}");
        }
    }
}
