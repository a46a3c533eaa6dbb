//! How much a frame counts in a band. Twin of `shaders/weigh.wgsl`.

use multiversion::multiversion;

use crate::frame::Plane;
use crate::params::{COVERED, FINEST_FLOOR};

/// (`energy` + `floor`)^`powers[0]` · `finest`^`powers[1]` · `prior`, pixel by pixel.
///
/// Where `prior` says that the frame does not reach, its replicated edge has no energy: `energy` counts as 0 and `finest`
/// as [`FINEST_FLOOR`], so that any frame that reaches counts more.
pub fn weigh(
    energy: &Plane<f32>,
    finest: &Plane<f32>,
    prior: &Plane<f32>,
    floor: f32,
    powers: [u32; 2],
) -> Plane<f32> {
    assert!(energy.size == finest.size && energy.size == prior.size, "all planes are of one band");
    let width = energy.size.width as usize;
    let mut out = Plane::filled(prior.size, 0.0);
    for (y, out) in (0..).zip(out.data.chunks_exact_mut(width)) {
        weigh_row(energy.row(y), finest.row(y), prior.row(y), floor, powers, out);
    }
    out
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn weigh_row(
    energy: &[f32],
    finest: &[f32],
    prior: &[f32],
    floor: f32,
    [band, fine]: [u32; 2],
    out: &mut [f32],
) {
    for (((out, energy), finest), prior) in out.iter_mut().zip(energy).zip(finest).zip(prior) {
        let (energy, finest) = if *prior >= COVERED { (*energy, *finest) } else { (0.0, FINEST_FLOOR) };
        *out = prior * power(energy + floor, band) * power(finest, fine);
    }
}

/// `base`^`exponent`, below 16.
#[inline(always)]
fn power(base: f32, exponent: u32) -> f32 {
    let factor = |bit: u32, value: f32| if exponent & bit == 0 { 1.0 } else { value };
    let two = base * base;
    let four = two * two;
    factor(1, base) * factor(2, two) * factor(4, four) * factor(8, four * four)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::params::{BAND_FLOOR, ENERGY_SCALE, UNCOVERED};

    #[test]
    fn powers_are_of_their_planes() {
        let size = Size::new(2, 1);
        let plane = |values: [f32; 2]| Plane::new(size, values.to_vec());
        let (energy, finest, prior) = (plane([1.5, 0.0]), plane([3.0, 5.0]), plane([0.5, 1.0]));
        for (powers, expected) in [
            ([0, 0], [0.5, 1.0]),
            ([1, 0], [1.0, 0.5]),
            ([4, 0], [8.0, 0.0625]),
            ([0, 2], [4.5, 25.0]),
            ([2, 3], [54.0, 31.25]),
        ] {
            assert_eq!(weigh(&energy, &finest, &prior, 0.5, powers).data, expected, "{powers:?}");
        }
    }

    /// The replicated edge of a frame with the most contrast there is, against a blank one that the depth map is far from.
    #[test]
    fn frames_that_do_not_reach_count_less_than_any_that_does() {
        let one = |value: f32| Plane::filled(Size::new(1, 1), value);
        let most = 3.0 * ENERGY_SCALE;
        for floor in [BAND_FLOOR, BAND_FLOOR / 256.0] {
            for powers in [[1, 6], [5, 5], [4, 4], [0, 8]] {
                let weight = |energy, finest, prior| {
                    weigh(&one(energy), &one(finest), &one(prior), floor, powers).data[0]
                };
                let (beyond, blank) = (weight(most, most, UNCOVERED), weight(0.0, FINEST_FLOOR, 0.005));
                assert!(beyond > 0.0 && beyond < blank / 1000.0, "{floor}, {powers:?}: {beyond} and {blank}");
            }
        }
    }
}
