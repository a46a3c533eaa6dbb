//! The desk scene: plain wall, box and mug, a page of text, patterned cards and pencils on a wooden table.

use super::layer::{Canvas, Dome, Layer, Rect, Spot, Surface};
use super::lettering;
use super::paint::{Dice, Pile, blend, coverage, lit, smoothstep};
use super::texture::{Field, Noise};

/// Where the table meets the wall, from the top.
const TABLE: f32 = 0.5;

/// Width and height of the frame in pixels.
#[derive(Clone, Copy)]
struct Frame {
    canvas: Canvas,
    w: f32,
    h: f32,
}

/// A flat thing that stands on the table, turned about the vertical.
#[derive(Clone, Copy)]
struct Card {
    /// Left, top, right, bottom as fractions of the frame.
    place: [f32; 4],
    /// How far the upper edge falls from left to right, as a fraction of the height; the lower rises by 0.3 of it.
    skew: f32,
    /// Inverse depth of the left and the right edge.
    depth: [f32; 2],
}

/// A soft shadow on the table: centre and radii as fractions of the frame.
type Shadow = [f32; 4];

/// Paints all layers, far → near.
pub(super) fn paint(canvas: Canvas, seed: u64) -> Vec<Layer> {
    let frame = Frame { canvas, w: canvas.frame.width as f32, h: canvas.frame.height as f32 };
    let mut dice = Dice::new(seed, 2);
    let mut pile = Pile::new();
    let push = |dice: &mut Dice| dice.range(-0.02, 0.02);
    let tall =
        Card { place: [0.62, 0.20, 0.86, 0.64], skew: 0.02, depth: [0.18, 0.34] }.moved(push(&mut dice));
    let green =
        Card { place: [0.36, 0.34, 0.58, 0.70], skew: -0.015, depth: [0.34, 0.44] }.moved(push(&mut dice));
    let sheet =
        Card { place: [0.10, 0.42, 0.30, 0.80], skew: 0.02, depth: [0.62, 0.50] }.moved(push(&mut dice));
    let close =
        Card { place: [0.40, 0.74, 0.62, 1.02], skew: 0.01, depth: [0.80, 0.98] }.moved(push(&mut dice));
    let mug = Mug { x: 0.74 + push(&mut dice), radius: 0.13, depth: dice.range(0.62, 0.70) };
    let shadows = [tall.shadow(), green.shadow(), sheet.shadow(), mug.shadow(frame)];
    pile.add(f32::NEG_INFINITY, wall(frame, &mut dice));
    pile.add(f32::MIN, table(frame, &shadows, &mut dice));
    carton(frame, tall, &mut dice, &mut pile);
    pile.add(0.39, marbled(frame, green, &mut dice));
    pile.add(0.56, page(frame, sheet, &mut dice));
    mug.paint(frame, &mut dice, &mut pile);
    pile.add(0.89, woven(frame, close, &mut dice));
    pencils(frame, &mut dice, &mut pile);
    pile.sorted()
}

impl Frame {
    fn coarse(self) -> f32 {
        self.w.max(self.h) / 2.0
    }
}

impl Card {
    /// Shifted sideways by a fraction of the width.
    fn moved(self, by: f32) -> Self {
        let [left, top, right, bottom] = self.place;
        Self { place: [left + by, top, right + by, bottom], ..self }
    }

    fn shadow(self) -> Shadow {
        let [left, _, right, bottom] = self.place;
        [0.5 * (left + right) + 0.02, bottom, 0.64 * (right - left), 0.07]
    }

    fn rect(self, frame: Frame) -> Rect {
        let ([left, top, right, bottom], slack) = (self.place, self.skew.abs() * frame.h);
        let Frame { w, h, .. } = frame;
        frame.canvas.bounds(left * w, top * h - slack, right * w, bottom * h + slack)
    }

    fn surface(self, frame: Frame) -> Surface {
        let [left, _, right, _] = self.place;
        let slope = (self.depth[1] - self.depth[0]) / ((right - left) * frame.w);
        Surface::slanted(self.depth[0], [left * frame.w, 0.0], [slope, 0.0])
    }

