//! Procedural textures: fractal noise of any slope over any part of the canvas.

use rayon::prelude::*;

use super::layer::Rect;

/// 1/fᵝ noise as a sum of octaves of cubic-spline value noise (Perlin 1985; Musgrave 1994, fractional Brownian motion).
///
/// The octaves reach from the size of the picture down to single pixels, so that a texture with a flat enough spectrum
/// shows detail everywhere, at any size. Values scatter around 0.5 with a deviation of 0.2, and are clamped to 0…1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// Chooses the noise.
    pub(super) seed: u64,
    /// Slope of the amplitude spectrum: 1 = every octave alike (harsh), 3 = nearly plain.
    pub(super) beta: f32,
    /// Size of the coarsest octave, in pixels.
    pub(super) coarsest: f32,
    /// Horizontal and vertical stretch of the pattern, ≥ 1.
    pub(super) stretch: [f32; 2],
}

/// Noise sampled over a rectangle of the canvas.
pub(super) struct Field {
    width: usize,
    values: Vec<f32>,
}

/// One octave: cells `cell` pixels wide, weighted by `amplitude`.
struct Octave {
    seed: u64,
    cell: [f32; 2],
    amplitude: f32,
}

/// Below this cell size lattice values are taken as they are: interpolation would only blur them.
const FINEST_CELL: f32 = 1.5;
/// Variance that cubic B-spline interpolation leaves of independent values, on average over the cell, per axis.
const SPLINE_VARIANCE: f32 = 151.0 / 315.0;
/// Deviation of [`lattice`] values.
const LATTICE_DEVIATION: f32 = 0.577_350_3;

impl Noise {
    /// Isotropic noise with octaves from `coarsest` pixels down.
    pub(super) fn new(seed: u64, beta: f32, coarsest: f32) -> Self {
        Self { seed, beta, coarsest, stretch: [1.0, 1.0] }
    }

    /// The same noise drawn out along the axes.
    pub(super) fn stretched(self, x: f32, y: f32) -> Self {
        Self { stretch: [x, y], ..self }
    }

    /// Samples the noise at the pixels of `rect`.
    pub(super) fn fill(&self, rect: Rect) -> Field {
        let octaves = self.octaves();
        let width = rect.width as usize;
        let mut values = vec![0.5; width * rect.height as usize];
        values.par_chunks_mut(width.max(1)).enumerate().for_each(|(row, out)| {
            for octave in &octaves {
                octave.add_row(rect.x, rect.y + row as i32, out);
            }
            for value in out {
                *value = value.clamp(0.0, 1.0);
            }
        });
        Field { width, values }
    }

    /// Octaves scaled so that their sum has a deviation of 0.2.
    fn octaves(&self) -> Vec<Octave> {
        let falloff = 0.5f32.powf(self.beta - 1.0);
        let mut octaves = Vec::new();
        let (mut cell, mut amplitude, mut variance) = (self.coarsest.max(2.0), 1.0, 0.0);
        loop {
            let cells = self.stretch.map(|s| cell * s);
            let kept: f32 =
                cells.iter().map(|&c| if c < FINEST_CELL { 1.0 } else { SPLINE_VARIANCE }).product();
            // Lattice values and their interpolation lose variance; every octave is brought to `amplitude`.
            let scale = amplitude / (LATTICE_DEVIATION * kept.sqrt());
            octaves.push(Octave {
                seed: mix(self.seed ^ octaves.len() as u64),
                cell: cells,
                amplitude: scale,
            });
            variance += amplitude * amplitude;
            if cells.iter().any(|&c| c < FINEST_CELL) {
                break;
            }
            cell /= 2.0;
            amplitude *= falloff;
        }
        let norm = 0.2 / variance.sqrt();
        octaves.iter_mut().for_each(|o| o.amplitude *= norm);
        octaves
    }
}

