//! The thin lens: circle of confusion, focus breathing, and the disk kernels that blur with it.

use std::sync::OnceLock;

use crate::frame::Size;
use crate::transform::Transform;

/// A lens at a fixed aperture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    /// Diameter in pixels of the circle of confusion of the far end when focused on the near end. Default: 40.
    pub coc_px: f32,
    /// Change of magnification from focus at the far end to focus at the near end. Default: 0.02.
    pub breathing: f32,
}

impl Default for Lens {
    fn default() -> Self {
        Self { coc_px: 40.0, breathing: 0.02 }
    }
}

impl Lens {
    /// Radius in reference pixels of the blur of a point at inverse depth `depth`, focused at `focus` (both 0 far … 1
    /// near): a thin lens's circle of confusion is linear in inverse depth (Potmesil & Chakravarty 1981).
    #[inline]
    pub fn blur_radius(&self, depth: f32, focus: f32) -> f32 {
        0.5 * self.coc_px * (depth - focus).abs()
    }

    /// Magnification when focused at `focus`, 1 half-way.
    pub fn magnification(&self, focus: f32) -> f64 {
        1.0 + f64::from(self.breathing) * (f64::from(focus) - 0.5)
    }

    /// Where focus breathing alone takes the pixels of the reference geometry.
    pub fn pose(&self, size: Size, focus: f32) -> Transform {
        Transform::similarity(self.magnification(focus) - 1.0, 0.0, [0.0; 2], centre(size))
    }
}

/// Centre of a picture, in pixel coordinates.
pub(super) fn centre(size: Size) -> [f64; 2] {
    [f64::from(size.width.saturating_sub(1)) / 2.0, f64::from(size.height.saturating_sub(1)) / 2.0]
}

/// Disks per pixel of radius: fine enough that a step of focus is resolved to 1/200.
const STEPS: f32 = 128.0;
/// Disks up to this radius are stored as 5×5 weights; larger ones as spans of rows.
const MAX_TAP_RADIUS: f32 = 2.5;
/// From this blur radius on, the matched disk follows the closed form.
const MAX_MATCHED: f32 = 8.0;

/// A uniform disk on the pixel grid whose second moment is exactly that of the continuous disk, `radius²/4` per axis.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// Rows above and below the centre that it touches.
    pub(super) reach: i32,
    /// Weights of the quadrant of taps: `taps[dy][dx]`. Used if `reach` ≤ 2.
    pub(super) taps: [[f32; 3]; 3],
    /// Half-width of the span of rows ±k, for k = 0…reach, split as `whole + part`, `part` in 0…1, counted from the
    /// centre pixel's edge. Used if `reach` > 2.
    pub(super) spans: Vec<Span>,
    /// 1 / number of pixels.
    pub(super) unit: f32,
}

/// Half a row of a disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Whole pixels beyond the centre pixel; −1 where not even that is whole.
    pub(super) whole: i32,
    /// Share of the next pixel.
    pub(super) part: f32,
}

/// All disks a lens may need, by radius, made when first used: a small region needs few of them.
pub(super) struct Disks {
    table: Vec<OnceLock<Disk>>,
}

impl Disks {
    /// Disks of radii 0…`max_radius`.
    pub(super) fn new(max_radius: f32) -> Self {
        let count = (max_radius.max(0.0) * STEPS).ceil() as usize + 2;
        Self { table: (0..count).map(|_| OnceLock::new()).collect() }
    }

    /// The disk of the radius nearest to `radius`.
    #[inline]
    pub(super) fn get(&self, radius: f32) -> &Disk {
        let index = ((radius * STEPS + 0.5) as usize).min(self.table.len() - 1);
        self.table[index].get_or_init(|| Disk::new(index as f32 / STEPS))
    }
}

