//! Adds planes. Twin of `shaders/accumulate.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// `sum` + `scale`·`plane`, cell by cell.
pub fn accumulate(sum: &mut Plane<f32>, plane: &Plane<f32>, scale: f32) {
    assert_eq!(sum.size, plane.size, "both planes are on the reference grid");
    let width = sum.size.width as usize;
    sum.data.par_chunks_mut(width).zip(plane.data.par_chunks(width)).for_each(|(sum, row)| {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += scale * value;
        }
    });
}
