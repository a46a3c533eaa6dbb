//! The macro scene: a mossy bank with pebbles, mushrooms and grass before distant foliage.

use super::layer::{Canvas, Dome, Layer, Surface};
use super::paint::{Dice, Pile, blend, cell_random, coverage, lit, nearest_cell, smoothstep, sunlight};
use super::texture::Noise;

/// Height of the horizon, from the top.
const HORIZON: f32 = 0.42;
const PEBBLES: usize = 26;
const BLADES: usize = 22;

/// Stones as they lie in brooks: slate, granite, sandstone, ochre, brick, quartz.
const STONES: [[f32; 3]; 6] = [
    [0.13, 0.15, 0.18],
    [0.34, 0.33, 0.31],
    [0.46, 0.35, 0.22],
    [0.40, 0.25, 0.10],
    [0.34, 0.14, 0.09],
    [0.62, 0.58, 0.52],
];

/// Width and height of the frame in pixels.
#[derive(Clone, Copy)]
struct Frame {
    canvas: Canvas,
    w: f32,
    h: f32,
}

impl Frame {
    /// Coarsest octave of textures that span the picture.
    fn coarse(self) -> f32 {
        self.w.max(self.h) / 2.0
    }

    /// Row at which the ground lies at inverse depth `depth`.
    fn row(self, depth: f32) -> f32 {
        self.h * (HORIZON + (1.0 - HORIZON) * (depth - 0.08) / 0.92)
    }
}

/// A stone on the ground.
struct Pebble {
    depth: f32,
    centre: [f32; 2],
    radii: [f32; 2],
    color: [f32; 3],
    plain: bool,
    wobble: [f32; 2],
    seed: u64,
}

/// Paints all layers, far → near.
pub(super) fn paint(canvas: Canvas, seed: u64) -> Vec<Layer> {
    let frame = Frame { canvas, w: canvas.frame.width as f32, h: canvas.frame.height as f32 };
    let mut dice = Dice::new(seed, 1);
    let mut pile = Pile::new();
    pile.add(f32::NEG_INFINITY, foliage(frame, &mut dice));
    let pebbles: Vec<_> = (0..PEBBLES).map(|i| pebble(frame, i, &mut dice)).collect();
    pile.add(f32::MIN, ground(frame, &pebbles, &mut dice));
    for pebble in &pebbles {
        pile.add(pebble.depth, pebble.paint(frame));
    }
    for depth in [dice.range(0.3, 0.5), dice.range(0.6, 0.78)] {
        mushroom(frame, depth, &mut dice, &mut pile);
    }
    for i in 0..BLADES {
        let depth = 0.3 + 0.7 * (i as f32 + dice.range(0.0, 1.0)) / BLADES as f32;
        pile.add(depth, blade(frame, depth, &mut dice));
    }
    pile.sorted()
}

/// Leaves in dappled light, far away.
fn foliage(frame: Frame, dice: &mut Dice) -> Option<Layer> {
    let rect = frame.canvas.rect();
    let leaves = Noise::new(dice.seed(), 1.4, frame.coarse()).fill(rect);
    let hue = Noise::new(dice.seed(), 2.2, frame.coarse()).fill(rect);
    let glow = Noise::new(dice.seed(), 1.9, frame.coarse() / 2.0).fill(rect);
    let (seed, cell) = (dice.seed(), frame.h / 14.0);
    let surface = Surface::slanted(0.02, [0.0, 0.0], [0.05 / frame.w, 0.0]);
    Layer::paint(rect, surface, |s| {
        let dark = blend([0.012, 0.035, 0.010], [0.03, 0.05, 0.045], hue.at(s.at));
        let light = blend([0.20, 0.30, 0.05], [0.10, 0.24, 0.09], 2.0 * hue.at(s.at) - 0.5);
        let color = blend(dark, light, 1.2 * leaves.at(s.at) - 0.05);
        // Sky between the leaves: round gaps of all sizes, in clusters.
        let (distance, gap, _) = nearest_cell(seed, s.x / cell, s.y / cell);
        let size = 0.32 * cell_random(seed ^ 1, gap[0], gap[1])[0];
        let open = smoothstep(0.45, 0.55, glow.at(s.at) + 0.12 * (1.0 - s.y / (HORIZON * frame.h)));
        let sun = open * smoothstep(size, size - 2.0 / cell, distance + 0.3 * (leaves.at(s.at) - 0.5));
        (blend(color, [0.72, 0.74, 0.36], 0.6 * sun + 0.06 * open), 1.0)
    })
}

