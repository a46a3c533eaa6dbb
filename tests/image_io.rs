//! Pictures in and out: formats, depths, orientations; in the modules, damaged files, full colour and what is written.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use nearfar::frame::{Frame, Luma, Plane, Size};
use nearfar::image_io::{self, Format, Header, Limits, Orientation};
use tempfile::TempDir;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

mod damaged;
mod pixels;
mod results;
mod tiffs;
mod written;

/// Smooth waves of colour without clamping, so that lossy formats stay close.
fn picture(size: Size) -> Plane<[u8; 3]> {
    let wave = |phase: u32| (120.0 + 50.0 * (phase as f32 / 19.0).sin()) as u8;
    let pixel = |index: u32| {
        let (x, y) = (index % size.width, index / size.width);
        [wave(x), wave(y + 40), wave(x + y + 9)]
    };
    Plane::new(size, (0..size.area() as u32).map(pixel).collect())
}

fn picture16(size: Size) -> Plane<[u16; 3]> {
    let data = picture(size).data;
    Plane::new(size, data.iter().map(|rgb| rgb.map(|value| u16::from(value) * 257 + 31)).collect())
}

fn rec601<T: Copy + Into<f64>>([r, g, b]: [T; 3]) -> f64 {
    0.299 * r.into() + 0.587 * g.into() + 0.114 * b.into()
}

/// Mean over cells, the plain way.
fn averaged(plane: &Plane<[u8; 3]>, cell: u32) -> Plane<[f64; 3]> {
    let grid = plane.size.grid(cell);
    let mut data = Vec::new();
    for cy in 0..grid.height {
        for cx in 0..grid.width {
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for y in cy * cell..((cy + 1) * cell).min(plane.size.height) {
                for x in cx * cell..((cx + 1) * cell).min(plane.size.width) {
                    plane.at(x, y).iter().zip(&mut sum).for_each(|(&value, sum)| *sum += f64::from(value));
                    count += 1.0;
                }
            }
            data.push(sum.map(|sum| sum / count));
        }
    }
    Plane::new(grid, data)
}

/// Largest difference of the values; sizes must agree.
fn worst(found: &Plane<[u8; 3]>, expected: &Plane<[f64; 3]>) -> f64 {
    assert_eq!(found.size, expected.size);
    let pairs = found.data.as_flattened().iter().zip(expected.data.as_flattened());
    pairs.map(|(&found, expected)| (f64::from(found) - expected).abs()).fold(0.0, f64::max)
}

fn worst_luma(found: &Luma, expected: &[f64]) -> f64 {
    let found: Vec<f64> = match found {
        Luma::U8(plane) => plane.data.iter().copied().map(f64::from).collect(),
        Luma::U16(plane) => plane.data.iter().copied().map(f64::from).collect(),
    };
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn probe(path: &Path) -> Result<Header, String> {
    image_io::probe(path, &Limits::default()).map_err(|error| error.to_string())
}

fn decode(path: &Path, color_cell: Option<u32>) -> Result<Frame, String> {
    let header = probe(path)?;
    let frame = image_io::decode(path, &header, color_cell).map_err(|error| error.to_string())?;
    assert_eq!(frame.luma.size(), header.size);
    assert_eq!(matches!(frame.luma, Luma::U16(_)), header.bits == 16);
    assert_eq!(frame.color.as_ref().map(|color| color.size), color_cell.map(|cell| header.size.grid(cell)));
    Ok(frame)
}

/// The error of a file, which must name it.
fn refusal(path: &Path) -> String {
    let error = decode(path, Some(4)).expect_err("refused");
    assert!(error.contains(&path.file_name().unwrap().to_string_lossy().into_owned()), "{error}");
    error
}

fn jpeg(plane: &Plane<[u8; 3]>, subsamp: Subsamp, progressive: bool) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(96).unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let pixels = plane.data.as_flattened();
    compressor
        .compress_to_vec(Image { pixels, width, pitch: 3 * width, height, format: PixelFormat::RGB })
        .unwrap()
}

fn png(size: Size, color: png::ColorType, depth: png::BitDepth, bytes: &[u8], palette: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size.width, size.height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(bytes).unwrap();
    writer.finish().unwrap();
    file
}

