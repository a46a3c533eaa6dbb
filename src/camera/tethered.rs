//! A camera on libgphoto2, driven as a photographer would press its buttons.
//!
//! A failed autofocus inside libgphoto2's own capture blocks for 38 seconds, and an event that is left over makes the
//! next capture fail: so the button is half pressed, the focus waited for, the shutter released, and the files are taken
//! as they are announced.

mod fetch;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::fetch::{COMING, Fetched};
use super::capabilities::{DISTANCE, DriveValues, dioptres_of};
use super::gphoto::{Wire, open};
use super::{
    Camera, Capabilities, Condition, Exposed, Keep, Lock, Nudge, PhotoFile, Point, Remember, Strategy,
};
use crate::error::{Error, Result};

/// A camera on libgphoto2.
pub struct Tethered {
    wire: Wire,
    model: String,
    capabilities: Capabilities,
    /// The widget that moves the lens, and how.
    drive: Option<(String, DriveValues)>,
    /// Where a lens that goes to positions stands.
    at: f32,
    /// Rest before each photo, for vibration to die down, and after each, for a flash to charge.
    settle: Duration,
    flash: Duration,
    /// Widgets that were changed, with what they showed before, in order.
    before: Vec<(String, String)>,
    /// Whether the button is half pressed.
    pressed: bool,
    /// Whether its shutter button is a widget, as on Sony bodies.
    button: bool,
    /// Whether an AF point was set.
    pointed: bool,
    /// Whether it shoots without autofocus.
    held: bool,
    /// Photos in a row of which the picture came without the RAW file.
    without_raw: u32,
    /// Files of earlier exposures that came late.
    late: RefCell<Vec<PhotoFile>>,
    /// Before this, a flash is not charged.
    charged_at: Instant,
}

/// Columns and rows that AF points are counted in.
const AF_GRID: [f64; 2] = [640.0, 480.0];
/// Where an AF point is set, and where it is shown: column · 65536 + row.
const POINT: &str = "spotfocusarea";
const POINT_SHOWN: &str = "d232";
/// The focus area that has an AF point; the middle size.
const SPOT_AREA: &str = "Flexible Spot: M";
/// Autofocus and manual focus, as the driver calls the modes.
const AUTOFOCUS: &str = "Automatic";
const MANUAL: &str = "Manual";
/// Where different versions of the driver show whether the focus is found.
const INDICATIONS: [&str; 2] = ["focusindication", "d213"];
/// An autofocus takes no longer.
const FOCUSING: Duration = Duration::from_secs(8);
/// From one look at the focus to the next.
const GLANCE: Duration = Duration::from_millis(12);
/// The camera shows a mode that was set no later than this.
const SHOWING: Duration = Duration::from_secs(2);
/// How long a camera that is busy is asked again.
const BUSY: Duration = Duration::from_secs(12);
/// From one time to the next.
const BETWEEN: Duration = Duration::from_millis(100);
/// After a nudge the lens is still no sooner.
const NUDGED: Duration = Duration::from_millis(60);
/// And after the largest ones.
const NUDGED_FAR: Duration = Duration::from_millis(120);
/// Settings that make photos look alike, as the driver names them.
const SETTINGS: [&str; 8] = [
    "expprogram",
    "iso",
    "f-number",
    "shutterspeed",
    "exposurecompensation",
    "imagequality",
    "imagesize",
    "capturetarget",
];

impl Tethered {
    /// Opens the camera at `port`, which rests for `settle` before each photo and for `flash` after it.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(port: &str, settle: Duration, flash: Duration) -> Result<Self> {
        let wire = open(port)?;
        let (model, capabilities, drive) = (wire.model(), wire.capabilities(), wire.drive());
        let (before, charged_at, button) = (Vec::new(), Instant::now(), wire.read("capture").is_some());
        Ok(Self {
            wire,
            model,
            capabilities,
            drive,
            at: 0.0,
            settle,
            flash,
            before,
            pressed: false,
            button,
            pointed: false,
            held: false,
            without_raw: 0,
            late: RefCell::default(),
            charged_at,
        })
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Sets a widget, asking again as long as the camera is busy.
    fn set(&self, name: &str, value: &str) -> Result<()> {
        patiently(|| self.wire.write(name, value))
    }

    /// Sets a widget, after what it shows is remembered: it may be changed again later.
    fn change(&mut self, name: &str, value: &str, remember: Remember<'_>) -> Result<()> {
        let Some(before) = self.wire.read(name) else { return Ok(()) };
        let same = before == value;
        if !self.before.iter().any(|(changed, _)| changed == name) {
            self.before.push((name.to_owned(), before));
            remember(&self.before)?;
        }
        if same { Ok(()) } else { self.set(name, value) }
    }

