//! The picture that guides the fill: the blended sum divided by its weights and softened. Twin of `shaders/guide.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// Mean colour of `sum` (see [`super::blend::blend`]) smoothed by 1-2-1 across and down; edge cells are replicated.
pub fn guide(sum: &Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    const KERNEL: [f32; 3] = [0.25, 0.5, 0.25];
    let mut out = Plane::filled(sum.size, [0.0; 4]);
    let width = sum.size.width as usize;
    out.data.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        for (j, down) in KERNEL.iter().enumerate() {
            let row = sum.row((y as i64 + j as i64 - 1).clamp(0, i64::from(sum.size.height) - 1) as u32);
            for (x, out) in out.iter_mut().enumerate() {
                for (i, across) in KERNEL.iter().enumerate() {
                    let color = row[(x + i).saturating_sub(1).min(width - 1)];
                    let weight = down * across / color[3].max(1e-6);
                    for channel in 0..3 {
                        out[channel] += weight * color[channel];
                    }
                }
            }
        }
    });
    out
}
