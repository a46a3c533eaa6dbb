//! Focus curves of the confident cells, thinned out, from which the levels' positions are found.

use super::depth::running_peak;
use crate::backend::{Backend, CpuBackend};
use crate::error::Result;
use crate::frame::{Plane, Size};
use crate::params::{ConfidenceRule, FILL_RULE, TINY};
use crate::positions::{PER_LEVEL, SPAN, Sample};

/// Values that are kept at the most, of all levels together.
const MAX_VALUES: usize = 4_000_000;
/// Cells a level at the most: more of them tell nothing new.
const MAX_CELLS: usize = 80_000;
/// Samples of all levels together, or more where that is too few for a level.
const SAMPLES: usize = 3000;
/// Confidence from which a cell counts, and from which it counts fully: where one came in as a whole, the devices would
/// differ in which.
const TRUSTED: [f32; 2] = [0.2, 0.5];
/// As [`FILL_RULE`], for cells several times as large.
const RULE: ConfidenceRule = ConfidenceRule { radius: 2, ..FILL_RULE };

/// A number that looks random, for every cell its own (Fibonacci hashing, Knuth).
const fn lot(cell: usize) -> u64 {
    (cell as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// Gathered focus measures of all levels, near to far, on a coarse grid.
pub struct Curves {
    halvings: u32,
    size: Size,
    levels: Vec<Plane<f32>>,
}

impl Curves {
    /// Before the first of `levels` measures on `grid`.
    pub fn new(grid: Size, levels: usize) -> Self {
        let (mut halvings, mut size) = (0, grid);
        while size.area() > MAX_CELLS.min(MAX_VALUES / levels.max(1)) && size.area() > 1 {
            (halvings, size) = (halvings + 1, size.grid(2));
        }
        Self { halvings, size, levels: Vec::new() }
    }

    /// Takes in the next level's gathered measure.
    pub fn add<B: Backend>(&mut self, backend: &B, measure: &B::Gray) -> Result<()> {
        let coarse = (0..self.halvings).fold(measure.clone(), |plane, _| backend.reduce(&plane));
        self.levels.push(backend.download(coarse)?);
        Ok(())
    }

    /// Curves of confident cells, for every level the same number if there are as many.
    pub fn samples(self) -> Result<Vec<Sample>> {
        let count = self.levels.len();
        if count < 3 {
            return Ok(Vec::new());
        }
        let backend = &CpuBackend;
        let levels: Vec<_> = self.levels.into_iter().map(|plane| backend.upload(plane)).collect();
        let peak = running_peak(backend, self.size, count, |level| Ok(levels[level].clone()))?;
        let (depth, height) = backend.offset(&peak, &vec![1.0; count]);
        let trust = backend.confidence(&depth, &depth, &height, &RULE);
        let mut cells = vec![Vec::new(); count];
        for (cell, (trust, place)) in trust.data.iter().zip(&peak.place.data).enumerate() {
            if *trust > TRUSTED[0] {
                cells[place[0] as usize].push(cell);
            }
        }
        let span = count.min(SPAN);
        let sample = |level: usize, cell: usize| {
            let first = level.saturating_sub(SPAN / 2).min(count - span);
            let value = |k: usize| {
                levels.get(first + k).map_or(0.0, |plane| f64::from(plane.data[cell].max(TINY)).ln())
            };
            let weight = (trust.data[cell] - TRUSTED[0]) / (TRUSTED[1] - TRUSTED[0]);
            Sample { first, values: std::array::from_fn(value), weight: f64::from(weight.min(1.0)) }
        };
        let share = (SAMPLES / count).max(PER_LEVEL);
        let picked = cells.iter_mut().enumerate().flat_map(|(level, cells)| {
            // By lot, and each cell has its lot: a cell more or less on another device changes no other pick.
            cells.sort_by_key(|&cell| lot(cell));
            cells.iter().take(share).map(move |&cell| (level, cell))
        });
        Ok(picked.map(|(level, cell)| sample(level, cell)).collect())
    }
}
