//! Pictures written with the metadata of the photo they were made from, read back by other readers where there are any.

use std::fs::File;
use std::io::BufReader;

use exif::experimental::Writer;
use exif::{Context, Exif, Field, In, Tag, Value};
use nearfar::error::Error;
use nearfar::frame::Pixels;
use nearfar::image_io::{Metadata, OutputFormat, WriteOptions};

use super::pixels::pixels;
use super::*;

const SIZE: Size = Size::new(31, 22);
const SOFTWARE: &str = concat!("nearfar ", env!("CARGO_PKG_VERSION"));

fn field(tag: Tag, value: Value) -> Field {
    Field { tag, ifd_num: In::PRIMARY, value }
}

fn text(tag: Tag, value: &str) -> Field {
    field(tag, Value::Ascii(vec![value.into()]))
}

fn ratio(tag: Tag, num: u32, denom: u32) -> Field {
    field(tag, Value::Rational(vec![(num, denom).into()]))
}

/// What a camera writes, and a picture made from its photo keeps.
fn kept() -> Vec<Field> {
    vec![
        text(Tag::Make, "SONY"),
        text(Tag::Model, "ILCE-7RM4 "),
        text(Tag::DateTime, "2026:11:24 10:00:00"),
        text(Tag::DateTimeOriginal, "2026:11:24 09:59:58"),
        ratio(Tag::ExposureTime, 1, 160),
        ratio(Tag::FNumber, 56, 10),
        ratio(Tag::FocalLength, 90, 1),
        field(Tag::PhotographicSensitivity, Value::Short(vec![100])),
        field(Tag::ExposureBiasValue, Value::SRational(vec![(-7, 10).into()])),
        field(Tag::ExifVersion, Value::Undefined(b"0231".to_vec(), 0)),
        text(Tag::LensModel, "FE 90mm F2.8 Macro G OSS"),
        text(Tag::GPSLatitudeRef, "N"),
        text(Tag::InteroperabilityIndex, "R98"),
    ]
}

/// What belongs to the file it was in.
fn dropped() -> Vec<Field> {
    vec![
        field(Tag::MakerNote, Value::Undefined(vec![0x5a; 300], 0)),
        text(Tag::Software, "Camera v1.0"),
        field(Tag::PixelXDimension, Value::Long(vec![9504])),
        field(Tag::PixelYDimension, Value::Long(vec![6336])),
    ]
}

fn composed(fields: &[Field], thumbnail: bool, strips: &[&[u8]], little_endian: bool) -> Vec<u8> {
    let orientation = field(Tag::Orientation, Value::Short(vec![6]));
    let mut writer = Writer::new();
    writer.push_field(&orientation);
    fields.iter().for_each(|field| writer.push_field(field));
    if thumbnail {
        writer.set_jpeg(b"\xff\xd8 thumbnail \xff\xd9", In::THUMBNAIL);
    }
    if !strips.is_empty() {
        writer.set_strips(strips, In::PRIMARY);
    }
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, little_endian).unwrap();
    block.into_inner()
}

fn camera_exif() -> Vec<u8> {
    composed(&[kept(), dropped()].concat(), true, &[], false)
}

fn profile(length: usize) -> Vec<u8> {
    let mut profile: Vec<u8> = (0..length).map(|index| (index * 7 / 3) as u8).collect();
    profile[..4].copy_from_slice(&(length as u32).to_be_bytes());
    profile[36..40].copy_from_slice(b"acsp");
    profile
}

fn segment(marker: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&[0xff, marker][..], &(content.len() as u16 + 2).to_be_bytes(), &content].concat()
}