/// Soil and gravel with patches of moss, rising towards the camera, darker where stones rest on it.
fn ground(frame: Frame, pebbles: &[Pebble], dice: &mut Dice) -> Option<Layer> {
    let Frame { w, h, .. } = frame;
    let whole = frame.canvas.rect();
    let rect = frame.canvas.bounds(
        whole.x as f32,
        h * (HORIZON - 0.05),
        whole.right() as f32,
        whole.bottom() as f32,
    );
    let (seed, phase) = (dice.seed(), dice.range(0.0, 6.0));
    let fine = Noise::new(dice.seed(), 1.1, frame.coarse() / 4.0).fill(rect);
    let patches = Noise::new(dice.seed(), 1.5, frame.coarse() / 2.0).stretched(2.0, 1.0).fill(rect);
    let per_row = 0.92 / ((1.0 - HORIZON) * h);
    let surface = Surface::slanted(0.08, [0.0, HORIZON * h], [0.0, per_row]).within([0.05, 1.05]);
    Layer::paint(rect, surface, |s| {
        let horizon = h * (HORIZON + 0.025 * (9.0 * s.x / w + phase).sin() + 0.012 * (fine.at(s.at) - 0.5));
        // Perspective: cells of gravel grow linearly with the rows below the horizon.
        let scale = h * 0.004 + 0.045 * (s.y - h * (HORIZON - 0.06)).max(0.0);
        let (u, v) = ((s.x - w / 2.0) / scale, scale.ln() / 0.045 / 0.7);
        let soil = gravel(seed, u, v, fine.at(s.at), fine.slope(s.at));
        let tufts = nearest_cell(seed ^ 5, 2.6 * u, 2.6 * v).0;
        let moss =
            blend([0.035, 0.075, 0.012], [0.24, 0.36, 0.06], 1.25 * fine.at(s.at) + 0.25 - 0.75 * tufts);
        let cover = smoothstep(0.47, 0.57, patches.at(s.at) + 0.12 * (fine.at(s.at) - 0.5));
        let light = 1.0 - 0.75 * shadow(pebbles, s.x, s.y);
        (lit(blend(soil, lit(moss, 1.0 + 1.2 * fine.slope(s.at)), cover), light), coverage(s.y - horizon))
    })
}

/// Small stones in earth, at pattern coordinates (`u`, `v`).
fn gravel(seed: u64, u: f32, v: f32, grain: f32, slope: f32) -> [f32; 3] {
    let (distance, cell, way) = nearest_cell(seed, u, v);
    let [tint, size] = cell_random(seed ^ 99, cell[0], cell[1]);
    let earth = blend([0.045, 0.028, 0.015], [0.30, 0.21, 0.13], 1.1 * grain - 0.05);
    let radius = 0.22 + 0.28 * size;
    let stone = lit(blend([0.16, 0.13, 0.10], [0.50, 0.43, 0.34], tint), 0.6 + 0.7 * grain + 1.2 * slope);
    let shade = sunlight(-way[0] / radius * 0.95, -way[1] / radius * 0.95);
    let edge = smoothstep(radius, radius * 0.88, distance);
    // Earth darkens in the gaps, where light does not reach.
    blend(lit(earth, 0.55 + 0.6 * distance.min(0.75)), lit(stone, shade), edge)
}

/// How dark the ground is at (`x`, `y`) from the stones that rest on it.
fn shadow(pebbles: &[Pebble], x: f32, y: f32) -> f32 {
    let mut dark: f32 = 0.0;
    for p in pebbles {
        // Shadows fall to the lower right.
        let (u, v) = (
            (x - p.centre[0] - 0.25 * p.radii[0]) / p.radii[0],
            (y - p.centre[1] - 0.5 * p.radii[1]) / p.radii[1],
        );
        let e = u * u + 1.4 * v * v;
        if e < 2.2 {
            dark = dark.max(smoothstep(2.2, 0.4, e));
        }
    }
    dark
}

/// Draws the properties of stone number `i`, far → near.
fn pebble(frame: Frame, i: usize, dice: &mut Dice) -> Pebble {
    let depth = 0.1 + 0.85 * (i as f32 + dice.range(0.0, 1.0)) / PEBBLES as f32;
    let size = (0.025 + 0.05 * depth) * dice.range(0.6, 1.4) * frame.h;
    let flat = dice.range(0.62, 0.85);
    let centre = [dice.range(0.0, frame.w), frame.row(depth) - 0.3 * size];
    let tint = dice.range(0.75, 1.25);
    let color = lit(STONES[dice.choose(STONES.len())], tint);
    let wobble = [dice.range(0.0, 6.3), dice.range(0.0, 6.3)];
    Pebble {
        depth,
        centre,
        radii: [size, flat * size],
        color,
        plain: i.is_multiple_of(3),
        wobble,
        seed: dice.seed(),
    }
}

