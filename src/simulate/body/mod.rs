//! A camera body as a state machine: buttons and settings in, events, pictures and work orders out.
//!
//! It knows no sockets, no threads and no clock of its own: the time since it was switched on comes with every call,
//! and what takes computing (looking through the lens) goes out as an [`Order`], whose result comes back by
//! [`Body::focused`] or [`Body::developed`].

mod exposure;
mod fault;
mod motor;
pub(super) mod property;
mod registers;
mod release;
mod search;

use std::collections::VecDeque;
use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

pub(super) use exposure::{Exposure, REFERENCE_F_NUMBER};
pub use fault::{Fault, FaultKind};
pub(super) use motor::{FAR_STOP, focus_at};
use motor::{FocusMotor, Mechanics};
use property::Property;
pub(super) use registers::code;
use registers::{AF_GRID, CARD_ROOM, CHARGED, registers};
pub(super) use release::{AfWindow, Order, Picture, PictureFile};
use release::{Autofocus, Pending};
pub(super) use search::{Search, search};

/// Which body to pose as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Sony's protocol 3.00: autofocus at any point of the picture, and focus steps.
    #[default]
    New,
    /// Protocol 2.00: focus steps only, by a lens with backlash that loses steps while it moves.
    Old,
    /// Protocol 2.00 with neither.
    Bare,
}

impl BodyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::New, Self::Old, Self::Bare];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Bare => "bare",
        }
    }
}

impl std::fmt::Display for BodyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for BodyKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|body| body.name() == name)
            .ok_or_else(|| format!("{name:?} is no body: choose new, old or bare"))
    }
}

/// How the body is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodySettings {
    /// Which body. Default: new.
    pub body: BodyKind,
    /// What goes wrong. Default: nothing.
    pub faults: Vec<Fault>,
    /// Whether it starts with quality RAW+JPEG in place of JPEG. Default: JPEG.
    pub raw: bool,
    /// Whether RAW files stay on the card, and pictures alone are sent. Default: both are sent.
    pub raw_stays: bool,
    /// Whether the lens's AF/MF switch stands on MF, so that the focus mode stays manual and no motor moves it. Default:
    /// no.
    pub lens_mf: bool,
    /// Decides everything random about it. Default: 0.
    pub seed: u64,
}

/// How the last autofocus ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfResult {
    /// It found the focus, and the lens stands there.
    Locked,
    /// Too little contrast.
    Failed,
}

/// A shot as it really was.
#[derive(Clone, Debug, PartialEq)]
pub struct ShotTaken {
    /// The first is 1.
    pub number: u32,
    /// Inverse depth in focus, 1 near … 0 far.
    pub focus: f32,
    /// The autofocus before it, if there was one.
    pub autofocus: Option<AfResult>,
    /// Where autofocus looks, as fractions of the picture.
    pub af_point: [f32; 2],
}

/// The truth about a body, for tests.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyState {
    /// Inverse depth in focus, 1 near … 0 far.
    pub focus: f32,
    /// Whether the lens is on its way.
    pub lens_moves: bool,
    /// The autofocus since the shutter button was last half pressed, if it has ended.
    pub autofocus: Option<AfResult>,
    /// Every shot since the body was switched on.
    pub shots: Vec<ShotTaken>,
    /// Pictures not fetched yet.
    pub pictures: usize,
    /// Focus mode as Sony counts it: 1 manual, 2 automatic.
    pub focus_mode: i64,
    /// Focus area, as Sony counts them.
    pub focus_area: i64,
    /// Where the AF point is shown: column and row of 640 × 480.
    pub af_point: [i64; 2],
}

/// What the body tells the client by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A picture can be fetched.
    PictureReady,
    /// The property of this code changed.
    Changed(u16),
}

/// Why the body does not do what it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such property or control.
    Unknown,
    /// Only the body changes this.
    ReadOnly,
    /// Not one of the values it takes.
    BadValue,
    /// Busy; ask again.
    Busy,
    /// No room for a picture.
    CardFull,
    /// No power for a shot.
    BatteryEmpty,
}

/// The body. Time never runs backwards between calls.
#[derive(Debug)]
pub(super) struct Body {
    settings: BodySettings,
    now: Duration,
    rng: Pcg64Mcg,
    properties: Vec<Property>,
    motor: FocusMotor,
    /// Where autofocus looks with a Flexible Spot, on [`AF_GRID`].
    af_point: [u16; 2],
    half_pressed: bool,
    /// A full press came before the focus was there: it shoots when it locks.
    armed: bool,
    autofocus: Autofocus,
    /// Number of the latest search: results of earlier ones come too late.
    ticket: u64,
    shots: Vec<ShotTaken>,
    /// Exposed, not yet developed.
    pending: Vec<Pending>,
    pictures: VecDeque<Picture>,
    late_events: Vec<Duration>,
    /// Shot whose release is answered "busy", and until when.
    busy: Option<(u32, Duration)>,
    /// Whether a client has seen that there is no power or no room for the next shot.
    refused: bool,
    /// Whether the client was sent a picture, and has not said a word since.
    sent: bool,
    /// Shot whose transfer was cut already.
    cut: Option<u32>,
    events: Vec<Event>,
    orders: Vec<Order>,
}

