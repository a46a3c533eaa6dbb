//! What is true about a scene: depth as a frame index, where it can be measured, and the picture sharp everywhere.

use rayon::prelude::*;

use super::lens::Lens;
use super::render::render;
use super::scene::Scene;
use super::sensor::srgb;
use crate::frame::{Plane, Size};

/// The truth about a focal stack, in the scene's reference geometry.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Continuous index of the frame in which a pixel is sharpest, 0 = nearest focus; NaN where it is unknown.
    pub depth_index: Plane<f32>,
    /// Enough local contrast to be measured: deviation over 9×9 pixels above 0.02 of sRGB white.
    pub textured: Plane<bool>,
    /// Within 5 pixels of a depth discontinuity of 1.5 frames.
    pub edge: Plane<bool>,
    /// All-in-focus picture: linear RGB, without noise.
    pub aif: Plane<[f32; 3]>,
}

/// Half the window in which texture is measured.
const TEXTURE_RADIUS: usize = 4;
/// Least deviation that counts as texture.
const TEXTURE: f32 = 0.02;
/// Half the window in which depth edges are sought.
const EDGE_RADIUS: usize = 5;
/// Least jump that counts as an edge, in frames.
const EDGE: f32 = 1.5;

/// The truth for frames focused at `focus_positions`, which fall from near to far.
pub fn truth(scene: &Scene, focus_positions: &[f32]) -> Truth {
    let mut depth_index = scene.inverse_depth();
    for depth in &mut depth_index.data {
        *depth = frame_index(*depth, focus_positions);
    }
    let aif = render(scene, &Lens { coc_px: 0.0, breathing: 0.0 }, 0.5);
    let edge = edges(&depth_index);
    Truth { textured: textured(&aif), edge, depth_index, aif }
}

/// Position of `depth` among the falling `focus_positions`, interpolated, held at the ends; NaN stays NaN.
pub(super) fn frame_index(depth: f32, focus_positions: &[f32]) -> f32 {
    let after = focus_positions.partition_point(|&focus| focus >= depth);
    match after {
        _ if depth.is_nan() => f32::NAN,
        0 => 0.0,
        n if n == focus_positions.len() => (n - 1) as f32,
        n => {
            let (near, far) = (focus_positions[n - 1], focus_positions[n]);
            (n - 1) as f32 + (near - depth) / (near - far)
        }
    }
}

/// Pixels with local contrast.
fn textured(aif: &Plane<[f32; 3]>) -> Plane<bool> {
    let luma = |p: &[f32; 3]| 0.299 * srgb(p[0]) + 0.587 * srgb(p[1]) + 0.114 * srgb(p[2]);
    let luma: Vec<f32> = aif.data.par_iter().map(luma).collect();
    let squares: Vec<f32> = luma.iter().map(|v| v * v).collect();
    let mean = |values: Vec<f32>| {
        let count = (2 * TEXTURE_RADIUS + 1).pow(2) as f32;
        window(&Plane::new(aif.size, values), TEXTURE_RADIUS, |a, b| a + b)
            .data
            .into_iter()
            .map(move |v| v / count)
    };
    let deviation = mean(luma).zip(mean(squares)).map(|(m, s)| (s - m * m).max(0.0).sqrt());
    Plane::new(aif.size, deviation.map(|d| d > TEXTURE).collect())
}

/// Pixels near a jump in depth.
fn edges(depth_index: &Plane<f32>) -> Plane<bool> {
    let high = window(depth_index, EDGE_RADIUS, f32::max);
    let low = window(depth_index, EDGE_RADIUS, f32::min);
    let jump = high.data.iter().zip(&low.data).map(|(h, l)| h - l > EDGE).collect();
    Plane::new(depth_index.size, jump)
}

