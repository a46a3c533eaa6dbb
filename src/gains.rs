//! How a frame's exposure and white balance differ from the reference's: a smooth factor for every channel.

use nalgebra::{Cholesky, SMatrix, SVector};

use crate::frame::Size;

/// Terms of a channel's factor: 1, X, Y, X² + Y², with X and Y from −1 to 1 across the width, 0 in the middle.
///
/// The last one is what vignetting does that changes with the focus.
pub const TERMS: usize = 4;

/// Factors of encoded values, by channel.
///
/// Encoded values are about the light to the power 1/2.4 above a toe (IEC 61966-2-1): the factor of light to that power
/// multiplies `value + 0.055`, and the toe's values as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GainField {
    /// Coefficients of the terms, by channel.
    pub channels: [[f64; TERMS]; 3],
}

impl GainField {
    /// Leaves a frame as it is.
    pub const UNITY: Self = Self { channels: [[1.0, 0.0, 0.0, 0.0]; 3] };

    /// Coefficients of 1, x and x² (in pixels) along row `y` of a picture of `size`, by channel; the fourth channel's
    /// factor is 1.
    pub fn row(&self, size: Size, y: u32) -> [[f32; 4]; 3] {
        let [cx, cy] = [size.width, size.height].map(|side| (f64::from(side) - 1.0) / 2.0);
        let unit = 2.0 / f64::from(size.width);
        let v = (f64::from(y) - cy) * unit;
        let mut row = [[1.0, 1.0, 1.0, 1.0], [0.0; 4], [0.0; 4]];
        for (channel, [flat, across, down, radial]) in self.channels.iter().enumerate() {
            let bend = radial * unit * unit;
            let start = flat + down * v + radial * v * v - across * unit * cx + bend * cx * cx;
            row[0][channel] = start as f32;
            row[1][channel] = (across * unit - 2.0 * bend * cx) as f32;
            row[2][channel] = bend as f32;
        }
        row
    }

    /// The coefficients as shaders take them, in normalised coordinates; the fourth channel's factor is 1.
    pub fn to_f32(&self) -> [[f32; 4]; TERMS] {
        let mut out = [[1.0, 1.0, 1.0, 1.0], [0.0; 4], [0.0; 4], [0.0; 4]];
        for (channel, terms) in self.channels.iter().enumerate() {
            for (term, value) in terms.iter().enumerate() {
                out[term][channel] = *value as f32;
            }
        }
        for term in &mut out[1..] {
            term[3] = 0.0;
        }
        out
    }
}

/// A place where reference and frame show the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// −1…1 across the width, 0 in the middle.
    pub x: f64,
    /// In the same unit.
    pub y: f64,
    /// Mean light of the reference there over that of the frame.
    pub ratio: f64,
    /// How much it counts.
    pub weight: f64,
}

/// Light to this power is about the encoded value.
const ENCODING: f64 = 1.0 / 2.4;
/// Deviations beyond this many times the typical one count ever less (Huber 1964).
const HUBER: f64 = 1.5;
/// How far the slopes and the bend of a factor usually are from 0: they are only believed beyond that where patches agree
/// better than defocus, which moves light about, lets them.
const USUAL: [f64; TERMS] = [f64::INFINITY, 0.005, 0.005, 0.015];
/// Patches that err alike, as what moves light about is larger than one.
const ALIKE: f64 = 8.0;

/// The factors of one channel by robust least squares over `patches`; 1 where there are none.
pub fn fit(patches: &[Patch]) -> [f64; TERMS] {
    const ROUNDS: usize = 8;
    let values: Vec<(SVector<f64, TERMS>, f64, f64)> = patches
        .iter()
        .filter(|patch| patch.ratio.is_finite() && patch.ratio > 0.0 && patch.weight > 0.0)
        .map(|patch| {
            let Patch { x, y, ratio, weight } = *patch;
            (SVector::from([1.0, x, y, x * x + y * y]), ratio.powf(ENCODING), weight)
        })
        .collect();
    let mut found = SVector::from([1.0, 0.0, 0.0, 0.0]);
    // Of a patch's deviation; to begin with what defocus makes.
    let mut scale = 0.05;
    for round in 0..ROUNDS {
        let mut matrix = SMatrix::<f64, TERMS, TERMS>::zeros();
        let mut right = SVector::<f64, TERMS>::zeros();
        let mut total = 0.0;
        for (terms, value, weight) in &values {
            let miss = (value - terms.dot(&found)).abs();
            let doubtful = round > 0 && miss > HUBER * scale;
            let weight = weight * if doubtful { HUBER * scale / miss } else { 1.0 };
            matrix += weight * terms * terms.transpose();
            right += weight * *value * terms;
            total += weight;
        }
        if total <= 0.0 {
            break;
        }
        for term in 1..TERMS {
            matrix[(term, term)] += ALIKE * (scale / USUAL[term]).powi(2);
        }
        let Some(solver) = Cholesky::new(matrix) else { break };
        found = solver.solve(&right);
        let mut misses: Vec<f64> =
            values.iter().map(|(terms, value, _)| (value - terms.dot(&found)).abs()).collect();
        misses.sort_by(f64::total_cmp);
        // The median of a normal deviation is 0.6745 of its standard deviation.
        scale = (misses[misses.len() / 2] / 0.6745).max(1e-4);
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patches(ratio: impl Fn(f64, f64) -> f64) -> Vec<Patch> {
        let places =
            (0..160).map(|index| (f64::from(index % 16) / 7.5 - 1.0, f64::from(index / 16) / 7.5 - 0.6));
        places.map(|(x, y)| Patch { x, y, ratio: ratio(x, y), weight: 1.0 }).collect()
    }

    #[test]
    fn a_flicker_is_found_whatever_moved() {
        let mut given = patches(|_, _| 1.2);
        given.iter_mut().step_by(9).for_each(|patch| patch.ratio = 3.0);
        let [flat, rest @ ..] = fit(&given);
        assert!((flat - 1.2f64.powf(ENCODING)).abs() < 2e-3, "{flat}");
        assert!(rest.iter().all(|term| term.abs() < 2e-3), "{rest:?}");
        assert_eq!(fit(&[]), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn vignetting_is_found() {
        let field = GainField { channels: [fit(&patches(|x, y| 1.0 + 0.1 * (x * x + y * y) + 0.05 * x)); 3] };
        let size = Size::new(301, 201);
        for (x, y) in [(0u32, 0u32), (300, 200), (150, 100), (20, 150)] {
            let (fx, fy) = ((f64::from(x) - 150.0) / 150.5, (f64::from(y) - 100.0) / 150.5);
            let expected = (1.0 + 0.1 * (fx * fx + fy * fy) + 0.05 * fx).powf(ENCODING);
            let row = field.row(size, y);
            let x = x as f32;
            let factor = row[0][1] + row[1][1] * x + row[2][1] * x * x;
            assert!((f64::from(factor) - expected).abs() < 4e-3, "{x} {y}: {factor} is not {expected}");
            assert_eq!(row[0][3], 1.0);
        }
    }
}
