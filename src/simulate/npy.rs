//! NumPy's `.npy` format, version 1.0, as far as the truth needs it: one plane of `float32` or `bool`.

use std::io::{BufWriter, Write};

use crate::frame::{Plane, Size};

/// Writes a plane of `float32`.
pub(super) fn write_f32(out: impl Write, plane: &Plane<f32>) -> std::io::Result<()> {
    write(out, "<f4", plane.size, plane.data.iter().map(|v| v.to_le_bytes()))
}

/// Writes a plane of `bool`.
pub(super) fn write_bool(out: impl Write, plane: &Plane<bool>) -> std::io::Result<()> {
    write(out, "|b1", plane.size, plane.data.iter().map(|&v| [u8::from(v)]))
}

fn write<const N: usize>(
    out: impl Write,
    kind: &str,
    size: Size,
    values: impl Iterator<Item = [u8; N]>,
) -> std::io::Result<()> {
    const PREFIX: usize = 10;
    let mut header = format!(
        "{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}, {}), }}",
        size.height, size.width
    );
    // Data begins at a multiple of 64; the header ends in a line feed.
    let length = (PREFIX + header.len() + 1).next_multiple_of(64) - PREFIX;
    header.extend(std::iter::repeat_n(' ', length - header.len() - 1));
    header.push('\n');
    let mut out = BufWriter::new(out);
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(length as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for value in values {
        out.write_all(&value)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_as_numpy_writes_it() {
        let mut bytes = Vec::new();
        write_f32(&mut bytes, &Plane::filled(Size::new(3, 2), 1.5)).expect("memory");
        assert_eq!(bytes.len(), 128 + 3 * 2 * 4);
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } "));
        assert_eq!((bytes[127], &bytes[128..132]), (b'\n', &1.5f32.to_le_bytes()[..]));
    }
}
