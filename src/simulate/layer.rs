//! One layer of a scene: premultiplied colour and alpha over a rectangle, and where in depth each point lies.

use std::sync::Arc;

use rayon::prelude::*;

use crate::frame::{Plane, Size};

/// A rectangle of canvas pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Rect {
    /// Column behind the last.
    pub(super) fn right(self) -> i32 {
        self.x + self.width as i32
    }

    /// Row behind the last.
    pub(super) fn bottom(self) -> i32 {
        self.y + self.height as i32
    }

    /// The common part, possibly empty.
    pub(super) fn intersect(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = (self.right().min(other.right()) - x).max(0) as u32;
        let height = (self.bottom().min(other.bottom()) - y).max(0) as u32;
        Self { x, y, width, height }
    }

    /// Grown by `by` pixels on every side.
    pub(super) fn dilate(self, by: i32) -> Self {
        Self {
            x: self.x - by,
            y: self.y - by,
            width: self.width + 2 * by as u32,
            height: self.height + 2 * by as u32,
        }
    }
}

/// The painted area: the frame in reference geometry with a margin, so that breathing and shift reveal real scene.
///
/// Its coordinates are the frame's: pixel centres at integers, (0, 0) the frame's first pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// The frame.
    pub(super) frame: Size,
}

impl Canvas {
    /// The whole area. The margin covers 6 % of breathing and a hand-held shift of some pixels.
    pub(super) fn rect(self) -> Rect {
        let margin = 10 + (self.frame.width.max(self.frame.height) as f32 * 0.035) as i32;
        Rect { x: 0, y: 0, width: self.frame.width, height: self.frame.height }.dilate(margin)
    }

    /// The pixels that a shape within `left…right` × `top…bottom` and its soft edge may touch.
    pub(super) fn bounds(self, left: f32, top: f32, right: f32, bottom: f32) -> Rect {
        let (x, y) = (left.floor() as i32, top.floor() as i32);
        let width = (right.ceil() as i32 - x + 1).max(0) as u32;
        let height = (bottom.ceil() as i32 - y + 1).max(0) as u32;
        Rect { x, y, width, height }.dilate(SOFT_EDGE as i32 + 2).intersect(self.rect())
    }
}

/// Normalised inverse depth of a layer as a function of place, defined everywhere: also behind nearer layers.
#[derive(Clone, Debug)]
pub(super) struct Surface {
    /// Inverse depth at the frame's first pixel.
    pub(super) base: f32,
    /// Change per pixel across and down.
    pub(super) slope: [f32; 2],
    /// A bulge towards the camera.
    pub(super) dome: Option<Dome>,
    /// Inverse depth of every pixel of the frame, on top of all that.
    pub(super) relief: Option<Arc<Plane<f32>>>,
    /// Least and greatest inverse depth the layer really has; beyond its outline the function stays within.
    pub(super) range: [f32; 2],
}

/// The half of an ellipsoid (or of a cylinder, with an infinite vertical radius) that faces the camera.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dome {
    pub(super) centre: [f32; 2],
    pub(super) radii: [f32; 2],
    pub(super) height: f32,
}

impl Surface {
    /// Everywhere at the inverse depth `base`.
    pub(super) fn flat(base: f32) -> Self {
        let range = [f32::NEG_INFINITY, f32::INFINITY];
        Self { base, slope: [0.0; 2], dome: None, relief: None, range }
    }

    /// As a depth map has it; beyond the frame its outermost pixels go on.
    pub(super) fn mapped(depth: Arc<Plane<f32>>) -> Self {
        Self { relief: Some(depth), ..Self::flat(0.0) }
    }

    /// The plane through `base` at the point `at` that changes by `slope` per pixel.
    pub(super) fn slanted(base: f32, at: [f32; 2], slope: [f32; 2]) -> Self {
        Self { base: base - slope[0] * at[0] - slope[1] * at[1], slope, ..Self::flat(0.0) }
    }

    /// With a bulge on it.
    pub(super) fn with_dome(self, dome: Dome) -> Self {
        Self { dome: Some(dome), ..self }
    }

    /// Cut off at these inverse depths.
    pub(super) fn within(self, range: [f32; 2]) -> Self {
        Self { range, ..self }
    }

