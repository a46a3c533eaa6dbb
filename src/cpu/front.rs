//! Depth with near objects grown over what lies behind. Twin of `shaders/front.wgsl`.

use rayon::prelude::*;

use crate::frame::Plane;

/// Least value of `plane` within `radius` cells across and down.
pub fn front(plane: &Plane<f32>, radius: u32) -> Plane<f32> {
    let (width, last) = (plane.size.width as usize, plane.size.height as usize - 1);
    let radius = radius as usize;
    let mut across = plane.clone();
    across.data.par_chunks_exact_mut(width).zip(plane.data.par_chunks_exact(width)).for_each(|(out, row)| {
        for (x, out) in out.iter_mut().enumerate() {
            let window = &row[x.saturating_sub(radius)..(x + radius + 1).min(width)];
            *out = window.iter().copied().fold(f32::INFINITY, f32::min);
        }
    });
    let mut out = across.clone();
    out.data.par_chunks_exact_mut(width).enumerate().for_each(|(y, out)| {
        for row in y.saturating_sub(radius)..=(y + radius).min(last) {
            for (out, value) in out.iter_mut().zip(across.row(row as u32)) {
                *out = out.min(*value);
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::frame::Size;

    #[test]
    fn near_objects_grow_by_the_radius() {
        let size = Size::new(40, 30);
        let block = |x: Range<u32>, y: Range<u32>| {
            let at = |index: u32| {
                let inside = x.contains(&(index % size.width)) && y.contains(&(index / size.width));
                if inside { 3.0 } else { 9.0 }
            };
            Plane::new(size, (0..size.area() as u32).map(at).collect())
        };
        assert_eq!(front(&block(20..25, 10..13), 4), block(16..29, 6..17));
        assert_eq!(front(&block(20..25, 10..13), 0), block(20..25, 10..13));
        assert_eq!(front(&block(0..2, 28..30), 3), block(0..5, 25..30));
        assert_eq!(front(&block(7..8, 7..8), 50), block(0..40, 0..30));
    }
}
