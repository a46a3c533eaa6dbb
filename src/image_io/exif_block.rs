//! EXIF rewritten for a picture made from a photo: what describes the photo stays, what described its file goes.

use std::collections::HashSet;
use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Context, Field, In, Tag, Value};

use super::metadata::parse;
use crate::frame::Size;

/// Tags of the main directory that describe the photo: description, make, model, resolution, time, artist, host,
/// rating, copyright, lens and serial number as DNG has them, and the five of Windows.
const KEPT: [u16; 19] = [
    270, 271, 272, 282, 283, 296, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095,
    50708, 50735,
];
/// Padding and OffsetSchema, with which Windows marks how far it moved a MakerNote.
const PADDING: [u16; 2] = [0xea1c, 0xea1d];
pub(super) const SOFTWARE: &str = concat!("nearfar ", env!("CARGO_PKG_VERSION"));

/// The fields of `block` for an upright picture of `size` made from its photo.
///
/// The thumbnail and the layout of the old file go. So does MakerNote: most makers have pointers in it that count from
/// the start of the old block, and none says so.
pub(super) fn rewrite(block: Option<&[u8]>, size: Size) -> Vec<Field> {
    let mut fields = vec![
        field(Tag::Orientation, Value::Short(vec![1])),
        field(Tag::Software, Value::Ascii(vec![SOFTWARE.into()])),
        field(Tag::PixelXDimension, Value::Long(vec![size.width])),
        field(Tag::PixelYDimension, Value::Long(vec![size.height])),
    ];
    if let Some(old) = block.and_then(parse) {
        fields.extend(old.fields().filter(|field| stays(field)).cloned());
    }
    fields.push(field(Tag::ExifVersion, Value::Undefined(b"0232".to_vec(), 0)));
    // The first of each tag counts: ours, then the photo's, then the version if it had none.
    let mut seen = HashSet::new();
    fields.retain(|field| seen.insert(field.tag));
    fields
}

pub(super) fn field(tag: Tag, value: Value) -> Field {
    Field { tag, ifd_num: In::PRIMARY, value }
}

fn stays(field: &Field) -> bool {
    let Tag(context, number) = field.tag;
    let of_the_photo = match context {
        Context::Tiff => KEPT.contains(&number),
        Context::Exif => field.tag != Tag::MakerNote && !PADDING.contains(&number),
        _ => true,
    };
    field.ifd_num == In::PRIMARY && of_the_photo && !is_empty(&field.value)
}

/// Whether there is nothing to write, or a type that EXIF does not know.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Byte(values) | Value::Undefined(values, _) => values.is_empty(),
        Value::Ascii(values) => values.is_empty(),
        Value::Short(values) => values.is_empty(),
        Value::Long(values) => values.is_empty(),
        Value::Rational(values) => values.is_empty(),
        Value::SByte(values) => values.is_empty(),
        Value::SShort(values) => values.is_empty(),
        Value::SLong(values) => values.is_empty(),
        Value::SRational(values) => values.is_empty(),
        Value::Float(values) => values.is_empty(),
        Value::Double(values) => values.is_empty(),
        Value::Unknown(..) => true,
    }
}

/// A block, little-endian, that holds `fields`; nothing if there are none or they fit no block.
pub(super) fn compose(fields: &[Field]) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, true).ok()?;
    Some(block.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_rewritten_for_its_new_picture() {
        let old = compose(&[
            field(Tag::Make, Value::Ascii(vec![b"Maker".to_vec()])),
            field(Tag::Orientation, Value::Short(vec![6])),
            field(Tag::ImageWidth, Value::Long(vec![5])),
            field(Tag::MakerNote, Value::Undefined(vec![1; 50], 0)),
            field(Tag::PixelXDimension, Value::Short(vec![5])),
            field(Tag::ExifVersion, Value::Undefined(b"0231".to_vec(), 0)),
            Field { ifd_num: In::THUMBNAIL, ..field(Tag::Model, Value::Ascii(vec![b"thumbnail".to_vec()])) },
        ]);
        let new = parse(&compose(&rewrite(old.as_deref(), Size::new(70000, 3))).unwrap()).unwrap();
        let shown = |tag| new.get_field(tag, In::PRIMARY).map(|field| field.display_value().to_string());
        assert_eq!(shown(Tag::Make).unwrap(), "\"Maker\"");
        assert_eq!(new.get_field(Tag::Orientation, In::PRIMARY).unwrap().value.get_uint(0), Some(1));
        assert_eq!(shown(Tag::PixelXDimension).unwrap(), "70000");
        assert_eq!(shown(Tag::ExifVersion).unwrap(), "2.31");
        assert_eq!(shown(Tag::Software).unwrap(), format!("{SOFTWARE:?}"));
        assert_eq!((shown(Tag::MakerNote), shown(Tag::ImageWidth)), (None, None));
        assert!(new.fields().all(|field| field.ifd_num == In::PRIMARY));
    }

    #[test]
    fn without_a_block_there_is_a_small_one() {
        for block in [None, Some(&b"rubbish"[..])] {
            assert_eq!(rewrite(block, Size::new(1, 1)).len(), 5);
        }
        assert_eq!(compose(&[]), None);
    }
}
