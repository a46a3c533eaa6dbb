//! The shutter button: half press, autofocus, full press, exposure, and the pictures that come of it.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;

use super::registers::{AF_GRID, CARD, FLEXIBLE_SPOT, MANUAL, RAW_AND_JPEG, RAW_ONLY, code};
use super::{AfResult, Body, Event, Exposure, FaultKind, Refusal, Search, ShotTaken, motor};

/// Work for whoever looks through the lens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// Find the focus that is sharpest in `windows`; the result goes to [`Body::focused`].
    Focus { ticket: u64, from: f32, windows: Vec<AfWindow> },
    /// Make the picture; the files go to [`Body::developed`].
    Expose { shot: u32, position: f32, exposure: Exposure, jpeg: bool, raw: bool },
}

/// A square that autofocus looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AfWindow {
    /// Centre as fractions of the picture.
    pub(crate) centre: [f32; 2],
    /// Side as a fraction of its width.
    pub(crate) side: f32,
}

/// How far autofocus is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Autofocus {
    Idle,
    /// The result is being computed.
    Searching,
    /// The lens goes where the result says.
    Driving {
        result: AfResult,
        earliest: Duration,
    },
    Done(AfResult),
}

impl Autofocus {
    pub(super) fn result(self) -> Option<AfResult> {
        match self {
            Self::Done(result) => Some(result),
            _ => None,
        }
    }
}

/// One file of a shot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PictureFile {
    /// Whether it is the RAW file.
    pub(crate) raw: bool,
    pub(crate) bytes: Arc<[u8]>,
}

/// A file the client can fetch or will be able to.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) shot: u32,
    pub(crate) file: PictureFile,
    /// When it is written.
    ready_at: Duration,
    /// When it counts among the objects in memory; none before it is announced.
    visible_at: Option<Duration>,
}

impl Picture {
    /// File name as the card has it.
    pub(crate) fn name(&self) -> String {
        format!("DSC{:05}.{}", self.shot % 100_000, if self.file.raw { "ARW" } else { "JPG" })
    }

    pub(super) fn is_visible(&self, now: Duration) -> bool {
        self.visible_at.is_some_and(|at| at <= now)
    }
}

/// An exposed shot whose picture is being computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    shot: u32,
    ready_at: Duration,
}

/// Least time an autofocus takes.
const AF_TIME: Duration = Duration::from_millis(150);
/// From the end of the exposure to a picture.
const WRITING: Duration = Duration::from_millis(150);
const SLOW_WRITING: Duration = Duration::from_secs(4);
/// From the event to the picture among the objects in memory.
const EVENT_LEAD: Duration = Duration::from_millis(50);
const LATE_EVENT: Duration = Duration::from_millis(1500);
const BUSY: Duration = Duration::from_secs(1);
/// Pictures kept for the client; a body's buffer holds no more.
const MOST_PICTURES: usize = 32;
/// Positions by which autofocus misses at most.
const AF_SCATTER: f32 = 2.0;

impl Body {
    pub(super) fn half_press(&mut self, on: bool) -> Result<(), Refusal> {
        if on && self.is_busy() {
            return Err(Refusal::Busy);
        }
        self.press_half(on);
        Ok(())
    }

    pub(super) fn press_half(&mut self, on: bool) {
        if on == self.half_pressed {
            return;
        }
        self.half_pressed = on;
        if on {
            self.start_autofocus();
        } else if !self.armed {
            self.end_autofocus();
        }
    }

    /// Full press: shoots now, or as soon as the focus is there; after a failed autofocus not at all.
    pub(super) fn full_press(&mut self, on: bool) -> Result<(), Refusal> {
        if !on {
            return Ok(());
        }
        self.may_shoot()?;
        let manual = self.value(code::FOCUS_MODE) == MANUAL;
        match self.autofocus {
            _ if manual => self.expose(),
            Autofocus::Done(AfResult::Locked) => self.expose(),
            Autofocus::Done(AfResult::Failed) => {}
            Autofocus::Searching | Autofocus::Driving { .. } => self.armed = true,
            Autofocus::Idle => {
                self.armed = true;
                self.start_autofocus();
            }
        }
        Ok(())
    }