/// A photo as each format has it, stored with orientation 6.
fn photo(folder: &Folder, kind: &str, icc: &[u8]) -> PathBuf {
    let (rgb, wide) = (picture(SIZE), picture16(SIZE));
    let bytes = match kind {
        "8.jpg" => {
            let plain = jpeg(&rgb, Subsamp::None, false);
            let exif = segment(0xe1, &[b"Exif\0\0", &camera_exif()]);
            let xmp = segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0<xmp/>"]);
            let half = icc.len() / 2;
            // Pieces may come in any order.
            let second = segment(0xe2, &[b"ICC_PROFILE\0\x02\x02", &icc[half..]]);
            let first = segment(0xe2, &[b"ICC_PROFILE\0\x01\x02", &icc[..half]]);
            [&plain[..2], &xmp, &exif, &second, &first, &plain[2..]].concat()
        }
        "8.png" => rich_png(png::BitDepth::Eight, rgb.data.as_flattened(), icc),
        "16.png" => {
            let samples: Vec<u8> =
                wide.data.as_flattened().iter().flat_map(|value| value.to_be_bytes()).collect();
            rich_png(png::BitDepth::Sixteen, &samples, icc)
        }
        "8.tif" => rich_tiff(8, rgb.data.as_flattened(), icc, true),
        _ => {
            let samples: Vec<u8> =
                wide.data.as_flattened().iter().flat_map(|value| value.to_be_bytes()).collect();
            rich_tiff(16, &samples, icc, false)
        }
    };
    folder.file(kind, &bytes)
}

