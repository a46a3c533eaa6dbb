//! Files that are cut, damaged, hostile or no pictures at all.

use super::*;

#[test]
fn truncated_anywhere_is_an_error() {
    use tiff::encoder::Compression;
    use tiff::encoder::colortype::RGB8;
    let folder = Folder::new();
    let size = Size::new(24, 19);
    let rgb = picture(size);
    let flat = rgb.data.as_flattened();
    let files = [
        ("baseline.jpg", jpeg(&rgb, Subsamp::Sub2x2, false)),
        ("progressive.jpg", jpeg(&rgb, Subsamp::Sub2x1, true)),
        ("a.png", png(size, png::ColorType::Rgb, png::BitDepth::Eight, flat, &[])),
        ("raw.tif", tiff::<RGB8>(size, Compression::Uncompressed, flat, &[])),
        ("lzw.tif", tiff::<RGB8>(size, Compression::Lzw, flat, &[])),
        ("deflate.tif", tiff::<RGB8>(size, Compression::Deflate(Default::default()), flat, &[])),
        ("packbits.tif", tiff::<RGB8>(size, Compression::Packbits, flat, &[])),
        ("tables.tif", raw_tiff(&[(256, 5), (257, 4), (258, 8), (262, 1), (277, 1)], false, &[vec![7; 20]])),
    ];
    for (name, bytes) in files {
        assert!(decode(&folder.file(name, &bytes), Some(2)).is_ok(), "{name} as a whole");
        for length in 0..bytes.len() {
            let path = folder.file(name, &bytes[..length]);
            for color_cell in [None, Some(1), Some(2)] {
                // The zero link to the next directory may go missing with nothing lost of the picture.
                let spared = name == "tables.tif" && length + 4 >= bytes.len();
                let outcome = decode(&path, color_cell);
                assert!(outcome.is_err() || spared, "{name} cut to {length} of {} bytes", bytes.len());
            }
        }
    }
}

#[test]
fn damaged_pixels_are_an_error() {
    let folder = Folder::new();
    let size = Size::new(64, 64);
    let rgb = picture(size);
    let mut bytes = png(size, png::ColorType::Rgb, png::BitDepth::Eight, rgb.data.as_flattened(), &[]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    assert!(refusal(&folder.file("a.png", &bytes)).contains("damaged PNG"));
    let mut bytes = jpeg(&rgb, Subsamp::Sub2x2, false);
    let middle = bytes.len() - 300;
    bytes[middle..middle + 100].fill(0xff);
    assert!(refusal(&folder.file("a.jpg", &bytes)).contains("damaged or truncated JPEG"));
}

#[test]
fn huge_sizes_are_refused_from_the_header() {
    let folder = Folder::new();
    let mut bytes = jpeg(&picture(Size::new(16, 16)), Subsamp::None, false);
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    let error = refusal(&folder.file("huge.jpg", &bytes));
    assert!(error.contains("60000×60000") && error.contains("3600 megapixels"), "{error}");

    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend([0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 2, 0, 0, 0]);
    bytes.extend([0x9a, 0x38, 0xd4, 0x4f]);
    let error = refusal(&folder.file("huge.png", &bytes));
    // The made-up checksum is wrong: either refusal comes before any pixel.
    assert!(error.contains("60000×60000") || error.contains("damaged PNG"), "{error}");

    for (width, height) in [(60000, 60000), (70000, 10), (u32::MAX, u32::MAX)] {
        let tags = [(256, width), (257, height), (258, 8), (262, 1), (277, 1), (278, u32::MAX)];
        let error = refusal(&folder.file("huge.tif", &raw_tiff(&tags, false, &[vec![0; 64]])));
        assert!(error.contains(&format!("{width}×{height}")), "{error}");
    }
}

#[test]
fn huge_png_with_a_right_checksum_is_refused_by_size() {
    let folder = Folder::new();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 60000, 60000);
    encoder.set_color(png::ColorType::Rgb);
    // Writing the header alone makes a file of some fifty bytes.
    drop(encoder.write_header().unwrap());
    let error = refusal(&folder.file("huge.png", &bytes));
    assert!(error.contains("60000×60000"), "{error}");
}

#[test]
fn tiff_whose_directory_points_to_itself() {
    let folder = Folder::new();
    let mut bytes = raw_tiff(&[(256, 5), (257, 4), (258, 8), (262, 1), (277, 1)], false, &[vec![7; 20]]);
    let start = bytes[4..8].to_vec();
    let link = bytes.len() - 4;
    bytes[link..].copy_from_slice(&start);
    assert!(refusal(&folder.file("loop.tif", &bytes)).contains("damaged TIFF"));
}

#[test]
fn what_is_no_picture_is_refused() {
    let folder = Folder::new();
    assert!(refusal(&folder.file("notes.jpg", b"Dear diary, no picture today.")).contains("no picture"));
    assert!(refusal(&folder.file("empty.jpg", b"")).contains("is empty"));
    assert!(refusal(&folder.path("absent.jpg")).contains("reading failed"));
    std::fs::create_dir(folder.path("folder.jpg")).unwrap();
    assert!(refusal(&folder.path("folder.jpg")).contains("is a folder"));
}

#[cfg(unix)]
#[test]
fn a_fifo_does_not_hang() {
    let folder = Folder::new();
    let path = folder.path("pipe.jpg");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(refusal(&path).contains("not a regular file"));
    assert!(probe(Path::new("/dev/zero")).unwrap_err().contains("not a regular file"));
}

#[test]
fn format_is_told_by_content_not_by_name() {
    let folder = Folder::new();
    let path = folder.file("really-a-png.jpg", &{
        png(Size::new(1, 1), png::ColorType::Grayscale, png::BitDepth::Eight, &[77], &[])
    });
    assert_eq!(probe(&path).unwrap().format, Format::Png);
    assert_eq!(decode(&path, Some(8)).unwrap().color.unwrap().data, [[77; 3]]);
}

#[test]
fn a_file_that_changed_since_its_probe_is_an_error() {
    let folder = Folder::new();
    for name in ["a.jpg", "a.png"] {
        let write = |size: Size| {
            let plane = picture(size);
            match name {
                "a.jpg" => image_io::write_jpeg(&folder.path(name), &plane, 90),
                _ => image_io::write_png_rgb8(&folder.path(name), &plane),
            }
            .unwrap();
        };
        write(Size::new(20, 10));
        let header = probe(&folder.path(name)).unwrap();
        write(Size::new(40, 30));
        let error = image_io::decode(&folder.path(name), &header, None).unwrap_err().to_string();
        assert!(error.contains("changed while it was read"), "{error}");
    }
}
