//! From widgets to capabilities, and from those to a strategy: pure functions.

use std::fmt;
use std::str::FromStr;

/// A widget as far as capabilities depend on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    /// Name without its path, as `--list-config` of gphoto2 ends it.
    pub name: String,
    /// What kind of values it takes.
    pub kind: WidgetKind,
}

/// Values of a widget.
#[derive(Clone, Debug, PartialEq)]
pub enum WidgetKind {
    /// Numbers between a least and a greatest.
    Range {
        /// The least.
        least: f32,
        /// The greatest.
        greatest: f32,
    },
    /// One of some words.
    Choice(Vec<String>),
    /// On or off.
    Toggle,
    /// Text, or anything else.
    Other,
}

/// Names of the widgets that matter here.
pub(super) const NAMES: [&str; 17] = [
    SPOT,
    AUTOFOCUS,
    AUTOFOCUS_DRIVE,
    "manualfocus",
    DRIVE,
    "focalposition",
    "d24c",
    "focaldistancemeters",
    DISTANCE,
    "focusindication",
    "d213",
    "focusarea",
    "focusmode",
    "capture",
    "batterylevel",
    "imagequality",
    "capturetarget",
];
const SPOT: &str = "spotfocusarea";
const AUTOFOCUS: &str = "autofocus";
const AUTOFOCUS_DRIVE: &str = "autofocusdrive";
const DRIVE: &str = "manualfocusdrive";
/// Sony: millimetres, where `focaldistancemeters` rounds to tenths of a metre.
pub(super) const DISTANCE: &str = "d004";

/// How the lens can be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FocusDrive {
    /// By steps from where it stands.
    Relative {
        /// The widget.
        widget: String,
    },
    /// To a position.
    Absolute {
        /// The widget.
        widget: String,
    },
}

/// Ways of nudges of size 1…7 in thousandths of a lens's whole way, about as Sony's are.
const WAYS: [f32; 7] = [1.0, 2.5, 8.0, 20.0, 55.0, 146.0, 389.0];

/// How the lens's widget takes values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DriveValues {
    /// Sony: the size itself, as a number.
    Sizes,
    /// Nikon: steps, of which so many are the whole way.
    Steps(f32),
    /// Fuji: positions between these.
    Positions([f32; 2]),
    /// Canon, Panasonic, Olympus: words, nearer and farther, the smallest move first.
    Words([Vec<String>; 2]),
}

impl DriveValues {
    /// Those of a lens's widget; none if it is none.
    pub(super) fn of(widget: &Widget) -> Option<Self> {
        match (widget.name.as_str(), &widget.kind) {
            ("manualfocus", WidgetKind::Range { .. }) => Some(Self::Sizes),
            (DRIVE, WidgetKind::Range { least, greatest }) if *least >= 0.0 && greatest > least => {
                Some(Self::Positions([*least, *greatest]))
            }
            (DRIVE, WidgetKind::Range { least, .. }) if *least < 0.0 => Some(Self::Steps(-least)),
            (DRIVE, WidgetKind::Choice(choices)) => {
                let side = |end: &str| -> Vec<String> {
                    choices.iter().filter(|choice| choice.to_lowercase().contains(end)).cloned().collect()
                };
                let sides = [side("near"), side("far")];
                sides.iter().all(|side| !side.is_empty()).then_some(Self::Words(sides))
            }
            _ => None,
        }
    }

    /// How many sizes of nudges there are.
    pub(super) fn sizes(&self) -> usize {
        match self {
            Self::Words([near, far]) => near.len().min(far.len()),
            _ => WAYS.len(),
        }
    }

    /// What to set the widget to for a nudge, the lens standing `at` a position; and where it stands then.
    pub(super) fn value(&self, nudge: i32, at: f32) -> (String, f32) {
        let size = (nudge.unsigned_abs() as usize).clamp(1, self.sizes());
        let way = WAYS[size.min(WAYS.len()) - 1] * nudge.signum() as f32;
        match self {
            Self::Sizes => (nudge.to_string(), at),
            // The whole way is more than a thousand steps of any motor, and less than these.
            Self::Steps(most) => ((way * 4.0).clamp(-most, *most).round().to_string(), at),
            Self::Positions([least, greatest]) => {
                let to = (at + way * (greatest - least) / 1000.0).clamp(*least, *greatest);
                (to.round().to_string(), to)
            }
            Self::Words(sides) => (sides[usize::from(nudge > 0)][size - 1].clone(), at),
        }
    }
}

/// What a camera can do, by its widgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Autofocus at a point of the picture.
    pub af_point: bool,
    /// Autofocus on command: the widget.
    pub autofocus: Option<String>,
    /// Whether it tells that the focus is found.
    pub focus_told: bool,
    /// How the lens can be moved, if it can.
    pub focus_drive: Option<FocusDrive>,
    /// Whether it tells where the lens stands.
    pub position_told: bool,
    /// Whether it tells how far it is focused.
    pub distance_told: bool,
    /// Whether it has a focus area to choose: such bodies may take an AF point from a newer libgphoto2.
    pub focus_area: bool,
    /// Whether it tells how full the battery is.
    pub battery_told: bool,
    /// Whether the picture's quality can be set.
    pub quality: bool,
}