fn rich_png(depth: png::BitDepth, samples: &[u8], icc: &[u8]) -> Vec<u8> {
    let mut info = png::Info::with_size(SIZE.width, SIZE.height);
    (info.color_type, info.bit_depth) = (png::ColorType::Rgb, depth);
    info.icc_profile = Some(icc.into());
    info.exif_metadata = Some(camera_exif().into());
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A TIFF is an EXIF block with pixels in it.
fn rich_tiff(bits: u16, samples: &[u8], icc: &[u8], little_endian: bool) -> Vec<u8> {
    let layout = [
        field(Tag::ImageWidth, Value::Long(vec![SIZE.width])),
        field(Tag::ImageLength, Value::Long(vec![SIZE.height])),
        field(Tag::BitsPerSample, Value::Short(vec![bits; 3])),
        field(Tag::Compression, Value::Short(vec![1])),
        field(Tag::PhotometricInterpretation, Value::Short(vec![2])),
        field(Tag::SamplesPerPixel, Value::Short(vec![3])),
        field(Tag::RowsPerStrip, Value::Long(vec![SIZE.height])),
        field(Tag(Context::Tiff, 34675), Value::Undefined(icc.to_vec(), 0)),
    ];
    composed(&[&layout[..], &kept(), &dropped()].concat(), false, &[samples], little_endian)
}

fn metadata(path: &Path) -> Metadata {
    image_io::metadata(path, &probe(path).unwrap()).unwrap()
}

fn read_exif(path: &Path) -> Exif {
    exif::Reader::new().read_from_container(&mut BufReader::new(File::open(path).unwrap())).unwrap()
}

/// The profile in `path` as the format's own library reads it; none of ours reads JPEG's.
fn read_icc(path: &Path) -> Option<Vec<u8>> {
    let file = BufReader::new(File::open(path).unwrap());
    match OutputFormat::from_path(path).unwrap() {
        OutputFormat::Png => {
            let reader = png::Decoder::new(file).read_info().unwrap();
            reader.info().icc_profile.as_deref().map(<[u8]>::to_vec)
        }
        OutputFormat::Tiff => {
            let mut decoder = tiff::decoder::Decoder::new(file).unwrap();
            decoder.get_tag_u8_vec(tiff::tags::Tag::IccProfile).ok()
        }
        OutputFormat::Jpeg => metadata(path).icc,
    }
}

fn write(path: &Path, pixels: &Pixels, metadata: &Metadata) {
    image_io::write_picture(path, pixels, metadata, &WriteOptions::default()).unwrap();
}

/// Checks what must have come through and what must not.
fn check_exif(path: &Path, size: Size) {
    let found = read_exif(path);
    for wanted in kept() {
        let shown = |field: &Field| match &field.value {
            // The second member is the place in the file.
            Value::Undefined(bytes, _) => format!("{bytes:?}"),
            other => format!("{other:?}"),
        };
        let value = found.get_field(wanted.tag, In::PRIMARY).map(shown);
        assert_eq!(value, Some(shown(&wanted)), "{}: {}", path.display(), wanted.tag);
    }
    let number = |tag| found.get_field(tag, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    assert_eq!(number(Tag::Orientation), Some(1), "{}", path.display());
    assert_eq!(number(Tag::PixelXDimension), Some(size.width));
    assert_eq!(number(Tag::PixelYDimension), Some(size.height));
    assert!(found.get_field(Tag::MakerNote, In::PRIMARY).is_none());
    check_software(&found);
    assert!(found.fields().all(|field| field.ifd_num == In::PRIMARY), "no thumbnail");
}

fn check_software(found: &Exif) {
    let Some(Value::Ascii(software)) = found.get_field(Tag::Software, In::PRIMARY).map(|field| &field.value)
    else {
        panic!("no software")
    };
    assert_eq!(software, &[SOFTWARE.as_bytes()]);
}

#[test]
fn everything_of_a_photo_comes_through_every_format() {
    let folder = Folder::new();
    let icc = profile(4096);
    for input in ["8.jpg", "8.png", "16.png", "8.tif", "16.tif"] {
        let path = photo(&folder, input, &icc);
        let upright = pixels(&path).unwrap();
        assert_eq!(upright.size(), Size::new(SIZE.height, SIZE.width));
        match (input, &upright) {
            ("8.jpg", _) => {}
            (_, Pixels::U8(plane)) => assert_eq!(*plane, Orientation::Rotate90.apply(picture(SIZE))),
            (_, Pixels::U16(plane)) => assert_eq!(*plane, Orientation::Rotate90.apply(picture16(SIZE))),
        }
        let metadata = metadata(&path);
        assert_eq!(metadata.icc.as_ref(), Some(&icc), "{input}");
        assert!(metadata.icc_is_sound());
        for output in ["out.tif", "out.png", "out.jpg"] {
            let path = folder.path(output);
            write(&path, &upright, &metadata);
            assert_eq!(probe(&path).unwrap().orientation, Orientation::Upright);
            match (output, pixels(&path).unwrap()) {
                ("out.jpg", found) => assert_eq!(found.size(), upright.size()),
                (_, found) => assert_eq!(found, upright, "{input} to {output}"),
            }
            assert_eq!(read_icc(&path).as_ref(), Some(&icc), "{input} to {output}");
            check_exif(&path, upright.size());
        }
    }
}

#[test]
fn a_written_picture_passes_its_metadata_on() {
    let folder = Folder::new();
    let path = photo(&folder, "8.jpg", &profile(500));
    let (upright, original) = (pixels(&path).unwrap(), metadata(&path));
    for output in ["out.tif", "out.png", "out.jpg"] {
        let (first, second) = (folder.path(output), folder.path(&format!("second-{output}")));
        write(&first, &upright, &original);
        write(&second, &upright, &metadata(&first));
        check_exif(&second, upright.size());
        assert_eq!(metadata(&second).icc, original.icc);
    }
}

#[test]
fn long_profiles_are_cut_into_segments() {
    let folder = Folder::new();
    let icc = profile(150_001);
    let path = folder.path("a.jpg");
    let metadata_in = Metadata { exif: None, icc: Some(icc.clone()) };
    write(&path, &Pixels::U8(picture(SIZE)), &metadata_in);
    let bytes = std::fs::read(&path).unwrap();
    let starts = |number: u8| {
        let start = [b"ICC_PROFILE\0", &[number, 3][..]].concat();
        bytes.windows(start.len()).filter(|window| *window == start).count()
    };
    assert_eq!([1, 2, 3, 4].map(starts), [1, 1, 1, 0]);
    assert_eq!(metadata(&path), Metadata { icc: Some(icc), ..metadata(&path) });
    let endless = Metadata { exif: None, icc: Some(vec![0; 17 << 20]) };
    let error =
        image_io::write_picture(&path, &Pixels::U8(picture(SIZE)), &endless, &WriteOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a.jpg") && error.contains("too long for a JPEG"), "{error}");
}

#[test]
fn broken_profiles_are_kept() {
    let folder = Folder::new();
    let mut icc = profile(400);
    icc[36] = b'?';
    for input in ["8.jpg", "8.png", "16.tif"] {
        let path = photo(&folder, input, &icc);
        let (upright, metadata) = (pixels(&path).unwrap(), metadata(&path));
        assert_eq!(metadata.icc.as_ref(), Some(&icc), "{input}");
        assert!(!metadata.icc_is_sound());
        for output in ["out.tif", "out.png", "out.jpg"] {
            write(&folder.path(output), &upright, &metadata);
            assert_eq!(read_icc(&folder.path(output)).as_ref(), Some(&icc), "{input} to {output}");
        }
    }
}

#[test]
fn broken_or_absent_exif_does_no_harm() {
    let folder = Folder::new();
    let whole = camera_exif();
    let cuts = (0..whole.len()).step_by(7).map(|length| Some(whole[..length].to_vec()));
    for exif in cuts.chain([None, Some(b"rubbish".to_vec())]) {
        for output in ["out.tif", "out.png", "out.jpg"] {
            let path = folder.path(output);
            write(&path, &Pixels::U8(picture(SIZE)), &Metadata { exif: exif.clone(), icc: None });
            check_software(&read_exif(&path));
            assert_eq!(read_icc(&path), None);
            assert_eq!(pixels(&path).unwrap().size(), SIZE);
        }
    }
}

#[test]
fn exif_too_long_for_a_jpeg_is_dropped_there() {
    let folder = Folder::new();
    let comment = field(Tag::UserComment, Value::Undefined(vec![b'x'; 70_000], 0));
    let exif = Some(composed(&[kept(), vec![comment]].concat(), false, &[], true));
    let metadata_in = Metadata { exif, icc: None };
    let upright = Pixels::U16(picture16(SIZE));
    let path = folder.path("a.jpg");
    write(&path, &upright, &metadata_in);
    assert_eq!(metadata(&path), Metadata::default());
    assert_eq!(pixels(&path).unwrap().size(), SIZE);
    for output in ["a.png", "a.tif"] {
        write(&folder.path(output), &upright, &metadata_in);
        check_exif(&folder.path(output), SIZE);
    }
}

#[test]
fn formats_to_write_are_told_by_extension() {
    let format = |name: &str| OutputFormat::from_path(Path::new(name));
    for (name, expected) in [
        ("a.tif", OutputFormat::Tiff),
        ("a.b/c.TIFF", OutputFormat::Tiff),
        ("a.Png", OutputFormat::Png),
        ("a.jpg", OutputFormat::Jpeg),
        ("a.jpeg", OutputFormat::Jpeg),
    ] {
        assert_eq!(format(name).unwrap(), expected, "{name}");
    }
    let folder = Folder::new();
    for name in ["a.webp", "a", ".png", "a.tif.bak"] {
        let Err(Error::Usage(error)) = format(name) else { panic!("{name} is accepted") };
        assert!(error.contains(name) && error.contains(".tif, .png or .jpg"), "{error}");
        let pixels = Pixels::U8(picture(SIZE));
        let written = image_io::write_picture(
            &folder.path(name),
            &pixels,
            &Metadata::default(),
            &WriteOptions::default(),
        );
        assert!(matches!(written, Err(Error::Usage(_))));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn good_jpegs_keep_the_resolution_of_colour() {
    let folder = Folder::new();
    let path = folder.path("a.jpg");
    for (quality, subsamp) in [(89, Subsamp::Sub2x2), (90, Subsamp::None)] {
        let pixels = Pixels::U16(picture16(Size::new(64, 64)));
        image_io::write_picture(&path, &pixels, &Metadata::default(), &WriteOptions { quality }).unwrap();
        assert_eq!(turbojpeg::read_header(&std::fs::read(&path).unwrap()).unwrap().subsamp, subsamp);
        let color = decode(&path, Some(8)).unwrap().color.unwrap();
        assert!(worst(&color, &averaged(&picture(Size::new(64, 64)), 8)) <= 3.0);
    }
}

#[test]
fn metadata_of_damaged_files_does_no_harm() {
    let folder = Folder::new();
    let size = Size::new(4, 3);
    for input in ["8.jpg", "8.png", "16.tif"] {
        let path = photo(&folder, input, &profile(150));
        let (header, whole) = (probe(&path).unwrap(), std::fs::read(&path).unwrap());
        let start = whole.len().min(2500);
        let mut damaged: Vec<Vec<u8>> = (0..start).map(|length| whole[..length].to_vec()).collect();
        // Directories of a TIFF made by our fixture come first, as do JPEG's and PNG's segments.
        for index in (0..start).step_by(2) {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[index] = value;
                damaged.push(bytes);
            }
        }
        for (number, bytes) in damaged.into_iter().enumerate() {
            let path = folder.file("damaged", &bytes);
            let Ok(metadata) = image_io::metadata(&path, &header) else { continue };
            // Every file written is synced, which takes its time.
            if number % 37 != 0 {
                continue;
            }
            let copy = folder.path("copy.png");
            write(&copy, &Pixels::U8(picture(size)), &metadata);
            check_software(&read_exif(&copy));
        }
    }
}
