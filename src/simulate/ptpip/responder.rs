//! Operations: what the client asks of the body, and the answers.

use std::sync::Arc;

use super::dataset::{DeviceInfo, ObjectInfo, all_properties, bytes, description};
use crate::frame::Size;
use crate::simulate::body::{Body, BodyKind, Event, Exposure, Refusal};

/// Picture formats.
pub(super) const JPEG: u16 = 0x3801;
const ARW: u16 = 0xb101;

/// libgphoto2 waits some seconds before the first shot with other models.
pub(super) const MODEL: &str = "ILCE-7RM3";

mod operation {
    pub(super) const DEVICE_INFO: u16 = 0x1001;
    pub(super) const OPEN_SESSION: u16 = 0x1002;
    pub(super) const CLOSE_SESSION: u16 = 0x1003;
    pub(super) const STORAGE_IDS: u16 = 0x1004;
    pub(super) const OBJECT_HANDLES: u16 = 0x1007;
    pub(super) const OBJECT_INFO: u16 = 0x1008;
    pub(super) const OBJECT: u16 = 0x1009;
    pub(super) const CONNECT: u16 = 0x9201;
    pub(super) const EXTENDED_INFO: u16 = 0x9202;
    pub(super) const PROPERTY: u16 = 0x9203;
    pub(super) const SET: u16 = 0x9205;
    pub(super) const CONTROL: u16 = 0x9207;
    pub(super) const ALL_PROPERTIES: u16 = 0x9209;
    pub(super) const ALL: [u16; 13] = [
        DEVICE_INFO,
        OPEN_SESSION,
        CLOSE_SESSION,
        STORAGE_IDS,
        OBJECT_HANDLES,
        OBJECT_INFO,
        OBJECT,
        CONNECT,
        EXTENDED_INFO,
        PROPERTY,
        SET,
        CONTROL,
        ALL_PROPERTIES,
    ];
}

/// Response codes.
pub(super) mod response {
    pub(crate) const OK: u16 = 0x2001;
    pub(super) const GENERAL_ERROR: u16 = 0x2002;
    pub(super) const SESSION_NOT_OPEN: u16 = 0x2003;
    pub(super) const OPERATION_NOT_SUPPORTED: u16 = 0x2005;
    pub(super) const INVALID_OBJECT: u16 = 0x2009;
    pub(super) const NO_SUCH_PROPERTY: u16 = 0x200a;
    pub(super) const STORE_FULL: u16 = 0x200c;
    pub(super) const ACCESS_DENIED: u16 = 0x200f;
    pub(super) const BUSY: u16 = 0x2019;
    pub(super) const INVALID_VALUE: u16 = 0x201c;
    pub(super) const INVALID_PARAMETER: u16 = 0x201d;
    pub(super) const SESSION_ALREADY_OPEN: u16 = 0x201e;
}

mod event {
    pub(super) const OBJECT_ADDED: u16 = 0xc201;
    pub(super) const OBJECT_REMOVED: u16 = 0xc202;
    pub(super) const PROPERTY_CHANGED: u16 = 0xc203;
}

/// Handles under which Sony bodies offer the next picture and the live view.
const NEXT_PICTURE: u32 = 0xffff_c001;
const LIVE_VIEW: u32 = 0xffff_c002;
/// What the object info says of a live view before anyone knows its length.
const LIVE_VIEW_ROOM: usize = 0x4_0000;
/// Bytes before the JPEG of a live view.
const LIVE_VIEW_HEADER: usize = 136;

/// What the client gets.
#[derive(Debug)]
pub(super) enum Answer {
    /// No data, and this response.
    Response(u16),
    /// Data, and that all is well.
    Data(Vec<u8>),
    /// A picture; half of it and a broken connection where `cut`.
    Picture { bytes: Arc<[u8]>, cut: bool },
    /// What is seen through the lens now, to be rendered after the body is let go of.
    LiveView { position: f32, exposure: Exposure },
}

/// A client's session with the body.
#[derive(Debug, Default)]
pub(super) struct Responder {
    open: bool,
    /// Whether protocol 3.00 was agreed on.
    new_protocol: bool,
}

