//! Geometry between frames: pixel matrices, reference → frame, and the sums from which a step is solved.

use std::ops::Range;

use nalgebra::Matrix3;

use crate::frame::Size;
use crate::params::{ALIGN_SUMS, ALIGN_UNKNOWNS};

/// A projective map of pixel coordinates (centres at integers): `x' = (a·x + b·y + c)/w`, `y' = (d·x + e·y + f)/w` with
/// `w = g·x + h·y + 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// `[a, b, c, d, e, f]`, row by row.
    pub matrix: [f64; 6],
    /// `[g, h]`: zeros but for a homography.
    pub perspective: [f64; 2],
}

impl Transform {
    /// The map that leaves every point where it is.
    pub const IDENTITY: Self = Self::affine([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// `[a, b, c, d, e, f]` without perspective.
    pub const fn affine(matrix: [f64; 6]) -> Self {
        Self { matrix, perspective: [0.0; 2] }
    }

    /// Scale by `1 + zoom` and rotation by `turn` radians (small: `turn ≈ sin turn`) about `centre`, then a shift.
    pub fn similarity(zoom: f64, turn: f64, shift: [f64; 2], centre: [f64; 2]) -> Self {
        let (a, b) = (1.0 + zoom, turn);
        let [cx, cy] = centre;
        Self::affine([a, -b, cx - a * cx + b * cy + shift[0], b, a, cy - b * cx - a * cy + shift[1]])
    }

    /// Whether parallels stay parallel.
    pub fn is_affine(&self) -> bool {
        self.perspective == [0.0; 2]
    }

    /// Image of the point (`x`, `y`).
    pub fn apply(&self, x: f64, y: f64) -> [f64; 2] {
        let [a, b, c, d, e, f] = self.matrix;
        let [g, h] = self.perspective;
        let w = g * x + h * y + 1.0;
        [(a * x + b * y + c) / w, (d * x + e * y + f) / w]
    }

    /// The 3×3 matrix of homogeneous coordinates.
    pub fn homogeneous(&self) -> Matrix3<f64> {
        let [a, b, c, d, e, f] = self.matrix;
        let [g, h] = self.perspective;
        Matrix3::new(a, b, c, d, e, f, g, h, 1.0)
    }

    /// The map of a homogeneous matrix whose last element is not 0.
    pub fn from_homogeneous(matrix: &Matrix3<f64>) -> Self {
        let m = matrix / matrix[(2, 2)];
        Self {
            matrix: [m[(0, 0)], m[(0, 1)], m[(0, 2)], m[(1, 0)], m[(1, 1)], m[(1, 2)]],
            perspective: [m[(2, 0)], m[(2, 1)]],
        }
    }

    /// The map that applies `first`, then `self`.
    pub fn after(&self, first: &Self) -> Self {
        Self::from_homogeneous(&(self.homogeneous() * first.homogeneous()))
    }

    /// The inverse map. The matrix must be invertible, which that of every registered transform is.
    pub fn inverse(&self) -> Self {
        let inverse = self.homogeneous().try_inverse().expect("registered transforms are invertible");
        Self::from_homogeneous(&inverse)
    }

    /// The map between pixels, given one between cells of `cell` pixels, whose centres lie at
    /// `cell·u + (cell−1)/2`.
    pub fn from_grid(&self, cell: f64) -> Self {
        let half = (cell - 1.0) / 2.0;
        let to_pixels = Self::affine([cell, 0.0, half, 0.0, cell, half]);
        let to_cells = Self::affine([1.0 / cell, 0.0, -half / cell, 0.0, 1.0 / cell, -half / cell]);
        to_pixels.after(self).after(&to_cells)
    }

    /// The inverse of [`Self::from_grid`].
    pub fn to_grid(&self, cell: f64) -> Self {
        let half = (cell - 1.0) / 2.0;
        let to_pixels = Self::affine([cell, 0.0, half, 0.0, cell, half]);
        let to_cells = Self::affine([1.0 / cell, 0.0, -half / cell, 0.0, 1.0 / cell, -half / cell]);
        to_cells.after(self).after(&to_pixels)
    }

    /// The map near this one whose coefficients are multiples of 1/256 px over a picture of `width`×`height`: devices that
    /// add in another order then mostly warp alike, to the last bit.
    pub fn snapped(&self, width: f64, height: f64) -> Self {
        const UNIT: f64 = 1.0 / 256.0;
        let snap = |value: f64, unit: f64| (value / unit).round() * unit;
        let [a, b, c, d, e, f] = self.matrix;
        let (across, down) = (UNIT / width, UNIT / height);
        let matrix =
            [snap(a, across), snap(b, down), snap(c, UNIT), snap(d, across), snap(e, down), snap(f, UNIT)];
        let [g, h] = self.perspective;
        Self { matrix, perspective: [snap(g, across / width), snap(h, down / height)] }
    }

    /// Largest distance in pixels between where `self` and `other` send the corners of a `width`×`height` picture.
    pub fn corner_distance(&self, other: &Self, width: f64, height: f64) -> f64 {
        [(0.0, 0.0), (width - 1.0, 0.0), (0.0, height - 1.0), (width - 1.0, height - 1.0)]
            .iter()
            .map(|&(x, y)| {
                let ([p, q], [s, t]) = (self.apply(x, y), other.apply(x, y));
                (p - s).hypot(q - t)
            })
            .fold(0.0, f64::max)
    }

    /// Rows of a photo of size `photo` that the taps of a cubic reach from columns `columns` of rows `rows` of a reference.
    pub fn source_rows(&self, photo: Size, columns: Range<u32>, rows: Range<u32>) -> Range<u32> {
        let last = f64::from(photo.height - 1);
        let [left, right] = [columns.start, columns.end - 1].map(f64::from);
        let [top, bottom] = [rows.start, rows.end - 1].map(f64::from);
        let heights =
            [(left, top), (right, top), (left, bottom), (right, bottom)].map(|(x, y)| self.apply(x, y)[1]);
        // One row more than the taps: single precision may land beyond.
        let low = heights.iter().copied().fold(f64::INFINITY, f64::min).floor() - 2.0;
        let high = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max).floor() + 3.0;
        let [low, high] = [low, high].map(|row| row.clamp(0.0, last) as u32);
        // A map that leads nowhere has no lowest row.
        low.min(high)..high + 1
    }

    /// `[a, b, c, d, e, f, g, h]` as shaders and their twins use them.
    pub fn to_f32(self) -> [f32; 8] {
        let [a, b, c, d, e, f] = self.matrix;
        let [g, h] = self.perspective;
        [a, b, c, d, e, f, g, h].map(|value| value as f32)
    }
}

/// Sums over all pixels that both planes cover.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalEquations {
    /// JᵀJ, symmetric; unknowns are zoom, turn, shift x, shift y, gain, bias.
    pub hessian: [[f64; ALIGN_UNKNOWNS]; ALIGN_UNKNOWNS],
    /// Jᵀr with r = warped − reference.
    pub gradient: [f64; ALIGN_UNKNOWNS],
    /// Σ r².
    pub residual: f64,
    /// Pixels summed.
    pub count: f64,
}

