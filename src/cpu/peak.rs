//! The running depth argmax, with the three values that the sub-level fit needs. Twin of `shaders/peak.wgsl`.
//!
//! Levels come near to far, one at a time, so memory does not grow with their number. Triples of neighbouring levels
//! compete by their middle value; the two outermost levels compete through their inner neighbour. Ties go to the nearer
//! level.

use rayon::prelude::*;

use crate::frame::{Plane, Size};

/// The best triple so far, per cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// Values before, at and after the middle of the best triple, and the value by which it won.
    pub triple: Plane<[f32; 4]>,
    /// Index of its middle level, sum of all values so far.
    pub place: Plane<[f32; 2]>,
}

impl Peak {
    /// Before any level.
    pub fn start(size: Size) -> Self {
        Self { triple: Plane::filled(size, [0.0, 0.0, 0.0, -1.0]), place: Plane::filled(size, [1.0, 0.0]) }
    }

    /// Adds `value` to the sums only: the first two levels complete no triple.
    pub fn add(&mut self, value: &Plane<f32>) {
        self.place.data.par_iter_mut().zip(&value.data).for_each(|(place, value)| place[1] += value);
    }

    /// Takes in the triple (`before`, `middle`, `after`) with `after` new; `level` is the index of `middle`. `first` and
    /// `last` say whether `before` or `after` is an outermost level.
    pub fn update(&mut self, [before, middle, after]: [&Plane<f32>; 3], level: u32, first: bool, last: bool) {
        let width = before.size.width as usize;
        let rows = before
            .data
            .par_chunks(width)
            .zip(middle.data.par_chunks(width))
            .zip(after.data.par_chunks(width));
        let state = self.triple.data.par_chunks_mut(width).zip(self.place.data.par_chunks_mut(width));
        state.zip(rows).for_each(|((triple, place), ((before, middle), after))| {
            for x in 0..width {
                let (a, m, c) = (before[x], middle[x], after[x]);
                let mut strength = m;
                if first {
                    strength = strength.max(a);
                }
                if last {
                    strength = strength.max(c);
                }
                place[x][1] += c;
                if strength > triple[x][3] {
                    triple[x] = [a, m, c, strength];
                    place[x][0] = level as f32;
                }
            }
        });
    }
}