impl Responder {
    /// Does what `operation` asks of `body`, whose photos and live view have the sizes `sizes`.
    pub(super) fn answer(
        &mut self,
        body: &mut Body,
        sizes: [Size; 2],
        operation: u16,
        parameters: &[u32],
        data: &[u8],
    ) -> Answer {
        let parameter = |i: usize| parameters.get(i).copied().unwrap_or(0);
        let code = parameter(0) as u16;
        match operation {
            operation::DEVICE_INFO => Answer::Data(bytes(&device_info(body.kind()))),
            operation::OPEN_SESSION if self.open => Answer::Response(response::SESSION_ALREADY_OPEN),
            operation::OPEN_SESSION => {
                self.open = true;
                Answer::Response(response::OK)
            }
            _ if !operation::ALL.contains(&operation) => Answer::Response(response::OPERATION_NOT_SUPPORTED),
            _ if !self.open => Answer::Response(response::SESSION_NOT_OPEN),
            operation::CLOSE_SESSION => {
                self.open = false;
                Answer::Response(response::OK)
            }
            // In remote mode the card is not shown: no storages, no objects.
            operation::STORAGE_IDS | operation::OBJECT_HANDLES => Answer::Data(vec![0; 4]),
            operation::OBJECT_INFO => object_info(body, sizes, parameter(0)),
            operation::OBJECT => object(body, parameter(0)),
            operation::CONNECT => Answer::Data(vec![0; 8]),
            operation::EXTENDED_INFO => self.extended_info(body, parameter(0)),
            operation::PROPERTY => match body.property(code) {
                Some(property) => Answer::Data(description(property, false)),
                None => Answer::Response(response::NO_SUCH_PROPERTY),
            },
            operation::ALL_PROPERTIES => Answer::Data(self.all_properties(body)),
            operation::SET => result(body.set(code, data)),
            operation::CONTROL => result(body.control(code, data)),
            _ => Answer::Response(response::OPERATION_NOT_SUPPORTED),
        }
    }

    /// Which protocol is spoken, and which properties and controls there are.
    fn extended_info(&mut self, body: &mut Body, wanted: u32) -> Answer {
        self.new_protocol = body.kind() == BodyKind::New && wanted >= 300;
        body.speak(self.new_protocol);
        let version: u16 = if self.new_protocol { 300 } else { 200 };
        let codes = |controls: bool| {
            let mine = body.properties().iter().filter(|p| p.access.is_control() == controls);
            bytes(&mine.map(|p| p.code).collect::<super::dataset::Codes>())
        };
        Answer::Data([version.to_le_bytes().to_vec(), codes(false), codes(true)].concat())
    }

    /// Old bodies list their controls among the properties, or libgphoto2 does not show them; new ones do not.
    fn all_properties(&self, body: &Body) -> Vec<u8> {
        let listed = body.properties().iter().filter(|p| !self.new_protocol || !p.access.is_control());
        all_properties(listed, self.new_protocol)
    }
}

fn result(result: Result<(), Refusal>) -> Answer {
    Answer::Response(match result {
        Ok(()) => response::OK,
        Err(Refusal::Unknown) => response::NO_SUCH_PROPERTY,
        Err(Refusal::ReadOnly) => response::ACCESS_DENIED,
        Err(Refusal::BadValue) => response::INVALID_VALUE,
        Err(Refusal::Busy) => response::BUSY,
        Err(Refusal::CardFull) => response::STORE_FULL,
        // PTP has no word for it: the battery's own property tells.
        Err(Refusal::BatteryEmpty) => response::GENERAL_ERROR,
    })
}

fn device_info(body: BodyKind) -> DeviceInfo {
    DeviceInfo {
        standard_version: 100,
        extension: 0x11,
        extension_version: 100,
        extension_text: "Sony PTP Extensions".into(),
        functional_mode: 0,
        operations: operation::ALL.into_iter().collect(),
        events: [event::OBJECT_ADDED, event::OBJECT_REMOVED, event::PROPERTY_CHANGED].into_iter().collect(),
        properties: [].into_iter().collect(),
        capture_formats: [].into_iter().collect(),
        image_formats: [JPEG, ARW].into_iter().collect(),
        manufacturer: "Sony Corporation".into(),
        model: MODEL.into(),
        version: if body == BodyKind::New { "3.10" } else { "1.00" }.into(),
        serial: "00000000000000000000000000000001".into(),
    }
}

fn object_info(body: &Body, [photo, live]: [Size; 2], handle: u32) -> Answer {
    let info = match (handle, body.picture()) {
        (NEXT_PICTURE, Some(picture)) => {
            let (format, size) = if picture.file.raw { (ARW, live) } else { (JPEG, photo) };
            ObjectInfo::new(format, picture.file.bytes.len(), size, &picture.name())
        }
        (LIVE_VIEW, _) => ObjectInfo::new(JPEG, LIVE_VIEW_ROOM, live, "LIVEVIEW.JPG"),
        _ => return Answer::Response(response::INVALID_OBJECT),
    };
    Answer::Data(bytes(&info))
}

fn object(body: &mut Body, handle: u32) -> Answer {
    match (handle, body.picture()) {
        (NEXT_PICTURE, Some(picture)) => {
            let (shot, bytes) = (picture.shot, Arc::clone(&picture.file.bytes));
            Answer::Picture { bytes, cut: body.cuts(shot) }
        }
        (LIVE_VIEW, _) => {
            let (position, exposure) = body.eye();
            Answer::LiveView { position, exposure }
        }
        (NEXT_PICTURE, None) => Answer::Response(response::INVALID_OBJECT),
        _ => Answer::Response(response::INVALID_PARAMETER),
    }
}

/// The dataset of a live view: where the JPEG is, how long, and then itself.
pub(super) fn live_view(jpeg: &[u8]) -> Vec<u8> {
    let mut data = vec![0; LIVE_VIEW_HEADER];
    data[..4].copy_from_slice(&(LIVE_VIEW_HEADER as u32).to_le_bytes());
    data[4..8].copy_from_slice(&(jpeg.len() as u32).to_le_bytes());
    data.extend_from_slice(jpeg);
    data
}