impl Disk {
    /// The disk for a blur of `radius` pixels.
    pub(super) fn new(radius: f32) -> Self {
        let matched = matched_radius(radius);
        if matched < MAX_TAP_RADIUS {
            let taps = quadrant(matched);
            let reach = (matched - 0.5).ceil().max(0.0) as i32;
            return Self { reach, taps, spans: Vec::new(), unit: 1.0 };
        }
        let reach = (matched - 0.5).ceil() as i32;
        let half_widths: Vec<f32> = (0..=reach).map(|k| half_width(matched, k)).collect();
        let area = 2.0 * (half_widths[0] + 2.0 * half_widths[1..].iter().sum::<f32>());
        let spans = half_widths.iter().map(|&h| Span::new(h)).collect();
        Self { reach, taps: [[0.0; 3]; 3], spans, unit: 1.0 / area }
    }

    /// Weight of the pixel `dx`, `dy` from the centre.
    #[cfg(test)]
    pub(super) fn weight(&self, dx: i32, dy: i32) -> f32 {
        let (dx, dy) = (dx.abs(), dy.abs());
        if dy > self.reach || dx > self.reach {
            return 0.0;
        }
        if self.spans.is_empty() {
            return self.taps[dy as usize][dx as usize];
        }
        let span = self.spans[dy as usize];
        let half = span.whole as f32 + 0.5 + span.part;
        let covered = (half - (dx as f32 - 0.5)).clamp(0.0, 1.0);
        let both = if dx == 0 { (2.0 * half).min(1.0) } else { covered };
        both * self.unit
    }
}

impl Span {
    fn new(half_width: f32) -> Self {
        let beyond = half_width - 0.5;
        let whole = beyond.floor();
        Self { whole: whole as i32, part: beyond - whole }
    }
}

/// Radius of the area-sampled disk whose discrete second moment is `radius²/4` per axis.
///
/// Area sampling alone would leave any disk inside one pixel without effect and widen larger ones by 1/12 px²; depth
/// from defocus close to the peak needs the true width.
fn matched_radius(radius: f32) -> f32 {
    const FINE: usize = 1024;
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    if radius >= MAX_MATCHED {
        return (radius * radius - 1.0 / 3.0).sqrt();
    }
    let table = TABLE.get_or_init(|| {
        (0..=FINE).map(|i| invert_moment((i as f32 / FINE as f32 * MAX_MATCHED).powi(2) / 4.0)).collect()
    });
    let at = radius.max(0.0) / MAX_MATCHED * FINE as f32;
    let (i, t) = (at as usize, at.fract());
    table[i] + (table[(i + 1).min(FINE)] - table[i]) * t
}

