//! Gathers the votes of a neighbourhood for one level. Twin of `shaders/aggregate.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;
use crate::params::{AGGREGATE, AGGREGATE_RADIUS};

/// [`AGGREGATE`] across and down over `measure`·`weight`, ≥ 0; edge cells are replicated.
pub fn aggregate(measure: &Plane<f32>, weight: &Plane<f32>) -> Plane<f32> {
    assert_eq!(measure.size, weight.size, "both planes are on the reference grid");
    let (size, width) = (measure.size, measure.size.width as usize);
    let mut across = Plane::filled(size, 0.0);
    let rows = measure.data.par_chunks(width).zip(weight.data.par_chunks(width));
    across.data.par_chunks_mut(width).zip(rows).for_each_init(
        || vec![0.0; width + 2 * AGGREGATE_RADIUS],
        |padded, (out, (measure, weight))| {
            for ((padded, measure), weight) in padded[AGGREGATE_RADIUS..].iter_mut().zip(measure).zip(weight)
            {
                *padded = measure * weight;
            }
            let (first, last) = (padded[AGGREGATE_RADIUS], padded[AGGREGATE_RADIUS + width - 1]);
            padded[..AGGREGATE_RADIUS].fill(first);
            padded[AGGREGATE_RADIUS + width..].fill(last);
            let at = |offset: usize| &padded[offset..offset + width];
            gather(std::array::from_fn(at), out);
        },
    );
    let mut out = Plane::filled(size, 0.0);
    out.data.par_chunks_mut(width).enumerate().for_each(|(y, out)| {
        let last = i64::from(size.height) - 1;
        let row = |offset: usize| {
            across.row((y as i64 + offset as i64 - AGGREGATE_RADIUS as i64).clamp(0, last) as u32)
        };
        gather(std::array::from_fn(row), out);
    });
    out
}

const TAPS: usize = 2 * AGGREGATE_RADIUS + 1;

/// Weighted sum of rows, in ascending order of distance from the middle one.
#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn gather(rows: [&[f32]; TAPS], out: &mut [f32]) {
    const BLOCK: usize = 32;
    let width = out.len();
    let rows = rows.map(|row| &row[..width]);
    let mut start = 0;
    while start + BLOCK <= width {
        let mut sum = [0.0f32; BLOCK];
        let block = |k: usize| -> &[f32; BLOCK] {
            rows[k][start..start + BLOCK].try_into().expect("a block is as long as its range")
        };
        let centre = block(AGGREGATE_RADIUS);
        for i in 0..BLOCK {
            sum[i] = AGGREGATE[0] * centre[i];
        }
        #[expect(clippy::needless_range_loop, reason = "the distance also says which rows")]
        for distance in 1..=AGGREGATE_RADIUS {
            let (before, after) = (block(AGGREGATE_RADIUS - distance), block(AGGREGATE_RADIUS + distance));
            for i in 0..BLOCK {
                sum[i] += AGGREGATE[distance] * (before[i] + after[i]);
            }
        }
        out[start..start + BLOCK].copy_from_slice(&sum);
        start += BLOCK;
    }
    for x in start..width {
        let mut sum = AGGREGATE[0] * rows[AGGREGATE_RADIUS][x];
        for distance in 1..=AGGREGATE_RADIUS {
            sum += AGGREGATE[distance]
                * (rows[AGGREGATE_RADIUS - distance][x] + rows[AGGREGATE_RADIUS + distance][x]);
        }
        out[x] = sum;
    }
}
