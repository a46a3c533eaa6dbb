//! EXIF: what nearfar needs to know of a photo besides its pixels.
//!
//! Blocks travel as the raw bytes of the TIFF structure inside, whatever the container, so that they can be parsed
//! here and copied elsewhere.

use std::path::Path;

use super::{Format, Header, Orientation, jpeg, png, probe, tiff_tags};
use crate::error::{Error, Result};

/// What a photo carries besides its pixels and what belongs into pictures made from it.
///
/// XMP, IPTC and comments are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// EXIF as the raw TIFF structure that JPEG and PNG hold; from a TIFF file, its fields made into one.
    pub exif: Option<Vec<u8>>,
    /// The ICC profile, byte for byte.
    pub icc: Option<Vec<u8>>,
}

impl Metadata {
    /// Whether there is no ICC profile or it looks like one: signature `acsp` and the right length (ICC.1:2022, 7.2).
    ///
    /// A profile that is not sound is kept and written all the same; the caller may warn.
    pub fn icc_is_sound(&self) -> bool {
        let Some(profile) = &self.icc else { return true };
        let length = profile.first_chunk().map(|&length| u32::from_be_bytes(length) as usize);
        profile.len() >= 128 && length == Some(profile.len()) && profile[36..40] == *b"acsp"
    }
}

/// Reads the metadata of the picture at `path`, whose header [`probe`](super::probe()) read, without its pixels.
///
/// # Errors
/// [`Error::Picture`] if the file is damaged before its pixels, [`Error::Io`] if it cannot be read. Damage inside EXIF
/// or the profile is none: what can be read of a photo is used.
pub fn metadata(path: &Path, header: &Header) -> Result<Metadata> {
    let file = probe::open(path)?;
    let metadata = match header.format {
        Format::Jpeg => jpeg::metadata(file),
        Format::Png => png::metadata(file),
        Format::Tiff => tiff_tags::metadata(file),
    };
    metadata.map_err(|reason| Error::picture(path, reason))
}

/// Whether the picture at `path` says that nearfar made it; what cannot be read does not.
pub fn made_by_nearfar(path: &Path) -> bool {
    let software = || {
        let metadata = metadata(path, &probe::probe(path, &probe::Limits::default()).ok()?).ok()?;
        let fields = parse(&metadata.exif?)?;
        let field = fields.get_field(exif::Tag::Software, exif::In::PRIMARY)?;
        let exif::Value::Ascii(texts) = &field.value else { return None };
        Some(texts.iter().any(|text| text.starts_with(b"nearfar")))
    };
    software().unwrap_or(false) || tiff_tags::is_depth_map(path) || png::is_ours(path)
}

/// Distance in metres that stands for infinity: EXIF writes it as 2³² − 1.
const INFINITE: f64 = 1e6;

/// How far the photo at `path` says it is focused, in metres; none where it does not say, or says infinity.
pub fn focus_distance(path: &Path, header: &Header) -> Option<f64> {
    let fields = parse(&metadata(path, header).ok()?.exif?)?;
    let field = fields.get_field(exif::Tag::SubjectDistance, exif::In::PRIMARY)?;
    let exif::Value::Rational(values) = &field.value else { return None };
    values.first().map(exif::Rational::to_f64).filter(|metres| *metres > 0.0 && *metres < INFINITE)
}

/// The fields of an EXIF block, as far as it is whole.
pub(super) fn parse(exif: &[u8]) -> Option<exif::Exif> {
    exif::Reader::new()
        .continue_on_error(true)
        .read_raw(exif.to_vec())
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

/// Orientation stated by an EXIF block. A broken block counts as upright: its photo is still a photo.
pub(super) fn orientation(exif: &[u8]) -> Orientation {
    let Some(fields) = parse(exif) else { return Orientation::default() };
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
    fn profiles_are_told_from_rubbish() {
        let mut profile = vec![0; 200];
        profile[3] = 200;
        profile[36..40].copy_from_slice(b"acsp");
        let sound = |profile: &[u8]| Metadata { icc: Some(profile.to_vec()), exif: None }.icc_is_sound();
        assert!(sound(&profile) && Metadata::default().icc_is_sound());
        assert!(!sound(&profile[..199]) && !sound(&profile[..20]) && !sound(b""));
        profile[36] = b'x';
        assert!(!sound(&profile));
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
