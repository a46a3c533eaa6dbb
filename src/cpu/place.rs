//! Levels → places on the focus axis. Twin of `shaders/place.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// Places of `depth`, which is in levels, between those of the levels around it; `places` has at least two, and beyond
/// the ends it goes on as at them.
pub fn place(depth: &Plane<f32>, places: &[f32]) -> Plane<f32> {
    let place = |&level: &f32| {
        let segment = (level.max(0.0) as usize).min(places.len() - 2);
        places[segment] + (level - segment as f32) * (places[segment + 1] - places[segment])
    };
    Plane::new(depth.size, depth.data.par_iter().map(place).collect())
}