    /// Place on the card, 0…1 across and down, and how much of the pixel it covers.
    fn locate(self, frame: Frame, s: Spot) -> ([f32; 2], f32) {
        let [left, top, right, bottom] = self.place;
        let Frame { w, h, .. } = frame;
        let u = (s.x / w - left) / (right - left);
        let tilt = self.skew * (1.0 - 2.0 * u);
        let (upper, lower) = ((top + tilt) * h, (bottom + 0.3 * tilt) * h);
        let across = coverage(s.x - left * w).min(coverage(right * w - s.x));
        let down = coverage(s.y - upper).min(coverage(lower - s.y));
        ([u, (s.y - upper) / (lower - upper)], across * down)
    }
}

/// A plain wall in lamplight with one painting on it.
fn wall(frame: Frame, dice: &mut Dice) -> Option<Layer> {
    let Frame { w, h, .. } = frame;
    let rect = frame.canvas.rect();
    let plaster = Noise::new(dice.seed(), 3.0, frame.coarse()).fill(rect);
    let strokes = Noise::new(dice.seed(), 1.15, frame.coarse() / 4.0).stretched(2.0, 1.0).fill(rect);
    let hills = Noise::new(dice.seed(), 1.9, frame.coarse() / 2.0).stretched(3.0, 1.0).fill(rect);
    let tint = blend([0.50, 0.47, 0.41], [0.44, 0.47, 0.46], dice.range(0.0, 1.0));
    let (left, shift) = (0.08 + dice.range(-0.02, 0.03), dice.range(-0.1, 0.1));
    Layer::paint(rect, Surface::flat(0.03), |s| {
        let (x, y) = (s.x / w, s.y / h);
        let lamp = 1.22 - 0.55 * ((x - 0.25).powi(2) + 0.8 * (y - 0.1).powi(2)).sqrt();
        let light = lamp + 0.05 * (plaster.at(s.at) - 0.5);
        let inside = |margin: f32| {
            let (mx, my) = (margin * h, margin * h);
            let across = coverage(s.x - left * w + mx).min(coverage((left + 0.22) * w - s.x + mx));
            across.min(coverage(s.y - 0.08 * h + my)).min(coverage(0.32 * h - s.y + my))
        };
        // Shadow of the frame, then frame, mount and painting.
        let mut color = lit(tint, light);
        let fall = |t: f32| smoothstep(-0.05 * h, 0.0, t);
        let rise = |t: f32| smoothstep(0.0, 0.05 * h, t);
        let shade = fall((left + 0.24) * w - s.x)
            * fall(0.36 * h - s.y)
            * rise(s.x - left * w)
            * rise(s.y - 0.07 * h);
        color = lit(color, 1.0 - 0.35 * shade);
        color = blend(color, lit([0.10, 0.055, 0.03], light), inside(0.022));
        let v = (y - 0.08) / 0.24;
        (blend(color, lit(landscape(v, hills.at(s.at), strokes.at(s.at), shift), light), inside(0.0)), 1.0)
    })
}

/// A painter's evening over hills; `v` runs from the top of the picture to its bottom.
fn landscape(v: f32, hills: f32, stroke: f32, shift: f32) -> [f32; 3] {
    let sky = blend([0.10, 0.17, 0.36], [0.85, 0.50, 0.24], 1.7 * v + 0.5 * (hills - 0.5));
    let far = smoothstep(0.02, -0.01, 0.50 + shift + 0.5 * (hills - 0.5) - v);
    let near = smoothstep(0.02, -0.01, 0.72 + shift + 0.9 * (hills - 0.5) - v);
    let field = blend([0.10, 0.13, 0.03], [0.45, 0.38, 0.10], stroke);
    let color = blend(blend(sky, [0.13, 0.16, 0.24], far), field, near);
    lit(color, 0.45 + 1.1 * stroke)
}

