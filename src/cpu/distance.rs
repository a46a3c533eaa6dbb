//! Distance of every two frames' block features. Twin of `shaders/distance.wgsl`.

use rayon::prelude::*;

use crate::frame::{Plane, Size};
use crate::params::MISSING;

/// Weighted mean absolute difference d(f, g) = Σ_b w_b |x_fb − x_gb| / Σ_b w_b over the blocks that both cover; 0 where
/// they share none.
///
/// `features`: one row per frame, one column per block, below [`MISSING`] where not covered; `weights`: one row.
/// Result: frames × frames, symmetric.
pub fn distance(features: &Plane<f32>, weights: &Plane<f32>) -> Plane<f32> {
    let frames = features.size.height;
    let mut out = Plane::filled(Size::new(frames, frames), 0.0);
    out.data.par_chunks_exact_mut(frames.max(1) as usize).enumerate().for_each(|(f, out)| {
        for (g, out) in out.iter_mut().enumerate() {
            let (mut sum, mut shared) = (0.0, 0.0);
            for ((a, b), weight) in
                features.row(g as u32).iter().zip(features.row(f as u32)).zip(&weights.data)
            {
                if *a > MISSING && *b > MISSING {
                    sum += weight * (a - b).abs();
                    shared += weight;
                }
            }
            if shared > 0.0 {
                *out = sum / shared;
            }
        }
    });
    out
}
