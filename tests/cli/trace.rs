//! --trace: what every thread did when.

use serde_json::Value;

use super::stack::{rendered, small};
use super::testenv::TestEnv;

/// Names of what began and of what ended, thread by thread as they were.
fn spans<'a>(trace: &'a [Value], phase: &str) -> Vec<(&'a Value, &'a str)> {
    let of_phase = trace.iter().filter(|event| event["ph"] == phase);
    of_phase.map(|event| (&event["tid"], event["name"].as_str().expect("a name"))).collect()
}

#[test]
fn a_trace_shows_every_photo_and_stage() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let photos = stack.sorted().display().to_string();
    env.run(["--trace", "trace.json", "merge", &photos, "-o", "m.tif"]).exits(0);
    let text = std::fs::read(env.path("trace.json")).expect("a trace");
    let trace: Vec<Value> = serde_json::from_slice(&text).expect("a list of events");
    let count = |name: &str| spans(&trace, "B").iter().filter(|(_, span)| *span == name).count();
    // Nine photos, decoded to find the depth and again to be fused.
    assert_eq!((count("decode"), count("frame")), (18, 18));
    let stages: Vec<&str> = trace.iter().filter_map(|event| event["args"]["stage"].as_str()).collect();
    for stage in ["analyse", "align", "fuse", "write"] {
        assert!(stages.contains(&stage), "{stages:?}");
    }
    assert_eq!(spans(&trace, "B").len(), spans(&trace, "E").len(), "what began ended");
    // Decoders and the rest work at the same time, on threads of their own.
    let thread = |name: &str| spans(&trace, "B").iter().find(|(_, span)| *span == name).map(|(tid, _)| *tid);
    assert_ne!(thread("decode"), thread("frame"));
    assert_ne!(thread("sweep"), thread("frame"));
}

#[test]
fn a_trace_that_cannot_be_written_costs_no_picture() {
    let (env, stack) = (TestEnv::new(), rendered(&small()));
    let photos = stack.sorted().display().to_string();
    let merge = |trace: &str| env.run(["--trace", trace, "merge", &photos, "-o", "m.tif"]);
    merge("/dev/full").exits(0).says(&["warning", "/dev/full", "it ends here"]);
    assert!(env.path("m.tif").exists());
    // An older trace may go, and nothing else.
    merge("trace.json").exits(0);
    merge("trace.json").exits(0);
    let picture = std::fs::read(env.path("m.tif")).expect("a picture");
    merge("m.tif").exits(2).refuses().says(&["--trace m.tif", "no trace", "name another file"]);
    assert!(std::fs::read(env.path("m.tif")).expect("a picture") == picture);
    merge("nowhere/trace.json").exits(1).refuses().says(&["nowhere/trace.json", "check the path"]);
}