    /// Shoots at the present focus.
    pub(super) fn release(&mut self) -> Result<(), Refusal> {
        self.may_shoot()?;
        self.expose();
        Ok(())
    }

    fn may_shoot(&mut self) -> Result<(), Refusal> {
        let next = self.next_shot();
        if self.is_busy() || self.pictures.len() + self.pending.len() >= MOST_PICTURES {
            return Err(Refusal::Busy);
        }
        let battery_empty = self.strikes(FaultKind::BatteryEmpty, next);
        if battery_empty || self.strikes(FaultKind::CardFull, next) {
            return Err(if battery_empty { Refusal::BatteryEmpty } else { Refusal::CardFull });
        }
        Ok(())
    }

    /// The fault "busy": for a while from the first press for its shot.
    fn is_busy(&mut self) -> bool {
        let next = self.next_shot();
        if !self.strikes(FaultKind::Busy, next) {
            return false;
        }
        let until = match self.busy {
            Some((shot, until)) if shot == next => until,
            _ => self.now + BUSY,
        };
        self.busy = Some((next, until));
        self.now < until
    }

    fn start_autofocus(&mut self) {
        if self.value(code::FOCUS_MODE) == MANUAL {
            return;
        }
        self.ticket += 1;
        self.autofocus = Autofocus::Searching;
        let from = self.motor.position();
        self.orders.push(Order::Focus { ticket: self.ticket, from, windows: self.af_windows() });
    }

    fn end_autofocus(&mut self) {
        if matches!(self.autofocus, Autofocus::Driving { .. }) {
            self.motor.stop();
        }
        self.autofocus = Autofocus::Idle;
        self.show(code::FOCUS_INDICATION, 1);
    }

    /// The result of the search `ticket` asked for.
    pub(crate) fn focused(&mut self, now: Duration, ticket: u64, found: &Search) {
        self.advance(now);
        if ticket != self.ticket || self.autofocus != Autofocus::Searching {
            return;
        }
        let locks = found.locked && !self.strikes(FaultKind::AfFails, self.next_shot());
        let mut path = found.path.clone();
        if let Some(last) = path.last_mut() {
            *last += AF_SCATTER * (2.0 * self.rng.random::<f32>() - 1.0);
        }
        self.motor.follow(&path);
        let result = if locks { AfResult::Locked } else { AfResult::Failed };
        self.autofocus = Autofocus::Driving { result, earliest: self.now + AF_TIME };
    }

    /// Ends an autofocus whose lens has arrived, and shoots if that was waited for.
    pub(super) fn finish_autofocus(&mut self) {
        let Autofocus::Driving { result, earliest } = self.autofocus else { return };
        if self.motor.moves() || self.now < earliest {
            return;
        }
        self.autofocus = Autofocus::Done(result);
        self.show(code::FOCUS_INDICATION, if result == AfResult::Locked { 2 } else { 3 });
        if std::mem::take(&mut self.armed) && result == AfResult::Locked {
            self.expose();
        }
        if !self.half_pressed {
            self.end_autofocus();
        }
    }

    /// Where autofocus looks.
    fn af_windows(&self) -> Vec<AfWindow> {
        let area = self.value(code::FOCUS_AREA);
        let around = |half: f32| {
            let places = [0.5 - half, 0.5, 0.5 + half];
            let all = places.into_iter().flat_map(|y| places.map(|x| [x, y]));
            all.map(|centre| AfWindow { centre, side: 0.03 }).collect()
        };
        match area {
            1 => around(0.3),
            2 => around(0.15),
            3 => vec![AfWindow { centre: [0.5; 2], side: 0.05 }],
            FLEXIBLE_SPOT => vec![AfWindow { centre: self.af_centre(), side: 0.02 }],
            0x103 => vec![AfWindow { centre: self.af_centre(), side: 0.05 }],
            _ => vec![AfWindow { centre: self.af_centre(), side: 0.03 }],
        }
    }

