//! Geometry between frames: 2×3 pixel matrices, reference → frame, and the sums from which a step is solved.

use crate::params::{ALIGN_SUMS, ALIGN_UNKNOWNS};

/// An affine map of pixel coordinates (centres at integers): `x' = a·x + b·y + c`, `y' = d·x + e·y + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// `[a, b, c, d, e, f]`, row by row.
    pub matrix: [f64; 6],
}

impl Transform {
    /// The map that leaves every point where it is.
    pub const IDENTITY: Self = Self { matrix: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0] };

    /// Scale by `1 + zoom` and rotation by `turn` radians (small: `turn ≈ sin turn`) about `centre`, then a shift.
    pub fn similarity(zoom: f64, turn: f64, shift: [f64; 2], centre: [f64; 2]) -> Self {
        let (a, b) = (1.0 + zoom, turn);
        let [cx, cy] = centre;
        Self { matrix: [a, -b, cx - a * cx + b * cy + shift[0], b, a, cy - b * cx - a * cy + shift[1]] }
    }

    /// Image of the point (`x`, `y`).
    pub fn apply(&self, x: f64, y: f64) -> [f64; 2] {
        let [a, b, c, d, e, f] = self.matrix;
        [a * x + b * y + c, d * x + e * y + f]
    }

    /// The map that applies `first`, then `self`.
    pub fn after(&self, first: &Self) -> Self {
        let [a, b, _, d, e, _] = self.matrix;
        let [p, q, _, s, t, _] = first.matrix;
        let [c, f] = self.apply(first.matrix[2], first.matrix[5]);
        Self { matrix: [a * p + b * s, a * q + b * t, c, d * p + e * s, d * q + e * t, f] }
    }

    /// The inverse map. The linear part must be invertible, which every registered transform is.
    pub fn inverse(&self) -> Self {
        let [a, b, c, d, e, f] = self.matrix;
        let det = a * e - b * d;
        let [p, q, s, t] = [e / det, -b / det, -d / det, a / det];
        Self { matrix: [p, q, -(p * c + q * f), s, t, -(s * c + t * f)] }
    }

    /// The map between pixels, given one between cells of `cell` pixels, whose centres lie at
    /// `cell·u + (cell−1)/2`.
    pub fn from_grid(&self, cell: f64) -> Self {
        let [a, b, c, d, e, f] = self.matrix;
        let half = (cell - 1.0) / 2.0;
        let shift = |p: f64, q: f64, r: f64| cell * r + half - p * half - q * half;
        Self { matrix: [a, b, shift(a, b, c), d, e, shift(d, e, f)] }
    }

    /// The map near this one whose coefficients are multiples of 1/256 px over a picture of `width`×`height`: devices that
    /// add in another order then mostly warp alike, to the last bit.
    pub fn snapped(&self, width: f64, height: f64) -> Self {
        const UNIT: f64 = 1.0 / 256.0;
        let snap = |value: f64, unit: f64| (value / unit).round() * unit;
        let [a, b, c, d, e, f] = self.matrix;
        let (across, down) = (UNIT / width, UNIT / height);
        Self {
            matrix: [
                snap(a, across),
                snap(b, down),
                snap(c, UNIT),
                snap(d, across),
                snap(e, down),
                snap(f, UNIT),
            ],
        }
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

    /// The six coefficients as shaders and their twins use them.
    pub fn to_f32(self) -> [f32; 6] {
        self.matrix.map(|v| v as f32)
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
    }
}