impl Pebble {
    /// A rounded stone: every third worn nearly plain, the others grained, some with a vein.
    fn paint(&self, frame: Frame) -> Option<Layer> {
        let ([cx, cy], [rx, ry]) = (self.centre, self.radii);
        let rect = frame.canvas.bounds(cx - 1.15 * rx, cy - 1.15 * ry, cx + 1.15 * rx, cy + 1.15 * ry);
        let beta = if self.plain { 2.4 } else { 1.1 };
        let grain = Noise::new(self.seed, beta, frame.coarse() / 4.0).fill(rect);
        let vein = Noise::new(self.seed ^ 1, 2.2, 2.0 * rx).fill(rect);
        let contrast = if self.plain { 0.12 } else { 1.0 };
        let dome = Dome { centre: self.centre, radii: self.radii, height: 0.05 };
        let veined = !self.plain && self.seed.is_multiple_of(2);
        Layer::paint(rect, Surface::flat(self.depth).with_dome(dome), |s| {
            let (u, v) = ((s.x - cx) / rx, (s.y - cy) / ry);
            let angle = v.atan2(u);
            let outline = 1.0
                + 0.06 * (2.0 * angle + self.wobble[0]).sin()
                + 0.035 * (3.0 * angle + self.wobble[1]).sin();
            let radius = u.hypot(v) / outline;
            let mut color = lit(self.color, 1.0 + contrast * 1.3 * (grain.at(s.at) - 0.5));
            if veined {
                color = blend(
                    color,
                    [0.6, 0.58, 0.54],
                    0.7 * smoothstep(0.035, 0.015, (vein.at(s.at) - 0.5).abs()),
                );
            }
            let k = (0.98 / radius.max(0.98)) * 0.97;
            // Worn stones are pale and evenly lit: their shading must not pass for texture.
            let sun = if self.plain {
                0.42 + 0.55 * sunlight(0.9 * u * k, 0.9 * v * k)
            } else {
                sunlight(u * k, v * k)
            };
            let light = sun + contrast * 1.5 * grain.slope(s.at);
            let contact = 1.0 - if self.plain { 0.25 } else { 0.55 } * smoothstep(0.1, 1.0, v);
            (lit(color, light * contact), coverage((1.0 - radius) * ry))
        })
    }
}

