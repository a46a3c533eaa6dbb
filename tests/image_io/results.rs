//! Results on disk: complete or not at all, and readable.

use super::*;

#[test]
fn what_is_written_can_be_read() {
    let folder = Folder::new();
    let size = Size::new(33, 20);
    let (rgb, wide) = (picture(size), picture16(size));
    let path = folder.path("rgb8.png");
    image_io::write_png_rgb8(&path, &rgb).unwrap();
    assert_eq!(decode(&path, Some(1)).unwrap().color.unwrap(), rgb);

    let path = folder.path("rgb16.png");
    image_io::write_png_rgb16(&path, &wide).unwrap();
    let luma: Vec<f64> = wide.data.iter().map(|&pixel| rec601(pixel)).collect();
    assert!(worst_luma(&decode(&path, None).unwrap().luma, &luma) <= 0.8);

    let path = folder.path("grey16.png");
    let grey = Plane::new(size, wide.data.iter().map(|pixel| pixel[2]).collect());
    image_io::write_png_gray16(&path, &grey).unwrap();
    assert_eq!(decode(&path, None).unwrap().luma, Luma::U16(grey));

    let path = folder.path("a.jpg");
    for quality in [75, 95] {
        image_io::write_jpeg(&path, &rgb, quality).unwrap();
        assert!(worst(&decode(&path, Some(4)).unwrap().color.unwrap(), &averaged(&rgb, 4)) <= 5.0);
    }
}

#[test]
fn depth_tiff_keeps_every_bit_and_says_its_grid() {
    use tiff::decoder::{Decoder, DecodingResult};
    let folder = Folder::new();
    let path = folder.path("depth.tif");
    let values = vec![0.0, f32::NAN, 12.345_678, 1e-30, 199.0, 3.5];
    image_io::write_tiff_f32(&path, &Plane::new(Size::new(3, 2), values.clone()), 4).unwrap();
    let mut decoder = Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).unwrap();
    let description = decoder.get_tag_ascii_string(tiff::tags::Tag::ImageDescription).unwrap();
    assert_eq!(description, r#"{"cell":4,"unit":"level"}"#);
    let DecodingResult::F32(found) = decoder.read_image().unwrap() else { panic!("float") };
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(&values));
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    use std::io::Write;
    let folder = Folder::new();
    let path = folder.file("map.json", b"old");
    let error = image_io::write_atomically(&path, |file| {
        file.write_all(&[b'x'; 1 << 20])?;
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
    })
    .unwrap_err()
    .to_string();
    assert!(error.contains("map.json") && error.contains("writing failed"), "{error}");
    assert_eq!(folder.names(), ["map.json"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    image_io::write_atomically(&path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(folder.names(), ["map.json"]);
    let nowhere = folder.path("absent/map.json");
    assert!(image_io::write_atomically(&nowhere, |_| Ok(())).is_err());
}

#[cfg(unix)]
#[test]
fn written_files_have_ordinary_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let (ours, plain) = (folder.path("ours"), folder.file("plain", b""));
    image_io::write_atomically(&ours, |_| Ok(())).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}
