//! Metadata as TIFF files hold it: in tags of the picture and in directories beside it.

use std::io::{BufRead, Seek, Write};

use ::tiff::decoder::{Decoder, IfdDecoder, Limits as DecoderLimits};
use ::tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKindStandard};
use ::tiff::tags::{ByteOrder, Tag, Type, ValueBuffer};
use ::tiff::{Directory, TiffResult};
use exif::{Context, Field, Value};

use super::Metadata;
use super::exif_block::{compose, field};
use super::probe::Reason;
use super::tiff::reason;

/// Longest ICC profile: as long as JPEG can hold.
const MAX_ICC_BYTES: usize = 16 << 20;
/// Most values of a field and most bytes of all fields: far more than a camera writes.
const MAX_VALUES: u64 = 1 << 16;
const MAX_FIELD_BYTES: usize = 4 << 20;
const INTEROP_DIRECTORY: Tag = Tag::Unknown(0xa005);

/// Reads the metadata of the first picture of a TIFF file.
pub(super) fn metadata(file: impl BufRead + Seek) -> Result<Metadata, Reason> {
    let mut limits = DecoderLimits::default();
    limits.ifd_value_size = MAX_ICC_BYTES;
    let mut decoder = Decoder::new(file).map_err(reason)?.with_limits(limits);
    let mut profile = ValueBuffer::empty(Type::UNDEFINED);
    let icc = decoder.image_ifd().find_tag_buf(Tag::IccProfile, &mut profile);
    let icc = icc.ok().flatten().map(|_| profile.as_bytes().to_vec()).filter(|icc| !icc.is_empty());

    let mut fields = Vec::new();
    read_fields(decoder.image_ifd(), Context::Tiff, &mut fields);
    if let Some(directory) = linked(&mut decoder, None, Tag::ExifDirectory) {
        read_fields(decoder.read_directory_tags(&directory), Context::Exif, &mut fields);
        if let Some(directory) = linked(&mut decoder, Some(&directory), INTEROP_DIRECTORY) {
            read_fields(decoder.read_directory_tags(&directory), Context::Interop, &mut fields);
        }
    }
    if let Some(directory) = linked(&mut decoder, None, Tag::GpsDirectory) {
        read_fields(decoder.read_directory_tags(&directory), Context::Gps, &mut fields);
    }
    Ok(Metadata { exif: compose(&fields), icc })
}

/// The directory that `tag` of `parent`, or of the picture, points to, if it can be read.
fn linked<R: BufRead + Seek>(
    decoder: &mut Decoder<R>,
    parent: Option<&Directory>,
    tag: Tag,
) -> Option<Directory> {
    let mut parent = match parent {
        Some(parent) => decoder.read_directory_tags(parent),
        None => decoder.image_ifd(),
    };
    let pointer = parent.find_tag(tag).ok()??.into_ifd_pointer().ok()?;
    decoder.read_directory(pointer).ok()
}

/// Adds the fields of a directory; those that are broken, or of the file's layout, are left out.
fn read_fields(mut directory: IfdDecoder<'_>, context: Context, fields: &mut Vec<Field>) {
    let tags: Vec<(Tag, u64)> =
        directory.directory().iter().map(|(tag, entry)| (tag, entry.count())).collect();
    let mut room = MAX_FIELD_BYTES;
    for (tag, count) in tags {
        let tag_number = exif::Tag(context, tag.to_u16());
        if count > MAX_VALUES || is_layout(tag_number) {
            continue;
        }
        let mut buffer = ValueBuffer::empty(Type::BYTE);
        if !matches!(directory.find_tag_buf(tag, &mut buffer), Ok(Some(_))) {
            continue;
        }
        buffer.set_byte_order(ByteOrder::native());
        let Some(left) = room.checked_sub(buffer.as_bytes().len()) else { return };
        room = left;
        fields.extend(value(buffer.data_type(), buffer.as_bytes()).map(|value| field(tag_number, value)));
    }
}

/// Tables of a TIFF file that are long and of no use elsewhere.
fn is_layout(tag: exif::Tag) -> bool {
    use exif::Tag;
    let tables = [Tag::StripOffsets, Tag::StripByteCounts, Tag::TileOffsets, Tag::TileByteCounts];
    // XMP, Photoshop's resources and the profile.
    tables.contains(&tag) || matches!(tag, Tag(Context::Tiff, 700 | 34377 | 34675))
}

/// The EXIF value of native-endian bytes; types that EXIF does not have are left out.
fn value(kind: Type, bytes: &[u8]) -> Option<Value> {
    let words = || bytes.as_chunks().0.iter().map(|&word| u32::from_ne_bytes(word));
    let pairs =
        || bytes.as_chunks::<8>().0.iter().map(|&[a, b, c, d, e, f, g, h]| ([a, b, c, d], [e, f, g, h]));
    Some(match kind {
        Type::BYTE => Value::Byte(bytes.to_vec()),
        Type::ASCII => {
            let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
            Value::Ascii(text.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect())
        }
        Type::SHORT => {
            Value::Short(bytes.as_chunks().0.iter().map(|&word| u16::from_ne_bytes(word)).collect())
        }
        Type::LONG | Type::IFD => Value::Long(words().collect()),
        Type::RATIONAL => {
            let ratio = |(num, denom)| (u32::from_ne_bytes(num), u32::from_ne_bytes(denom)).into();
            Value::Rational(pairs().map(ratio).collect())
        }
        Type::SBYTE => Value::SByte(bytes.iter().map(|&byte| byte as i8).collect()),
        Type::UNDEFINED => Value::Undefined(bytes.to_vec(), 0),
        Type::SSHORT => {
            Value::SShort(bytes.as_chunks().0.iter().map(|&word| i16::from_ne_bytes(word)).collect())
        }
        Type::SLONG => Value::SLong(words().map(|word| word as i32).collect()),
        Type::SRATIONAL => {
            let ratio = |(num, denom)| (i32::from_ne_bytes(num), i32::from_ne_bytes(denom)).into();
            Value::SRational(pairs().map(ratio).collect())
        }
        Type::FLOAT => Value::Float(words().map(f32::from_bits).collect()),
        Type::DOUBLE => {
            Value::Double(bytes.as_chunks().0.iter().map(|&word| f64::from_ne_bytes(word)).collect())
        }
        _ => return None,
    })
}