/// Dioptres of what [`DISTANCE`] says: millimetres, 0 for unknown, the most that 32 bits hold for infinity.
pub(super) fn dioptres_of(text: &str) -> Option<f64> {
    match text.parse::<u32>().ok()? {
        0 => None,
        u32::MAX => Some(0.0),
        millimetres => Some(1000.0 / f64::from(millimetres)),
    }
}

impl Capabilities {
    /// What the widgets tell.
    pub fn of(widgets: &[Widget]) -> Self {
        let has = |name: &str| widgets.iter().any(|widget| widget.name == name);
        let named = |names: &[&str]| names.iter().find(|name| has(name)).map(|&name| name.to_owned());
        Self {
            af_point: has(SPOT),
            autofocus: named(&[AUTOFOCUS, AUTOFOCUS_DRIVE]),
            // Before libgphoto2 2.5.34 under its number only.
            focus_told: has("focusindication") || has("d213"),
            focus_drive: widgets.iter().find_map(focus_drive),
            position_told: has("focalposition"),
            // The number alone is something else on other makes.
            distance_told: has(DISTANCE) && (has("focaldistancemeters") || has("d24c")),
            focus_area: has("focusarea"),
            battery_told: has("batterylevel"),
            quality: has("imagequality"),
        }
    }

    /// How such a camera is best driven.
    pub fn strategy(&self) -> Strategy {
        match &self.focus_drive {
            _ if self.af_point && self.autofocus.is_some() => Strategy::AfPoint,
            Some(FocusDrive::Absolute { .. }) => Strategy::Direct,
            Some(FocusDrive::Relative { .. }) => Strategy::Sweep,
            None => Strategy::Manual,
        }
    }

    /// Why this strategy, and what would help to a better one, for a camera shown by a libgphoto2 of `version`.
    pub fn why(&self, version: Option<LibraryVersion>) -> String {
        match self.strategy() {
            Strategy::AfPoint => format!("it takes AF points ({SPOT})"),
            Strategy::Direct => "its lens goes to a position (manualfocusdrive)".into(),
            Strategy::Sweep => {
                let widget = match &self.focus_drive {
                    Some(FocusDrive::Relative { widget } | FocusDrive::Absolute { widget }) => widget,
                    None => DRIVE,
                };
                format!("it takes focus steps ({widget}) and no AF point{}", Self::hint(version))
            }
            Strategy::Manual => {
                format!("it takes neither AF points nor focus steps{}", Self::hint(version))
            }
        }
    }

    /// Whether it might be the library that is too old and not the camera.
    fn hint(version: Option<LibraryVersion>) -> String {
        match version {
            Some(version) if version < AF_POINT_VERSION => format!(
                "; libgphoto2 {version} can set none: Sony bodies from 2020 on may take one from {AF_POINT_VERSION} or newer"
            ),
            _ => String::new(),
        }
    }
}

/// The lens's drive that a widget stands for.
fn focus_drive(widget: &Widget) -> Option<FocusDrive> {
    let name = widget.name.clone();
    match (widget.name.as_str(), &widget.kind) {
        // Sony: −7…7.
        ("manualfocus", WidgetKind::Range { .. }) => Some(FocusDrive::Relative { widget: name }),
        // Fuji's runs over the lens's own positions; Nikon's is ±32767 steps; Canon, Panasonic and Olympus have words
        // such as "Near 2".
        (DRIVE, WidgetKind::Range { least, greatest }) if *least >= 0.0 && greatest > least => {
            Some(FocusDrive::Absolute { widget: name })
        }
        (DRIVE, WidgetKind::Range { least, .. }) if *least < 0.0 => {
            Some(FocusDrive::Relative { widget: name })
        }
        (DRIVE, WidgetKind::Choice(choices)) => {
            let both =
                ["near", "far"].iter().all(|end| choices.iter().any(|c| c.to_lowercase().contains(end)));
            both.then_some(FocusDrive::Relative { widget: name })
        }
        _ => None,
    }
}

/// How a camera is driven through a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Autofocus at points of the picture.
    AfPoint,
    /// The lens goes to positions.
    Direct,
    /// The lens goes in steps from end to end.
    Sweep,
    /// The photographer focuses and shoots; nearfar takes the photos from a folder.
    Manual,
}

impl Strategy {
    /// Name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AfPoint => "af-point",
            Self::Direct => "direct",
            Self::Sweep => "sweep",
            Self::Manual => "manual",
        }
    }
}

/// First libgphoto2 that can set AF points.
const AF_POINT_VERSION: LibraryVersion = LibraryVersion([2, 5, 32]);

/// A version of libgphoto2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LibraryVersion(pub [u32; 3]);

impl fmt::Display for LibraryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for LibraryVersion {
    type Err = String;