    /// Where a Flexible Spot stands.
    fn af_centre(&self) -> [f32; 2] {
        [0, 1].map(|axis| (f32::from(self.af_point[axis]) + 0.5) / f32::from(AF_GRID[axis]))
    }

    fn expose(&mut self) {
        let shot = self.next_shot();
        let (position, exposure) = self.eye();
        self.shots.push(ShotTaken {
            number: shot,
            focus: motor::focus_at(position),
            autofocus: self.autofocus.result(),
            af_point: self.af_centre(),
        });
        self.show_supplies();
        if self.strikes(FaultKind::PictureLost, shot) || self.value(code::CAPTURE_TARGET) == CARD {
            return;
        }
        let writing = if self.strikes(FaultKind::SlowCard, shot) { SLOW_WRITING } else { WRITING };
        self.pending.push(Pending { shot, ready_at: self.now + exposure.time + writing });
        let quality = self.value(code::QUALITY);
        let raw = [RAW_ONLY, RAW_AND_JPEG].contains(&quality) && !self.settings.raw_stays;
        self.orders.push(Order::Expose { shot, position, exposure, jpeg: quality != RAW_ONLY, raw });
    }

    /// The files of a shot, the RAW file first.
    pub(crate) fn developed(&mut self, now: Duration, shot: u32, files: Vec<PictureFile>) {
        let Some(at) = self.pending.iter().position(|pending| pending.shot == shot) else { return };
        let Pending { ready_at, .. } = self.pending.swap_remove(at);
        self.pictures.extend(files.into_iter().map(|file| Picture {
            shot,
            file,
            ready_at,
            visible_at: None,
        }));
        self.advance(now);
    }

    /// Announces pictures that are written, and counts those in memory.
    pub(super) fn announce_pictures(&mut self) {
        let now = self.now;
        let ready = |picture: &Picture| picture.visible_at.is_none() && picture.ready_at <= now;
        for at in (0..self.pictures.len()).filter(|&at| ready(&self.pictures[at])).collect::<Vec<_>>() {
            let shot = self.pictures[at].shot;
            let late = self.strikes(FaultKind::LateEvent, shot);
            let eventless = late || self.strikes(FaultKind::NoEvents, shot);
            self.pictures[at].visible_at = Some(if eventless { now } else { now + EVENT_LEAD });
            if late {
                self.late_events.push(now + LATE_EVENT);
            } else {
                self.emit(Event::PictureReady, shot);
            }
        }
        let due = self.late_events.iter().filter(|&&at| at <= now).count();
        self.late_events.retain(|&at| at > now);
        self.events.extend(std::iter::repeat_n(Event::PictureReady, due));
        let count = self.pictures.iter().filter(|picture| picture.is_visible(now)).count() as i64;
        self.show_quietly(code::IN_MEMORY, if count > 0 { 0x8000 + count } else { 0 });
    }

    /// The picture the client would fetch next.
    pub(crate) fn picture(&self) -> Option<&Picture> {
        self.pictures.iter().find(|picture| picture.visible_at.is_some())
    }

    /// Whether the connection breaks during the transfer of this picture; once.
    pub(crate) fn cuts(&mut self, shot: u32) -> bool {
        let cuts = self.strikes(FaultKind::Cut, shot) && self.cut.is_none_or(|cut| cut < shot);
        if cuts {
            self.cut = Some(shot);
        }
        cuts
    }

    /// The client was sent the whole of its next picture: it has it once it says another word.
    pub(crate) fn picture_sent(&mut self) {
        self.sent = true;
    }

    /// The client says a word: what it was sent before it has, and that is gone here.
    pub(crate) fn hear(&mut self) {
        if !std::mem::take(&mut self.sent) {
            return;
        }
        let Some(at) = self.pictures.iter().position(|picture| picture.visible_at.is_some()) else { return };
        if let Some(picture) = self.pictures.remove(at) {
            self.announce_pictures();
            self.emit(Event::Changed(code::IN_MEMORY), picture.shot);
        }
    }
}
