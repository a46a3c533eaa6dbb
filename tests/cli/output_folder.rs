//! Output folders that cannot take the results.
#![cfg(unix)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::stack::{rendered, small};
use super::testenv::{Run, TestEnv, ignored, list};

fn map_to(env: &TestEnv, output: &Path) -> Run {
    let stack = rendered(&small());
    let frames = stack.shuffled();
    env.run(["map".as_ref(), frames.as_os_str(), "-o".as_ref(), output.as_os_str()])
}

fn root(env: &TestEnv) -> bool {
    std::fs::metadata(env.path("")).expect("a folder").uid() == 0
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
    let env = TestEnv::new();
    if root(&env) {
        return ignored("cli::output_folder::a_folder_without_permission", "root may write everywhere");
    }
    let folder = env.path("locked");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).expect("locked");
    map_to(&env, &folder).exits(1).refuses().says(&["locked", "permission", "take a"]);
    map_to(&env, &folder.join("map")).exits(1).refuses().says(&["locked/map", "permission", "take a"]);
    assert!(list(&folder).is_empty());
}

/// A disk of its own, unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir(&at).expect("a folder");
        let mut command = Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", options, "nearfar-test"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk() {
    let env = TestEnv::new();
    let Some(disk) = Disk::mount(env.path("disk"), "size=1m") else {
        return ignored("cli::output_folder::a_full_disk", "mounting a small disk takes root's rights");
    };
    map_to(&env, &disk.0.join("map")).exits(1).refuses().says(&["disk/map", "no space left", "free"]);
    assert!(list(&disk.0).is_empty(), "{:?}", list(&disk.0));
    let stack = disk.0.join("stack");
    let args =
        ["simulate".as_ref(), "--size".as_ref(), "640x440".as_ref(), "--render".as_ref(), stack.as_os_str()];
    env.run(args).exits(1).refuses().says(&["disk/stack", "no space left", "free"]);
    assert!(list(&disk.0).is_empty(), "{:?}", list(&disk.0));
}

#[test]
fn a_disk_that_fills_up_at_the_end() {
    let env = TestEnv::new();
    // The map's files fit, the picture of the plan does not.
    map_to(&env, &env.path("map")).exits(0);
    let files = list(&env.path("map"));
    let bytes: u64 =
        files.iter().map(|name| std::fs::metadata(env.path("map").join(name)).expect("a file").len()).sum();
    let Some(disk) = Disk::mount(
        env.path("disk"),
        &format!("size={}k", bytes.div_ceil(4096) * 4 + 4 * files.len() as u64),
    ) else {
        return ignored(
            "cli::output_folder::a_disk_that_fills_up_at_the_end",
            "mounting a small disk takes root's rights",
        );
    };
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
fn a_read_only_disk() {
    let env = TestEnv::new();
    let Some(disk) = Disk::mount(env.path("disk"), "ro,size=1m") else {
        return ignored("cli::output_folder::a_read_only_disk", "mounting a disk takes root's rights");
    };
    map_to(&env, &disk.0).exits(1).refuses().says(&["disk", "read-only", "take a"]);
    map_to(&env, &disk.0.join("map")).exits(1).refuses().says(&["disk/map", "read-only", "take a"]);
}