/// A toadstool: white stem, red or brown cap with flecks.
fn mushroom(frame: Frame, depth: f32, dice: &mut Dice, pile: &mut Pile) {
    let h = frame.h;
    let tall = h * (0.10 + 0.16 * depth) * dice.range(0.85, 1.15);
    let (x, foot) = (dice.range(0.12, 0.88) * frame.w, frame.row(depth));
    let (stem, rx) = (0.10 * tall, tall * dice.range(0.42, 0.52));
    let (top, ry) = (foot - tall, 0.62 * rx);
    let seed = dice.seed();
    let rect = frame.canvas.bounds(x - 2.0 * stem, top, x + 2.0 * stem, foot + stem);
    let fibre = Noise::new(seed, 1.2, frame.coarse() / 4.0).stretched(1.0, 4.0).fill(rect);
    let dome = Dome { centre: [x, foot], radii: [1.6 * stem, f32::INFINITY], height: 0.012 };
    let layer = Layer::paint(rect, Surface::flat(depth).with_dome(dome), |s| {
        let t = ((foot - s.y) / tall).clamp(0.0, 1.0);
        let half = stem * (1.35 - 0.6 * t + 0.35 * smoothstep(0.2, 0.0, t));
        let u = (s.x - x) / half;
        let color =
            blend([0.30, 0.25, 0.17], [0.66, 0.60, 0.48], 0.5 + 1.6 * (fibre.at(s.at) - 0.5) + 0.3 * t);
        // The cap shades the upper stem.
        let light = sunlight(0.95 * u.clamp(-1.0, 1.0), 0.1) * (1.0 - 0.4 * smoothstep(0.2, 0.85, t));
        let end = coverage(foot + 0.4 * stem * (1.0 - u * u).max(0.0).sqrt() - s.y);
        (lit(color, light), coverage(half - (s.x - x).abs()) * end * coverage(s.y - top))
    });
    pile.add(depth, layer);
    let red = dice.choose(3) > 0;
    let skin = if red { [0.50, 0.045, 0.015] } else { [0.36, 0.19, 0.07] };
    let rim = top + 0.75 * ry;
    let rect = frame.canvas.bounds(x - rx, rim - 1.3 * ry, x + rx, rim + 0.4 * ry);
    let grain = Noise::new(seed ^ 2, 1.15, frame.coarse() / 4.0).fill(rect);
    let dome = Dome { centre: [x, rim], radii: [rx, 1.3 * ry], height: 0.05 };
    let layer = Layer::paint(rect, Surface::flat(depth + 0.005).with_dome(dome), |s| {
        let (u, v) = ((s.x - x) / rx, (s.y - rim) / (1.3 * ry));
        let belly = if v > 0.0 { v * 4.6 } else { v };
        let radius = u.hypot(belly);
        let k = 0.96 / radius.max(1.0);
        // Flecks crowd towards the rim, as on a sphere seen from the side.
        let around = (u * k / (1.0 - (v * k).powi(2)).max(0.02).sqrt()).clamp(-1.0, 1.0).asin();
        let (distance, cell, _) = nearest_cell(seed, 3.2 * around, 4.5 * v);
        let size = 0.18 + 0.2 * cell_random(seed ^ 7, cell[0], cell[1])[0];
        let fleck = smoothstep(size, size - 0.06, distance + 0.12 * (grain.at(s.at) - 0.5));
        let base = lit(skin, 1.0 + 0.9 * (grain.at(s.at) - 0.5));
        let color = blend(base, [0.72, 0.66, 0.55], if red { fleck } else { 0.0 });
        let light = sunlight(u * k, (v * k).min(0.5)) + 1.2 * grain.slope(s.at);
        (lit(color, light * (1.0 - 0.5 * smoothstep(0.02, 0.2, v))), coverage((1.0 - radius) * ry * 0.8))
    });
    pile.add(depth + 0.005, layer);
}

/// A blade of grass: tapered, bent, with a rib and fibres along it.
fn blade(frame: Frame, depth: f32, dice: &mut Dice) -> Option<Layer> {
    let Frame { w, h, .. } = frame;
    let (x0, foot) = (dice.range(0.0, w), frame.row(depth) + 0.015 * h);
    let tall = h * dice.range(0.25, 0.70) * depth.sqrt();
    let bend = dice.normal(0.24) * tall;
    let broad = (w * 0.0042 * (0.5 + depth) * dice.range(0.8, 1.3)).max(1.5);
    let (left, right) = (x0.min(x0 + bend), x0.max(x0 + bend));
    let rect = frame.canvas.bounds(left - broad, foot - tall, right + broad, foot);
    let fibre = Noise::new(dice.seed(), 1.2, frame.coarse() / 4.0).stretched(1.0, 3.0).fill(rect);
    let (young, dry) = (dice.range(0.8, 1.25), dice.range(0.0, 0.55).powi(2));
    let surface = Surface::slanted(depth, [0.0, foot], [0.0, -0.04 / h]);
    Layer::paint(rect, surface, |s| {
        let t = ((foot - s.y) / tall).clamp(0.0, 1.0);
        let lean = 2.0 * bend * t / tall;
        // Distance across the blade, not along the row.
        let across = (s.x - x0 - bend * t * t) / (1.0 + lean * lean).sqrt();
        let half = broad * (1.0 - 0.95 * t) * (0.75 + 0.25 * smoothstep(0.0, 0.25, t));
        let u = across / half.max(0.5);
        let rib = smoothstep(0.22, 0.05, u.abs());
        let green =
            blend([0.035, 0.11, 0.012], [0.22, 0.40, 0.06], 0.25 + 0.75 * t + 0.9 * (fibre.at(s.at) - 0.5));
        let color = blend(lit(green, young), [0.45, 0.36, 0.14], dry + 0.25 * smoothstep(0.8, 1.0, t));
        let lines = 0.12 * (u * 14.0).sin();
        let light = 0.85 + lines + 0.35 * rib - 0.3 * u.max(0.0) + 0.8 * fibre.slope(s.at);
        (
            lit(color, light),
            coverage(half - across.abs()) * coverage(foot - s.y) * coverage(s.y - foot + tall),
        )
    })
}