/// A table top of planks whose grain runs across the picture.
fn table(frame: Frame, shadows: &[Shadow], dice: &mut Dice) -> Option<Layer> {
    let Frame { w, h, .. } = frame;
    let whole = frame.canvas.rect();
    let rect = frame.canvas.bounds(whole.x as f32, TABLE * h, whole.right() as f32, whole.bottom() as f32);
    let warp = Noise::new(dice.seed(), 2.4, frame.coarse()).stretched(3.0, 1.0).fill(rect);
    let fibre = Noise::new(dice.seed(), 1.3, frame.coarse() / 8.0).stretched(9.0, 1.0).fill(rect);
    let wood = blend([0.20, 0.105, 0.05], [0.27, 0.17, 0.09], dice.range(0.0, 1.0));
    let surface =
        Surface::slanted(0.12, [0.0, TABLE * h], [0.0, 0.88 / ((1.0 - TABLE) * h)]).within([0.1, 1.05]);
    Layer::paint(rect, surface, |s| {
        let t = (s.y / h - TABLE).max(0.0);
        // Rows of the table as they lie in space: closer together with distance.
        let along = 3.2 * t / (0.22 + t);
        let rings = (42.0 * along + 9.0 * (warp.at(s.at) - 0.5)).sin();
        let plank = (along * 2.4 + 0.3).fract();
        let gap = smoothstep(0.018, 0.008, plank.min(1.0 - plank));
        let tone = 1.0
            + 0.10 * rings
            + 0.55 * (fibre.at(s.at) - 0.5)
            + 0.12 * ((along * 2.4 + 0.3).floor() * 2.1).sin();
        let lamp = 1.25 - 0.5 * (s.x / w - 0.25).abs() - 0.25 * t;
        let dark = shadows.iter().map(|sh| shade(*sh, s.x / w, s.y / h)).fold(0.0, f32::max);
        let wall = 1.0 - 0.3 * smoothstep(0.03, 0.0, t);
        (lit(wood, tone * lamp * wall * (1.0 - 0.45 * dark) * (1.0 - 0.6 * gap)), coverage(s.y - TABLE * h))
    })
}

/// Strength of a shadow at a place.
fn shade(shadow: Shadow, x: f32, y: f32) -> f32 {
    let [cx, cy, rx, ry] = shadow;
    smoothstep(1.3, 0.0, ((x - cx) / rx).powi(4) + ((y - cy) / ry).powi(2))
}

/// A plain cardboard box: front and side.
fn carton(frame: Frame, front: Card, dice: &mut Dice, pile: &mut Pile) {
    let hue = blend([0.30, 0.34, 0.42], [0.40, 0.36, 0.31], dice.range(0.0, 1.0));
    let [_, top, right, bottom] = front.place;
    let side = Card {
        place: [right, top - 0.002, right + 0.055, bottom - 0.0006],
        skew: -0.018,
        depth: [front.depth[1], front.depth[1] - 0.12],
    };
    let (nearer, farther) = (1.02, 0.5);
    for (card, strength, order) in [(side, farther, 0.25), (front, nearer, 0.26)] {
        let paint = |s: Spot| {
            let ([u, v], alpha) = card.locate(frame, s);
            (lit(hue, strength * (1.0 + 0.22 * (0.5 - u)) * (1.04 - 0.12 * v)), alpha)
        };
        pile.add(order, Layer::paint(card.rect(frame), card.surface(frame), paint));
    }
}

/// Marbled paper in a white border.
fn marbled(frame: Frame, card: Card, dice: &mut Dice) -> Option<Layer> {
    let rect = card.rect(frame);
    let swirl = Noise::new(dice.seed(), 1.9, frame.coarse() / 2.0).fill(rect);
    let grain = Noise::new(dice.seed(), 1.1, frame.coarse() / 4.0).fill(rect);
    let inks = [[[0.03, 0.10, 0.05], [0.55, 0.62, 0.36]], [[0.02, 0.06, 0.15], [0.50, 0.58, 0.62]]];
    let [dark, light] = inks[dice.choose(inks.len())];
    Layer::paint(rect, card.surface(frame), |s| {
        let ([u, v], alpha) = card.locate(frame, s);
        let veins = (22.0 * swirl.at(s.at) + 3.0 * grain.at(s.at)).sin();
        let color = blend(dark, light, 0.35 + 0.22 * veins + 1.1 * (grain.at(s.at) - 0.4));
        let border = u.min(1.0 - u).min(v.min(1.0 - v) * 1.1) < 0.035;
        let paper = lit([0.70, 0.68, 0.62], 0.9 + 0.25 * (grain.at(s.at) - 0.5));
        (if border { paper } else { color }, alpha)
    })
}

/// A printed page.
fn page(frame: Frame, card: Card, dice: &mut Dice) -> Option<Layer> {
    let seed = dice.seed();
    let [left, top, right, bottom] = card.place;
    let size = [(right - left) * frame.w, (bottom - top) * frame.h];
    Layer::paint(card.rect(frame), card.surface(frame), |s| {
        let ([u, v], alpha) = card.locate(frame, s);
        let ink = lettering::ink(seed, [u * size[0], v * size[1]], size, frame.h / 42.0);
        (lit(blend([0.74, 0.72, 0.66], [0.03, 0.03, 0.035], ink), 1.05 - 0.15 * u), alpha)
    })
}

