//! Each body without faults.

use nearfar::image_io::{Format, Limits, probe};
use nearfar::simulate::{AfResult, BodyKind, BodySettings};

use super::gphoto2::{Camera, PLAIN, SIZE, TEXTURED, Which, current, spot};

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn every_body_sums_itself_up_and_lists_its_widgets() {
    for (body, nudges) in [(BodyKind::New, true), (BodyKind::Old, true), (BodyKind::Bare, false)] {
        let camera = Camera::new(body, &[]);
        let summary = camera.gphoto2(&["--summary"]);
        for part in ["Manufacturer: Sony Corporation", "Model: ILCE-7RM3", "Sony Capture"] {
            assert!(summary.contains(part), "{body}: {part} in {summary}");
        }
        let widgets = camera.gphoto2(&["--list-config"]);
        let has = |name: &str| widgets.lines().any(|line| line.ends_with(name));
        for name in
            ["actions/autofocus", "actions/capture", "status/batterylevel", "capturesettings/focusmode"]
        {
            assert!(has(name), "{body}: {name} in {widgets}");
        }
        assert_eq!(has("actions/manualfocus"), nudges, "{body}: {widgets}");
        assert_eq!(current(&camera.gphoto2(&["--get-config", "batterylevel"])), "90%");
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn settings_are_read_back_as_they_were_set() {
    for body in BodyKind::ALL {
        let camera = Camera::new(body, &[]);
        let settings = [
            ("shutterspeed", "1/250", "1/250"),
            ("f-number", "f/8", "f/8"),
            ("iso", "400", "400"),
            ("focusmode", "Manual", "Manual"),
            ("imagequality", "RAW+JPEG (Fine)", "RAW+JPEG (Fine)"),
        ];
        for (name, value, _) in settings {
            camera.gphoto2(&["--set-config-value", &format!("{name}={value}")]);
        }
        // In a session of its own: what is read is what the body kept.
        for (name, _, expected) in settings {
            let text = camera.gphoto2(&["--get-config", name]);
            assert_eq!(current(&text), expected, "{body}: {name}");
        }
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn autofocus_finds_the_depth_in_the_middle() {
    for body in BodyKind::ALL {
        let camera = Camera::new(body, &[]);
        let before = camera.server.state().focus;
        let text = camera.gphoto2(&["--set-config", "autofocus=1", "--wait-event=1s"]);
        assert!(text.contains("d213 changed, \"Focus status\" to \"2\""), "{body}: {text}");
        let focus = camera.server.state().focus;
        let depth = camera.server.view().inverse_depth_at(0.5, 0.5);
        assert!((focus - depth).abs() < 0.05 && focus != before, "{body}: {before} → {focus}, not {depth}");
        assert!(camera.shots().is_empty());
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn photos_are_taken_and_downloaded() {
    for body in BodyKind::ALL {
        let camera = Camera::new(body, &[]);
        camera.gphoto2(&["--capture-image-and-download"]);
        assert_eq!(camera.files(), ["capt0000.jpg"], "{body}");
        let photo = probe(&camera.file("capt0000.jpg"), &Limits::default()).unwrap();
        assert_eq!((photo.format, photo.size), (Format::Jpeg, SIZE));
        let shots = camera.shots();
        assert_eq!(shots.len(), 1);
        assert_eq!(shots[0].autofocus, Some(AfResult::Locked));
        assert_eq!(camera.server.state().pictures, 0, "fetched and gone");
    }
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn raw_and_jpeg_are_both_downloaded() {
    let camera = Camera::with(BodySettings { raw: true, ..BodySettings::default() });
    camera.gphoto2(&["--capture-image-and-download"]);
    assert_eq!(camera.files(), ["capt0000.arw", "capt0001.jpg"]);
    let formats = ["capt0000.arw", "capt0001.jpg"]
        .map(|name| probe(&camera.file(name), &Limits::default()).unwrap().format);
    assert_eq!(formats, [Format::Tiff, Format::Jpeg]);
    assert_eq!(camera.shots().len(), 1);
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn the_live_view_is_a_picture() {
    let camera = Camera::new(BodyKind::New, &[]);
    camera.gphoto2(&["--capture-preview"]);
    let name = camera.files();
    assert_eq!(name.len(), 1, "{name:?}");
    let preview = probe(&camera.file(&name[0]), &Limits::default()).unwrap();
    assert_eq!(preview.format, Format::Jpeg);
    assert!((400..=SIZE.width).contains(&preview.size.width), "{}", preview.size);
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn manual_focus_moves_the_lens_where_the_body_has_it() {
    let set = ["--set-config", "focusmode=0", "--set-config", "manualfocus=6"];
    for body in [BodyKind::New, BodyKind::Old] {
        let camera = Camera::new(body, &[]);
        let before = camera.server.state().focus;
        camera.gphoto2(&set);
        camera.wait_until("still", |state| !state.lens_moves);
        // 146 of 1000 positions of a range of 1.3, towards far; the old body's gears have play, and scatter.
        let way = before - camera.server.state().focus;
        assert!((0.16..0.22).contains(&way), "{body}: {way}");
    }
    let camera = Camera::new(BodyKind::Bare, &[]);
    let text = camera.run(Which::System, &set).fails();
    assert!(text.contains("manualfocus"), "{text}");
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn the_new_body_focuses_where_it_is_pointed() {
    let camera = Camera::new(BodyKind::New, &[]);
    let focus_at = |point: [f32; 2]| {
        let set = ["focusarea=Flexible Spot: M", &spot(point), "autofocus=1"];
        let set: Vec<&str> = set.iter().flat_map(|setting| ["--set-config", setting]).collect();
        let text = camera.run(Which::AfPoint, &[&set[..], &["--wait-event=1s"]].concat()).succeeds();
        (text, camera.server.state().focus)
    };
    let mut found = Vec::new();
    for point in TEXTURED {
        let (text, focus) = focus_at(point);
        assert!(text.contains("\"focusindication\" to \"Focus Locked\""), "{point:?}: {text}");
        let depth = camera.server.view().inverse_depth_at(point[0], point[1]);
        assert!((focus - depth).abs() < 0.05, "{point:?}: {focus}, not {depth}");
        found.push(focus);
    }
    assert!(found[0] > found[1] + 0.1 && found[2] > found[0] + 0.1, "different depths: {found:?}");
    let (text, focus) = focus_at(PLAIN);
    assert!(text.contains("\"focusindication\" to \"No Focus - Low Contrast\""), "{text}");
    assert!((focus - found[2]).abs() < 0.01, "the lens stays");
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn the_newer_libgphoto2_sets_and_shoots_too() {
    for body in BodyKind::ALL {
        let camera = Camera::new(body, &[]);
        let widgets = camera.run(Which::AfPoint, &["--list-config"]).succeeds();
        let has = |name: &str| widgets.lines().any(|line| line.ends_with(name));
        assert_eq!(has("actions/spotfocusarea"), body == BodyKind::New, "{body}: {widgets}");
        assert_eq!(has("actions/manualfocus"), body != BodyKind::Bare, "{body}: {widgets}");
        let set = ["shutterspeed=1/250", "f-number=f/8", "iso=400"];
        let set: Vec<&str> = set.iter().flat_map(|setting| ["--set-config", setting]).collect();
        camera.run(Which::AfPoint, &set).succeeds();
        for (name, expected) in [("shutterspeed", "1/250"), ("f-number", "f/8"), ("iso", "400")] {
            let text = camera.run(Which::AfPoint, &["--get-config", name]).succeeds();
            assert_eq!(current(&text), expected, "{body}: {name}");
        }
        camera.run(Which::AfPoint, &["--capture-image-and-download"]).succeeds();
        assert_eq!((camera.files().len(), camera.shots().len()), (1, 1), "{body}");
    }
}
