//! EXIF: what nearfar needs to know of a photo besides its pixels.
//!
//! Blocks travel as the raw bytes of the TIFF structure inside, whatever the container, so that they can be parsed
//! here and copied elsewhere.

use super::Orientation;

/// Orientation stated by an EXIF block. A broken block counts as upright: its photo is still a photo.
pub(super) fn orientation(exif: &[u8]) -> Orientation {
    let parsed = exif::Reader::new()
        .continue_on_error(true)
        .read_raw(exif.to_vec())
        .or_else(|error| error.distill_partial_result(|_| ()));
    let Ok(fields) = parsed else { return Orientation::default() };
    fields
        .get_field(exif::Tag::Orientation, exif::In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
        .map_or_else(Orientation::default, Orientation::from_exif)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian block with the orientation as its only field.
    fn block(value: u8) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        bytes.extend([value, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn orientation_is_read() {
        assert_eq!(orientation(&block(6)), Orientation::Rotate90);
        assert_eq!(orientation(&block(1)), Orientation::Upright);
    }

    #[test]
    fn broken_blocks_are_upright() {
        let whole = block(6);
        for length in 0..22 {
            assert_eq!(orientation(&whole[..length]), Orientation::Upright, "{length} bytes");
        }
        assert_eq!(orientation(b"not a TIFF structure"), Orientation::Upright);
    }
}