/// Folds the square window of `radius` around each pixel with `fold`; edge pixels are repeated.
fn window(plane: &Plane<f32>, radius: usize, fold: impl Fn(f32, f32) -> f32 + Sync) -> Plane<f32> {
    let Size { width, height } = plane.size;
    let (w, h) = (width as usize, height as usize);
    let near = |at: usize, k: usize, last: usize| (at + k).saturating_sub(radius).min(last);
    let mut rows = vec![0.0; w * h];
    rows.par_chunks_mut(w.max(1)).zip(plane.data.par_chunks(w.max(1))).for_each(|(out, row)| {
        for (x, out) in out.iter_mut().enumerate() {
            *out = (1..=2 * radius).fold(row[near(x, 0, w - 1)], |a, k| fold(a, row[near(x, k, w - 1)]));
        }
    });
    let mut result = Plane::filled(plane.size, 0.0);
    result.data.par_chunks_mut(w.max(1)).enumerate().for_each(|(y, out)| {
        out.copy_from_slice(&rows[near(y, 0, h - 1) * w..][..w]);
        for k in 1..=2 * radius {
            let row = &rows[near(y, k, h - 1) * w..][..w];
            out.iter_mut().zip(row).for_each(|(a, &b)| *a = fold(*a, b));
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::super::SceneKind;
    use super::*;

    #[test]
    fn the_index_runs_monotonously_through_the_frames() {
        let focus = [1.0, 0.7, 0.4, 0.0];
        for (i, &f) in focus.iter().enumerate() {
            assert_eq!(frame_index(f, &focus), i as f32);
        }
        let mut last = f32::NEG_INFINITY;
        for step in 0..=140 {
            let index = frame_index(1.2 - step as f32 / 100.0, &focus);
            assert!(index >= last && (0.0..=3.0).contains(&index));
            last = index;
        }
        assert!((frame_index(0.55, &focus) - 1.5).abs() < 1e-6);
        assert!(frame_index(f32::NAN, &focus).is_nan());
        assert_eq!(frame_index(0.3, &[1.0]), 0.0);
    }

    #[test]
    fn scenes_are_as_textured_as_they_claim() {
        let focus: Vec<f32> = (0..21).map(|i| 1.0 - i as f32 / 20.0).collect();
        let share =
            |plane: &Plane<bool>| plane.data.iter().filter(|&&t| t).count() as f32 / plane.data.len() as f32;
        for seed in [1, 2] {
            let mossy = truth(&Scene::generate(SceneKind::Macro, Size::new(450, 300), seed), &focus);
            let desk = truth(&Scene::generate(SceneKind::Desk, Size::new(450, 300), seed), &focus);
            let (a, b) = (share(&mossy.textured), share(&desk.textured));
            assert!((0.5..0.95).contains(&a), "macro {seed}: {a}");
            assert!((0.25..0.6).contains(&b), "desk {seed}: {b}");
            assert!((0.02..0.3).contains(&share(&desk.edge)));
        }
    }

    #[test]
    fn every_frame_is_the_sharpest_where_the_truth_says_so() {
        // On the slanted ground of the macro scene, contrast must peak at the frame the truth names.
        let scene = Scene::generate(SceneKind::Macro, Size::new(240, 160), 3);
        let lens = Lens { coc_px: 30.0, breathing: 0.0 };
        let focus: Vec<f32> = (0..9).map(|i| 1.0 - i as f32 / 8.0).collect();
        let truth = truth(&scene, &focus);
        let frames: Vec<_> = focus.iter().map(|&f| render(&scene, &lens, f)).collect();
        let (mut miss, mut count) = (0.0, 0);
        for (x, y) in (8..232).step_by(8).flat_map(|x| (8..152).step_by(8).map(move |y| (x, y))) {
            let at = y as usize * 240 + x as usize;
            if !truth.textured.data[at] || truth.edge.data[at] {
                continue;
            }
            let contrast = |f: &Plane<[f32; 3]>| -> f32 {
                let around = (-3..=3).flat_map(|dx| (-3..=3).map(move |dy| (dx, dy)));
                around
                    .map(|(dx, dy)| {
                        let g = |u: i64, v: i64| f.clamped(u, v)[1];
                        let (u, v) = (x + dx, y + dy);
                        (4.0 * g(u, v) - g(u - 1, v) - g(u + 1, v) - g(u, v - 1) - g(u, v + 1)).powi(2)
                    })
                    .sum()
            };
            let scores: Vec<f32> = frames.iter().map(contrast).collect();
            let best = (0..9).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("nine frames");
            miss += (best as f32 - truth.depth_index.data[at]).abs();
            count += 1;
        }
        assert!(count > 100 && miss / (count as f32) < 0.40, "{}", miss / count as f32);
    }
}