impl NormalEquations {
    /// Unpacks sums laid out as [`ALIGN_SUMS`] says.
    pub fn from_sums(sums: &[f64; ALIGN_SUMS]) -> Self {
        let mut hessian = [[0.0; ALIGN_UNKNOWNS]; ALIGN_UNKNOWNS];
        let (triangle, rest) = sums.split_at(ALIGN_UNKNOWNS * (ALIGN_UNKNOWNS + 1) / 2);
        let places = (0..ALIGN_UNKNOWNS).flat_map(|i| (i..ALIGN_UNKNOWNS).map(move |j| (i, j)));
        for ((i, j), &sum) in places.zip(triangle) {
            hessian[i][j] = sum;
            hessian[j][i] = sum;
        }
        let gradient = std::array::from_fn(|i| rest[i]);
        Self { hessian, gradient, residual: rest[ALIGN_UNKNOWNS], count: rest[ALIGN_UNKNOWNS + 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: [f64; 2], b: [f64; 2]) {
        assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 1e-9, "{a:?} is not {b:?}");
    }

    #[test]
    fn inverse_undoes_and_after_chains() {
        let t = Transform::similarity(0.03, 0.02, [4.0, -7.5], [320.0, 200.0]);
        let u = Transform::similarity(-0.01, 0.005, [-2.0, 1.0], [320.0, 200.0]);
        let [x, y] = t.apply(17.0, 391.0);
        close(t.inverse().apply(x, y), [17.0, 391.0]);
        close(u.after(&t).apply(17.0, 391.0), u.apply(x, y));
    }

    #[test]
    fn snapping_forgets_what_rounding_made() {
        let transform = Transform::similarity(0.03, 0.02, [4.0, -7.5], [80.0, 50.0]);
        let mut other = transform;
        other.matrix.iter_mut().for_each(|value| *value *= 1.0 + 1e-12);
        let [snapped, same] = [transform, other].map(|transform| transform.snapped(160.0, 100.0));
        assert_eq!(snapped, same);
        assert!(snapped.corner_distance(&transform, 160.0, 100.0) < 3.0 / 256.0);
    }

    #[test]
    fn grids_keep_the_geometry() {
        let grid = Transform::similarity(0.03, 0.02, [4.0, -7.5], [80.0, 50.0]);
        let pixels = grid.from_grid(4.0);
        let [u, v] = grid.apply(10.0, 20.0);
        close(pixels.apply(4.0 * 10.0 + 1.5, 4.0 * 20.0 + 1.5), [4.0 * u + 1.5, 4.0 * v + 1.5]);
        close(grid.from_grid(2.0).from_grid(2.0).apply(3.0, 5.0), pixels.apply(3.0, 5.0));
        close(pixels.to_grid(4.0).apply(10.0, 20.0), [u, v]);
    }

    #[test]
    fn perspective_is_kept() {
        let mut t = Transform::similarity(0.03, 0.02, [4.0, -7.5], [320.0, 200.0]);
        t.perspective = [1e-4, -2e-4];
        let [x, y] = t.apply(17.0, 391.0);
        close(t.inverse().apply(x, y), [17.0, 391.0]);
        close(t.after(&t).apply(17.0, 391.0), t.apply(x, y));
        let [u, v] = t.to_grid(2.0).apply(10.0, 20.0);
        close(t.apply(20.5, 40.5), [2.0 * u + 0.5, 2.0 * v + 0.5]);
    }
}