/// Bisects for the area-sampled disk of the second moment `target`.
fn invert_moment(target: f32) -> f32 {
    let (mut low, mut high) = (0.5f32, MAX_MATCHED);
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        if moment(middle) < target { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Second moment per axis of the area-sampled disk of `radius`.
fn moment(radius: f32) -> f32 {
    if radius < MAX_TAP_RADIUS {
        let taps = quadrant(radius);
        let column = |dx: usize| 2.0 * (taps[0][dx] + 2.0 * (taps[1][dx] + taps[2][dx]));
        return column(1) + 4.0 * column(2);
    }
    let (mut across, mut down, mut area) = (0.0, 0.0, 0.0);
    for k in 0..=(radius - 0.5).ceil() as i32 {
        let sides = if k == 0 { 1.0 } else { 2.0 };
        let half = half_width(radius, k);
        let Span { whole, part } = Span::new(half);
        let squares: f32 = (1..=whole).map(|d| (d * d) as f32).sum();
        across += sides * 2.0 * (squares + part * ((whole + 1) * (whole + 1)) as f32);
        down += sides * 2.0 * half * (k * k) as f32;
        area += sides * 2.0 * half;
    }
    0.5 * (across + down) / area
}

/// Share of a disk of `radius` ≤ 2.5 in the pixels right of and below the centre, centre included; the disk's area is 1.
fn quadrant(radius: f32) -> [[f32; 3]; 3] {
    const SLICES: i32 = 64;
    let mut taps = [[0.0f64; 3]; 3];
    for (dx, slice) in (0..3usize).flat_map(|dx| (0..SLICES).map(move |slice| (dx, slice))) {
        let x = dx as f64 - 0.5 + (f64::from(slice) + 0.5) / f64::from(SLICES);
        let height = (f64::from(radius).powi(2) - x * x).max(0.0).sqrt();
        for (dy, row) in taps.iter_mut().enumerate().skip(dx) {
            row[dx] += (height.min(dy as f64 + 0.5) - (dy as f64 - 0.5).max(-height)).max(0.0);
        }
    }
    // Slices resolve the disk's ends finely only down, not across: the other half is its mirror image.
    for (near, far) in [(0, 1), (0, 2), (1, 2)] {
        taps[near][far] = taps[far][near];
    }
    let rows = |dx: usize| taps[0][dx] + 2.0 * (taps[1][dx] + taps[2][dx]);
    let sum = rows(0) + 2.0 * (rows(1) + rows(2));
    taps.map(|row| row.map(|v| (v / sum) as f32))
}

/// Mean half-width of a disk of `radius` over the row of pixels `k` from the centre.
fn half_width(radius: f32, k: i32) -> f32 {
    let r = f64::from(radius);
    let area = |y: f64| {
        let y = y.min(r);
        0.5 * (y * (r * r - y * y).max(0.0).sqrt() + r * r * (y / r).asin())
    };
    let k = f64::from(k);
    (area(k + 0.5) - area(k - 0.5)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_sum_to_one_and_have_the_moment_of_their_radius() {
        for radius in [0.0, 0.05, 0.2, 0.5, 0.8, 1.3, 2.0, 2.49, 2.51, 2.7, 3.2, 5.0, 9.9, 20.0, 63.3] {
            let disk = Disk::new(radius);
            let (mut sum, mut xx, mut yy) = (0.0, 0.0, 0.0);
            for (dy, dx) in (-70..=70).flat_map(|dy| (-70..=70).map(move |dx| (dy, dx))) {
                let weight = f64::from(disk.weight(dx, dy));
                sum += weight;
                xx += weight * f64::from(dx * dx);
                yy += weight * f64::from(dy * dy);
            }
            assert!((sum - 1.0).abs() < 2e-5, "radius {radius}: sum {sum}");
            let expected = f64::from(radius * radius) / 4.0;
            // Rows of small disks are spans of their mean width: a little too narrow at the poles.
            let tolerance = if (2.5..4.0).contains(&radius) { 0.025 } else { 0.01 };
            for moment in [xx, yy] {
                let error = (moment - expected).abs();
                assert!(
                    error < 1e-3 + tolerance * expected,
                    "radius {radius}: moment {moment}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn disks_grow_without_a_jump() {
        for step in 0..9000 {
            let (a, b) = (matched_radius(step as f32 / 1000.0), matched_radius((step + 1) as f32 / 1000.0));
            assert!(b >= a - 0.004 && b - a < 0.03, "at {step}: {a} → {b}");
        }
    }

    #[test]
    fn breathing_scales_about_the_centre() {
        let lens = Lens { coc_px: 40.0, breathing: 0.04 };
        let size = Size::new(101, 51);
        let [x, y] = lens.pose(size, 1.0).apply(50.0, 25.0);
        assert!((x - 50.0).abs() < 1e-9 && (y - 25.0).abs() < 1e-9);
        let [x, y] = lens.pose(size, 1.0).apply(100.0, 0.0);
        assert!((x - (50.0 + 50.0 * 1.02)).abs() < 1e-6 && (y - (25.0 - 25.0 * 1.02)).abs() < 1e-6);
        let [x, _] = lens.pose(size, 0.0).apply(100.0, 0.0);
        assert!((x - (50.0 + 50.0 * 0.98)).abs() < 1e-6);
        assert_eq!(lens.pose(size, 0.5), Transform::IDENTITY);
    }
}