/// A card bound in woven cloth with a tartan.
fn woven(frame: Frame, card: Card, dice: &mut Dice) -> Option<Layer> {
    let rect = card.rect(frame);
    let grain = Noise::new(dice.seed(), 1.05, frame.coarse() / 4.0).fill(rect);
    let warm = [[0.42, 0.05, 0.04], [0.40, 0.20, 0.04], [0.28, 0.06, 0.20]][dice.choose(3)];
    let thread = (frame.h / 260.0).max(2.2);
    Layer::paint(rect, card.surface(frame), |s| {
        let ([u, v], alpha) = card.locate(frame, s);
        let stripe = |t: f32| {
            let t = (t * 3.0).fract();
            if (0.12..0.2).contains(&t) || (0.26..0.34).contains(&t) {
                1.0
            } else {
                f32::from(t > 0.62) * 0.45
            }
        };
        let (a, b) = (stripe(u), stripe(v * 1.3));
        let color = blend(blend(warm, [0.80, 0.74, 0.58], 0.6 * a), [0.05, 0.06, 0.12], 0.6 * b);
        let turn = std::f32::consts::TAU / thread;
        let weave = 0.14 * (s.x * turn).sin() * (s.y * turn).sin();
        (lit(color, 1.0 + weave + 1.5 * (grain.at(s.at) - 0.5)), alpha)
    })
}

/// A plain glazed mug.
struct Mug {
    /// Centre, fraction of the width.
    x: f32,
    /// Radius, fraction of the height.
    radius: f32,
    depth: f32,
}

impl Mug {
    const TOP: f32 = 0.50;
    const BOTTOM: f32 = 0.86;

    fn shadow(&self, frame: Frame) -> Shadow {
        let radius = self.radius * frame.h / frame.w;
        [self.x + 0.25 * radius, Self::BOTTOM + 0.005, 1.3 * radius, 0.08]
    }

    fn paint(&self, frame: Frame, dice: &mut Dice, pile: &mut Pile) {
        let glaze = [[0.52, 0.17, 0.12], [0.10, 0.25, 0.32], [0.55, 0.50, 0.40]][dice.choose(3)];
        pile.add(self.depth - 0.01, self.handle(frame, glaze));
        pile.add(self.depth, self.body(frame, glaze));
    }

    fn handle(&self, frame: Frame, glaze: [f32; 3]) -> Option<Layer> {
        let (h, r) = (frame.h, self.radius * frame.h);
        let (cx, cy) = (self.x * frame.w + 0.95 * r, 0.5 * (Self::TOP + Self::BOTTOM) * h);
        let (rx, ry, thick) = (0.5 * r, 0.105 * h, 0.018 * h);
        let rect = frame.canvas.bounds(cx - rx, cy - ry - thick, cx + rx + thick, cy + ry + thick);
        Layer::paint(rect, Surface::flat(self.depth), |s| {
            let (dx, dy) = ((s.x - cx) / rx, (s.y - cy) / ry);
            let radius = dx.hypot(dy).max(1e-3);
            // Distance to the ring, from the ellipse's implicit form.
            let steep = ((dx / rx).powi(2) + (dy / ry).powi(2)).sqrt() / radius;
            let off = (radius - 1.0) / steep.max(1e-6);
            let tube = (off / thick).clamp(-1.0, 1.0);
            let light = 0.80 + 0.20 * (1.0 - tube * tube).sqrt()
                - 0.1 * (tube * dx / radius + 0.5 * tube * dy / radius);
            (lit(glaze, light), coverage(thick - off.abs()) * coverage(s.x - cx))
        })
    }