fn tiff<C: tiff::encoder::colortype::ColorType>(
    size: Size,
    compression: tiff::encoder::Compression,
    samples: &[C::Inner],
    tags: &[(u16, u16)],
) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap().with_compression(compression);
    let mut image = encoder.new_image::<C>(size.width, size.height).unwrap();
    for &(tag, value) in tags {
        image.encoder().write_tag(tiff::tags::Tag::from_u16_exhaustive(tag), value).unwrap();
    }
    image.rows_per_strip(size.height.div_ceil(3)).unwrap();
    image.write_data(samples).unwrap();
    file.into_inner()
}

/// A baseline TIFF by hand: little-endian, SHORT/LONG tags, `chunks` of raw bytes as strips or tiles.
fn raw_tiff(tags: &[(u16, u32)], tiles: bool, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut table = |bytes: &[u8]| {
        let offset = file.len() as u32;
        file.extend_from_slice(bytes);
        offset
    };
    let offsets: Vec<u32> = chunks.iter().map(|chunk| table(chunk)).collect();
    let words = |values: Vec<u32>| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let lengths: Vec<u32> = chunks.iter().map(|chunk| chunk.len() as u32).collect();
    let mut entries: Vec<(u16, u32, u32)> = tags.iter().map(|&(tag, value)| (tag, 1, value)).collect();
    for (tag, values) in [(if tiles { 324 } else { 273 }, offsets), (if tiles { 325 } else { 279 }, lengths)]
    {
        let count = values.len() as u32;
        let value = if count == 1 { values[0] } else { table(&words(values)) };
        entries.push((tag, count, value));
    }
    entries.sort();
    let start = file.len() as u32;
    file[4..8].copy_from_slice(&start.to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend([4, 0]);
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}

/// Puts an EXIF block with the orientation behind the start of a JPEG.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut file = vec![0xff, 0xd8, 0xff, 0xe1];
    file.extend((block.len() as u16 + 2).to_be_bytes());
    file.extend(block);
    file.extend(&jpeg[2..]);
    file
}

#[test]
fn jpeg_of_every_subsampling() {
    let folder = Folder::new();
    for size in [Size::new(1, 1), Size::new(64, 48), Size::new(37, 29), Size::new(3, 50)] {
        let plane = picture(size);
        let kinds = [
            Subsamp::None,
            Subsamp::Sub2x1,
            Subsamp::Sub2x2,
            Subsamp::Sub1x2,
            Subsamp::Sub4x1,
            Subsamp::Sub1x4,
        ];
        for subsamp in kinds {
            for progressive in [false, true] {
                let path = folder.file("a.jpg", &jpeg(&plane, subsamp, progressive));
                let header = probe(&path).unwrap();
                assert_eq!((header.format, header.size, header.bits), (Format::Jpeg, size, 8));
                assert!(header.color && !header.alpha);
                let alone = decode(&path, None).unwrap();
                let luma: Vec<f64> = plane.data.iter().map(|&rgb| rec601(rgb)).collect();
                // Quality 96: quantisation moves single pixels by up to some levels.
                assert!(worst_luma(&alone.luma, &luma) <= 6.0, "{size} {subsamp:?}");
                for cell in [1, 2, 4, 8] {
                    let frame = decode(&path, Some(cell)).unwrap();
                    assert_eq!(frame.luma, alone.luma, "luma does not depend on colour being asked for");
                    let found = frame.color.unwrap();
                    // Against libjpeg's own RGB: chroma of cells that cut a chroma sample is not interpolated.
                    let bytes = std::fs::read(&path).unwrap();
                    let rgb = turbojpeg::decompress(&bytes, PixelFormat::RGB).unwrap().pixels;
                    let rgb = Plane::new(size, rgb.as_chunks().0.to_vec());
                    let tolerance = if cell == 1 { 0.0 } else { 5.0 };
                    let difference = worst(&found, &averaged(&rgb, cell));
                    assert!(difference <= tolerance, "{size} {subsamp:?} cell {cell}: off by {difference}");
                }
            }
        }
    }
}

#[test]
fn whole_cells_match_a_plain_average_closely() {
    let folder = Folder::new();
    let plane = picture(Size::new(160, 96));
    for subsamp in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2] {
        let path = folder.file("a.jpg", &jpeg(&plane, subsamp, false));
        for cell in [4, 8] {
            let found = decode(&path, Some(cell)).unwrap().color.unwrap();
            let difference = worst(&found, &averaged(&plane, cell));
            assert!(difference <= 2.5, "{subsamp:?} cell {cell}: off by {difference}");
        }
    }
}