    /// Inverse depth at (`x`, `y`).
    #[inline]
    pub(super) fn depth(&self, x: f32, y: f32) -> f32 {
        let mut depth = self.base + self.slope[0] * x + self.slope[1] * y;
        if let Some(dome) = &self.dome {
            let (u, v) = ((x - dome.centre[0]) / dome.radii[0], (y - dome.centre[1]) / dome.radii[1]);
            depth += dome.height * (1.0 - u * u - v * v).max(0.0).sqrt();
        }
        if let Some(relief) = &self.relief {
            depth += relief.clamped(x as i64, y as i64);
        }
        depth.clamp(self.range[0], self.range[1])
    }

    /// Maps inverse depth `low` to 0 and `high` to 1.
    pub(super) fn rescale(&mut self, low: f32, high: f32) {
        let unit = 1.0 / (high - low);
        self.base = (self.base - low) * unit;
        self.slope = self.slope.map(|s| s * unit);
        self.range = self.range.map(|d| (d - low) * unit);
        if let Some(dome) = &mut self.dome {
            dome.height *= unit;
        }
    }
}

/// A painted layer.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Where on the canvas it lies. Beyond, the layer goes on as its outermost pixels: transparent unless it was cut
    /// off by the canvas.
    pub(super) rect: Rect,
    /// Premultiplied linear colour and alpha in 1/65535, already softened by [`sensor_blur`].
    pub(super) pixels: Vec<[u16; 4]>,
    /// First and one-behind-last column with any alpha, row by row, from `rect.x`.
    pub(super) extents: Vec<(u32, u32)>,
    /// Where in depth.
    pub(super) surface: Surface,
}

/// A point being painted.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    /// Frame coordinates.
    pub(super) x: f32,
    pub(super) y: f32,
    /// Number of the pixel within the rectangle, for [`super::texture::Field`].
    pub(super) at: usize,
}

/// Linear colour and alpha.
pub(super) type Paint = ([f32; 3], f32);

/// Gaussian σ = 0.5 px, what sensor and lens blur even in focus, sampled and normalised; from the centre outwards.
const SENSOR_PSF: [f32; 3] = [0.786_570_2, 0.106_450_77, 0.000_263_96];
/// Reach of [`SENSOR_PSF`].
const SOFT_EDGE: usize = SENSOR_PSF.len() - 1;
/// Rows painted at a time.
const BAND: usize = 32;

impl Layer {
    /// Paints `rect`; nothing if it is empty or all transparent.
    pub(super) fn paint(rect: Rect, surface: Surface, paint: impl Fn(Spot) -> Paint + Sync) -> Option<Self> {
        let (width, height) = (rect.width as usize, rect.height as usize);
        if width == 0 || height == 0 {
            return None;
        }
        let mut pixels = vec![[0; 4]; width * height];
        let nothing = [f32::INFINITY, f32::NEG_INFINITY];
        let range = pixels
            .par_chunks_mut(BAND * width)
            .enumerate()
            .map(|(band, out)| {
                let first = band * BAND;
                let rows = out.len() / width;
                let (painted, range) = paint_rows(rect, &surface, &paint, first, rows);
                soften(&painted, width, out);
                range
            })
            .reduce(|| nothing, |a, b| [a[0].min(b[0]), a[1].max(b[1])]);
        let extents: Vec<_> = pixels.chunks(width).map(extent).collect();
        if range[0] > range[1] || extents.iter().all(|e| e.0 >= e.1) {
            return None;
        }
        Some(Self { rect, pixels, extents, surface: surface.within(range) })
    }

    /// Alpha (0…65535) at a canvas pixel inside `rect`.
    pub(super) fn alpha(&self, x: i32, y: i32) -> u16 {
        self.pixels[(y - self.rect.y) as usize * self.rect.width as usize + (x - self.rect.x) as usize][3]
    }
}

