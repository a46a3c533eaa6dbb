//! Which properties and controls each body has, and where they stand when it is switched on.

use super::property::{Access, Form, Kind, Property};
use super::{BodyKind, BodySettings};

/// Sony's codes.
pub(crate) mod code {
    pub(crate) const QUALITY: u16 = 0x5004;
    pub(crate) const F_NUMBER: u16 = 0x5007;
    pub(crate) const FOCUS_MODE: u16 = 0x500a;
    pub(crate) const EXPOSURE_PROGRAM: u16 = 0x500e;
    pub(crate) const COMPENSATION: u16 = 0x5010;
    pub(crate) const DRIVE: u16 = 0x5013;
    pub(crate) const FOCAL_DISTANCE: u16 = 0xd004;
    pub(crate) const SHUTTER: u16 = 0xd20d;
    pub(crate) const FOCUS_INDICATION: u16 = 0xd213;
    pub(crate) const IN_MEMORY: u16 = 0xd215;
    pub(crate) const BATTERY: u16 = 0xd218;
    pub(crate) const ISO: u16 = 0xd21e;
    pub(crate) const CAPTURE_TARGET: u16 = 0xd222;
    pub(crate) const FOCUS_AREA: u16 = 0xd22c;
    pub(crate) const AF_POINT_SHOWN: u16 = 0xd232;
    pub(crate) const SHOTS_LEFT: u16 = 0xd249;
    pub(crate) const FOCAL_POSITION: u16 = 0xd24c;
    pub(crate) const POSITION_KEY: u16 = 0xd25a;
    pub(crate) const HALF_PRESS: u16 = 0xd2c1;
    pub(crate) const FULL_PRESS: u16 = 0xd2c2;
    pub(crate) const STILL_IMAGE: u16 = 0xd2c7;
    pub(crate) const MANUAL_FOCUS: u16 = 0xd2d1;
    pub(crate) const AF_POINT: u16 = 0xd2dc;
}

/// What is set in steps by the older protocol, by value by the newer.
pub(super) const EXPOSURE: [u16; 5] =
    [code::F_NUMBER, code::COMPENSATION, code::DRIVE, code::SHUTTER, code::ISO];
/// Picture quality: a RAW file only, or with a JPEG beside it.
pub(crate) const RAW_ONLY: i64 = 0x10;
pub(crate) const RAW_AND_JPEG: i64 = 0x13;
/// Focus mode without autofocus, and manual focus after it.
pub(crate) const MANUAL: i64 = 1;
pub(crate) const DIRECT_MANUAL: i64 = 0x8006;
/// First of the Flexible Spot focus areas: S, M, L, Expand.
pub(crate) const FLEXIBLE_SPOT: i64 = 0x101;
/// Pictures to the card alone, and to the card as well.
pub(crate) const CARD: i64 = 0x10;
const CARD_AND_CLIENT: i64 = 0x11;
/// Columns and rows that AF points are counted in.
pub(crate) const AF_GRID: [u16; 2] = [640, 480];
/// Room for pictures on an empty card.
pub(crate) const CARD_ROOM: i64 = 1999;
/// A full battery, in per cent.
pub(crate) const CHARGED: i64 = 90;

/// Shutter times in seconds as numerator and denominator, slow → fast.
const SHUTTER_TIMES: [(i64, i64); 55] = [
    (30, 1),
    (25, 1),
    (20, 1),
    (15, 1),
    (13, 1),
    (10, 1),
    (8, 1),
    (6, 1),
    (5, 1),
    (4, 1),
    (32, 10),
    (25, 10),
    (2, 1),
    (16, 10),
    (13, 10),
    (1, 1),
    (8, 10),
    (6, 10),
    (5, 10),
    (4, 10),
    (1, 3),
    (1, 4),
    (1, 5),
    (1, 6),
    (1, 8),
    (1, 10),
    (1, 13),
    (1, 15),
    (1, 20),
    (1, 25),
    (1, 30),
    (1, 40),
    (1, 50),
    (1, 60),
    (1, 80),
    (1, 100),
    (1, 125),
    (1, 160),
    (1, 200),
    (1, 250),
    (1, 320),
    (1, 400),
    (1, 500),
    (1, 640),
    (1, 800),
    (1, 1000),
    (1, 1250),
    (1, 1600),
    (1, 2000),
    (1, 2500),
    (1, 3200),
    (1, 4000),
    (1, 5000),
    (1, 6400),
    (1, 8000),
];
/// f-numbers in hundredths.
const F_NUMBERS: [i64; 19] =
    [280, 320, 350, 400, 450, 500, 560, 630, 710, 800, 900, 1000, 1100, 1300, 1400, 1600, 1800, 2000, 2200];
/// Sensitivities; the first is automatic.
const ISO_VALUES: [i64; 17] =
    [0xff_ffff, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1250, 1600, 3200, 6400, 12800];