/// Code and parameter of an event on the wire.
pub(super) fn wire_event(event: Event) -> (u16, u32) {
    match event {
        Event::PictureReady => (event::OBJECT_ADDED, NEXT_PICTURE),
        Event::Changed(code) => (event::PROPERTY_CHANGED, u32::from(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::BodySettings;
    use crate::simulate::body::code;

    const SIZES: [Size; 2] = [Size::new(1500, 1000), Size::new(640, 426)];

    struct Client {
        body: Body,
        responder: Responder,
    }

    impl Client {
        fn of(body: BodyKind) -> Self {
            let body = Body::new(BodySettings { body, ..BodySettings::default() });
            Self { body, responder: Responder::default() }
        }

        fn ask(&mut self, operation: u16, parameters: &[u32], data: &[u8]) -> Answer {
            self.responder.answer(&mut self.body, SIZES, operation, parameters, data)
        }

        fn code(&mut self, operation: u16, parameters: &[u32], data: &[u8]) -> u16 {
            match self.ask(operation, parameters, data) {
                Answer::Response(code) => code,
                _ => response::OK,
            }
        }

        fn data(&mut self, operation: u16, parameters: &[u32]) -> Vec<u8> {
            match self.ask(operation, parameters, &[]) {
                Answer::Data(data) => data,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn nothing_but_its_name_is_told_before_a_session() {
        let mut client = Client::of(BodyKind::New);
        assert!(client.data(operation::DEVICE_INFO, &[]).len() > 100);
        assert_eq!(client.code(operation::ALL_PROPERTIES, &[], &[]), response::SESSION_NOT_OPEN);
        assert_eq!(client.code(operation::OPEN_SESSION, &[1], &[]), response::OK);
        assert_eq!(client.code(operation::OPEN_SESSION, &[1], &[]), response::SESSION_ALREADY_OPEN);
        assert_eq!(client.code(operation::ALL_PROPERTIES, &[], &[]), response::OK);
        assert_eq!(client.code(0x9280, &[], &[]), response::OPERATION_NOT_SUPPORTED);
        assert_eq!(client.code(operation::CLOSE_SESSION, &[], &[]), response::OK);
        assert_eq!(client.code(operation::SET, &[], &[]), response::SESSION_NOT_OPEN);
    }

    #[test]
    fn protocol_three_is_for_new_bodies_that_are_asked_for_it() {
        let of = |body, wanted| {
            let mut client = Client::of(body);
            client.code(operation::OPEN_SESSION, &[1], &[]);
            let version = client.data(operation::EXTENDED_INFO, &[wanted]);
            let list = client.data(operation::ALL_PROPERTIES, &[]);
            let control = code::HALF_PRESS.to_le_bytes();
            (u16::from_le_bytes([version[0], version[1]]), list.windows(2).any(|w| w == control))
        };
        assert_eq!(of(BodyKind::New, 300), (300, false));
        assert_eq!(of(BodyKind::New, 200), (200, true));
        assert_eq!(of(BodyKind::Old, 300), (200, true));
        assert_eq!(of(BodyKind::Bare, 300), (200, true));
    }

    #[test]
    fn there_is_no_picture_before_a_shot_but_a_live_view() {
        let mut client = Client::of(BodyKind::New);
        client.code(operation::OPEN_SESSION, &[1], &[]);
        assert_eq!(client.code(operation::OBJECT_INFO, &[NEXT_PICTURE], &[]), response::INVALID_OBJECT);
        assert_eq!(client.code(operation::OBJECT, &[NEXT_PICTURE], &[]), response::INVALID_OBJECT);
        assert_eq!(client.code(operation::OBJECT, &[1], &[]), response::INVALID_PARAMETER);
        assert!(matches!(client.ask(operation::OBJECT, &[LIVE_VIEW], &[]), Answer::LiveView { .. }));
        let view = live_view(&[0xff, 0xd8]);
        assert_eq!((view[0], view[4], &view[136..]), (136, 2, &[0xff, 0xd8][..]));
    }

    #[test]
    fn refusals_have_their_codes() {
        let mut client = Client::of(BodyKind::New);
        client.code(operation::OPEN_SESSION, &[1], &[]);
        let battery = [u32::from(code::BATTERY)];
        assert_eq!(client.code(operation::SET, &battery, &[1]), response::ACCESS_DENIED);
        assert_eq!(client.code(operation::SET, &[0x1234], &[1]), response::NO_SUCH_PROPERTY);
        assert_eq!(client.code(operation::SET, &[u32::from(code::QUALITY)], &[99]), response::INVALID_VALUE);
        assert_eq!(
            client.code(operation::CONTROL, &[u32::from(code::AF_POINT)], &[]),
            response::INVALID_VALUE
        );
        assert_eq!(client.code(operation::CONTROL, &[], &[]), response::NO_SUCH_PROPERTY);
        assert_eq!(client.code(operation::PROPERTY, &battery, &[]), response::OK);
    }
}