impl Octave {
    /// Adds the octave along row `y` from column `x0` on.
    fn add_row(&self, x0: i32, y: i32, out: &mut [f32]) {
        let (iy, wy) = spline(y as f32 / self.cell[1], self.cell[1]);
        let column = |ix: i32| -> f32 {
            let sum: f32 =
                wy.iter().enumerate().map(|(k, w)| w * lattice(self.seed, ix, iy + k as i32)).sum();
            sum * self.amplitude
        };
        let (mut at, _) = spline(x0 as f32 / self.cell[0], self.cell[0]);
        let mut columns = [column(at), column(at + 1), column(at + 2), column(at + 3)];
        for (k, value) in out.iter_mut().enumerate() {
            let (ix, wx) = spline((x0 + k as i32) as f32 / self.cell[0], self.cell[0]);
            while at < ix {
                at += 1;
                columns = [columns[1], columns[2], columns[3], column(at + 3)];
            }
            *value += wx[0] * columns[0] + wx[1] * columns[1] + wx[2] * columns[2] + wx[3] * columns[3];
        }
    }
}

/// First of the four lattice points around `u` and their cubic B-spline weights; single-pixel cells are not smoothed.
fn spline(u: f32, cell: f32) -> (i32, [f32; 4]) {
    let base = u.floor();
    let first = base as i32 - 1;
    if cell < FINEST_CELL {
        return (first, [0.0, 1.0, 0.0, 0.0]);
    }
    let t = u - base;
    let (s, t2, t3) = (1.0 - t, t * t, t * t * t);
    (first, [s * s * s / 6.0, (3.0 * t3 - 6.0 * t2 + 4.0) / 6.0, (3.0 * (t + t2 - t3) + 1.0) / 6.0, t3 / 6.0])
}

/// A value of deviation 1/√3, nearly normal, for the lattice point (`x`, `y`): the mean of four uniform ones, scaled.
fn lattice(seed: u64, x: i32, y: i32) -> f32 {
    let key = (u64::from(x as u32) << 32) | u64::from(y as u32);
    let bits = mix(seed ^ mix(key));
    let sum = (0..4).map(|k| (bits >> (16 * k)) & 0xffff).sum::<u64>();
    sum as f32 / 65536.0 - 2.0
}

/// Mixes the bits of `z` (the output step of SplitMix64, Steele et al. 2014).
pub(super) fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Field {
    /// Value at pixel number `at` of the rectangle.
    pub(super) fn at(&self, at: usize) -> f32 {
        self.values[at]
    }

    /// How much the surface whose height is this noise faces the light in the upper left, in height per pixel.
    pub(super) fn slope(&self, at: usize) -> f32 {
        let back = if at.is_multiple_of(self.width) { 0 } else { 1 };
        let up = if at < self.width { 0 } else { self.width };
        self.values[at] - self.values[at - back - up]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_stated_mean_and_deviation_and_is_the_same_in_every_rectangle() {
        let noise = Noise::new(7, 1.2, 40.0);
        let whole = noise.fill(Rect { x: -20, y: 5, width: 300, height: 200 });
        let mean = whole.values.iter().sum::<f32>() / whole.values.len() as f32;
        let variance =
            whole.values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / whole.values.len() as f32;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        assert!((variance.sqrt() - 0.2).abs() < 0.03, "{}", variance.sqrt());
        let part = noise.fill(Rect { x: 30, y: 55, width: 10, height: 10 });
        for (at, &value) in part.values.iter().enumerate() {
            assert_eq!(value, whole.values[(50 + at / 10) * 300 + 50 + at % 10]);
        }
    }

    #[test]
    fn a_steeper_spectrum_is_smoother() {
        let rect = Rect { x: 0, y: 0, width: 128, height: 128 };
        let roughness = |beta| {
            let field = Noise::new(1, beta, 64.0).fill(rect);
            (0..field.values.len()).map(|at| field.slope(at).abs()).sum::<f32>()
        };
        assert!(roughness(3.0) < 0.25 * roughness(1.1));
    }
}