/// All properties and controls of the body.
pub(super) fn registers(settings: &BodySettings) -> Vec<Property> {
    let new = settings.body == BodyKind::New;
    let exposure = Access::Step;
    let quality = if settings.raw { RAW_AND_JPEG } else { 3 };
    let long = if new { Kind::U32 } else { Kind::U16 };
    let list = |values: &[i64]| Form::List(values.to_vec());
    let mut all = vec![
        Property::new(
            code::QUALITY,
            Kind::U8,
            Access::Set,
            quality,
            list(&[2, 3, 4, RAW_ONLY, RAW_AND_JPEG]),
        ),
        Property::new(0x5005, Kind::U16, Access::Set, 2, list(&[2, 4, 0x8011, 0x8010, 6, 0x8001])),
        Property::new(code::F_NUMBER, Kind::U16, exposure, 560, list(&F_NUMBERS)),
        Property::new(
            code::FOCUS_MODE,
            Kind::U16,
            Access::Set,
            if settings.lens_mf { MANUAL } else { 2 },
            list(&[MANUAL, 2, 0x8004, 0x8005, DIRECT_MANUAL]),
        ),
        Property::new(0x500b, Kind::U16, Access::Set, 0x8001, list(&[0x8001, 0x8002, 0x8004])),
        Property::new(code::EXPOSURE_PROGRAM, long, Access::Show, 1, list(&[0x8000, 1, 2, 3, 4])),
        Property::new(
            code::COMPENSATION,
            Kind::I16,
            exposure,
            0,
            list(&[3000, 2000, 1000, 0, -1000, -2000, -3000]),
        ),
        Property::new(code::DRIVE, long, exposure, 1, list(&[1, 2, 0x8015, 0x8012])),
        Property::new(0xd203, Kind::U8, Access::Set, 1, list(&[1, 2, 3])),
        shutter(new),
        Property::new(0xd211, Kind::U8, Access::Set, 1, list(&[1, 2])),
        Property::new(code::FOCUS_INDICATION, Kind::U8, Access::Show, 1, list(&[1, 2, 3, 5, 6, 7])),
        Property::new(code::IN_MEMORY, Kind::U16, Access::Show, 0, Form::Range([0, 0xffff, 1])),
        Property::new(code::BATTERY, Kind::I8, Access::Show, CHARGED, Form::Range([-1, 100, 1])),
        Property::new(code::ISO, Kind::U32, exposure, 100, list(&ISO_VALUES)),
        Property::new(0xd221, Kind::U8, Access::Show, 1, list(&[0, 1, 2])),
        Property::new(
            code::CAPTURE_TARGET,
            Kind::U16,
            Access::Set,
            CARD_AND_CLIENT,
            list(&[1, CARD_AND_CLIENT, CARD]),
        ),
        Property::new(
            code::FOCUS_AREA,
            Kind::U16,
            Access::Set,
            FLEXIBLE_SPOT + 1,
            list(&[1, 2, 3, FLEXIBLE_SPOT, 0x102, 0x103, 0x104]),
        ),
        Property::new(
            code::AF_POINT_SHOWN,
            Kind::U32,
            Access::Show,
            point(AF_GRID.map(|n| n / 2)),
            Form::Free,
        ),
        Property::new(code::SHOTS_LEFT, Kind::U32, Access::Show, CARD_ROOM, Form::Free),
    ];
    if new {
        let positions = Form::Range([0, 100, 1]);
        all.push(Property::new(code::FOCAL_POSITION, Kind::U8, Access::Show, 0, positions));
        all.push(Property::new(code::POSITION_KEY, Kind::U8, Access::Set, 1, list(&[0, 1])));
        all.push(Property::new(code::FOCAL_DISTANCE, Kind::U32, Access::Show, 0, Form::Free));
    }
    all.extend(controls(settings.body));
    all
}

/// An AF point as one number.
pub(super) fn point([x, y]: [u16; 2]) -> i64 {
    i64::from(x) << 16 | i64::from(y)
}

fn shutter(new: bool) -> Property {
    let times: Vec<i64> = SHUTTER_TIMES.iter().map(|(over, under)| over << 16 | under).collect();
    // Old bodies do not list what they take.
    let form = if new { Form::List(times.clone()) } else { Form::Range([0, 0xffff_ffff, 1]) };
    Property { steps: times, ..Property::new(code::SHUTTER, Kind::U32, Access::Step, 1 << 16 | 60, form) }
}

fn controls(body: BodyKind) -> Vec<Property> {
    let pressed = Form::List(vec![1, 2]);
    let button = |code| Property::new(code, Kind::U16, Access::Button, 1, pressed.clone());
    let mut controls: Vec<_> = [code::HALF_PRESS, code::FULL_PRESS, code::STILL_IMAGE].map(button).into();
    if body != BodyKind::Bare {
        let nudges = Form::Range([-7, 7, 1]);
        controls.push(Property::new(code::MANUAL_FOCUS, Kind::I16, Access::Notch, 0, nudges));
    }
    if body == BodyKind::New {
        let points = Form::Range([0, point(AF_GRID.map(|n| n - 1)), 1]);
        controls.push(Property::new(code::AF_POINT, Kind::U32, Access::Variable, 0, points));
    }
    controls
}
