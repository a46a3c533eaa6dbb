//! Full-colour pixels out of every format and depth.

use super::*;
use nearfar::error::Result;
use nearfar::frame::Pixels;
use nearfar::image_io::Spares;

/// Pixels, whose kind and size are checked against the header.
pub fn pixels(path: &Path) -> Result<Pixels> {
    pixels_into(path, &Spares::default())
}

fn pixels_into(path: &Path, spares: &Spares) -> Result<Pixels> {
    let header = image_io::probe(path, &Limits::default())?;
    let pixels = image_io::decode_pixels(path, &header, spares)?;
    assert_eq!(pixels.size(), header.size);
    assert_eq!(matches!(pixels, Pixels::U16(_)), header.bits == 16);
    Ok(pixels)
}

#[test]
fn jpeg_pixels_are_those_of_libjpeg_turned_upright() {
    let folder = Folder::new();
    let size = Size::new(37, 26);
    for subsamp in [Subsamp::None, Subsamp::Sub2x2, Subsamp::Gray] {
        let bytes = jpeg(&picture(size), subsamp, false);
        let rgb = turbojpeg::decompress(&bytes, PixelFormat::RGB).unwrap().pixels;
        let stored = Plane::new(size, rgb.as_chunks().0.to_vec());
        if subsamp == Subsamp::Gray {
            assert!(stored.data.iter().all(|&[r, g, b]| r == g && g == b));
        }
        for exif in 1..=8 {
            let path = folder.file("a.jpg", &with_exif(&bytes, exif));
            let upright = Orientation::from_exif(u32::from(exif)).apply(stored.clone());
            assert_eq!(pixels(&path).unwrap(), Pixels::U8(upright), "{subsamp:?} orientation {exif}");
        }
    }
}

#[test]
fn png_pixels_of_every_kind() {
    use png::{BitDepth, ColorType};
    /// Kind, bits, stored bytes, the two pixels they stand for.
    type Case<'a, T> = (ColorType, BitDepth, &'a [u8], [[T; 3]; 2]);
    let folder = Folder::new();
    let size = Size::new(2, 1);
    let eight: [Case<u8>; 9] = [
        (ColorType::Grayscale, BitDepth::One, &[0b0100_0000], [[0; 3], [255; 3]]),
        (ColorType::Grayscale, BitDepth::Two, &[0b0110_0000], [[85; 3], [170; 3]]),
        (ColorType::Grayscale, BitDepth::Four, &[0x2f], [[34; 3], [255; 3]]),
        (ColorType::Grayscale, BitDepth::Eight, &[7, 200], [[7; 3], [200; 3]]),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, &[7, 0, 200, 9], [[7; 3], [200; 3]]),
        (ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
        (ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 0, 4, 5, 6, 99], [[1, 2, 3], [4, 5, 6]]),
        (ColorType::Indexed, BitDepth::One, &[0b1000_0000], [[9, 8, 7], [1, 2, 3]]),
        (ColorType::Indexed, BitDepth::Eight, &[1, 0], [[9, 8, 7], [1, 2, 3]]),
    ];
    for (color, depth, bytes, expected) in eight {
        let palette: &[u8] = if color == ColorType::Indexed { &[1, 2, 3, 9, 8, 7] } else { &[] };
        let path = folder.file("a.png", &png(size, color, depth, bytes, palette));
        let found = pixels(&path).unwrap();
        assert_eq!(found, Pixels::U8(Plane::new(size, expected.to_vec())), "{color:?} {depth:?}");
    }
    let grey = [[0x0102; 3], [0xfffe; 3]];
    let rgb = [[0x0102, 0x0304, 0x0506], [0xfffe, 0, 7]];
    let sixteen: [Case<u16>; 4] = [
        (ColorType::Grayscale, BitDepth::Sixteen, &[1, 2, 255, 254], grey),
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen, &[1, 2, 0, 0, 255, 254, 1, 1], grey),
        (ColorType::Rgb, BitDepth::Sixteen, &[1, 2, 3, 4, 5, 6, 255, 254, 0, 0, 0, 7], rgb),
        (ColorType::Rgba, BitDepth::Sixteen, &[1, 2, 3, 4, 5, 6, 0, 0, 255, 254, 0, 0, 0, 7, 1, 1], rgb),
    ];
    for (color, depth, bytes, expected) in sixteen {
        let path = folder.file("a.png", &png(size, color, depth, bytes, &[]));
        assert_eq!(pixels(&path).unwrap(), Pixels::U16(Plane::new(size, expected.to_vec())), "{color:?} 16");
    }
}

