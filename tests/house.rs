//! Who may use what: heavy crates stay behind their one module, and the twins never meet.

use std::path::{Path, PathBuf};

/// All sources below `folder`.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Whether `source` names something in the crate or module `name` (`name::…` not behind another path, `use name;`).
fn uses(source: &str, name: &str) -> bool {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or(""));
    code.into_iter().any(|line| {
        let (path, whole) = (format!("{name}::"), format!("use {name};"));
        let starts = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        line.contains(&whole) || line.match_indices(&path).any(|(at, _)| starts(at))
    })
}

#[test]
fn crates_stay_in_their_modules() {
    const HOMES: [(&str, &[&str]); 7] = [
        ("wgpu", &["gpu/"]),
        ("turbojpeg", &["image_io/"]),
        ("png", &["image_io/"]),
        ("tiff", &["image_io/"]),
        ("exif", &["image_io/"]),
        ("clap", &["cli/", "main.rs"]),
        ("gphoto2", &["camera/gphoto.rs"]),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut faults = Vec::new();
    let mut at_home = [0; HOMES.len()];
    for file in &files {
        let (text, place) = (std::fs::read_to_string(file).unwrap(), file.strip_prefix(&root).unwrap());
        let place = place.to_str().unwrap().replace('\\', "/");
        for ((name, homes), at_home) in HOMES.iter().zip(&mut at_home) {
            if uses(&text, name) {
                if homes.iter().any(|home| place.starts_with(home)) {
                    *at_home += 1;
                } else {
                    faults.push(format!("src/{place} uses {name}, which belongs in {homes:?}"));
                }
            }
        }
        for (twin, other) in [("cpu/", "gpu"), ("gpu/", "cpu")] {
            let names =
                [format!("crate::{other}"), format!("super::{other}"), format!("super::super::{other}")];
            if place.starts_with(twin) && names.iter().any(|name| text.contains(name)) {
                faults.push(format!("src/{place} imports from src/{other}/"));
            }
        }
    }
    assert!(at_home[0] > 0, "no source uses wgpu: the search is broken");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn uses_are_found() {
    assert!(uses("let x = png::Encoder::new();", "png"));
    assert!(uses("use wgpu;", "wgpu"));
    assert!(!uses("super::png::decode(); // png::", "png"));
    assert!(!uses("let apng::x", "png"));
}
