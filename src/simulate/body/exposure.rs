//! What shutter, aperture and sensitivity do to a picture.

use std::time::Duration;

use super::property::Property;
use super::registers::code;

/// How a picture is exposed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exposure {
    /// The aperture: blur is inversely proportional to it.
    pub(crate) f_number: f32,
    /// Brightness, 1 as metered: at f/5.6, 1/60 s and ISO 100, or where the body meters by itself.
    pub(crate) gain: f32,
    /// Sensitivity as a multiple of ISO 100: noise grows with it.
    pub(crate) sensitivity: f32,
    /// How long the shutter is open.
    pub(crate) time: Duration,
}

/// f-number of the lens that the scene's blur is stated for.
pub(crate) const REFERENCE_F_NUMBER: f32 = 5.6;
const REFERENCE_TIME: f32 = 1.0 / 60.0;
/// Exposure program M.
const MANUAL_PROGRAM: i64 = 1;
const AUTO_ISO: i64 = 0xff_ffff;

impl Exposure {
    /// As the properties say.
    pub(super) fn of(value: impl Fn(u16) -> i64) -> Self {
        let f_number = value(code::F_NUMBER) as f32 / 100.0;
        let (over, under) = (value(code::SHUTTER) >> 16, value(code::SHUTTER) & 0xffff);
        let seconds = over as f32 / under.max(1) as f32;
        let sensitivity = match value(code::ISO) {
            AUTO_ISO => None,
            iso => Some(iso as f32 / 100.0),
        };
        let light = seconds / REFERENCE_TIME * (REFERENCE_F_NUMBER / f_number).powi(2);
        let gain = match sensitivity {
            Some(sensitivity) if value(code::EXPOSURE_PROGRAM) == MANUAL_PROGRAM => light * sensitivity,
            _ => 1.0,
        };
        let sensitivity = sensitivity.unwrap_or((1.0 / light).clamp(1.0, 128.0));
        Self { f_number, gain, sensitivity, time: Duration::from_secs_f32(seconds) }
    }
}

impl super::Body {
    /// The exposure the settings stand for now.
    pub(super) fn exposure(&self) -> Exposure {
        Exposure::of(|code| self.property(code).map_or(0, |property: &Property| property.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_time_by_area_by_sensitivity() {
        let exposure = |f_number, shutter: (i64, i64), iso| {
            Exposure::of(|code| match code {
                code::F_NUMBER => f_number,
                code::SHUTTER => shutter.0 << 16 | shutter.1,
                code::ISO => iso,
                _ => MANUAL_PROGRAM,
            })
        };
        assert_eq!(exposure(560, (1, 60), 100).gain, 1.0);
        assert!((exposure(1120, (1, 15), 100).gain - 1.0).abs() < 1e-5);
        assert!((exposure(560, (1, 240), 400).gain - 1.0).abs() < 1e-5);
        assert_eq!(exposure(800, (13, 10), 100).time, Duration::from_secs_f32(1.3));
        let automatic = exposure(560, (1, 240), AUTO_ISO);
        assert_eq!((automatic.gain, automatic.sensitivity), (1.0, 4.0));
    }
}
