//! One frame of a scene through a lens: every layer blurred with its own circle of confusion and composited.
//!
//! Layers are blurred as premultiplied colour and alpha, so that near edges turn translucent and show what really is
//! behind them (Potmesil & Chakravarty 1981; layered depth of field after Kraus & Strengert 2007). Each pixel gathers
//! over the disk of the layer's depth at that pixel, by differences of prefix sums along the disk's rows: O(radius) a
//! pixel for a radius that may change at every pixel. Compositing runs from near to far and skips what is hidden.

use rayon::prelude::*;

use super::layer::{Layer, Rect};
use super::lens::{Disk, Disks, Lens};
use super::scene::Scene;
use super::warp;
use crate::frame::{Plane, Size};
use crate::transform::Transform;

/// Rows composited by one task.
const BAND: i32 = 48;
/// Below this share of light passing, the layers behind add nothing that 8 or 16 bits would show.
const OPAQUE: f32 = 3e-5;
/// Prefix sums count in these.
const UNIT: f32 = 1.0 / 65535.0;

/// The scene focused at inverse depth `focus` (1 near … 0 far), with the lens's breathing: linear RGB.
pub fn render(scene: &Scene, lens: &Lens, focus: f32) -> Plane<[f32; 3]> {
    render_posed(scene, lens, focus, &lens.pose(scene.size(), focus))
}

/// The same with any `pose`, the map from reference geometry to the frame's pixels.
pub fn render_posed(scene: &Scene, lens: &Lens, focus: f32, pose: &Transform) -> Plane<[f32; 3]> {
    render_region(scene, lens, focus, pose, [0, 0], scene.size())
}

/// Only the `size` pixels of the frame from column and row `origin` on, which may lie outside the frame.
pub fn render_region(
    scene: &Scene,
    lens: &Lens,
    focus: f32,
    pose: &Transform,
    origin: [i32; 2],
    size: Size,
) -> Plane<[f32; 3]> {
    let whole = Rect { x: origin[0], y: origin[1], width: size.width, height: size.height };
    if *pose == Transform::IDENTITY {
        let (rect, pixels) = composite(scene, lens, focus, whole);
        return warp::window(rect, &pixels, whole);
    }
    let inverse = pose.inverse();
    let (rect, pixels) = composite(scene, lens, focus, warp::footprint(&inverse, whole));
    warp::lanczos(rect, &pixels, &inverse, whole)
}

/// Pixels of the part of the canvas that `wanted` covers, in reference geometry.
fn composite(scene: &Scene, lens: &Lens, focus: f32, wanted: Rect) -> (Rect, Vec<[f32; 3]>) {
    let rect = wanted.intersect(scene.canvas());
    let disks = Disks::new(scene.layers().iter().map(|l| max_radius(l, lens, focus)).fold(0.0, f32::max));
    let width = rect.width as usize;
    let mut pixels = vec![[0.0; 3]; width * rect.height as usize];
    let bands = pixels.par_chunks_mut((width * BAND as usize).max(1)).enumerate();
    bands.for_each_init(Vec::new, |scratch, (band, out)| {
        let y = rect.y + band as i32 * BAND;
        let rows = Rect { y, height: (out.len() / width) as u32, ..rect };
        let mut part = Part { rows, light: vec![1.0; out.len()], out, scratch };
        for layer in scene.layers().iter().rev() {
            part.add(layer, lens, focus, &disks);
        }
    });
    (rect, pixels)
}

/// Largest blur radius any part of the layer has.
fn max_radius(layer: &Layer, lens: &Lens, focus: f32) -> f32 {
    layer.surface.range.iter().map(|&depth| lens.blur_radius(depth, focus)).fold(0.0, f32::max)
}

/// Some rows being composited.
struct Part<'a> {
    rows: Rect,
    out: &'a mut [[f32; 3]],
    /// Share of the light from behind that still passes, at each pixel.
    light: Vec<f32>,
    /// Storage that the layers' prefix sums take turns in.
    scratch: &'a mut Vec<[i32; 4]>,
}