#[test]
fn grey_jpeg() {
    let folder = Folder::new();
    let size = Size::new(19, 23);
    let path = folder.file("grey.jpg", &jpeg(&picture(size), Subsamp::Gray, false));
    assert!(!probe(&path).unwrap().color);
    for cell in [1, 2, 4, 8] {
        let frame = decode(&path, Some(cell)).unwrap();
        let Luma::U8(luma) = frame.luma else { panic!("8 bits") };
        let grey = Plane::new(size, luma.data.iter().map(|&value| [value; 3]).collect());
        assert!(worst(&frame.color.unwrap(), &averaged(&grey, cell)) <= 0.5);
    }
}

#[test]
fn cmyk_jpeg_is_refused() {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_colorspace(turbojpeg::Colorspace::CMYK).unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    let pixels = &[100u8; 8 * 8 * 4][..];
    let image = Image { pixels, width: 8, pitch: 32, height: 8, format: PixelFormat::CMYK };
    let folder = Folder::new();
    let path = folder.file("print.jpg", &compressor.compress_to_vec(image).unwrap());
    assert!(refusal(&path).contains("CMYK JPEG; save it as RGB"));
}

#[test]
fn rgb_jpeg_takes_the_slow_road() {
    let plane = picture(Size::new(21, 18));
    let mut compressor = Compressor::new().unwrap();
    compressor.set_colorspace(turbojpeg::Colorspace::RGB).unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    compressor.set_quality(98).unwrap();
    let pixels = plane.data.as_flattened();
    let image = Image { pixels, width: 21, pitch: 63, height: 18, format: PixelFormat::RGB };
    let folder = Folder::new();
    let path = folder.file("rgb.jpg", &compressor.compress_to_vec(image).unwrap());
    let frame = decode(&path, Some(4)).unwrap();
    assert!(worst(&frame.color.unwrap(), &averaged(&plane, 4)) <= 2.0);
    let luma: Vec<f64> = plane.data.iter().map(|&rgb| rec601(rgb)).collect();
    assert!(worst_luma(&frame.luma, &luma) <= 4.0);
}

#[test]
fn eight_orientations_of_a_jpeg() {
    let folder = Folder::new();
    let size = Size::new(37, 26);
    for subsamp in [Subsamp::None, Subsamp::Gray] {
        let bytes = jpeg(&picture(size), subsamp, false);
        let stored = decode(&folder.file("stored.jpg", &bytes), Some(1)).unwrap();
        for exif in 1..=8 {
            let path = folder.file("turned.jpg", &with_exif(&bytes, exif));
            let header = probe(&path).unwrap();
            let swapped = exif >= 5;
            assert_eq!(header.orientation, Orientation::from_exif(u32::from(exif)));
            assert_eq!(header.stored, size);
            assert_eq!(header.size, if swapped { Size::new(26, 37) } else { size });
            let frame = decode(&path, Some(1)).unwrap();
            let Luma::U8(turned) = stored.luma.clone() else { panic!("8 bits") };
            assert_eq!(frame.luma, Luma::U8(header.orientation.apply(turned)), "orientation {exif}");
            let upright = header.orientation.apply(stored.color.clone().unwrap());
            assert_eq!(frame.color.unwrap(), upright, "orientation {exif}");
            for cell in [2, 4, 8] {
                let cells = decode(&path, Some(cell)).unwrap().color.unwrap();
                assert!(worst(&cells, &averaged(&upright, cell)) <= 1.6, "orientation {exif} cell {cell}");
            }
        }
    }
}

