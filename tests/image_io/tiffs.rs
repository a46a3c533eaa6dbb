//! TIFF of every compression and layout.

use super::*;

#[test]
fn tiff_of_every_compression() {
    use tiff::encoder::Compression;
    use tiff::encoder::colortype::{Gray8, Gray16, RGB8, RGB16, RGBA8};
    let folder = Folder::new();
    let size = Size::new(23, 17);
    let (rgb, wide) = (picture(size), picture16(size));
    let luma: Vec<f64> = rgb.data.iter().map(|&pixel| rec601(pixel)).collect();
    let wide_luma: Vec<f64> = wide.data.iter().map(|&pixel| rec601(pixel)).collect();
    let grey: Vec<u8> = rgb.data.iter().map(|pixel| pixel[1]).collect();
    let grey16: Vec<u16> = wide.data.iter().map(|pixel| pixel[1]).collect();
    let rgba: Vec<u8> = rgb.data.iter().flat_map(|&[r, g, b]| [r, g, b, 9]).collect();
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Packbits,
        Compression::Deflate(Default::default()),
    ] {
        let path = folder.file("a.tif", &tiff::<RGB8>(size, compression, rgb.data.as_flattened(), &[]));
        let header = probe(&path).unwrap();
        assert_eq!((header.format, header.size, header.bits), (Format::Tiff, size, 8));
        assert!(header.color && !header.more_pictures);
        assert!(worst_luma(&decode(&path, None).unwrap().luma, &luma) <= 0.51);
        let frame = decode(&path, Some(4)).unwrap();
        assert!(worst(&frame.color.unwrap(), &averaged(&rgb, 4)) <= 0.5);

        let path = folder.file("b.tif", &tiff::<RGB16>(size, compression, wide.data.as_flattened(), &[]));
        let frame = decode(&path, Some(4)).unwrap();
        assert!(worst_luma(&frame.luma, &wide_luma) <= 0.8);
        assert!(worst(&frame.color.unwrap(), &averaged(&rgb, 4)) <= 0.7);

        let path = folder.file("c.tif", &tiff::<Gray8>(size, compression, &grey, &[]));
        assert!(!probe(&path).unwrap().color);
        assert_eq!(decode(&path, None).unwrap().luma, Luma::U8(Plane::new(size, grey.clone())));
        let path = folder.file("d.tif", &tiff::<Gray16>(size, compression, &grey16, &[]));
        assert_eq!(decode(&path, None).unwrap().luma, Luma::U16(Plane::new(size, grey16.clone())));

        let path = folder.file("e.tif", &tiff::<RGBA8>(size, compression, &rgba, &[]));
        assert!(probe(&path).unwrap().alpha);
        assert!(worst_luma(&decode(&path, Some(2)).unwrap().luma, &luma) <= 0.51);
    }
}

#[test]
fn tiff_orientation() {
    let folder = Folder::new();
    let bytes = raw_tiff(
        &[(256, 3), (257, 2), (258, 8), (262, 1), (274, 8), (277, 1), (278, 2)],
        false,
        &[b"abcdef".to_vec()],
    );
    let path = folder.file("a.tif", &bytes);
    assert_eq!(probe(&path).unwrap().orientation, Orientation::Rotate270);
    let luma = Luma::U8(Plane::new(Size::new(2, 3), b"cfbead".to_vec()));
    assert_eq!(decode(&path, None).unwrap().luma, luma);
}

#[test]
fn tiff_in_tiles() {
    let folder = Folder::new();
    let size = Size::new(21, 18);
    let rgb = picture(size);
    let mut tiles = Vec::new();
    for top in [0, 16] {
        for left in [0, 16] {
            let pixels = (0..256).map(|index| (left + index % 16, top + index / 16));
            let pixel = |(x, y): (u32, u32)| {
                if x < size.width && y < size.height { rgb.at(x, y) } else { [222; 3] }
            };
            tiles.push(pixels.flat_map(pixel).collect());
        }
    }
    let tags = [(256, 21), (257, 18), (258, 8), (262, 2), (277, 3), (322, 16), (323, 16)];
    let frame = decode(&folder.file("tiles.tif", &raw_tiff(&tags, true, &tiles)), Some(1)).unwrap();
    assert_eq!(frame.color.unwrap(), rgb);
}

#[test]
fn tiff_in_planes() {
    let folder = Folder::new();
    let size = Size::new(5, 4);
    let rgb = picture(size);
    let strip = |channel: usize, half: usize| {
        rgb.data[half * 10..half * 10 + 10].iter().map(|pixel| pixel[channel]).collect::<Vec<u8>>()
    };
    let strips: Vec<_> = (0..6).map(|index| strip(index / 2, index % 2)).collect();
    let tags = [(256, 5), (257, 4), (258, 8), (262, 2), (277, 3), (278, 2), (284, 2)];
    let frame = decode(&folder.file("planes.tif", &raw_tiff(&tags, false, &strips)), Some(1)).unwrap();
    assert_eq!(frame.color.unwrap(), rgb);
}

#[test]
fn tiff_that_is_no_photo_is_refused() {
    use tiff::encoder::Compression::Uncompressed;
    use tiff::encoder::colortype::{CMYK8, Gray8, Gray32, Gray32Float, GrayI16};
    let folder = Folder::new();
    let size = Size::new(4, 4);
    let float = tiff::<Gray32Float>(size, Uncompressed, &[0.5; 16], &[]);
    assert!(refusal(&folder.file("f.tif", &float)).contains("32-bit floating-point"));
    let wide = tiff::<Gray32>(size, Uncompressed, &[5; 16], &[]);
    assert!(refusal(&folder.file("w.tif", &wide)).contains("32-bit integer"));
    let signed = tiff::<GrayI16>(size, Uncompressed, &[-5; 16], &[]);
    assert!(refusal(&folder.file("s.tif", &signed)).contains("signed"));
    let cmyk = tiff::<CMYK8>(size, Uncompressed, &[5; 64], &[]);
    assert!(refusal(&folder.file("c.tif", &cmyk)).contains("RGB"));
    let preview = tiff::<Gray8>(size, Uncompressed, &[5; 16], &[(254, 1)]);
    // The encoder may write the tag itself first; the last one counts.
    assert!(refusal(&folder.file("p.tif", &preview)).contains("raw photo"));
}

#[test]
fn tiff_that_cannot_unpack_to_its_size_is_refused_before_it_is_tried() {
    let folder = Folder::new();
    for (compression, name) in [(1, "none"), (5, "lzw"), (8, "deflate"), (32773, "packbits")] {
        let tags =
            [(256, 16000), (257, 16000), (258, 8), (259, compression), (262, 1), (277, 1), (278, 16000)];
        let file = raw_tiff(&tags, false, &[vec![0; 100]]);
        let error = refusal(&folder.file(&format!("{name}.tif"), &file));
        assert!(error.contains("100 bytes cannot hold 16000×16000"), "{error}");
    }
}
