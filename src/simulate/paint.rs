//! What both scenes paint with: colours, light, soft edges, random choices.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::layer::Layer;
use super::texture::mix;

/// Random choices of a scene, in a fixed order.
pub(super) struct Dice(Pcg64Mcg);

impl Dice {
    /// Choices for `seed`; `salt` separates the kinds of scene.
    pub(super) fn new(seed: u64, salt: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(mix(seed ^ mix(salt))))
    }

    /// Evenly in `low`…`high`.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Roughly normal, of deviation `sigma`.
    pub(super) fn normal(&mut self, sigma: f32) -> f32 {
        let sum: f32 = (0..6).map(|_| self.0.random::<f32>()).sum();
        (sum - 3.0) * std::f32::consts::SQRT_2 * sigma
    }

    /// One of `0…count−1`.
    pub(super) fn choose(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// A seed for a texture.
    pub(super) fn seed(&mut self) -> u64 {
        self.0.random()
    }
}

/// Layers with a depth to sort them by.
pub(super) struct Pile(Vec<(f32, Layer)>);

impl Pile {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a layer that hides those of smaller `depth`; one that lies outside the canvas is none.
    pub(super) fn add(&mut self, depth: f32, layer: Option<Layer>) {
        self.0.extend(layer.map(|layer| (depth, layer)));
    }

    /// Far → near; layers of one depth stay in the order they came.
    pub(super) fn sorted(mut self) -> Vec<Layer> {
        self.0.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.0.into_iter().map(|(_, layer)| layer).collect()
    }
}

/// From `a` to `b` as `t` runs from 0 to 1.
pub(super) fn blend(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    let t = t.clamp(0.0, 1.0);
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

/// `color` under light of strength `by`.
pub(super) fn lit(color: [f32; 3], by: f32) -> [f32; 3] {
    color.map(|c| c * by.max(0.0))
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Coverage of a pixel whose centre lies `inside` pixels within an edge.
pub(super) fn coverage(inside: f32) -> f32 {
    (inside + 0.5).clamp(0.0, 1.0)
}

/// Diffuse light (Lambert) from the upper left, with some from the sky, on the normal (`nx`, `ny`) of a unit sphere.
pub(super) fn sunlight(nx: f32, ny: f32) -> f32 {
    let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
    let sun = (-0.45 * nx - 0.62 * ny + 0.64 * nz).max(0.0);
    0.30 + 0.12 * (1.0 - ny) * 0.5 + 0.85 * sun
}

/// Two evenly distributed numbers 0…1 for a cell of a pattern.
pub(super) fn cell_random(seed: u64, x: i32, y: i32) -> [f32; 2] {
    let bits = mix(seed ^ mix((u64::from(x as u32) << 32) | u64::from(y as u32)));
    [(bits & 0xff_ffff) as f32, (bits >> 40) as f32].map(|v| v / 16_777_216.0)
}

/// The nearest jittered point of a unit grid (Worley 1996): its distance, its cell, and the way to it.
pub(super) fn nearest_cell(seed: u64, u: f32, v: f32) -> (f32, [i32; 2], [f32; 2]) {
    let (cu, cv) = (u.floor() as i32, v.floor() as i32);
    let mut best = (f32::INFINITY, [0; 2], [0.0; 2]);
    for (du, dv) in (-1..=1).flat_map(|du| (-1..=1).map(move |dv| (du, dv))) {
        let cell = [cu + du, cv + dv];
        let [a, b] = cell_random(seed, cell[0], cell[1]);
        let way = [cell[0] as f32 + 0.15 + 0.7 * a - u, cell[1] as f32 + 0.15 + 0.7 * b - v];
        let distance = way[0].hypot(way[1]);
        if distance < best.0 {
            best = (distance, cell, way);
        }
    }
    best
}
