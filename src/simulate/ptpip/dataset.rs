//! What the body says about itself, in PTP's words (PIMA 15740, chapters 5 and 13) and Sony's.

use std::io::Cursor;

use binrw::{BinWrite, binwrite};

use crate::frame::Size;
use crate::simulate::body::property::{Form, Property};

/// A string: characters with the NUL, then UTF-16.
#[binwrite]
#[bw(little)]
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    #[bw(calc = units.len() as u8)]
    count: u8,
    units: Vec<u16>,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut units: Vec<u16> = text.encode_utf16().take(254).collect();
        if !units.is_empty() {
            units.push(0);
        }
        Self { units }
    }
}

/// A list of codes.
#[binwrite]
#[bw(little)]
#[derive(Clone, Debug)]
pub(super) struct Codes {
    #[bw(calc = codes.len() as u32)]
    count: u32,
    codes: Vec<u16>,
}

impl FromIterator<u16> for Codes {
    fn from_iter<I: IntoIterator<Item = u16>>(codes: I) -> Self {
        Self { codes: codes.into_iter().collect() }
    }
}

/// GetDeviceInfo.
#[derive(BinWrite, Clone, Debug)]
#[bw(little)]
pub(super) struct DeviceInfo {
    pub(super) standard_version: u16,
    pub(super) extension: u32,
    pub(super) extension_version: u16,
    pub(super) extension_text: Text,
    pub(super) functional_mode: u16,
    pub(super) operations: Codes,
    pub(super) events: Codes,
    pub(super) properties: Codes,
    pub(super) capture_formats: Codes,
    pub(super) image_formats: Codes,
    pub(super) manufacturer: Text,
    pub(super) model: Text,
    pub(super) version: Text,
    pub(super) serial: Text,
}

/// GetObjectInfo.
#[derive(BinWrite, Clone, Debug, Default)]
#[bw(little)]
pub(super) struct ObjectInfo {
    pub(super) storage: u32,
    pub(super) format: u16,
    pub(super) protection: u16,
    pub(super) length: u32,
    pub(super) thumb_format: u16,
    pub(super) thumb: [u32; 3],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bit_depth: u32,
    pub(super) parent: u32,
    pub(super) association: u16,
    pub(super) association_description: u32,
    pub(super) sequence: u32,
    pub(super) name: Text,
    pub(super) captured: Text,
    pub(super) modified: Text,
    pub(super) keywords: Text,
}

impl ObjectInfo {
    /// A file of the picture's size.
    pub(super) fn new(format: u16, length: usize, size: Size, name: &str) -> Self {
        // libgphoto2 wants a date; the body has no clock, so that every run gives the same files.
        let date = Text::from("20260101T120000");
        Self {
            storage: 0x0001_0001,
            format,
            length: length as u32,
            thumb_format: super::responder::JPEG,
            width: size.width,
            height: size.height,
            bit_depth: 24,
            name: name.into(),
            captured: date.clone(),
            modified: date,
            ..Self::default()
        }
    }
}

/// The dataset as bytes.
pub(super) fn bytes(dataset: &impl for<'a> BinWrite<Args<'a> = ()>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    dataset.write_le(&mut bytes).expect("memory takes all, and no dataset here refuses its values");
    bytes.into_inner()
}

/// Sony's list of all properties with their values; `lists_twice`: since protocol 3.00 a list of values has a second
/// one behind it.
pub(super) fn all_properties<'a>(
    properties: impl Iterator<Item = &'a Property>,
    lists_twice: bool,
) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    let mut count = 0u32;
    for property in properties {
        bytes.extend(description(property, lists_twice));
        count += 1;
    }
    bytes[..4].copy_from_slice(&count.to_le_bytes());
    bytes
}

/// One property in that list.
pub(super) fn description(property: &Property, lists_twice: bool) -> Vec<u8> {
    let value = |value: i64| property.kind.bytes(value);
    let mut bytes = Vec::new();
    bytes.extend(property.code.to_le_bytes());
    bytes.extend((property.kind as u16).to_le_bytes());
    bytes.extend(property.access.bytes());
    bytes.extend(value(property.default));
    bytes.extend(value(property.value));
    match &property.form {
        Form::Free => bytes.push(0),
        Form::Range(ends) => {
            bytes.push(1);
            bytes.extend(ends.iter().flat_map(|&end| value(end)));
        }
        Form::List(values) => {
            bytes.push(2);
            for _ in 0..if lists_twice { 2 } else { 1 } {
                bytes.extend((values.len() as u16).to_le_bytes());
                bytes.extend(values.iter().flat_map(|&one| value(one)));
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::body::property::{Access, Kind};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn properties_are_as_real_bodies_send_them() {
        let list = Form::List(vec![1, 2, 3, 5, 6, 7]);
        let focus = Property::new(0xd213, Kind::U8, Access::Show, 1, list);
        assert_eq!(hex(&description(&focus, false)), "13d2020000020101020600010203050607");
        assert!(hex(&description(&focus, true)).ends_with("06000102030506070600010203050607"));
        let steps = Property::new(0xd2d1, Kind::I16, Access::Notch, 0, Form::Range([-7, 7, 1]));
        assert_eq!(hex(&description(&steps, true)), "d1d20300820100000000".to_owned() + "01f9ff07000100");
        let all = all_properties([&focus, &steps].into_iter(), false);
        assert_eq!(hex(&all[..10]), "020000000000000013d2");
    }

    #[test]
    fn strings_count_their_nul_and_empty_ones_are_a_zero() {
        assert_eq!(bytes(&Text::from("Aß")), [3, b'A', 0, 0xdf, 0, 0, 0]);
        assert_eq!(bytes(&Text::from("")), [0]);
        assert_eq!(bytes(&Text::from("x".repeat(999).as_str()))[0], 255);
        assert_eq!(bytes(&[0x3801, 0xb101].into_iter().collect::<Codes>()), [2, 0, 0, 0, 1, 0x38, 1, 0xb1]);
    }

    #[test]
    fn object_info_has_its_fields_where_the_standard_has_them() {
        let info = bytes(&ObjectInfo::new(0xb101, 60_004, Size::new(1500, 1000), "DSC00001.ARW"));
        assert_eq!((&info[4..6], &info[8..12]), (&[1, 0xb1][..], &60_004u32.to_le_bytes()[..]));
        assert_eq!((&info[26..30], &info[30..34]), (&1500u32.to_le_bytes()[..], &1000u32.to_le_bytes()[..]));
        assert_eq!((info[52], info[53]), (13, b'D'));
    }
}
