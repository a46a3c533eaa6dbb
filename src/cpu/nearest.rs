//! Distance from depth to the nearest of some planes of focus. Twin of `shaders/nearest.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// How far `depth` lies from the nearest of `focused`, at least one, all on one axis.
pub fn nearest(depth: &Plane<f32>, focused: &[f32]) -> Plane<f32> {
    let distance = |&place: &f32| {
        focused[1..].iter().fold((place - focused[0]).abs(), |least, at| least.min((place - at).abs()))
    };
    Plane::new(depth.size, depth.data.par_iter().map(distance).collect())
}
