//! Planes of pixels and their dimensions: the types every stage speaks.

use std::ops::Range;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// `width` columns by `height` rows.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels.
    pub const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Size of the grid whose cells are `cell`×`cell` pixels; the last row and column of cells may be partial.
    pub const fn grid(self, cell: u32) -> Self {
        Self::new(self.width.div_ceil(cell), self.height.div_ceil(cell))
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// Columns left of it.
    pub x: u32,
    /// Rows above it.
    pub y: u32,
    /// Its columns.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

/// A row-major plane without padding: `data.len() == size.area()`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane<T> {
    /// Dimensions.
    pub size: Size,
    /// Pixels, row by row.
    pub data: Vec<T>,
}

impl<T: Copy> Plane<T> {
    /// A plane filled with `value`.
    pub fn filled(size: Size, value: T) -> Self {
        Self { size, data: vec![value; size.area()] }
    }

    /// Wraps `data`; panics if its length is not `size.area()`, which is a programming error.
    pub fn new(size: Size, data: Vec<T>) -> Self {
        assert_eq!(data.len(), size.area(), "a plane of {size} holds {} pixels", size.area());
        Self { size, data }
    }

    /// Pixel in column `x` of row `y`.
    pub fn at(&self, x: u32, y: u32) -> T {
        self.data[y as usize * self.size.width as usize + x as usize]
    }

    /// Pixel nearest to (`x`, `y`): the edge rule of every stage is to replicate edge pixels.
    pub fn clamped(&self, x: i64, y: i64) -> T {
        let x = x.clamp(0, i64::from(self.size.width) - 1) as u32;
        let y = y.clamp(0, i64::from(self.size.height) - 1) as u32;
        self.at(x, y)
    }

    /// A copy of some rows.
    pub fn rows(&self, rows: Range<u32>) -> Self {
        let width = self.size.width as usize;
        let size = Size::new(self.size.width, rows.len() as u32);
        Self { size, data: self.data[rows.start as usize * width..rows.end as usize * width].to_vec() }
    }

    /// Row `y`.
    pub fn row(&self, y: u32) -> &[T] {
        let width = self.size.width as usize;
        &self.data[y as usize * width..][..width]
    }
}

/// Luma at the depth the file has: Rec. 601 luma of gamma-encoded values, full range.
#[derive(Clone, Debug, PartialEq)]
pub enum Luma {
    /// From 8-bit files, 0…255.
    U8(Plane<u8>),
    /// From 16-bit files, 0…65535.
    U16(Plane<u16>),
}

impl Luma {
    /// Dimensions.
    pub fn size(&self) -> Size {
        match self {
            Self::U8(plane) => plane.size,
            Self::U16(plane) => plane.size,
        }
    }
}

/// Colour at the depth the file has: upright RGB, encoded (gamma, colour space) as the file is.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// From files of up to 8 bits, 0…255.
    U8(Plane<[u8; 3]>),
    /// From 16-bit files, 0…65535.
    U16(Plane<[u16; 3]>),
}

impl Pixels {
    /// Dimensions.
    pub fn size(&self) -> Size {
        match self {
            Self::U8(plane) => plane.size,
            Self::U16(plane) => plane.size,
        }
    }
}

/// One decoded photo, upright (EXIF orientation applied).
#[derive(Clone, Debug)]
pub struct Frame {
    /// Luma of every pixel.
    pub luma: Luma,
    /// sRGB-encoded colour averaged over grid cells; absent where it was not asked for.
    pub color: Option<Plane<[u8; 3]>>,
}