impl Part<'_> {
    /// Composites `layer` behind what is already there.
    fn add(&mut self, layer: &Layer, lens: &Lens, focus: f32, disks: &Disks) {
        let reach = disks.get(max_radius(layer, lens, focus)).reach.max(1);
        let area = layer.rect.dilate(reach).intersect(self.rows);
        if area.width == 0 || area.height == 0 || self.is_hidden(area) {
            return;
        }
        let sums = PrefixSums::new(layer, area, reach, self.scratch);
        for y in area.y..area.bottom() {
            let Some((from, to)) = touched(layer, y, reach) else { continue };
            let row = (y - self.rows.y) as usize * self.rows.width as usize;
            for x in from.max(area.x)..to.min(area.right()) {
                let at = row + (x - self.rows.x) as usize;
                let passing = self.light[at];
                if passing < OPAQUE {
                    continue;
                }
                let radius = lens.blur_radius(layer.surface.depth(x as f32, y as f32), focus);
                let [r, g, b, alpha] = sums.gather(x, y, disks.get(radius)).map(|v| v * UNIT);
                let [p, q, s] = self.out[at];
                self.out[at] = [p + passing * r, q + passing * g, s + passing * b];
                self.light[at] = passing * (1.0 - alpha).max(0.0);
            }
        }
    }

    /// Whether what is there already covers all of `area`.
    fn is_hidden(&self, area: Rect) -> bool {
        let first = (area.x - self.rows.x) as usize;
        (area.y..area.bottom()).all(|y| {
            let row = (y - self.rows.y) as usize * self.rows.width as usize;
            self.light[row + first..][..area.width as usize].iter().all(|&light| light < OPAQUE)
        })
    }
}

/// Columns of row `y` that the layer can reach with a blur of `reach` pixels.
fn touched(layer: &Layer, y: i32, reach: i32) -> Option<(i32, i32)> {
    let last = layer.rect.height as i32 - 1;
    let first = (y - reach - layer.rect.y).clamp(0, last) as usize;
    let end = (y + reach - layer.rect.y).clamp(0, last) as usize;
    let (from, to) = layer.extents[first..=end].iter().fold((u32::MAX, 0), |(a, b), e| match e.0 < e.1 {
        true => (a.min(e.0), b.max(e.1)),
        false => (a, b),
    });
    // Where the canvas cuts the layer off, it goes on; the canvas bounds the columns then.
    (from < to).then(|| (layer.rect.x + from as i32 - reach, layer.rect.x + to as i32 + reach))
}

/// Running sums along the rows of a layer: exact, in integers.
struct PrefixSums<'a> {
    /// Column of `sums[0]`.
    x: i32,
    /// Row of the first stored row, and rows stored.
    y: i32,
    rows: i32,
    stride: usize,
    sums: &'a [[i32; 4]],
}

impl<'a> PrefixSums<'a> {
    /// What gathering over `area` with disks up to `reach` needs.
    fn new(layer: &Layer, area: Rect, reach: i32, sums: &'a mut Vec<[i32; 4]>) -> Self {
        let source = layer.rect;
        let x = area.x - reach - 2;
        let stride = (area.right() + reach + 3 - x) as usize;
        let y = (area.y - reach).clamp(source.y, source.bottom() - 1);
        let rows = (area.bottom() + reach).clamp(y + 1, source.bottom()) - y;
        sums.clear();
        sums.reserve(stride * rows as usize);
        for row in 0..rows {
            let start = (y + row - source.y) as usize * source.width as usize;
            let pixels = &layer.pixels[start..][..source.width as usize];
            let mut sum = [0i32; 4];
            for column in 0..stride as i32 {
                sums.push(sum);
                let at = (x + column - source.x).clamp(0, source.width as i32 - 1) as usize;
                let pixel = pixels[at];
                // Sums may wrap; differences over up to 32768 pixels stay right.
                sum = std::array::from_fn(|i| sum[i].wrapping_add(i32::from(pixel[i])));
            }
        }
        Self { x, y, rows, stride, sums }
    }

