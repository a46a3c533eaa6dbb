//! Before the first photo: what on the camera stands against a good stack. Pure functions.

use std::collections::BTreeMap;

use crate::camera::{Condition, Strategy};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// What must be changed: nothing can be photographed so.
    pub must: Vec<String>,
    /// What should be.
    pub should: Vec<String>,
}

/// Charge below which a session may not come to its end.
const LOW: u32 = 15;

/// Whether a camera so set can take `photos` photos, driven so.
pub fn readiness(condition: &Condition, strategy: Strategy, photos: usize) -> Readiness {
    let mut found = Readiness::default();
    match condition.battery {
        Some(0) => found.must.push("the battery is empty: change it".into()),
        Some(percent) if percent < LOW => {
            found.should.push(format!("the battery is at {percent} %: change it before a long session"));
        }
        _ => {}
    }
    match condition.room {
        Some(0) => found.must.push("the card is full: put in another".into()),
        Some(room) if (room as usize) < photos => {
            found.should.push(format!("the card has room for {room} photos, up to {photos} will be taken"));
        }
        _ => {}
    }
    let setting = |name: &str| condition.settings.get(name).map(String::as_str);
    if let Some(program) = setting("expprogram")
        && !program.eq_ignore_ascii_case("m")
        && !program.to_lowercase().contains("manual")
    {
        found.should.push(format!(
            "the exposure program is {program}: set the mode dial to M, so that all photos are alike"
        ));
    }
    if let Some(iso) = setting("iso")
        && iso.to_lowercase().contains("auto")
    {
        found.should.push("the ISO is automatic: set a fixed one, so that all photos are alike".into());
    }
    if setting("imagequality").is_some_and(|quality| quality.eq_ignore_ascii_case("raw")) {
        found
            .must
            .push("the quality is RAW alone: set it to RAW+JPEG or JPEG, nearfar looks at the JPEG".into());
    }
    // Canon's and Nikon's cards are read by cable; a Sony with this target sends nothing.
    if setting("capturetarget").is_some_and(|target| target.eq_ignore_ascii_case("card")) {
        let text = "pictures go to the card alone: set Still Img. Save Dest. to PC+Camera (capturetarget card+sdram)";
        found.must.push(text.into());
    }
    if strategy == Strategy::AfPoint
        && condition.focus_mode.as_ref().is_some_and(|mode| mode.eq_ignore_ascii_case("manual"))
    {
        // The program sets the mode; a switch on the lens that stands on MF makes it manual for good.
        found.should.push("the focus mode is manual: if the lens has an AF/MF switch, set it to AF".into());
    }
    found
}

/// Settings that are not what they were: name, before, now.
pub fn changed(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Vec<(String, String, String)> {
    let differ = |(name, before): (&String, &String)| {
        let now = now.get(name)?;
        (now != before).then(|| (name.clone(), before.clone(), now.clone()))
    };
    before.iter().filter_map(differ).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(settings: &[(&str, &str)]) -> Condition {
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Condition { battery: Some(80), room: Some(500), focus_mode: Some("Automatic".into()), settings }
    }

    #[test]
    fn a_camera_that_is_set_well_is_ready() {
        let good = condition(&[("expprogram", "M"), ("iso", "100"), ("imagequality", "RAW+JPEG")]);
        assert_eq!(readiness(&good, Strategy::AfPoint, 49), Readiness::default());
        assert_eq!(readiness(&Condition::default(), Strategy::Manual, 49), Readiness::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let bad = condition(&[
            ("expprogram", "A"),
            ("iso", "Auto ISO"),
            ("imagequality", "RAW"),
            ("capturetarget", "card"),
        ]);
        let bad = Condition { battery: Some(0), room: Some(0), focus_mode: Some("Manual".into()), ..bad };
        let found = readiness(&bad, Strategy::AfPoint, 49);
        assert_eq!((found.must.len(), found.should.len()), (4, 3), "{found:?}");
        assert!(found.must.iter().chain(&found.should).all(|text| text.contains(':')));
        let low = Condition { battery: Some(9), room: Some(20), ..condition(&[]) };
        assert_eq!(readiness(&low, Strategy::Sweep, 49).should.len(), 2);
    }

    #[test]
    fn changed_settings_are_told_and_new_ones_are_not() {
        let of = |settings: &[(&str, &str)]| condition(settings).settings;
        let found = changed(&of(&[("iso", "100"), ("f-number", "8")]), &of(&[("iso", "400"), ("x", "1")]));
        assert_eq!(found, [("iso".to_owned(), "100".to_owned(), "400".to_owned())]);
    }
}