/// Events kept for a client that does not fetch them.
const MOST_EVENTS: usize = 256;

impl Body {
    /// A body just switched on.
    pub(super) fn new(settings: BodySettings) -> Self {
        let mechanics = match settings.body {
            BodyKind::New => Mechanics::default(),
            BodyKind::Old | BodyKind::Bare => Mechanics { backlash: 12.0, jitter: 0.1, drops_nudges: true },
        };
        let mut body = Self {
            now: Duration::ZERO,
            rng: Pcg64Mcg::seed_from_u64(settings.seed),
            properties: registers(&settings),
            motor: FocusMotor::new(mechanics, FAR_STOP / 2.0),
            af_point: AF_GRID.map(|n| n / 2),
            half_pressed: false,
            armed: false,
            autofocus: Autofocus::Idle,
            ticket: 0,
            shots: Vec::new(),
            pending: Vec::new(),
            pictures: VecDeque::new(),
            late_events: Vec::new(),
            busy: None,
            refused: false,
            sent: false,
            cut: None,
            events: Vec::new(),
            orders: Vec::new(),
            settings,
        };
        body.show_lens();
        body.show_supplies();
        body
    }

    /// Which body it is.
    pub(super) fn kind(&self) -> BodyKind {
        self.settings.body
    }

    /// A client came: whoever saw that there is no power or no room has changed the battery and the card by now.
    pub(super) fn connected(&mut self) {
        if std::mem::take(&mut self.refused) {
            let next = self.next_shot();
            let cured = |f: &Fault| {
                matches!(f.kind, FaultKind::BatteryEmpty | FaultKind::CardFull) && f.shot == Some(next)
            };
            self.settings.faults.retain(|fault| !cured(fault));
            self.show_supplies();
        }
        self.events.clear();
    }

    /// Exposure is set by value where the newer protocol is spoken, else in steps along the list.
    pub(super) fn speak(&mut self, new_protocol: bool) {
        let access = if new_protocol { property::Access::Set } else { property::Access::Step };
        for property in &mut self.properties {
            if registers::EXPOSURE.contains(&property.code) {
                property.access = access;
            }
        }
    }

    /// The client is gone: nobody holds the button any more.
    pub(super) fn disconnected(&mut self) {
        self.press_half(false);
        self.armed = false;
        self.sent = false;
        self.events.clear();
        let next = self.next_shot();
        let supplies = [FaultKind::BatteryEmpty, FaultKind::CardFull];
        self.refused |= supplies.into_iter().any(|supply| self.strikes(supply, next));
    }

