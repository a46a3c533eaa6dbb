//! Holds that every uniform struct lies in memory as its WGSL mirror does.

use std::collections::BTreeMap;
use std::mem::offset_of;

/// Offsets by name, and the size.
type Layout = (BTreeMap<String, u32>, u32);

/// Layouts of `Params` in the stages' modules, but for padding.
macro_rules! rust {
    ($($stage:ident { $($field:ident),+ })+) => {
        [$({
            use super::$stage::Params;
            let mut offsets = BTreeMap::new();
            $(offsets.insert(stringify!($field).to_owned(), offset_of!(Params, $field) as u32);)+
            (stringify!($stage), (offsets, size_of::<Params>() as u32))
        }),+]
    };
}

fn mirrors() -> BTreeMap<&'static str, Layout> {
    let mut mirrors = BTreeMap::from(rust! {
        accumulate { size, scale }
        aggregate { size, radius, weights }
        align { size, centre, unit, run, runs }
        bilateral { size, step, share, far, floor, slope, per_sigma2 }
        blend { size, gain, level, xx }
        blocks { size, blocks }
        collapse { size, coarser, top }
        confidence { size, radius, per_window, sigma2, low, high, peak_power, smooth_power, soft, behind }
        detail { size, scale }
        distance { frames, blocks }
        front { size, radius }
        fuse { size, skip }
        guide { size }
        motion { size, moving, block, across, down, margin, level, radius, xx }
        nearest { size, count }
        offset { size, levels }
        peak { size, level, first, last }
        place { size, levels }
        prior { size, frame, top, level, half, radius, wide, floor, uncovered, guessed, xx }
        reduce { size }
        resample { size, first, top, xx, centre, unit, sharpness, rows, gains }
        sharpness { size, origin, begin, end, strip, full_scale, unit }
        shrink { size, source }
        smooth { size, offset }
        vote { size, radius, cells, floor }
        warp { size, gain, xx, replicate }
        weigh { size, floor, band_power, finest_power, covered, finest_floor }
        window { size, radius, per_window }
    });
    // WGSL spells the matrix as eight members, whose first names the Rust array.
    for stage in ["blend", "motion", "prior", "resample", "warp"] {
        let (offsets, _) = mirrors.get_mut(stage).expect("listed above");
        let first = offsets["xx"];
        for (offset, name) in (first..).step_by(4).zip(["xx", "xy", "x0", "yx", "yy", "y0", "wx", "wy"]) {
            offsets.insert(name.to_owned(), offset);
        }
    }
    mirrors
}

/// Layout of `Params` as naga lays it out.
fn wgsl(source: &str) -> Result<Layout, String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let params = module.types.iter().find(|(_, kind)| kind.name.as_deref() == Some("Params"));
    match params.map(|(_, kind)| &kind.inner) {
        Some(naga::TypeInner::Struct { members, span }) => {
            let named =
                |member: &naga::StructMember| (member.name.clone().unwrap_or_default(), member.offset);
            Ok((members.iter().map(named).collect(), *span))
        }
        _ => Err("no struct Params".to_owned()),
    }
}

#[test]
fn uniforms_lie_as_their_mirrors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let common = std::fs::read_to_string(folder.join("common.wgsl")).unwrap();
    let mut mirrors = mirrors();
    let mut faults = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let stage = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|extension| extension != "wgsl") || stage == "common" {
            continue;
        }
        seen += 1;
        let source = format!("{}\n{common}", std::fs::read_to_string(&path).unwrap());
        match (wgsl(&source), mirrors.remove(stage.as_str())) {
            (Err(error), _) => faults.push(format!("{stage}.wgsl: {error}")),
            (Ok(_), None) => faults.push(format!("{stage}.wgsl: no mirror is listed in src/gpu/layout.rs")),
            (Ok(shader), Some(mirror)) if shader != mirror => {
                faults.push(format!("{stage}: WGSL {shader:?}\n  but Rust {mirror:?}"));
            }
            _ => {}
        }
    }
    faults.extend(mirrors.keys().map(|stage| format!("{stage}: no shader of this name")));
    assert!(seen > 0, "no shaders in {}", folder.display());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
