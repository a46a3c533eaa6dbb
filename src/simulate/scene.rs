//! Scenes: stacks of layers at many depths, drawn from a seed.

use super::layer::{Canvas, Layer, Rect};
use super::{desk, mossy};
use crate::frame::{Plane, Size};

/// What a scene shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SceneKind {
    /// A mossy bank with pebbles, mushrooms and blades of grass, as close-up lenses see it: textured nearly everywhere.
    Macro,
    /// Things on a table before a plain wall, about half of it without texture.
    Desk,
}

impl SceneKind {
    /// Name on the command line and in `meta.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Macro => "macro",
            Self::Desk => "desk",
        }
    }
}

impl std::fmt::Display for SceneKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for SceneKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Macro, Self::Desk]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("{name:?} is no scene: choose macro or desk"))
    }
}

/// A painted scene: it is made once and can be photographed at any focus.
///
/// Inverse depth is normalised: 0 is the farthest visible thing, 1 the nearest (0.2 % of the picture at either end left
/// aside, so that one odd pixel does not set the scale).
#[derive(Clone, Debug)]
pub struct Scene {
    size: Size,
    /// Far → near.
    layers: Vec<Layer>,
}

impl Scene {
    /// Paints the scene that `seed` stands for; the frame in reference geometry has `size` pixels, at least 2×2.
    ///
    /// The same seed shows the same things at every size, with detail down to the pixel.
    pub fn generate(kind: SceneKind, size: Size, seed: u64) -> Self {
        let canvas = Canvas { frame: size };
        let layers = match kind {
            SceneKind::Macro => mossy::paint(canvas, seed),
            SceneKind::Desk => desk::paint(canvas, seed),
        };
        let mut scene = Self { size, layers };
        scene.normalise();
        scene
    }

    /// A scene of the given layers, far → near, depths as they are.
    pub(super) fn new(size: Size, layers: Vec<Layer>) -> Self {
        Self { size, layers }
    }

    /// Pixels of the frame.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Normalised inverse depth of what is visible at each pixel of the reference geometry.
    pub fn inverse_depth(&self) -> Plane<f32> {
        let frame = Rect { x: 0, y: 0, width: self.size.width, height: self.size.height };
        let mut depth = Plane::filled(self.size, f32::NAN);
        for layer in &self.layers {
            let seen = layer.rect.intersect(frame);
            for y in seen.y..seen.bottom() {
                let row = y as usize * self.size.width as usize;
                for x in seen.x..seen.right() {
                    if layer.alpha(x, y) > u16::MAX / 2 {
                        depth.data[row + x as usize] = layer.surface.depth(x as f32, y as f32);
                    }
                }
            }
        }
        depth
    }

    /// Far → near.
    pub(super) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The painted area.
    pub(super) fn canvas(&self) -> Rect {
        Canvas { frame: self.size }.rect()
    }

    /// Scales depth so that the visible range is 0…1.
    fn normalise(&mut self) {
        let mut seen = self.inverse_depth().data;
        seen.retain(|d| !d.is_nan());
        let rank = |share: f64| (share * (seen.len() - 1) as f64).round() as usize;
        let (low, high) = (rank(0.002), rank(0.998));
        let low = *seen.select_nth_unstable_by(low, f32::total_cmp).1;
        let high = *seen.select_nth_unstable_by(high, f32::total_cmp).1;
        for layer in &mut self.layers {
            layer.surface.rescale(low, high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_the_scene() {
        let size = Size::new(60, 40);
        for kind in [SceneKind::Macro, SceneKind::Desk] {
            let pixels = |seed| -> Vec<_> {
                Scene::generate(kind, size, seed).layers.into_iter().map(|l| (l.rect, l.pixels)).collect()
            };
            assert!(pixels(1) == pixels(1));
            assert!(pixels(1) != pixels(2));
        }
    }

    #[test]
    fn depth_is_normalised_and_known_everywhere() {
        for kind in [SceneKind::Macro, SceneKind::Desk] {
            for seed in 0..4 {
                let depth = Scene::generate(kind, Size::new(150, 100), seed).inverse_depth();
                assert!(depth.data.iter().all(|d| (-0.3..1.3).contains(d)), "{kind} {seed}");
                let inside = depth.data.iter().filter(|d| (0.0..=1.0).contains(*d)).count();
                assert!(inside * 100 > depth.data.len() * 98);
            }
        }
    }

    #[test]
    fn tiny_frames_can_be_painted() {
        for size in [Size::new(16, 16), Size::new(16, 90), Size::new(90, 16)] {
            for kind in [SceneKind::Macro, SceneKind::Desk] {
                assert_eq!(Scene::generate(kind, size, 5).inverse_depth().size, size);
            }
        }
    }
}
