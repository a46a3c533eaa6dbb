//! Ctrl-C in the middle of a run.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::stack::{rendered, small};
use super::testenv::{TestEnv, list};

/// The frames of a stack many times over, so that mapping them takes a while.
fn many_frames(env: &TestEnv) {
    let stack = rendered(&small());
    std::fs::create_dir(env.path("frames")).expect("a folder");
    for copy in 0..60 {
        for level in 0..9 {
            let bytes = stack.photo(level);
            std::fs::copy(bytes, env.path(&format!("frames/{copy}-{level}.png"))).expect("a copy");
        }
    }
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status();
    assert!(sent.expect("sh starts").success());
}

/// Starts nearfar, sends `signal` once `begun`; exit code and stderr.
fn interrupted(mut command: Command, signal: &str, begun: impl Fn() -> bool) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("nearfar starts");
    let start = Instant::now();
    while !begun() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never began");
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it could be interrupted");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(50));
    send(signal, &child);
    let output = child.wait_with_output().expect("an end");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn leaves_nothing_of_a_new_map() {
    let env = TestEnv::new();
    many_frames(&env);
    for signal in ["INT", "TERM"] {
        let mut command = env.nearfar();
        command.args(["--device", "cpu", "--threads", "1", "map", "frames", "-o", "map"]);
        let (code, stderr) = interrupted(command, signal, || env.path("map").exists());
        assert_eq!(code, Some(130), "{stderr}");
        assert!(stderr.contains("interrupted"), "{stderr}");
        assert_eq!(env.list(""), ["frames"]);
    }
}

#[test]
fn leaves_an_old_map_as_it_was() {
    let env = TestEnv::new();
    many_frames(&env);
    let stack = rendered(&small());
    env.run(["map".as_ref(), stack.shuffled().as_os_str(), "-o".as_ref(), "map".as_ref()]).exits(0);
    let all = || {
        list(&env.path("map"))
            .into_iter()
            .map(|name| std::fs::read(env.path("map").join(name)).expect("a file"))
    };
    let before: Vec<_> = all().collect();
    let mut command = env.nearfar();
    command.args(["--device", "cpu", "--threads", "1", "map", "frames", "-o", "map"]);
    let start = Instant::now();
    let (code, stderr) = interrupted(command, "INT", || start.elapsed() > Duration::from_millis(200));
    assert_eq!(code, Some(130), "{stderr}");
    assert!(before == all().collect::<Vec<_>>(), "the old map is as it was: {:?}", env.list("map"));
}

#[test]
fn leaves_nothing_of_a_rendered_stack() {
    let env = TestEnv::new();
    let mut command = env.nearfar();
    command.args(["--threads", "1", "simulate", "--render", "stack", "--size", "640x440", "--frames", "60"]);
    let (code, stderr) = interrupted(command, "INT", || env.path("stack/frames").exists());
    assert_eq!(code, Some(130), "{stderr}");
    assert!(env.list("").is_empty(), "{:?}", env.list("stack"));
}