    /// Mean over the disk around (`x`, `y`), in units of 1/65535.
    #[inline]
    fn gather(&self, x: i32, y: i32, disk: &Disk) -> [f32; 4] {
        let column = (x - self.x) as usize;
        let row = |dy: i32| {
            let row = (y + dy - self.y).clamp(0, self.rows - 1) as usize;
            &self.sums[row * self.stride..][..self.stride]
        };
        if disk.spans.is_empty() {
            return taps(row, column, disk);
        }
        let mut total = span_sum(row(0), column, disk, 0);
        for k in 1..=disk.reach {
            let (above, below) = (span_sum(row(-k), column, disk, k), span_sum(row(k), column, disk, k));
            total = std::array::from_fn(|i| total[i] + (above[i] + below[i]));
        }
        total.map(|v| v * disk.unit)
    }
}

/// Weighted sum of at most 5×5 pixels.
#[inline]
fn taps<'a>(row: impl Fn(i32) -> &'a [[i32; 4]], column: usize, disk: &Disk) -> [f32; 4] {
    let mut total = [0.0; 4];
    for dy in -disk.reach..=disk.reach {
        let (row, weights) = (row(dy), &disk.taps[dy.unsigned_abs() as usize]);
        for dx in -disk.reach..=disk.reach {
            let value = pixel(row, (column as i32 + dx) as usize);
            let weight = weights[dx.unsigned_abs() as usize];
            total = std::array::from_fn(|i| total[i] + weight * value[i]);
        }
    }
    total
}

/// Sum over row `k` of the disk: whole pixels by one difference, and a share of the pixel at either end.
#[inline]
fn span_sum(row: &[[i32; 4]], column: usize, disk: &Disk, k: i32) -> [f32; 4] {
    let span = disk.spans[k as usize];
    let (left, right) = ((column as i32 - span.whole) as usize, (column as i32 + span.whole + 1) as usize);
    let (start, end) = (row[left], row[right]);
    let (before, after) = (pixel(row, left - 1), pixel(row, right));
    std::array::from_fn(|i| end[i].wrapping_sub(start[i]) as f32 + span.part * (before[i] + after[i]))
}

/// The pixel at `column` itself.
#[inline]
fn pixel(row: &[[i32; 4]], column: usize) -> [f32; 4] {
    let (a, b) = (row[column], row[column + 1]);
    std::array::from_fn(|i| b[i].wrapping_sub(a[i]) as f32)
}

#[cfg(test)]
mod tests {
    use super::super::layer::Surface;
    use super::*;

    const SIZE: Size = Size::new(96, 64);

    fn scene(layers: Vec<Layer>) -> Scene {
        Scene::new(SIZE, layers)
    }

    fn whole(surface: Surface, color: impl Fn(f32, f32) -> [f32; 3] + Sync) -> Layer {
        let canvas = super::super::layer::Canvas { frame: SIZE };
        Layer::paint(canvas.rect(), surface, |s| (color(s.x, s.y), 1.0)).expect("opaque")
    }

    fn step(x: f32, _: f32) -> [f32; 3] {
        if x < 48.0 { [0.1; 3] } else { [0.9; 3] }
    }

    #[test]
    fn a_step_in_focus_is_only_softened_and_a_blurred_one_as_wide_as_its_disk() {
        let scene = scene(vec![whole(Surface::flat(0.5), step)]);
        let lens = Lens { coc_px: 40.0, breathing: 0.0 };
        let sharp = render(&scene, &lens, 0.5);
        assert!((sharp.at(46, 30)[0] - 0.1).abs() < 1e-3 && (sharp.at(49, 30)[0] - 0.9).abs() < 1e-3);
        let blurred = render(&scene, &lens, 1.0);
        let radius = lens.blur_radius(0.5, 1.0);
        assert_eq!(radius, 10.0);
        assert!((blurred.at(47 - 12, 30)[0] - 0.1).abs() < 1e-4 && blurred.at(47 - 8, 30)[0] > 0.11);
        // Half the light where the edge is, and the share of a disk to the left of x elsewhere.
        let u = 4.5f32 / radius;
        let share = 0.5 - (u * (1.0 - u * u).sqrt() + u.asin()) / std::f32::consts::PI;
        assert!((blurred.at(43, 30)[0] - (0.1 + 0.8 * share)).abs() < 4e-3, "{}", blurred.at(43, 30)[0]);
    }

