//! The sensor and the camera's processing: exposure, noise, the sRGB curve, quantising.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::texture::mix;
use crate::frame::Plane;

/// Noise of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sensor {
    /// Electrons at white; 0: no noise at all.
    pub(super) full_well: f32,
    /// Deviation of the read noise in electrons.
    pub(super) read_noise: f32,
}

/// Below this mean, photons are counted out; above, a normal with the Poisson skew is as good.
const COUNTED: f64 = 30.0;

/// Scales light by `gain` and adds shot and read noise, drawn from `seed`.
pub(super) fn expose(frame: &mut Plane<[f32; 3]>, sensor: Sensor, gain: f32, seed: u64) {
    let width = (frame.size.width as usize).max(1);
    frame.data.par_chunks_mut(width).enumerate().for_each(|(row, pixels)| {
        // A generator for every row: the result does not depend on how rows are shared among threads.
        let mut rng = Pcg64Mcg::seed_from_u64(mix(seed).wrapping_add(row as u64));
        for value in pixels.as_flattened_mut() {
            let light = f64::from((*value * gain).max(0.0));
            *value = sensor.read(light, &mut rng) as f32;
        }
    });
}

impl Sensor {
    /// What is read where `light` (1 = white) falls.
    fn read(self, light: f64, rng: &mut Pcg64Mcg) -> f64 {
        if self.full_well <= 0.0 {
            return light;
        }
        let mean = light * f64::from(self.full_well);
        let [a, b] = normal_pair(rng);
        let electrons = match mean < COUNTED {
            true => poisson(mean, rng),
            false => mean + mean.sqrt() * a + (a * a - 1.0) / 6.0,
        };
        (electrons + f64::from(self.read_noise) * b) / f64::from(self.full_well)
    }
}

/// Two independent standard normal numbers (Box & Muller 1958).
fn normal_pair(rng: &mut Pcg64Mcg) -> [f64; 2] {
    // 1 − u lies in (0, 1]: its logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
    [radius * cos, radius * sin]
}

/// A Poisson number of a small `mean`, by inversion of the distribution (Devroye 1986, X.3.3).
fn poisson(mean: f64, rng: &mut Pcg64Mcg) -> f64 {
    let mut rest: f64 = rng.random();
    let (mut count, mut chance) = (0.0, (-mean).exp());
    while rest > chance && count < 200.0 {
        rest -= chance;
        count += 1.0;
        chance *= mean / count;
    }
    count
}

/// sRGB-encoded value, 0…1, of linear light.
pub(super) fn srgb(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// Linear light of an sRGB-encoded value, 0…1.
pub(super) fn linear(value: f32) -> f32 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// The sRGB curve by table: over √light it is nearly straight, so that linear interpolation errs by under 10⁻⁶.
#[derive(Debug)]
pub(super) struct Curve {
    table: Vec<f32>,
}

impl Curve {
    const STEPS: usize = 4096;

    pub(super) fn new() -> Self {
        let encode = |i: usize| srgb((i as f32 / Self::STEPS as f32).powi(2));
        Self { table: (0..=Self::STEPS + 1).map(encode).collect() }
    }

    /// sRGB-encoded value, 0…1.
    #[inline]
    pub(super) fn encode(&self, light: f32) -> f32 {
        let at = light.clamp(0.0, 1.0).sqrt() * Self::STEPS as f32;
        let i = at as usize;
        self.table[i] + (self.table[i + 1] - self.table[i]) * (at - i as f32)
    }

    /// Encoded to 8 bits.
    pub(super) fn to_8_bits(&self, frame: &Plane<[f32; 3]>) -> Plane<[u8; 3]> {
        let quantise = |v: f32| (self.encode(v) * 255.0 + 0.5) as u8;
        Plane::new(frame.size, frame.data.iter().map(|p| p.map(quantise)).collect())
    }

    /// Encoded to 16 bits.
    pub(super) fn to_16_bits(&self, frame: &Plane<[f32; 3]>) -> Plane<[u16; 3]> {
        let quantise = |v: f32| (self.encode(v) * 65535.0 + 0.5) as u16;
        Plane::new(frame.size, frame.data.iter().map(|p| p.map(quantise)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn noise_has_the_mean_and_variance_of_shot_and_read_noise() {
        for (full_well, read_noise, light) in [(12000.0, 4.0, 0.5), (300.0, 8.0, 0.05), (5000.0, 0.0, 0.001)]
        {
            let mut frame = Plane::filled(Size::new(400, 300), [light; 3]);
            expose(&mut frame, Sensor { full_well, read_noise }, 1.0, 9);
            let values: Vec<f64> = frame.data.as_flattened().iter().map(|&v| f64::from(v)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            let (well, light) = (f64::from(full_well), f64::from(light));
            let expected = (light * well + f64::from(read_noise * read_noise)) / (well * well);
            assert!((mean - light).abs() < 5.0 * (expected / values.len() as f64).sqrt(), "{mean} {light}");
            assert!((variance / expected - 1.0).abs() < 0.02, "{variance} {expected}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_noise_and_no_well_none() {
        let noisy = |seed, full_well| {
            let mut frame = Plane::filled(Size::new(8, 8), [0.25; 3]);
            expose(&mut frame, Sensor { full_well, read_noise: 4.0 }, 2.0, seed);
            frame
        };
        assert_eq!(noisy(1, 1000.0), noisy(1, 1000.0));
        assert_ne!(noisy(1, 1000.0), noisy(2, 1000.0));
        assert_eq!(noisy(1, 0.0), Plane::filled(Size::new(8, 8), [0.5; 3]));
    }

    #[test]
    fn the_tabulated_curve_is_srgb() {
        let curve = Curve::new();
        for i in 0..=100_000 {
            let light = i as f32 / 100_000.0;
            assert!((curve.encode(light) - srgb(light)).abs() < 3e-6, "{light}");
            assert!((linear(srgb(light)) - light).abs() < 1e-5, "{light}");
        }
    }
}
