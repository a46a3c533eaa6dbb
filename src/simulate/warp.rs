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