/// Premultiplied colours of `rows` rows from `first` on with [`SOFT_EDGE`] more on either side (edge rows repeated),
/// and the range of depth seen.
fn paint_rows(
    rect: Rect,
    surface: &Surface,
    paint: &impl Fn(Spot) -> Paint,
    first: usize,
    rows: usize,
) -> (Vec<[f32; 4]>, [f32; 2]) {
    let (width, height) = (rect.width as usize, rect.height as usize);
    let mut range = [f32::INFINITY, f32::NEG_INFINITY];
    let mut out = Vec::with_capacity((rows + 2 * SOFT_EDGE) * width);
    for row in 0..rows + 2 * SOFT_EDGE {
        let row = (first + row).saturating_sub(SOFT_EDGE).min(height - 1);
        for column in 0..width {
            let (x, y) = ((rect.x + column as i32) as f32, (rect.y + row as i32) as f32);
            let (color, alpha) = paint(Spot { x, y, at: row * width + column });
            let alpha = alpha.clamp(0.0, 1.0);
            if alpha > 0.0 {
                let depth = surface.depth(x, y);
                range = [range[0].min(depth), range[1].max(depth)];
            }
            let [r, g, b] = color.map(|c| c.clamp(0.0, 1.0) * alpha);
            out.push([r, g, b, alpha]);
        }
    }
    (out, range)
}

/// Convolves with [`SENSOR_PSF`] and quantises.
fn soften(painted: &[[f32; 4]], width: usize, out: &mut [[u16; 4]]) {
    let mut column = vec![[0.0f32; 4]; width];
    for (row, out) in out.chunks_mut(width).enumerate() {
        let line = |k: usize| &painted[(row + k) * width..][..width];
        for (x, sum) in column.iter_mut().enumerate() {
            *sum = weigh(|k| line(k)[x]);
        }
        for (x, pixel) in out.iter_mut().enumerate() {
            let sum = weigh(|k| column[(x + k).saturating_sub(SOFT_EDGE).min(width - 1)]);
            *pixel = sum.map(|v| (v * 65535.0 + 0.5) as u16);
        }
    }
}

/// Weighted sum of the five values `at(0)…at(4)`.
#[inline]
fn weigh(at: impl Fn(usize) -> [f32; 4]) -> [f32; 4] {
    let [a, b, c, d, e] = [at(0), at(1), at(2), at(3), at(4)];
    let [p, q, r] = SENSOR_PSF;
    std::array::from_fn(|i| p * c[i] + q * (b[i] + d[i]) + r * (a[i] + e[i]))
}

/// First and one-behind-last pixel of a row that has any alpha.
fn extent(row: &[[u16; 4]]) -> (u32, u32) {
    let first = row.iter().position(|p| p[3] > 0).unwrap_or(row.len());
    let end = row.iter().rposition(|p| p[3] > 0).map_or(first, |last| last + 1);
    (first as u32, end as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensor_psf_sums_to_one_and_has_its_variance() {
        let [p, q, r] = SENSOR_PSF;
        assert!((p + 2.0 * (q + r) - 1.0).abs() < 1e-6);
        let variance = 2.0 * (q + 4.0 * r);
        assert!(
            (variance - 0.215).abs() < 1e-3,
            "{variance}: a sampled Gaussian of 0.5 px, as cv2.GaussianBlur has it"
        );
    }

    #[test]
    fn a_uniform_layer_stays_uniform_and_a_clear_one_is_none() {
        let rect = Rect { x: -3, y: -3, width: 40, height: 70 };
        let layer = Layer::paint(rect, Surface::flat(0.5), |_| ([1.0, 0.5, 0.0], 1.0)).expect("opaque");
        assert!(
            layer
                .pixels
                .iter()
                .all(|p| p[0] == 65535 && p[1].abs_diff(32768) <= 1 && p[2] == 0 && p[3] == 65535)
        );
        assert_eq!(layer.surface.range, [0.5, 0.5]);
        assert!(Layer::paint(rect, Surface::flat(0.5), |_| ([1.0; 3], 0.0)).is_none());
    }

    #[test]
    fn rescaled_depth_is_normalised_and_stays_in_range() {
        let dome = Dome { centre: [10.0, 10.0], radii: [5.0, 5.0], height: 0.1 };
        let mut surface =
            Surface::slanted(0.3, [10.0, 0.0], [0.01, 0.0]).with_dome(dome).within([0.25, 0.45]);
        let before = surface.depth(10.0, 10.0);
        surface.rescale(0.2, 0.6);
        assert!((before - 0.4).abs() < 1e-6 && (surface.depth(10.0, 10.0) - 0.5).abs() < 1e-6);
        assert!((surface.depth(1000.0, 0.0) - 0.625).abs() < 1e-6);
    }
}
