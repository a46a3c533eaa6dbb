//! The eight EXIF orientations.

use crate::frame::{Plane, Size};

/// How stored pixels must be turned to stand upright (EXIF 2.32, tag 0x0112).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: mirrored left to right.
    FlipX,
    /// 3: turned by 180°.
    Rotate180,
    /// 4: mirrored top to bottom.
    FlipY,
    /// 5: mirrored along the main diagonal.
    Transpose,
    /// 6: to be turned 90° clockwise.
    Rotate90,
    /// 7: mirrored along the other diagonal.
    Transverse,
    /// 8: to be turned 90° counter-clockwise.
    Rotate270,
}

/// Side of the square blocks a transposition goes by: both its rows and its columns stay in the L1 cache.
const BLOCK: usize = 64;

impl Orientation {
    /// From the EXIF value; anything but 2…8 counts as upright, as viewers have it.
    pub fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::FlipX,
            3 => Self::Rotate180,
            4 => Self::FlipY,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Upright,
        }
    }

    /// Size of the upright picture whose stored size is `stored`.
    pub fn upright(self, stored: Size) -> Size {
        if self.swaps_axes() { Size::new(stored.height, stored.width) } else { stored }
    }

    /// Whether stored rows become upright columns.
    pub fn swaps_axes(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    /// Whether the first stored column ends on the right or bottom side.
    pub fn reverses_columns(self) -> bool {
        matches!(self, Self::FlipX | Self::Rotate180 | Self::Transverse | Self::Rotate270)
    }

    /// Whether the first stored row ends on the right or bottom side.
    pub fn reverses_rows(self) -> bool {
        matches!(self, Self::Rotate180 | Self::FlipY | Self::Rotate90 | Self::Transverse)
    }

    /// Turns a stored plane upright; an upright one passes through untouched.
    pub fn apply<T: Copy>(self, mut plane: Plane<T>) -> Plane<T> {
        let width = plane.size.width as usize;
        if self.swaps_axes() {
            return self.transposed(&plane);
        }
        if self.reverses_columns() && self.reverses_rows() {
            plane.data.reverse();
        } else if self.reverses_columns() {
            plane.data.chunks_exact_mut(width).for_each(<[T]>::reverse);
        } else if self.reverses_rows() {
            let height = plane.size.height as usize;
            let (top, bottom) = plane.data.split_at_mut(height.div_ceil(2) * width);
            for (above, below) in top.chunks_exact_mut(width).zip(bottom.chunks_exact_mut(width).rev()) {
                above.swap_with_slice(below);
            }
        }
        plane
    }

    fn transposed<T: Copy>(self, stored: &Plane<T>) -> Plane<T> {
        let size = self.upright(stored.size);
        let (width, height) = (size.width as usize, size.height as usize);
        let Some(&fill) = stored.data.first() else { return Plane::new(size, Vec::new()) };
        let mut data = vec![fill; stored.data.len()];
        for top in (0..height).step_by(BLOCK) {
            for left in (0..width).step_by(BLOCK) {
                for y in top..(top + BLOCK).min(height) {
                    let column = if self.reverses_columns() { height - 1 - y } else { y };
                    for x in left..(left + BLOCK).min(width) {
                        let row = if self.reverses_rows() { width - 1 - x } else { x };
                        data[y * width + x] = stored.data[row * height + column];
                    }
                }
            }
        }
        Plane::new(size, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored 3×2 picture and its upright form for each EXIF value, drawn by hand.
    #[test]
    fn all_eight_turn_a_known_picture_upright() {
        let stored = Plane::new(Size::new(3, 2), b"abcdef".to_vec());
        let upright = [
            (1, 3, "abcdef"),
            (2, 3, "cbafed"),
            (3, 3, "fedcba"),
            (4, 3, "defabc"),
            (5, 2, "adbecf"),
            (6, 2, "daebfc"),
            (7, 2, "fcebda"),
            (8, 2, "cfbead"),
        ];
        for (exif, width, pixels) in upright {
            let turned = Orientation::from_exif(exif).apply(stored.clone());
            assert_eq!(turned.size, Size::new(width, 6 / width), "orientation {exif}");
            assert_eq!(String::from_utf8_lossy(&turned.data), pixels, "orientation {exif}");
        }
    }

    #[test]
    fn blocks_of_a_transposition_meet() {
        let size = Size::new(131, 67);
        let stored = Plane::new(size, (0..size.area() as u32).collect());
        let turned = Orientation::Rotate90.apply(stored.clone());
        for y in 0..turned.size.height {
            for x in 0..turned.size.width {
                assert_eq!(turned.at(x, y), stored.at(y, size.height - 1 - x), "({x}, {y})");
            }
        }
    }

    #[test]
    fn unknown_values_count_as_upright() {
        assert_eq!(Orientation::from_exif(0), Orientation::Upright);
        assert_eq!(Orientation::from_exif(9), Orientation::Upright);
    }
}