    /// Reads `2.5.30` or `2.5.31.1-dev`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse().ok());
        let mut next = || parts.next().ok_or_else(|| format!("{text:?} is no version"));
        Ok(Self([next()?, next()?, next()?]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widgets(widgets: &[(&str, WidgetKind)]) -> Vec<Widget> {
        widgets.iter().map(|(name, kind)| Widget { name: (*name).into(), kind: kind.clone() }).collect()
    }

    fn range(least: f32, greatest: f32) -> WidgetKind {
        WidgetKind::Range { least, greatest }
    }

    fn words(words: &[&str]) -> WidgetKind {
        WidgetKind::Choice(words.iter().map(|&word| word.into()).collect())
    }

    #[test]
    fn the_widgets_decide_the_strategy() {
        let canon = words(&["Near 1", "Near 2", "None", "Far 1"]);
        let cases = [
            (widgets(&[(SPOT, WidgetKind::Other), (AUTOFOCUS, WidgetKind::Toggle)]), Strategy::AfPoint),
            (widgets(&[(SPOT, WidgetKind::Other), ("manualfocus", range(-7.0, 7.0))]), Strategy::Sweep),
            (widgets(&[(AUTOFOCUS, WidgetKind::Toggle), ("manualfocus", range(-7.0, 7.0))]), Strategy::Sweep),
            (widgets(&[(DRIVE, range(-32767.0, 32767.0))]), Strategy::Sweep),
            (widgets(&[(DRIVE, canon)]), Strategy::Sweep),
            (widgets(&[(DRIVE, range(0.0, 1023.0))]), Strategy::Direct),
            (widgets(&[(DRIVE, words(&["None"]))]), Strategy::Manual),
            (widgets(&[(DRIVE, range(0.0, 0.0))]), Strategy::Manual),
            (
                widgets(&[(AUTOFOCUS, WidgetKind::Toggle), ("batterylevel", WidgetKind::Other)]),
                Strategy::Manual,
            ),
            (Vec::new(), Strategy::Manual),
        ];
        for (widgets, strategy) in cases {
            assert_eq!(Capabilities::of(&widgets).strategy(), strategy, "{widgets:?}");
        }
    }

    #[test]
    fn an_old_library_is_named_as_the_reason() {
        let sony = Capabilities::of(&widgets(&[("manualfocus", range(-7.0, 7.0))]));
        let version = |text: &str| text.parse::<LibraryVersion>().ok();
        assert!(sony.why(version("2.5.30")).contains("libgphoto2 2.5.30 can set none"));
        assert!(!sony.why(version("2.5.34")).contains("libgphoto2"));
        assert!(!sony.why(None).contains("libgphoto2"));
        assert!(sony.why(None).contains("manualfocus"));
    }

    #[test]
    fn nudges_become_what_each_maker_s_widget_takes() {
        let of = |kind| DriveValues::of(&Widget { name: DRIVE.into(), kind }).expect("a drive");
        let words = of(words(&["Near 1", "Near 2", "Near 3", "None", "Far 1", "Far 2", "Far 3"]));
        assert_eq!((words.sizes(), words.value(-2, 0.0).0), (3, "Near 2".to_owned()));
        assert_eq!(words.value(7, 0.0).0, "Far 3");
        assert_eq!(of(range(-32767.0, 32767.0)).value(-3, 0.0).0, "-32");
        let (value, at) = of(range(0.0, 2000.0)).value(5, 100.0);
        assert_eq!((value.as_str(), at), ("210", 210.0));
        assert_eq!(of(range(0.0, 2000.0)).value(-7, 100.0), ("0".to_owned(), 0.0));
        let sony = Widget { name: "manualfocus".into(), kind: range(-7.0, 7.0) };
        assert_eq!(DriveValues::of(&sony).map(|drive| drive.value(-7, 0.0).0).as_deref(), Some("-7"));
        assert_eq!(DriveValues::of(&Widget { name: "iso".into(), kind: range(0.0, 9.0) }), None);
    }

    #[test]
    fn versions_are_ordered_as_numbers() {
        let version = |text: &str| text.parse::<LibraryVersion>();
        assert!(version("2.5.9").expect("one") < version("2.5.32.1-dev").expect("one"));
        for text in ["", "2.5", "two.5.3"] {
            assert!(version(text).is_err(), "{text}");
        }
    }

    #[test]
    fn capabilities_are_what_is_there() {
        let all = Capabilities::of(&widgets(&NAMES.map(|name| (name, range(-7.0, 7.0)))));
        assert!(
            all.distance_told
                && all.af_point
                && all.focus_told
                && all.position_told
                && all.battery_told
                && all.quality
        );
        assert_eq!(all.autofocus.as_deref(), Some(AUTOFOCUS));
        assert_eq!(Capabilities::of(&[]), Capabilities::default());
        assert!(Capabilities::of(&widgets(&[("d213", WidgetKind::Other)])).focus_told);
        assert!(!Capabilities::of(&widgets(&[(DISTANCE, WidgetKind::Other)])).distance_told);
    }

    #[test]
    fn distances_are_dioptres() {
        assert_eq!(dioptres_of("500"), Some(2.0));
        assert_eq!(dioptres_of("4294967295"), Some(0.0));
        for nothing in ["0", "", "0.5m", "-5"] {
            assert_eq!(dioptres_of(nothing), None, "{nothing}");
        }
    }
}