#[test]
fn tiff_pixels_of_every_kind() {
    use tiff::encoder::Compression;
    use tiff::encoder::colortype::{Gray8, Gray16, RGB8, RGB16, RGBA8};
    let folder = Folder::new();
    let size = Size::new(23, 17);
    let (rgb, wide) = (picture(size), picture16(size));
    let grey: Vec<u8> = rgb.data.iter().map(|pixel| pixel[1]).collect();
    let grey16: Vec<u16> = wide.data.iter().map(|pixel| pixel[1]).collect();
    let rgba: Vec<u8> = rgb.data.iter().flat_map(|&[r, g, b]| [r, g, b, 9]).collect();
    let three = |grey: &[u8]| Pixels::U8(Plane::new(size, grey.iter().map(|&value| [value; 3]).collect()));
    let three16 = Pixels::U16(Plane::new(size, grey16.iter().map(|&value| [value; 3]).collect()));
    for kind in [Compression::Uncompressed, Compression::Lzw, Compression::Deflate(Default::default())] {
        let file = |bytes: &[u8]| pixels(&folder.file("a.tif", bytes)).unwrap();
        let flat = rgb.data.as_flattened();
        assert_eq!(file(&tiff::<RGB8>(size, kind, flat, &[])), Pixels::U8(rgb.clone()));
        assert_eq!(file(&tiff::<RGBA8>(size, kind, &rgba, &[])), Pixels::U8(rgb.clone()));
        assert_eq!(file(&tiff::<Gray8>(size, kind, &grey, &[])), three(&grey));
        assert_eq!(file(&tiff::<Gray16>(size, kind, &grey16, &[])), three16);
        let bytes = tiff::<RGB16>(size, kind, wide.data.as_flattened(), &[(274, 6)]);
        assert_eq!(file(&bytes), Pixels::U16(Orientation::Rotate90.apply(wide.clone())));
    }
}

#[test]
fn buffers_given_back_leave_nothing_behind() {
    let folder = Folder::new();
    let spares = Spares::default();
    for size in [Size::new(40, 30), Size::new(9, 50), Size::new(41, 31)] {
        let (rgb, wide) = (picture(size), picture16(size));
        image_io::write_png_rgb8(&folder.path("a.png"), &rgb).unwrap();
        image_io::write_png_rgb16(&folder.path("b.png"), &wide).unwrap();
        image_io::write_jpeg(&folder.path("c.jpg"), &rgb, 90).unwrap();
        for (name, expected) in [
            ("a.png", Pixels::U8(rgb)),
            ("b.png", Pixels::U16(wide)),
            ("c.jpg", pixels(&folder.path("c.jpg")).unwrap()),
        ] {
            let found = pixels_into(&folder.path(name), &spares).unwrap();
            assert_eq!(found, expected, "{name} {size}");
            spares.give_pixels(found);
        }
    }
}

#[test]
fn truncated_pixels_are_an_error() {
    use tiff::encoder::Compression;
    use tiff::encoder::colortype::RGB16;
    let folder = Folder::new();
    let size = Size::new(24, 19);
    let (rgb, wide) = (picture(size), picture16(size));
    let deflate = Compression::Deflate(Default::default());
    let files = [
        ("a.jpg", jpeg(&rgb, Subsamp::Sub2x2, false)),
        ("a.png", png(size, png::ColorType::Rgb, png::BitDepth::Eight, rgb.data.as_flattened(), &[])),
        ("raw.tif", tiff::<RGB16>(size, Compression::Uncompressed, wide.data.as_flattened(), &[])),
        ("deflate.tif", tiff::<RGB16>(size, deflate, wide.data.as_flattened(), &[])),
    ];
    for (name, bytes) in files {
        assert!(pixels(&folder.file(name, &bytes)).is_ok(), "{name} as a whole");
        for length in 0..bytes.len() {
            let error = pixels(&folder.file(name, &bytes[..length])).expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[test]
fn pixels_of_a_file_that_changed_are_an_error() {
    let folder = Folder::new();
    for (name, write) in [
        (
            "a.jpg",
            (|path, plane| image_io::write_jpeg(path, plane, 90)) as fn(&Path, &Plane<[u8; 3]>) -> Result<()>,
        ),
        ("a.png", image_io::write_png_rgb8),
    ] {
        let path = folder.path(name);
        write(&path, &picture(Size::new(20, 10))).unwrap();
        let header = probe(&path).unwrap();
        write(&path, &picture(Size::new(40, 30))).unwrap();
        let error = image_io::decode_pixels(&path, &header, &Spares::default()).unwrap_err().to_string();
        assert!(error.contains("changed while it was read"), "{error}");
    }
}
