//! Depth with near objects grown over what lies behind. Twin of `shaders/front.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// Least value of `plane` within `radius` cells across and down.
pub fn front(plane: &Plane<f32>, radius: u32) -> Plane<f32> {
    let (width, last) = (plane.size.width as usize, plane.size.height as usize - 1);
    let radius = radius as usize;
    let mut across = plane.clone();
    across.data.par_chunks_exact_mut(width).zip(plane.data.par_chunks_exact(width)).for_each(|(out, row)| {
        for (x, out) in out.iter_mut().enumerate() {
            let window = &row[x.saturating_sub(radius)..(x + radius + 1).min(width)];
            *out = window.iter().copied().fold(f32::INFINITY, f32::min);
        }
    });
    let mut out = across.clone();
    out.data.par_chunks_exact_mut(width).enumerate().for_each(|(y, out)| {
        for row in y.saturating_sub(radius)..=(y + radius).min(last) {
            for (out, value) in out.iter_mut().zip(across.row(row as u32)) {
                *out = out.min(*value);
            }
        }
    });
    out
}