    #[test]
    fn a_near_blurred_edge_is_translucent_over_what_is_behind_it() {
        let checks = |x: f32, y: f32| match (x as i32 / 4 + y as i32 / 4) % 2 {
            0 => [0.0, 0.0, 0.0],
            _ => [0.0, 0.0, 0.8],
        };
        let canvas = super::super::layer::Canvas { frame: SIZE };
        let near = Layer::paint(canvas.rect(), Surface::flat(1.0), |s| {
            ([0.6, 0.0, 0.0], (48.5 - s.x).clamp(0.0, 1.0))
        });
        let scene = scene(vec![whole(Surface::flat(0.0), checks), near.expect("half covered")]);
        let far_focus = render(&scene, &Lens { coc_px: 16.0, breathing: 0.0 }, 0.0);
        // Inside the near layer's outline, the sharp background shows through by the share of the disk beyond it.
        let (a, b) = (far_focus.at(46, 30), far_focus.at(42, 30));
        assert!(a[0] > 0.3 && a[0] < 0.55, "{a:?}");
        let blues: Vec<f32> = (0..64).map(|y| far_focus.at(46, y)[2]).collect();
        let (low, high) = blues.iter().fold((1.0f32, 0.0f32), |(l, h), &v| (l.min(v), h.max(v)));
        assert!(low < 0.01 && high > 0.2 && high < 0.4, "{low} … {high}");
        assert!(b[0] > a[0] && far_focus.at(20, 30)[0] > 0.599);
    }

    #[test]
    fn breathing_moves_an_edge_as_the_pose_says() {
        let scene = scene(vec![whole(Surface::flat(1.0), |x, _| if x < 80.0 { [0.0; 3] } else { [1.0; 3] })]);
        let lens = Lens { coc_px: 40.0, breathing: 0.1 };
        let frame = render(&scene, &lens, 1.0);
        let dark: f32 = (0..96).map(|x| 1.0 - frame.at(x, 30)[0]).sum();
        // The edge lies at 79.5; the frame's first pixel begins at −0.5.
        let [edge, _] = lens.pose(SIZE, 1.0).apply(79.5, 30.0);
        assert!((f64::from(dark) - (edge + 0.5)).abs() < 0.05, "{dark} {edge}");
    }

    #[test]
    fn a_region_equals_that_part_of_the_frame() {
        let scene = Scene::generate(super::super::SceneKind::Desk, SIZE, 3);
        let lens = Lens::default();
        let pose = Transform::similarity(0.01, 0.002, [1.5, -0.7], [48.0, 32.0]);
        let frame = render_posed(&scene, &lens, 0.8, &pose);
        let part = render_region(&scene, &lens, 0.8, &pose, [20, 10], Size::new(30, 20));
        for (x, y) in (0..30).flat_map(|x| (0..20).map(move |y| (x, y))) {
            let (a, b) = (part.at(x, y), frame.at(20 + x, 10 + y));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{x} {y}: {a:?} {b:?}");
        }
    }

    #[test]
    fn depth_that_varies_in_a_layer_blurs_each_part_by_its_own_radius() {
        let slope = Surface::slanted(0.0, [0.0, 0.0], [1.0 / 95.0, 0.0]);
        let stripes = |_: f32, y: f32| [((y as i32).rem_euclid(2)) as f32; 3];
        let scene = scene(vec![whole(slope, stripes)]);
        let frame = render(&scene, &Lens { coc_px: 24.0, breathing: 0.0 }, 0.5);
        let contrast = |x: u32| (frame.at(x, 30)[0] - frame.at(x, 31)[0]).abs();
        assert!(contrast(47) > 0.5, "{}", contrast(47));
        assert!(contrast(10) < 0.1 && contrast(85) < 0.1);
        assert!((contrast(43) - contrast(52)).abs() < 1e-3);
    }
}