    /// Lets time go on until `now`.
    pub(super) fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let moved = self.motor.moves();
        self.motor.advance(self.now);
        if moved {
            self.show_lens();
            if !self.motor.moves() && self.property(code::FOCAL_POSITION).is_some() {
                self.emit(Event::Changed(code::FOCAL_POSITION), self.next_shot());
            }
        }
        self.finish_autofocus();
        self.announce_pictures();
    }

    /// Whether nothing will happen by itself: no need to call [`Self::advance`].
    pub(super) fn is_idle(&self) -> bool {
        let waits = self.pictures.iter().any(|picture| !picture.is_visible(self.now));
        !self.motor.moves()
            && matches!(self.autofocus, Autofocus::Idle | Autofocus::Done(_))
            && self.late_events.is_empty()
            && !waits
    }

    /// What happened since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What is to be computed since the last call.
    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// All properties and controls.
    pub(super) fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The property or control of this code.
    pub(super) fn property(&self, code: u16) -> Option<&Property> {
        self.properties.iter().find(|property| property.code == code)
    }

    /// Where the lens stands, and how it would expose now.
    pub(super) fn eye(&self) -> (f32, Exposure) {
        (self.motor.position(), self.exposure())
    }

    /// The truth.
    pub(super) fn state(&self) -> BodyState {
        BodyState {
            focus: focus_at(self.motor.position()),
            lens_moves: self.motor.moves(),
            autofocus: self.autofocus.result(),
            shots: self.shots.clone(),
            pictures: self.pictures.len(),
            focus_mode: self.value(code::FOCUS_MODE),
            focus_area: self.value(code::FOCUS_AREA),
            af_point: [16, 0].map(|shift| self.value(code::AF_POINT_SHOWN) >> shift & 0xffff),
        }
    }

    /// Sets a property by value.
    pub(super) fn set(&mut self, code: u16, data: &[u8]) -> Result<(), Refusal> {
        // libgphoto2 before 2.5.31 writes a stray value to controls too; an error there would fail the command.
        if (0xd2c0..=0xd2ff).contains(&code) {
            return Ok(());
        }
        let property = self.property(code).ok_or(Refusal::Unknown)?;
        match property.access {
            // The same stray write, to what goes by steps.
            property::Access::Step => return Ok(()),
            property::Access::Set => {}
            _ => return Err(Refusal::ReadOnly),
        }
        if code == code::FOCUS_MODE && self.settings.lens_mf {
            return Ok(());
        }
        // Newer versions send f-numbers in four bytes: the first two are the value.
        let value = property.kind.read(data).filter(|&value| property.takes(value));
        self.show(code, value.ok_or(Refusal::BadValue)?);
        Ok(())
    }

    /// Works a control, or steps a property.
    pub(super) fn control(&mut self, code: u16, data: &[u8]) -> Result<(), Refusal> {
        let property = self.property(code).ok_or(Refusal::Unknown)?;
        if !property.access.is_control() {
            let by = property::Kind::I8.read(data).ok_or(Refusal::BadValue)?;
            return match property.access {
                property::Access::Show => Err(Refusal::ReadOnly),
                _ => {
                    let value = property.stepped(by);
                    self.show(code, value);
                    Ok(())
                }
            };
        }
        let value = property.kind.read(data).ok_or(Refusal::BadValue)?;
        match code {
            code::HALF_PRESS => self.half_press(value == 2),
            code::FULL_PRESS => self.full_press(value == 2),
            code::STILL_IMAGE if value == 2 => self.release(),
            code::MANUAL_FOCUS => self.nudge(value),
            code::AF_POINT => self.point_at(value),
            _ => Ok(()),
        }
    }

    fn nudge(&mut self, size: i64) -> Result<(), Refusal> {
        let by_hand = [registers::MANUAL, registers::DIRECT_MANUAL];
        if by_hand.contains(&self.value(code::FOCUS_MODE)) && !self.settings.lens_mf {
            let size = i16::try_from(size).map_err(|_| Refusal::BadValue)?;
            self.motor.nudge(size, &mut self.rng);
        }
        Ok(())
    }

    fn point_at(&mut self, value: i64) -> Result<(), Refusal> {
        let point = [(value >> 16) as u16, value as u16];
        if point.iter().zip(AF_GRID).any(|(&at, size)| at >= size) {
            return Err(Refusal::BadValue);
        }
        self.af_point = point;
        self.show(code::AF_POINT_SHOWN, value);
        Ok(())
    }

    /// The value of a property that every body has.
    fn value(&self, code: u16) -> i64 {
        self.property(code).map_or(0, |property| property.value)
    }

    /// Changes a property, and says so.
    fn show(&mut self, code: u16, value: i64) {
        let next = self.next_shot();
        let Some(property) = self.properties.iter_mut().find(|property| property.code == code) else {
            return;
        };
        if std::mem::replace(&mut property.value, value) != value {
            self.emit(Event::Changed(code), next);
        }
    }

    /// Changes a property quietly: the client asks for it when it wants to know.
    fn show_quietly(&mut self, code: u16, value: i64) {
        if let Some(property) = self.properties.iter_mut().find(|property| property.code == code) {
            property.value = value;
        }
    }

    fn show_lens(&mut self) {
        let position = self.motor.position();
        self.show_quietly(code::FOCAL_POSITION, (100.0 * position / FAR_STOP).round() as i64);
        self.show_quietly(code::FOCAL_DISTANCE, motor::distance_mm(position));
    }

    /// Battery and card as they are before the next shot.
    fn show_supplies(&mut self) {
        let next = self.next_shot();
        let battery = if self.strikes(FaultKind::BatteryEmpty, next) { 0 } else { CHARGED };
        let full = self.strikes(FaultKind::CardFull, next);
        self.show(code::BATTERY, battery);
        self.show(code::SHOTS_LEFT, if full { 0 } else { (CARD_ROOM - self.shots.len() as i64).max(0) });
    }

    /// Tells the client of something about shot number `shot`.
    fn emit(&mut self, event: Event, shot: u32) {
        if !self.strikes(FaultKind::NoEvents, shot) && self.events.len() < MOST_EVENTS {
            self.events.push(event);
        }
    }

    fn strikes(&self, kind: FaultKind, shot: u32) -> bool {
        self.settings.faults.iter().any(|fault| fault.strikes(kind, shot))
    }

    fn next_shot(&self) -> u32 {
        self.shots.len() as u32 + 1
    }
}

#[cfg(test)]
mod tests;
