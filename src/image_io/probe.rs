//! Telling a file's format and size from its header, and refusing early.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::{Orientation, jpeg, png, tiff};
use crate::error::{Error, Result};
use crate::frame::Size;

/// Why a picture cannot be used, and the remedy; the caller adds the file's name.
pub(super) type Reason = String;

/// The longest file read into memory as a whole: no JPEG within the pixel limits comes near.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// What is refused before any pixel is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels a picture may have. Default: 256 million.
    pub max_pixels: u64,
    /// Longest side in pixels. Default: 65535.
    pub max_side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 256_000_000, max_side: 65_535 }
    }
}

impl Limits {
    /// Refuses a picture of `size` if it is empty or too large.
    pub(super) fn check(&self, size: Size) -> Result<(), Reason> {
        let pixels = u64::from(size.width) * u64::from(size.height);
        if pixels == 0 {
            return Err(format!("its header states {size} pixels; the file is damaged, copy it again"));
        }
        if size.width.max(size.height) > self.max_side {
            return Err(format!(
                "its header states {size} pixels, the limit is {} a side; scale the picture down",
                self.max_side
            ));
        }
        if pixels > self.max_pixels {
            return Err(format!(
                "its header states {size} pixels = {} megapixels, the limit is {}; scale the picture down",
                pixels.div_ceil(1_000_000),
                self.max_pixels / 1_000_000
            ));
        }
        Ok(())
    }
}

/// File formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline or progressive, 8 bits.
    Jpeg,
    /// PNG of any kind.
    Png,
    /// TIFF with 8 or 16 bits per channel.
    Tiff,
}

/// What a file says about its picture before any pixel is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// File format, told by content.
    pub format: Format,
    /// Size as stored, before the orientation is applied.
    pub stored: Size,
    /// Size of the upright picture, which is what [`decode`](super::decode) gives.
    pub size: Size,
    /// Bits per channel of the decoded luma: 8 or 16.
    pub bits: u8,
    /// Whether there is colour; a grey picture's colour cells are grey.
    pub color: bool,
    /// How the stored pixels are turned.
    pub orientation: Orientation,
    /// Whether there is transparency, which is ignored: the pixels under it are used as they are.
    pub alpha: bool,
    /// Whether further pictures follow (pages, animation frames); only the first is used.
    pub more_pictures: bool,
}

/// Reads the header of the picture at `path`, without decoding or allocating pixels.
///
/// Fails if it is no regular file, no JPEG, PNG or TIFF, of a kind that cannot be used, or over `limits`.
pub fn probe(path: &Path, limits: &Limits) -> Result<Header> {
    let mut file = open(path)?;
    let mut start = Vec::with_capacity(16);
    file.by_ref().take(16).read_to_end(&mut start).map_err(Error::io(path, "reading"))?;
    file.rewind().map_err(Error::io(path, "reading"))?;
    let header = match sniff(&start) {
        Ok(Format::Jpeg) => jpeg::header(file, limits),
        Ok(Format::Png) => png::header(file, limits),
        Ok(Format::Tiff) => tiff::header(file, limits),
        Err(reason) => Err(reason),
    };
    header.map_err(|reason| Error::picture(path, reason))
}

/// Opens a regular file; anything else is refused, since opening a FIFO would wait for a writer for ever.
pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    let kind = std::fs::metadata(path).map_err(Error::io(path, "reading"))?;
    if kind.is_dir() {
        return Err(Error::picture(path, "is a folder; name the pictures in it"));
    }
    if !kind.is_file() {
        return Err(Error::picture(path, "is not a regular file; name a picture on disk"));
    }
    Ok(BufReader::with_capacity(1 << 16, File::open(path).map_err(Error::io(path, "reading"))?))
}

/// Reads a whole file.
pub(super) fn read_all(path: &Path) -> Result<Vec<u8>> {
    let file = open(path)?.into_inner();
    let length = file.metadata().map_err(Error::io(path, "reading"))?.len();
    if length > MAX_FILE_BYTES {
        return Err(Error::picture(path, "is longer than 1 GiB; save the picture again without attachments"));
    }
    let mut bytes = Vec::with_capacity(length as usize + 1);
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(Error::io(path, "reading"))?;
    Ok(bytes)
}

/// Tells the format by the first bytes.
fn sniff(start: &[u8]) -> Result<Format, Reason> {
    let known: [(&[u8], &str); 6] = [
        (b"GIF8", "a GIF"),
        (b"BM", "a BMP"),
        (b"8BPS", "a Photoshop document"),
        (b"FUJIFILMCCD-RAW", "a raw photo"),
        (b"IIRO", "a raw photo"),
        (b"IIU\0", "a raw photo"),
    ];
    let foreign = known.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| *name);
    let boxed = match start.get(4..12) {
        Some(b"ftypcrx ") => Some("a raw photo"),
        Some(kind) if kind.starts_with(b"ftyp") => Some("a HEIF, AVIF or video file"),
        _ => start.starts_with(b"RIFF").then_some("a WebP or other RIFF file"),
    };
    match start {
        [] => Err("is empty; copy it from the camera again".into()),
        [0xff, 0xd8, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Ok(Format::Png),
        [b'I', b'I', 42 | 43, 0, ..] if start.get(8..10) == Some(b"CR") => Err(convert("a raw photo")),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Format::Tiff),
        _ => Err(foreign.or(boxed).map_or_else(|| convert("no picture nearfar knows"), convert)),
    }
}

fn convert(what: &str) -> Reason {
    format!("is {what}, whatever its name says; convert it to JPEG, PNG or TIFF, or leave it out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        assert_eq!(sniff(&[0xff, 0xd8, 0xff, 0xe1]), Ok(Format::Jpeg));
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n"), Ok(Format::Png));
        assert_eq!(sniff(b"II*\0\x08\0\0\0"), Ok(Format::Tiff));
        assert_eq!(sniff(b"MM\0+\0\x08\0\0"), Ok(Format::Tiff));
    }

    #[test]
    fn foreign_formats_are_named() {
        for (bytes, name) in [
            (&b""[..], "empty"),
            (b"hello world", "no picture"),
            (b"GIF89a", "GIF"),
            (b"II*\0\x10\0\0\0CR\x02\0", "raw"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01", "raw"),
            (b"\0\0\0\x18ftypheic\0\0\0\x01", "HEIF"),
            (b"RIFF\0\0\0\0WEBP", "WebP"),
        ] {
            let reason = sniff(bytes).unwrap_err();
            assert!(reason.contains(name), "{reason}");
        }
    }

    #[test]
    fn limits_hold_at_their_edges() {
        let limits = Limits { max_pixels: 1_000_000, max_side: 2000 };
        assert!(limits.check(Size::new(1000, 1000)).is_ok());
        assert!(limits.check(Size::new(1, 1)).is_ok());
        assert!(limits.check(Size::new(1001, 1000)).unwrap_err().contains("2 megapixels"));
        assert!(limits.check(Size::new(2001, 1)).unwrap_err().contains("2000 a side"));
        assert!(limits.check(Size::new(0, 7)).unwrap_err().contains("damaged"));
    }
}
