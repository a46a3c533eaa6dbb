//! Every shader parses and validates, and the faults of all are reported at once.

use std::path::Path;

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What naga says against `source`.
fn fault(source: &str) -> Option<String> {
    let module = match naga::front::wgsl::parse_str(source) {
        Ok(module) => module,
        Err(error) => return Some(error.emit_to_string(source)),
    };
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    validator.validate(&module).err().map(|error| error.emit_to_string(source))
}

#[test]
fn all_shaders_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let common = std::fs::read_to_string(folder.join("common.wgsl")).unwrap();
    let mut found = 0;
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".wgsl") && name != "common.wgsl" {
            found += 1;
            let source = format!("{}\n{common}", std::fs::read_to_string(&path).unwrap());
            faults.extend(fault(&source).map(|fault| format!("{name}: {fault}")));
        }
    }
    assert!(found > 0, "no shaders in {}", folder.display());
    assert!(faults.is_empty(), "{} of {found} shaders are faulty\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_faulty_shader_is_told() {
    assert!(fault("fn f() -> f32 { return 1u; }").is_some());
    assert!(fault("fn f( {").is_some());
}