    /// Remembers the AF point, where the camera shows it: it takes points by one name and shows them by another.
    fn remember_point(&mut self, remember: Remember<'_>) -> Result<()> {
        let known = self.before.iter().any(|(changed, _)| changed == POINT);
        let Some(shown) = self.wire.read(POINT_SHOWN).and_then(|shown| shown.parse::<u32>().ok()) else {
            return Ok(());
        };
        let at = [shown >> 16, shown & 0xffff];
        if !known && shown > 0 && f64::from(at[0]) < AF_GRID[0] && f64::from(at[1]) < AF_GRID[1] {
            self.before.push((POINT.to_owned(), format!("{},{}", at[0], at[1])));
            remember(&self.before)?;
        }
        Ok(())
    }

    fn focus_mode(&self) -> Option<&'static str> {
        match self.strategy() {
            Strategy::AfPoint => Some(AUTOFOCUS),
            Strategy::Sweep | Strategy::Direct => Some(MANUAL),
            Strategy::Manual => None,
        }
    }

    /// Whether the focus is found, as the camera shows it.
    fn indication(&self) -> Option<Lock> {
        let shown = INDICATIONS.iter().find_map(|name| self.wire.read(name))?;
        match shown.as_str() {
            "2" | "Focus Locked" => Some(Lock::Locked),
            text if text == "3" || text.contains("Low Contrast") => Some(Lock::Failed),
            _ => None,
        }
    }

    /// Whether the focus mode is what it was set to: a switch on the lens or the body may stand against it.
    fn assert_focus_mode(&self, mode: &str) -> Result<()> {
        let deadline = Instant::now() + SHOWING;
        loop {
            let Some(shown) = self.wire.read("focusmode") else { return Ok(()) };
            // Of several kinds of autofocus any will do.
            if (shown == MANUAL) == (mode == MANUAL) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let remedy = if mode == MANUAL {
                    "set the camera's focus mode to MF, and the lens's AF/MF switch to AF"
                } else {
                    "set the AF/MF switch of the lens, or of the camera, to AF; a lens without autofocus takes --manual \
                     --watch DIR"
                };
                let text = format!("the focus mode stays {shown}: {remedy}; then run the same command again");
                return Err(Error::Camera(text));
            }
            std::thread::sleep(BETWEEN);
        }
    }

    /// Why a photo could not be taken, if its supplies tell.
    fn explained(&mut self, error: Error) -> Error {
        if matches!(error, Error::CameraGone(_)) {
            return error;
        }
        match self.condition() {
            Ok(Condition { battery: Some(0), .. }) => {
                Error::Supplies("the battery is empty; change it, then run the same command again".into())
            }
            Ok(Condition { room: Some(0), .. }) => {
                Error::Supplies("the card is full; put in another, then run the same command again".into())
            }
            _ => error,
        }
    }

    /// Presses the button half-way; a busy camera is asked again, as in [`Self::release`].
    fn half_press(&mut self) -> Result<()> {
        let deadline = Instant::now() + BUSY;
        loop {
            match self.wire.write("autofocus", "1") {
                Err(Error::Camera(_) | Error::CameraBusy(_)) if Instant::now() < deadline => {
                    std::thread::sleep(BETWEEN);
                }
                result => return result,
            }
        }
    }

    /// Presses the shutter button all the way and lets it go. What a busy camera answers has no name of its own: unless its
    /// supplies explain it, it is asked again.
    fn release(&mut self) -> Result<()> {
        let deadline = Instant::now() + BUSY;
        loop {
            let pressed = if self.button { self.wire.write("capture", "1") } else { self.wire.trigger() };
            let error = match pressed {
                Ok(()) if !self.button => return Ok(()),
                // It has fired: what becomes of the button is seen with the next word.
                Ok(()) => {
                    let _ = self.wire.write("capture", "0");
                    return Ok(());
                }
                Err(error) => error,
            };
            if matches!(error, Error::CameraGone(_)) || Instant::now() > deadline {
                return Err(error);
            }
            match self.explained(error) {
                Error::Supplies(text) => return Err(Error::Supplies(text)),
                _ => std::thread::sleep(BETWEEN),
            }
        }
    }
}

/// Does `work`, again and again as long as the camera is busy, up to [`BUSY`].
fn patiently<R>(mut work: impl FnMut() -> Result<R>) -> Result<R> {
    let deadline = Instant::now() + BUSY;
    loop {
        match work() {
            Err(Error::CameraBusy(_)) if Instant::now() < deadline => {
                std::thread::sleep(BETWEEN);
            }
            result => return result,
        }
    }
}

impl Camera for Tethered {
    fn model(&self) -> &str {
        &self.model
    }

    fn strategy(&self) -> Strategy {
        self.capabilities.strategy()
    }

    fn condition(&mut self) -> Result<Condition> {
        let number = |text: String| text.trim_end_matches('%').trim().parse().ok();
        let settings: BTreeMap<String, String> =
            SETTINGS.iter().filter_map(|&name| Some((name.to_owned(), self.wire.read(name)?))).collect();
        Ok(Condition {
            battery: self.wire.read("batterylevel").and_then(number),
            room: self.wire.read("d249").and_then(number),
            focus_mode: self.wire.read("focusmode"),
            settings,
        })
    }

