//! The part of the reference that every frame shows.

use crate::frame::{Size, Window};
use crate::transform::Transform;

/// Sides in pixels below which nothing is left that anyone wants.
const LEAST_SIDE: u32 = 16;

/// A large rectangle of a reference of `size` that every frame, of size `frame` and reached by its transform, covers;
/// `None` if they have nothing in common.
pub fn common(size: Size, frame: Size, transforms: &[Transform]) -> Option<Window> {
    let (mut left, mut top) = (0.0, 0.0);
    let (mut right, mut bottom) = (f64::from(size.width) - 1.0, f64::from(size.height) - 1.0);
    let last = [f64::from(frame.width) - 1.0, f64::from(frame.height) - 1.0];
    // How far outside, rounded up to whole pixels; what rounding makes does not count.
    let excess = |at: f64, last: f64| (-at).max(at - last).max(0.0);
    let whole = |excess: f64| (excess - 1e-6).ceil();
    let least = |side: u32| f64::from(LEAST_SIDE.min(side / 2).max(1));
    loop {
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        let places = transforms.iter().flat_map(|transform| {
            corners.iter().enumerate().map(move |(corner, &(x, y))| (corner, transform.apply(x, y)))
        });
        let outside =
            places.map(|(corner, [u, v])| (corner, whole(excess(u, last[0])), whole(excess(v, last[1]))));
        let worst = outside.max_by(|a, b| a.1.max(a.2).total_cmp(&b.1.max(b.2)))?;
        match worst {
            (_, across, down) if across.max(down) <= 0.0 => break,
            _ if right - left < least(size.width) || bottom - top < least(size.height) => return None,
            // Half of a large excess at a time: a side moves the other corner too.
            (corner, across, down) if across >= down => {
                let step = (across / 2.0).ceil();
                if corner % 2 == 0 { left += step } else { right -= step }
            }
            (corner, _, down) => {
                let step = (down / 2.0).ceil();
                if corner < 2 { top += step } else { bottom -= step }
            }
        }
    }
    Some(Window {
        x: left as u32,
        y: top as u32,
        width: (right - left) as u32 + 1,
        height: (bottom - top) as u32 + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(300, 200);

    #[test]
    fn shifts_cut_their_sides() {
        let shift = |x, y| Transform::similarity(0.0, 0.0, [x, y], [0.0; 2]);
        let window = common(SIZE, SIZE, &[Transform::IDENTITY, shift(3.2, 0.0), shift(-1.0, -7.0)]);
        assert_eq!(window, Some(Window { x: 1, y: 7, width: 295, height: 193 }));
        assert_eq!(common(SIZE, SIZE, &[Transform::IDENTITY]).map(|window| window.width), Some(300));
        assert_eq!(common(SIZE, SIZE, &[shift(290.0, 0.0)]), None);
    }

    #[test]
    fn every_corner_is_covered_and_little_is_lost() {
        let turned = Transform::similarity(0.02, 0.03, [4.0, -2.0], [149.5, 99.5]);
        let shrunk = Transform::similarity(-0.05, -0.01, [0.0, 0.0], [149.5, 99.5]);
        let window = common(SIZE, SIZE, &[turned, shrunk]).expect("they overlap");
        for transform in [turned, shrunk] {
            for (x, y) in
                [(0, 0), (window.width - 1, 0), (0, window.height - 1), (window.width - 1, window.height - 1)]
            {
                let [u, v] = transform.apply(f64::from(window.x + x), f64::from(window.y + y));
                assert!((-0.01..299.01).contains(&u) && (-0.01..199.01).contains(&v), "{u} {v}");
            }
        }
        assert!(window.width > 270 && window.height > 170, "{window:?}");
    }
}
