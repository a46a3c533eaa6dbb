//! Block sharpness: the focus measure averaged over coarse blocks of the reference. Twin of `shaders/blocks.wgsl`.

use rayon::prelude::*;

use crate::frame::{Plane, Size};
use crate::params::OUTSIDE;

/// Mean of `measure` (reference geometry) over each of `blocks` equal parts; [`OUTSIDE`] where less than half of a
/// block is covered.
pub fn blocks(measure: &Plane<f32>, blocks: Size) -> Plane<f32> {
    let mut out = Plane::filled(blocks, OUTSIDE);
    let part =
        |index: u32, side: u32, count: u32| (u64::from(index) * u64::from(side) / u64::from(count)) as usize;
    out.data.par_chunks_exact_mut(blocks.width as usize).enumerate().for_each(|(by, out)| {
        let rows = part(by as u32, measure.size.height, blocks.height)
            ..part(by as u32 + 1, measure.size.height, blocks.height);
        for (bx, out) in out.iter_mut().enumerate() {
            let columns = part(bx as u32, measure.size.width, blocks.width)
                ..part(bx as u32 + 1, measure.size.width, blocks.width);
            let (mut sum, mut covered) = (0.0f32, 0u32);
            for y in rows.clone() {
                for &value in &measure.row(y as u32)[columns.clone()] {
                    if value >= 0.0 {
                        sum += value;
                        covered += 1;
                    }
                }
            }
            if covered as usize * 2 >= rows.len() * columns.len() && covered > 0 {
                *out = sum / covered as f32;
            }
        }
    });
    out
}
