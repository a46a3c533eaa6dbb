//! Files as a camera announces them, and those that nobody has fetched.

use std::time::{Duration, Instant};

use super::{Tethered, patiently};
use crate::camera::gphoto::Happening;
use crate::camera::{Keep, PhotoFile, is_picture};
use crate::error::{Error, Result};

/// A photo's files come no later than this after the end of the exposure.
pub(super) const COMING: Duration = Duration::from_secs(15);
/// After the one to look at, a photo's other file comes no later.
const SECOND: Duration = Duration::from_secs(5);
/// So many photos in a row without a RAW file, and none is waited for.
const RAW_STAYS: u32 = 2;
/// After a left-over file another is waited for so long.
const LEFT_OVER: Duration = Duration::from_millis(700);

/// What came of an exposure.
pub(super) struct Fetched {
    /// Whether the file to look at is among what was kept.
    pub seen: bool,
    /// Whether a file of another kind is.
    pub raw: bool,
    /// When the first was announced.
    pub announced: Option<Instant>,
    /// How long they took.
    pub transfer: Duration,
}

impl Tethered {
    /// Takes in what the camera has told meanwhile: a file among it is an earlier exposure's, and kept for
    /// [`Camera::left_over`] unless it is here already.
    pub(super) fn drain(&self) -> Result<()> {
        for _ in 0..64 {
            match self.wire.next(Duration::from_millis(1))? {
                Happening::Nothing => break,
                Happening::File(file) => match patiently(|| self.wire.fetch(&file)) {
                    Ok(bytes) => self.late.borrow_mut().push(PhotoFile { name: file.name(), bytes }),
                    Err(error @ Error::CameraGone(_)) => return Err(error),
                    Err(error) => tracing::debug!("{error}"),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Files that come of a photo, by the quality, and by what came of those before.
    pub(super) fn files(&self) -> usize {
        let shown = ["imagequality", "imageformat"].iter().find_map(|name| self.wire.read(name));
        let quality = shown.unwrap_or_default();
        let both = ["RAW", "NEF"].iter().any(|raw| quality.contains(raw)) && quality.contains('+');
        if both && self.without_raw < RAW_STAYS { 2 } else { 1 }
    }

    /// How long the shutter is open, as far as it is told.
    pub(super) fn exposure_time(&self) -> Duration {
        let shown = self.wire.read("shutterspeed").unwrap_or_default();
        let number = |text: &str| text.trim_end_matches('"').parse::<f64>().ok();
        let seconds = match shown.split_once('/') {
            Some((over, under)) => number(over).zip(number(under)).map(|(over, under)| over / under),
            None => number(&shown),
        };
        Duration::try_from_secs_f64(seconds.unwrap_or(1.0).clamp(0.0, 900.0)).unwrap_or_default()
    }

    /// Keeps `count` files, the one to look at among them, as they are announced, until `deadline`.
    pub(super) fn fetch(&self, count: usize, deadline: Instant, keep: Keep<'_>) -> Result<Fetched> {
        let (mut seen, mut raw, mut announced, mut transfer) = (false, false, None, Duration::ZERO);
        let mut deadline = deadline;
        while (!seen || (count > 1 && !raw)) && Instant::now() < deadline {
            let Happening::File(file) = self.wire.next(Duration::from_millis(100))? else { continue };
            let start = Instant::now();
            announced.get_or_insert(start);
            let fetched = patiently(|| self.wire.fetch(&file));
            transfer += start.elapsed();
            match fetched {
                Ok(bytes) => {
                    let file = PhotoFile { name: file.name(), bytes };
                    // Some bodies shoot RAW and JPEG, and send the JPEG alone.
                    if is_picture(&file.name) {
                        seen = true;
                        deadline = deadline.min(Instant::now() + SECOND);
                    } else {
                        raw = true;
                    }
                    keep(file)?;
                }
                Err(error @ Error::CameraGone(_)) => return Err(error),
                // Announced late: an earlier photo's file, which is here already.
                Err(error) => tracing::debug!("{error}"),
            }
        }
        Ok(Fetched { seen, raw, announced, transfer })
    }

    /// Keeps files of earlier exposures; waits so long for the first, and as long as the shutter is open.
    pub(super) fn fetch_left_over(&self, patience: Duration, keep: Keep<'_>) -> Result<()> {
        for file in self.late.take() {
            keep(file)?;
        }
        if patience.is_zero() {
            return Ok(());
        }
        let mut deadline = Instant::now() + patience + 2 * self.exposure_time();
        while Instant::now() < deadline {
            let Happening::File(file) = self.wire.next(Duration::from_millis(100))? else { continue };
            match patiently(|| self.wire.fetch(&file)) {
                Ok(bytes) => {
                    let file = PhotoFile { name: file.name(), bytes };
                    if is_picture(&file.name) {
                        deadline = deadline.min(Instant::now() + LEFT_OVER);
                    }
                    keep(file)?;
                }
                Err(error @ Error::CameraGone(_)) => return Err(error),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        Ok(())
    }
}