#[test]
fn png_of_every_kind() {
    use png::{BitDepth, ColorType};
    let folder = Folder::new();
    let size = Size::new(21, 10);
    let rgb = picture(size);
    let grey: Vec<u8> = rgb.data.iter().map(|pixel| pixel[0]).collect();
    let grey_luma: Vec<f64> = grey.iter().copied().map(f64::from).collect();
    let rgb_luma: Vec<f64> = rgb.data.iter().map(|&pixel| rec601(pixel)).collect();
    let with_alpha = |pixels: &[u8], channels: usize| -> Vec<u8> {
        pixels.chunks(channels).flat_map(|pixel| pixel.iter().copied().chain([7])).collect()
    };
    let flat = rgb.data.as_flattened();
    let cases = [
        (ColorType::Grayscale, grey.clone(), &grey_luma, false, false),
        (ColorType::GrayscaleAlpha, with_alpha(&grey, 1), &grey_luma, false, true),
        (ColorType::Rgb, flat.to_vec(), &rgb_luma, true, false),
        (ColorType::Rgba, with_alpha(flat, 3), &rgb_luma, true, true),
    ];
    for (kind, bytes, luma, color, alpha) in cases {
        let path = folder.file("8.png", &png(size, kind, BitDepth::Eight, &bytes, &[]));
        let header = probe(&path).unwrap();
        assert_eq!((header.format, header.size, header.bits), (Format::Png, size, 8));
        assert_eq!((header.color, header.alpha, header.more_pictures), (color, alpha, false));
        assert!(worst_luma(&decode(&path, None).unwrap().luma, luma) <= 0.51, "{kind:?}");
        if color {
            for cell in [1, 2, 4, 8] {
                let frame = decode(&path, Some(cell)).unwrap();
                assert!(worst(&frame.color.unwrap(), &averaged(&rgb, cell)) <= 0.5, "{kind:?}");
            }
        }
        // The same in 16 bits: every byte doubled is the value times 257.
        let wide: Vec<u8> = bytes.iter().flat_map(|&byte| [byte, byte]).collect();
        let path = folder.file("16.png", &png(size, kind, BitDepth::Sixteen, &wide, &[]));
        let luma: Vec<f64> = luma.iter().map(|value| value * 257.0).collect();
        let frame = decode(&path, Some(2)).unwrap();
        assert!(worst_luma(&frame.luma, &luma) <= 0.8, "{kind:?} 16");
        if color {
            assert!(worst(&frame.color.unwrap(), &averaged(&rgb, 2)) <= 0.5);
        }
    }
}

#[test]
fn png_of_few_bits_and_palettes() {
    use png::{BitDepth, ColorType};
    let folder = Folder::new();
    let size = Size::new(8, 2);
    let luma = |path: &Path| {
        let Luma::U8(plane) = decode(path, None).unwrap().luma else { panic!("8 bits") };
        plane.data
    };
    let bits = png(size, ColorType::Grayscale, BitDepth::One, &[0b1010_0000, 0b0000_0001], &[]);
    let expected = [255, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255];
    assert_eq!(luma(&folder.file("1.png", &bits)), expected);
    let two = png(Size::new(4, 1), ColorType::Grayscale, BitDepth::Two, &[0b0001_1011], &[]);
    assert_eq!(luma(&folder.file("2.png", &two)), [0, 85, 170, 255]);
    let four = png(Size::new(2, 1), ColorType::Grayscale, BitDepth::Four, &[0x0f], &[]);
    assert_eq!(luma(&folder.file("4.png", &four)), [0, 255]);
    let palette = png(Size::new(2, 1), ColorType::Indexed, BitDepth::Four, &[0x10], &[255, 0, 0, 0, 0, 255]);
    let path = folder.file("p.png", &palette);
    assert!(probe(&path).unwrap().color);
    assert_eq!(luma(&path), [29, 76]);
    assert_eq!(decode(&path, Some(1)).unwrap().color.unwrap().data, [[0, 0, 255], [255, 0, 0]]);
}

#[test]
fn png_orientation_and_animation() {
    let folder = Folder::new();
    let mut info = png::Info::with_size(3, 2);
    info.color_type = png::ColorType::Grayscale;
    info.bit_depth = png::BitDepth::Eight;
    info.exif_metadata =
        Some(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec().into());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(b"abcdef").unwrap();
    writer.write_image_data(b"ghijkl").unwrap();
    writer.finish().unwrap();
    let path = folder.file("a.png", &bytes);
    let header = probe(&path).unwrap();
    assert!(header.more_pictures);
    assert_eq!(header.size, Size::new(2, 3));
    let luma = Luma::U8(Plane::new(Size::new(2, 3), b"daebfc".to_vec()));
    assert_eq!(decode(&path, None).unwrap().luma, luma);
}