/// A value as TIFF has it: type and native-endian bytes.
fn raw(value: &Value) -> Option<(Type, Vec<u8>)> {
    let pair = |[a, b]: [[u8; 4]; 2]| a.into_iter().chain(b);
    Some(match value {
        Value::Byte(values) => (Type::BYTE, values.clone()),
        Value::Ascii(texts) => {
            (Type::ASCII, texts.iter().flat_map(|text| text.iter().copied().chain([0])).collect())
        }
        Value::Short(values) => (Type::SHORT, bytemuck::cast_slice(values).to_vec()),
        Value::Long(values) => (Type::LONG, bytemuck::cast_slice(values).to_vec()),
        Value::Rational(values) => {
            let bytes = |ratio: &exif::Rational| pair([ratio.num.to_ne_bytes(), ratio.denom.to_ne_bytes()]);
            (Type::RATIONAL, values.iter().flat_map(bytes).collect())
        }
        Value::SByte(values) => (Type::SBYTE, bytemuck::cast_slice(values).to_vec()),
        Value::Undefined(values, _) => (Type::UNDEFINED, values.clone()),
        Value::SShort(values) => (Type::SSHORT, bytemuck::cast_slice(values).to_vec()),
        Value::SLong(values) => (Type::SLONG, bytemuck::cast_slice(values).to_vec()),
        Value::SRational(values) => {
            let bytes = |ratio: &exif::SRational| pair([ratio.num.to_ne_bytes(), ratio.denom.to_ne_bytes()]);
            (Type::SRATIONAL, values.iter().flat_map(bytes).collect())
        }
        Value::Float(values) => (Type::FLOAT, bytemuck::cast_slice(values).to_vec()),
        Value::Double(values) => (Type::DOUBLE, bytemuck::cast_slice(values).to_vec()),
        Value::Unknown(..) => return None,
    })
}

/// Writes the directories beside the picture and gives the tags by which the picture's own points to them.
pub(super) fn write_directories<W: Write + Seek>(
    encoder: &mut TiffEncoder<W>,
    fields: &[Field],
) -> TiffResult<Vec<(Tag, u32)>> {
    let mut pointers = Vec::new();
    let interop = write_directory(encoder, fields, Context::Interop, &[])?;
    let interop: Vec<_> = interop.map(|offset| (INTEROP_DIRECTORY, offset)).into_iter().collect();
    let exif = write_directory(encoder, fields, Context::Exif, &interop)?;
    pointers.extend(exif.map(|offset| (Tag::ExifDirectory, offset)));
    let gps = write_directory(encoder, fields, Context::Gps, &[])?;
    pointers.extend(gps.map(|offset| (Tag::GpsDirectory, offset)));
    Ok(pointers)
}

/// Writes the fields of one kind, if there are any, and gives the offset of their directory.
fn write_directory<W: Write + Seek>(
    encoder: &mut TiffEncoder<W>,
    fields: &[Field],
    context: Context,
    pointers: &[(Tag, u32)],
) -> TiffResult<Option<u32>> {
    if pointers.is_empty() && fields.iter().all(|field| field.tag.context() != context) {
        return Ok(None);
    }
    let mut directory = encoder.extra_directory()?;
    write_fields(&mut directory, fields, context)?;
    for &(tag, offset) in pointers {
        directory.write_tag(tag, offset)?;
    }
    Ok(Some(directory.finish_with_offsets()?.offset))
}

/// Writes the fields of one kind into a directory; those that are there already are replaced.
pub(super) fn write_fields<W: Write + Seek>(
    directory: &mut DirectoryEncoder<'_, W, TiffKindStandard>,
    fields: &[Field],
    context: Context,
) -> TiffResult<()> {
    let mut entries = Directory::empty();
    for field in fields.iter().filter(|field| field.tag.context() == context) {
        if let Some((kind, bytes)) = raw(&field.value) {
            let entry = directory.write_entry_bytes(kind, &bytes)?;
            if bytes.len() > 4 && !bytes.len().is_multiple_of(2) {
                // Values and directories start on even offsets (TIFF 6.0, section 2).
                directory.write_data(0u8)?;
            }
            entries.extend([(Tag::from_u16_exhaustive(field.tag.number()), entry)]);
        }
    }
    directory.extend_from(&entries);
    Ok(())
}

/// Whether a TIFF is a depth map as [`write_tiff_f32`](super::write_tiff_f32) writes them.
pub(super) fn is_depth_map(path: &std::path::Path) -> bool {
    let description = || {
        let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
        let mut decoder = ::tiff::decoder::Decoder::new(file).ok()?;
        decoder.get_tag_ascii_string(::tiff::tags::Tag::ImageDescription).ok()
    };
    description().is_some_and(|text| text.starts_with("{\"cell\":"))
}