    fn take_over(&mut self, before: &[(String, String)], remember: Remember<'_>) -> Result<()> {
        self.before = before.to_vec();
        if let Some(mode) = self.focus_mode().filter(|mode| self.wire.offers("focusmode", mode)) {
            self.change("focusmode", mode, remember)?;
            self.assert_focus_mode(mode)?;
        }
        if self.strategy() == Strategy::AfPoint {
            self.change("focusarea", SPOT_AREA, remember)?;
            self.remember_point(remember)?;
        }
        Ok(())
    }

    fn give_back(&mut self, before: &[(String, String)]) -> Result<()> {
        let mut result = self.let_go();
        let told = before.iter().any(|(name, _)| name == POINT);
        if std::mem::take(&mut self.pointed) && !told {
            // What it was is not told: the middle is where bodies put it.
            let [x, y] = AF_GRID.map(|side| side / 2.0);
            result = result.and(self.set(POINT, &format!("{x},{y}")));
        }
        for (name, value) in before.iter().rev() {
            let set =
                if self.wire.read(name).as_ref() == Some(value) { Ok(()) } else { self.set(name, value) };
            result = result.and(set);
        }
        self.before.clear();
        result
    }

    fn reconnect(&mut self) -> Result<()> {
        self.pressed = false;
        self.wire.reopen()?;
        // What it was is remembered from the first time.
        self.take_over(&self.before.clone(), &mut |_| Ok(()))?;
        if self.held { self.hold_focus(true) } else { Ok(()) }
    }

    fn focus_at(&mut self, point: Point) -> Result<Lock> {
        self.let_go()?;
        self.drain()?;
        let [x, y] = [0, 1].map(|axis| (point[axis] * AF_GRID[axis]).floor().clamp(0.0, AF_GRID[axis] - 1.0));
        self.set(POINT, &format!("{x},{y}"))?;
        self.pointed = true;
        self.half_press()?;
        self.pressed = true;
        let deadline = Instant::now() + FOCUSING;
        loop {
            match self.indication() {
                Some(lock) => {
                    if lock == Lock::Failed {
                        self.let_go()?;
                    }
                    return Ok(lock);
                }
                None if Instant::now() > deadline => {
                    self.let_go()?;
                    return Ok(Lock::Failed);
                }
                None => std::thread::sleep(GLANCE),
            }
        }
    }

    fn let_go(&mut self) -> Result<()> {
        if self.pressed {
            self.set("autofocus", "0")?;
            self.pressed = false;
        }
        Ok(())
    }

    fn lens_position(&mut self) -> Option<f64> {
        self.capabilities.position_told.then(|| self.wire.read("focalposition")?.parse().ok()).flatten()
    }

    fn dioptres(&mut self) -> Option<f64> {
        self.capabilities.distance_told.then(|| dioptres_of(&self.wire.read(DISTANCE)?)).flatten()
    }

    fn nudge(&mut self, nudge: Nudge) -> Result<()> {
        if nudge == 0 {
            return Ok(());
        }
        let Some((widget, drive)) = &self.drive else {
            return Err(Error::Camera(format!("the lens of {} cannot be moved by program", self.model)));
        };
        let (value, at) = drive.value(nudge, self.at);
        self.set(widget, &value)?;
        self.at = at;
        std::thread::sleep(if nudge.abs() < 6 { NUDGED } else { NUDGED_FAR });
        Ok(())
    }

    fn nudge_sizes(&self) -> usize {
        self.drive.as_ref().map_or(0, |(_, drive)| drive.sizes())
    }

    fn hold_focus(&mut self, hold: bool) -> Result<()> {
        self.let_go()?;
        self.held = hold;
        self.set("focusmode", if hold { MANUAL } else { AUTOFOCUS })
    }

    fn preview(&mut self) -> Result<Box<[u8]>> {
        patiently(|| self.wire.preview())
    }

    fn expose(&mut self, keep: Keep<'_>) -> Result<Exposed> {
        std::thread::sleep(self.charged_at.saturating_duration_since(Instant::now()).max(self.settle));
        let (count, time) = (self.files(), self.exposure_time());
        self.drain()?;
        let start = Instant::now();
        if let Err(error) = self.release() {
            return Err(self.explained(error));
        }
        // Long exposures may be followed by a dark one as long, against noise.
        let Fetched { seen, raw, announced, transfer } =
            self.fetch(count, start + 2 * time + COMING, keep)?;
        match (seen, raw) {
            (_, true) => self.without_raw = 0,
            (true, false) if count > 1 => self.without_raw += 1,
            _ => {}
        }
        self.charged_at = Instant::now() + self.flash;
        // The photo is safe whatever becomes of the button; it is let go again before the next.
        if let Err(error) = self.let_go() {
            tracing::debug!("{error}");
        }
        if !seen {
            return Err(Error::CameraLost(format!(
                "the camera fired, and no picture came within {} s; look whether it writes to the card only",
                (2 * time + COMING).as_secs()
            )));
        }
        let exposing = announced.map_or_else(|| start.elapsed(), |at| at - start);
        Ok(Exposed { exposing, transfer })
    }

    fn left_over(&mut self, patience: Duration, keep: Keep<'_>) -> Result<()> {
        self.fetch_left_over(patience, keep)
    }
}