    fn body(&self, frame: Frame, glaze: [f32; 3]) -> Option<Layer> {
        let (h, r, cx) = (frame.h, self.radius * frame.h, self.x * frame.w);
        let (top, bottom, rim) = (Self::TOP * h, Self::BOTTOM * h, 0.022 * h);
        let rect = frame.canvas.bounds(cx - r, top - rim, cx + r, bottom + rim);
        let dome = Dome { centre: [cx, 0.0], radii: [r, f32::INFINITY], height: 0.06 };
        Layer::paint(rect, Surface::flat(self.depth).with_dome(dome), |s| {
            let u = (s.x - cx) / r;
            let bow = (1.0 - u * u).max(0.0).sqrt();
            let light = 0.34 + 0.66 * (bow * 0.85 - 0.45 * u).clamp(0.0, 1.0) + 0.06 * (u + 0.6).max(0.0);
            let gleam = 0.10
                * (-((u + 0.50) / 0.20).powi(2)).exp()
                * smoothstep(0.0, 0.04, s.y / h - Self::TOP - 0.01);
            let outside = lit(glaze, light).map(|c| c + gleam);
            // The opening: an ellipse with the far wall inside.
            let v = (s.y - top) / rim;
            let opening = u.hypot(v);
            let inside = lit(glaze, 0.30 + 0.25 * (u + 1.0) * 0.5 - 0.12 * v);
            let lip = lit(glaze.map(|c| c + 0.08), 1.15);
            let color = match opening {
                o if o > 1.0 => outside,
                o => blend(inside, lip, smoothstep(0.86, 0.93, o)),
            };
            let above = coverage(s.y - top + rim * bow);
            (color, coverage(r - (s.x - cx).abs()) * above * coverage(bottom + rim * bow - s.y))
        })
    }
}

/// Five pencils close to the camera, out of focus for most of the stack.
fn pencils(frame: Frame, dice: &mut Dice, pile: &mut Pile) {
    const PAINTS: [[f32; 3]; 5] =
        [[0.70, 0.46, 0.04], [0.45, 0.05, 0.04], [0.06, 0.20, 0.34], [0.10, 0.26, 0.09], [0.62, 0.30, 0.05]];
    let first = dice.choose(PAINTS.len());
    for i in 0..5 {
        let (k, depth) = (i as f32, 0.9 + 0.015 * i as f32);
        let foot = 0.045 + 0.034 * k + dice.normal(0.006);
        let pencil = Pencil {
            foot: [foot * frame.w, 1.06 * frame.h],
            tip: [(foot + dice.range(-0.015, 0.03)) * frame.w, dice.range(0.50, 0.60) * frame.h],
            half: (0.0048 * frame.w).max(1.2),
            paint: PAINTS[(first + i) % PAINTS.len()],
        };
        let rect = pencil.rect(frame);
        let scratches = Noise::new(dice.seed(), 1.2, frame.coarse() / 8.0).stretched(1.0, 3.0).fill(rect);
        let layer = Layer::paint(rect, Surface::flat(depth), |s| pencil.paint(frame, s, &scratches));
        pile.add(depth, layer);
    }
}

/// One sharpened pencil, tip up.
struct Pencil {
    foot: [f32; 2],
    tip: [f32; 2],
    half: f32,
    paint: [f32; 3],
}

impl Pencil {
    fn rect(&self, frame: Frame) -> Rect {
        let ([a, b], [c, d]) = (self.foot, self.tip);
        frame.canvas.bounds(a.min(c) - self.half, d, a.max(c) + self.half, b)
    }

    fn paint(&self, frame: Frame, s: Spot, scratches: &Field) -> ([f32; 3], f32) {
        let t = (s.y - self.tip[1]) / (self.foot[1] - self.tip[1]);
        let across = s.x - (self.tip[0] + t * (self.foot[0] - self.tip[0]));
        let from_tip = (s.y - self.tip[1]) / self.half;
        let cone = (from_tip / 5.0).clamp(0.0, 1.0);
        let u = across / self.half;
        // Three of the six sides show.
        let side = if u < -0.45 {
            1.15
        } else if u < 0.45 {
            0.85
        } else {
            0.5
        };
        let scallop = 5.0 + 0.6 * (u * 7.0).cos();
        let rings = 0.12 * (s.y * 0.9 / (frame.h / 1200.0).max(0.4)).sin();
        let grain = 1.0 + 1.1 * (scratches.at(s.at) - 0.5);
        let color = match from_tip {
            f if f < 1.6 => lit([0.05, 0.05, 0.055], side),
            f if f < scallop => lit([0.55, 0.38, 0.21], side * grain),
            _ => lit(self.paint, side * (grain + rings)),
        };
        (color, coverage(self.half * cone - across.abs()) * coverage(s.y - self.tip[1]))
    }
}
