//! `nearfar simulate --port`: what it prints, how it ends, and what it refuses.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::gphoto2::wait;
use crate::cli::testenv::TestEnv;

const SMALL: [&str; 4] = ["--scene", "desk", "--size", "96x64"];

/// A running body: killed if a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a body; the first line of its stdout.
fn start(command: &mut Command) -> (Running, String) {
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

#[test]
fn the_port_string_is_all_there_is_on_stdout() {
    let env = TestEnv::new();
    let (_body, line) = start(env.nearfar().args(["simulate", "--port", "0"]).args(SMALL));
    let ports: Vec<&str> = line.trim_end().strip_prefix("ptpip:127.0.0.1:").unwrap().split(':').collect();
    assert!(ports.len() == 2 && ports[0] == ports[1] && ports[0].parse::<u16>().unwrap() > 0, "{line}");
}

#[test]
#[cfg(unix)]
fn it_serves_until_ctrl_c() {
    let env = TestEnv::new();
    let args = ["--json", "simulate", "--port", "0", "--body", "old", "--fault", "cut@2", "--fault", "busy"];
    let (mut body, line) = start(env.nearfar().args(args).args(SMALL));
    let report: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((report["body"].as_str(), report["width"].as_u64()), (Some("old"), Some(96)));
    assert!(report["port"].as_str().unwrap().starts_with("ptpip:127.0.0.1:"), "{line}");
    assert!(body.0.try_wait().unwrap().is_none(), "it serves");
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", body.0.id())]).status();
    assert!(sent.unwrap().success());
    assert_eq!(wait(&mut body.0, Duration::from_secs(20)), Some(false), "it ends");
    assert_eq!(body.0.wait().unwrap().code(), Some(130));
}

#[test]
#[cfg_attr(not(gphoto2), ignore = "needs the gphoto2 command: make deps")]
fn any_picture_with_its_depth_map_can_be_photographed() {
    use nearfar::frame::{Plane, Size};
    let env = TestEnv::new();
    let size = Size::new(128, 96);
    let checks = |i: usize| [if (i % 128 / 2 + i / 128 / 2).is_multiple_of(2) { 40u8 } else { 200 }; 3];
    let picture = Plane::new(size, (0..size.area()).map(checks).collect());
    nearfar::image_io::write_png_rgb8(&env.path("scene.png"), &picture).unwrap();
    let depth = Plane::filled(size, 20_000u16);
    nearfar::image_io::write_png_gray16(&env.path("depth.png"), &depth).unwrap();
    let args = ["simulate", "--port", "0", "--scene", "scene.png", "--depth", "depth.png"];
    let (_body, line) = start(env.nearfar().args(args));
    let mut gphoto2 = Command::new("gphoto2");
    gphoto2.args(["--port", line.trim_end(), "--capture-image-and-download"]).stdin(Stdio::null());
    gphoto2.current_dir(env.path("")).env("HOME", env.path("")).env("XDG_CONFIG_HOME", env.path(""));
    let mut child = gphoto2.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(wait(&mut child, Duration::from_secs(50)), Some(true));
    let photo = nearfar::image_io::probe(&env.path("capt0000.jpg"), &Default::default()).unwrap();
    assert_eq!(photo.size, size);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let env = TestEnv::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let usage: [(&[&str], &str); 8] = [
        (&["--port", "70000"], "70000"),
        (&["--port", "0", "--render", "stack"], "cannot be used with"),
        (&[], "--port"),
        (&["--render", "stack", "--fault", "cut"], "cannot be used with"),
        (&["--port", "0", "--body", "leica"], "choose new, old or bare"),
        (&["--port", "0", "--fault", "fire"], "slow-card"),
        (&["--port", "0", "--fault", "cut@0"], "numbered"),
        (&["--port", "0", "--depth", "depth.png"], "--scene FILE"),
    ];
    for (args, words) in usage {
        env.run([&["simulate"][..], args].concat()).exits(2).refuses().says(&[words]);
    }
    env.run(["simulate", "--port", "0", "--scene", "here.png"]).exits(2).refuses().says(&["macro or desk"]);
    env.run(["simulate", "--port", "0", "--scene", "a.png", "--depth", "b.png"])
        .exits(1)
        .refuses()
        .says(&["a.png"]);
    env.run(["simulate", "--port", "0", "--size", "20x20"]).exits(2).refuses().says(&["too small"]);
    let args = [&["simulate", "--port", &port][..], &SMALL].concat();
    env.run(args).exits(1).refuses().says(&[&port, "another --port"]);
}
