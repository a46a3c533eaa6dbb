//! Output folders that cannot take the results.
#![cfg(unix)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::stack::{rendered, small};
use super::testenv::{Run, TestEnv, list};

fn map_to(env: &TestEnv, output: &Path) -> Run {
    let stack = rendered(&small());
    let frames = stack.shuffled();
    env.run(["map".as_ref(), frames.as_os_str(), "-o".as_ref(), output.as_os_str()])
}

#[test]
fn a_file_instead_of_a_folder() {
    let env = TestEnv::new();
    let file = env.write("map", "precious");
    map_to(&env, &file).exits(2).refuses().says(&["map", "is a file", "name a folder"]);
    map_to(&env, &file.join("deeper")).exits(1).refuses().says(&["map/deeper", "not a directory", "take a"]);
    assert_eq!(std::fs::read(&file).expect("kept"), b"precious");
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_no_folder_can_be() {
    let env = TestEnv::new();
    for place in ["/proc/nearfar", "/sys/nearfar/map"] {
        map_to(&env, Path::new(place)).exits(1).refuses().says(&[place, "take a"]);
        env.run(["simulate", "--size", "32x32", "--frames", "2", "--render", place])
            .exits(1)
            .refuses()
            .says(&[place]);
    }
}

#[test]
fn a_folder_without_permission() {
    const NOBODY: u32 = 65_534;
    let env = TestEnv::new();
    // Root may write everywhere: there nearfar runs as nobody, from where nobody may read it.
    let program = env.path("nearfar");
    std::fs::copy(env!("CARGO_BIN_EXE_nearfar"), &program).expect("a copy");
    let frames = env.path("frames");
    std::fs::create_dir(&frames).expect("a folder");
    let stack = rendered(&small());
    for name in list(&stack.shuffled()) {
        std::fs::copy(stack.shuffled().join(&name), frames.join(&name)).expect("a copy");
    }
    let folder = env.path("locked");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).expect("locked");
    std::fs::set_permissions(env.path(""), PermissionsExt::from_mode(0o755)).expect("open");
    let map_to = |output: &Path| {
        let mut command = Command::new(&program);
        command.current_dir(env.path("")).args(["--device", "cpu", "map", "frames", "-o"]).arg(output);
        if std::fs::metadata(env.path("")).expect("a folder").uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        Run::of(&mut command)
    };
    map_to(&folder).exits(1).refuses().says(&["locked", "permission", "take a"]);
    map_to(&folder.join("map")).exits(1).refuses().says(&["locked/map", "permission", "take a"]);
    assert!(list(&folder).is_empty());
}

/// A disk of its own, unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, options: &str) -> Self {
        std::fs::create_dir(&at).expect("a folder");
        let mut command = Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", options, "nearfar-test"]).arg(&at).output();
        assert!(mounted.expect("mount starts").status.success(), "build.rs found that mounting works");
        Self(at)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[cfg_attr(not(can_mount), ignore = "mounting a small disk takes root's rights")]
fn a_full_disk() {
    let env = TestEnv::new();
    let disk = Disk::mount(env.path("disk"), "size=1m");
    map_to(&env, &disk.0.join("map")).exits(1).refuses().says(&["disk/map", "no space left", "free"]);
    assert!(list(&disk.0).is_empty(), "{:?}", list(&disk.0));
    let stack = disk.0.join("stack");
    let args =
        ["simulate".as_ref(), "--size".as_ref(), "640x440".as_ref(), "--render".as_ref(), stack.as_os_str()];
    env.run(args).exits(1).refuses().says(&["disk/stack", "no space left", "free"]);
    assert!(list(&disk.0).is_empty(), "{:?}", list(&disk.0));
}

#[test]
#[cfg_attr(not(can_mount), ignore = "mounting a small disk takes root's rights")]
fn a_disk_that_fills_up_at_the_end() {
    let env = TestEnv::new();
    // The map's files fit, the picture of the plan does not.
    map_to(&env, &env.path("map")).exits(0);
    let files = list(&env.path("map"));
    let bytes: u64 =
        files.iter().map(|name| std::fs::metadata(env.path("map").join(name)).expect("a file").len()).sum();
    let disk = Disk::mount(
        env.path("disk"),
        &format!("size={}k", bytes.div_ceil(4096) * 4 + 4 * files.len() as u64),
    );
    for name in &files {
        std::fs::copy(env.path("map").join(name), disk.0.join(name)).expect("room for the map");
    }
    env.run(["plan".as_ref(), disk.0.as_os_str(), "-n".as_ref(), "3".as_ref()]).exits(1).refuses().says(&[
        "plan.",
        "no space left",
        "free",
    ]);
    assert_eq!(list(&disk.0), files);
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(can_mount), ignore = "mounting a small disk takes root's rights")]
fn a_read_only_disk() {
    let env = TestEnv::new();
    let disk = Disk::mount(env.path("disk"), "ro,size=1m");
    map_to(&env, &disk.0).exits(1).refuses().says(&["disk", "read-only", "take a"]);
    map_to(&env, &disk.0.join("map")).exits(1).refuses().says(&["disk/map", "read-only", "take a"]);
}

#[test]
fn folders_made_for_nothing_are_gone_again() {
    let env = TestEnv::new();
    let stack = rendered(&small());
    let frames = stack.shuffled();
    let args = ["map".as_ref(), frames.as_os_str(), "-o".as_ref(), "a/b/c".as_ref()];
    env.run(args.into_iter().chain(["--near".as_ref(), "0,5".as_ref()])).exits(2);
    let impossible = format!("a/b/{}", "x".repeat(300));
    env.run(["map".as_ref(), frames.as_os_str(), "-o".as_ref(), impossible.as_ref()]).exits(1);
    env.run(["simulate", "--size", "32x32", "--frames", "2", "--render", &impossible]).exits(1);
    assert!(env.list("").is_empty(), "{:?}", env.list(""));
    let one = std::fs::read_dir(&frames).expect("frames").next().expect("one").expect("an entry").path();
    let twice = env.path("twice");
    std::fs::create_dir(&twice).expect("a folder");
    std::fs::copy(&one, twice.join("1.png")).expect("a copy");
    std::fs::copy(&one, twice.join("2.png")).expect("a copy");
    env.run(["map", "twice", "-o", "a/b/c"]).exits(1);
    assert_eq!(env.list(""), ["twice"]);
}
