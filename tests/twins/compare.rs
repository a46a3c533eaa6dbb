//! Compares two planes: dimensions, then every value.

use std::fmt::Write;

use nearfar::frame::Plane;

/// How far a value may lie from the expected one: `absolute` + `relative`·|expected|.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub absolute: f32,
    pub relative: f32,
}

impl Tolerance {
    /// The same bits, but for the sign of zero.
    pub const EXACT: Self = Self { absolute: 0.0, relative: 0.0 };

    pub const fn absolute(absolute: f32) -> Self {
        Self { absolute, relative: 0.0 }
    }

    pub const fn relative(relative: f32) -> Self {
        Self { absolute: 0.0, relative }
    }
}

/// Differing pixels that are printed.
const SHOWN: usize = 8;

/// The largest difference, or what differs by more than `tolerance`; values that are no numbers always do.
pub fn compare<T: bytemuck::NoUninit>(
    expected: &Plane<T>,
    actual: &Plane<T>,
    tolerance: Tolerance,
) -> Result<f32, String> {
    if expected.size != actual.size {
        return Err(format!("{} instead of {}", actual.size, expected.size));
    }
    let channels = size_of::<T>() / size_of::<f32>();
    let (wanted, got): (&[f32], &[f32]) =
        (bytemuck::cast_slice(&expected.data), bytemuck::cast_slice(&actual.data));
    if wanted.len() != got.len() {
        return Err(format!("{} values instead of {}", got.len(), wanted.len()));
    }
    let (mut count, mut largest, mut shown) = (0, 0.0f32, String::new());
    for (index, (&wanted, &got)) in wanted.iter().zip(got).enumerate() {
        let difference = (wanted - got).abs();
        largest = if difference.is_nan() { f32::INFINITY } else { largest.max(difference) };
        let within = difference <= tolerance.absolute + tolerance.relative * wanted.abs();
        if !within {
            count += 1;
            if count <= SHOWN {
                let (pixel, channel) = (index / channels, index % channels);
                let (x, y) = (pixel % expected.size.width as usize, pixel / expected.size.width as usize);
                write!(shown, "\n  ({x}, {y})[{channel}]: {got:e} instead of {wanted:e}").unwrap();
            }
        }
    }
    if count == 0 {
        return Ok(largest);
    }
    Err(format!(
        "{count} of {} values of {} differ by more than {tolerance:?}, at most by {largest:e}:{shown}",
        wanted.len(),
        expected.size
    ))
}

/// Panics with all that [`compare`] says; prints the largest difference.
#[track_caller]
pub fn assert_same<T: bytemuck::NoUninit>(
    what: &str,
    expected: &Plane<T>,
    actual: &Plane<T>,
    tolerance: Tolerance,
) {
    match compare(expected, actual, tolerance) {
        Ok(largest) => println!("{what} {}: at most {largest:e} apart", expected.size),
        Err(error) => panic!("{what}: {error}"),
    }
}

mod tests {
    use nearfar::frame::{Plane, Size};

    use super::{Tolerance, compare};

    #[test]
    fn one_perturbed_pixel_fails() {
        let plane = super::super::inputs::random(Size::new(63, 5), 1, 0.5..1.0);
        let tolerance = Tolerance { absolute: 1e-4, relative: 1e-4 };
        assert_eq!(compare(&plane, &plane, Tolerance::EXACT), Ok(0.0));
        for (value, fails) in
            [(plane.data[100] + 1e-3, true), (plane.data[100] + 5e-5, false), (f32::NAN, true)]
        {
            let mut other = plane.clone();
            other.data[100] = value;
            assert_eq!(compare(&plane, &other, tolerance).is_err(), fails, "{value}");
            assert_eq!(compare(&other, &plane, tolerance).is_err(), fails, "{value}");
            assert!(compare(&plane, &other, Tolerance::EXACT).is_err());
        }
    }

    #[test]
    fn the_last_channel_counts() {
        let plane = Plane::filled(Size::new(3, 2), [1.0f32; 4]);
        let mut other = plane.clone();
        other.data[5][3] = 2.0;
        let error = compare(&plane, &other, Tolerance::absolute(0.5)).unwrap_err();
        assert!(error.contains("(2, 1)[3]"), "{error}");
    }

    #[test]
    fn dimensions_come_first() {
        let (wide, tall) = (Plane::filled(Size::new(3, 2), 0.0f32), Plane::filled(Size::new(2, 3), 0.0f32));
        assert!(compare(&wide, &tall, Tolerance::EXACT).is_err());
    }
}
