//! What may go wrong with a body, always or at one shot.

use std::fmt;
use std::str::FromStr;

/// A fault, and when it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Number of the shot it strikes at, the first being 1. Default: every shot.
    pub shot: Option<u32>,
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The body sends no events about the shot.
    NoEvents,
    /// The event that announces the picture comes 1.5 s after the picture.
    LateEvent,
    /// The autofocus before the shot finds nothing.
    AfFails,
    /// The release answers "device busy" for a second.
    Busy,
    /// Writing the picture takes four seconds longer.
    SlowCard,
    /// The shutter sounds, and no picture ever comes.
    PictureLost,
    /// The connection breaks half-way through the first transfer of the picture.
    Cut,
    /// The battery is empty before the shot, until the client connects anew.
    BatteryEmpty,
    /// The card is full before the shot, until the client connects anew.
    CardFull,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoEvents,
        Self::LateEvent,
        Self::AfFails,
        Self::Busy,
        Self::SlowCard,
        Self::PictureLost,
        Self::Cut,
        Self::BatteryEmpty,
        Self::CardFull,
    ];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoEvents => "no-events",
            Self::LateEvent => "late-event",
            Self::AfFails => "af-fails",
            Self::Busy => "busy",
            Self::SlowCard => "slow-card",
            Self::PictureLost => "picture-lost",
            Self::Cut => "cut",
            Self::BatteryEmpty => "battery-empty",
            Self::CardFull => "card-full",
        }
    }
}

impl Fault {
    /// Whether it is a fault of `kind` that strikes at shot number `shot`.
    pub(super) fn strikes(self, kind: FaultKind, shot: u32) -> bool {
        self.kind == kind && self.shot.is_none_or(|at| at == shot)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, shot) = match text.split_once('@') {
            Some((name, shot)) => (name, Some(shot)),
            None => (text, None),
        };
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names = FaultKind::ALL.map(FaultKind::name).join(", ");
            format!("{name:?} is no fault: choose one of {names}")
        })?;
        let number = |shot: &str| shot.parse().ok().filter(|&shot: &u32| shot > 0);
        let shot = shot
            .map(|shot| number(shot).ok_or(format!("@{shot}: shots are numbered 1, 2, 3…")))
            .transpose()?;
        Ok(Self { kind, shot })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        self.shot.map_or(Ok(()), |shot| write!(f, "@{shot}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for kind in FaultKind::ALL {
            for shot in [None, Some(3)] {
                let fault = Fault { kind, shot };
                assert_eq!(fault.to_string().parse(), Ok(fault));
            }
        }
        for text in ["", "cut@", "cut@0", "cut@-1", "cut@x", "fire", "CUT"] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_strikes_at_its_shot_or_at_all() {
        let at_three = Fault { kind: FaultKind::Cut, shot: Some(3) };
        let struck: Vec<_> = (1..=4).filter(|&shot| at_three.strikes(FaultKind::Cut, shot)).collect();
        assert_eq!(struck, [3]);
        let always = Fault { shot: None, ..at_three };
        assert!((1..=4).all(|shot| always.strikes(FaultKind::Cut, shot)));
        assert!(!always.strikes(FaultKind::Busy, 1));
    }
}
