//! How far nudges move a lens, and which ones lead how far. Pure functions.

use crate::camera::Nudge;

/// How far a lens moves by nudges of size 1, 2, 3…, in any unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Ways(Vec<f64>);

/// Relative ways of the sizes 1…7, as users measured on an a6400: each is about two and a half times the one before.
const SONY: [f64; 7] = [1.0, 2.5, 8.0, 20.0, 55.0, 146.0, 389.0];
/// Nudges on one way at the most.
const MOST: usize = 60;
/// The largest size that is used to reach a place: larger ones scatter by more than what a photo shows sharp.
const PRECISE: usize = 5;

impl Ways {
    /// As on the camera that was measured, for a camera with so many sizes.
    pub fn nominal(sizes: usize) -> Self {
        Self(SONY[..sizes.clamp(1, SONY.len())].to_vec())
    }

    /// All of them `scale` times as far.
    pub fn scaled(&self, scale: f64) -> Self {
        Self(self.0.iter().map(|way| way * scale).collect())
    }

    /// How far these nudges lead together.
    pub fn of(&self, nudges: &[Nudge]) -> f64 {
        let way = |&nudge: &Nudge| {
            let size = (nudge.unsigned_abs() as usize).min(self.0.len());
            size.checked_sub(1).map_or(0.0, |size| f64::from(nudge.signum()) * self.0[size])
        };
        nudges.iter().map(way).sum()
    }

    /// The largest nudge.
    pub fn largest(&self) -> Nudge {
        self.0.len() as Nudge
    }

    /// Nudges of one direction that lead as close to `distance` as not too large ones can, the largest first.
    pub fn toward(&self, distance: f64) -> Vec<Nudge> {
        let (mut left, mut nudges) = (distance.abs(), Vec::new());
        let sign = if distance < 0.0 { -1 } else { 1 };
        for (index, way) in self.0.iter().enumerate().take(PRECISE).rev() {
            // The last may overshoot by less than it would fall short.
            let smallest = index == 0;
            while nudges.len() < MOST && (left >= *way || (smallest && left > 0.5 * way)) {
                nudges.push(sign * (index as Nudge + 1));
                left -= way;
            }
            if left < 0.06 * distance.abs() {
                break;
            }
        }
        nudges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nudges_lead_where_they_should() {
        let ways = Ways::nominal(7);
        for distance in [1.0, 3.0, 7.0, 19.0, 55.0, 60.0, 96.0, 130.0, 300.0, 777.0, -44.0] {
            let nudges = ways.toward(distance);
            let reached = ways.of(&nudges);
            assert!(
                (reached - distance).abs() <= 0.06 * distance.abs() + 0.6,
                "{distance}: {nudges:?} = {reached}"
            );
            assert!(nudges.len() <= MOST && nudges.iter().all(|n| n.signum() == nudges[0].signum()));
        }
        assert!(ways.toward(0.0).is_empty() && ways.toward(0.3).is_empty());
    }

    #[test]
    fn cameras_with_few_sizes_and_other_units_are_served() {
        let ways = Ways::nominal(3).scaled(0.5);
        assert_eq!((ways.largest(), ways.of(&[3, -1, 2])), (3, 4.0 - 0.5 + 1.25));
        assert!((ways.of(&ways.toward(9.0)) - 9.0).abs() < 0.8);
    }
}
