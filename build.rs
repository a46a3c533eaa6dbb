//! Tells the tests what this machine has, so that those that cannot run are ignored where everyone sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(shared_data, can_mount, gphoto2, af_point_gphoto2)");
    println!("cargo::rerun-if-changed=build.rs");
    let truth = "../shared/data/moto/truth.npy";
    // Watched only where it is: a path that is missing would have the build script run every time.
    if Path::new(truth).exists() {
        println!("cargo::rerun-if-changed={truth}");
        println!("cargo::rustc-cfg=shared_data");
    }
    println!("cargo::rerun-if-env-changed=USER");
    // In a mount namespace of its own, which takes the same right.
    let mount = "mount -t tmpfs -o size=1m nearfar-test /tmp";
    if Command::new("unshare")
        .args(["-m", "sh", "-c", mount])
        .output()
        .is_ok_and(|done| done.status.success())
    {
        println!("cargo::rustc-cfg=can_mount");
    }
    find_gphoto2();
}

/// The gphoto2 command of the system, and one on a libgphoto2 that can set AF points: the same, or what
/// tests/newer-libgphoto2.sh fetched. `make deps` and `make test` have the build script run again after they fetch one.
fn find_gphoto2() {
    println!("cargo::rerun-if-env-changed=NEARFAR_LIBGPHOTO2");
    let version = Command::new("gphoto2").arg("--version").output().ok();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.is_some() {
        println!("cargo::rustc-cfg=gphoto2");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    let fetched = std::env::var_os("NEARFAR_LIBGPHOTO2")
        .map(PathBuf::from)
        .or_else(|| cache.map(|cache| cache.join("nearfar/libgphoto2")))
        .map(|folder| folder.join("run"))
        .filter(|run| run.exists());
    if version.is_some_and(|version| sets_af_points(&version)) {
        println!("cargo::rustc-cfg=af_point_gphoto2");
    } else if let Some(run) = fetched {
        println!("cargo::rustc-cfg=af_point_gphoto2");
        println!("cargo::rustc-env=NEARFAR_LIBGPHOTO2_RUN={}", run.display());
    }
}

/// Whether `gphoto2 --version` names libgphoto2 2.5.32 or newer.
fn sets_af_points(version: &str) -> bool {
    let line = version.lines().find_map(|line| line.strip_prefix("libgphoto2 "));
    let mut parts = line.unwrap_or_default().split(['.', ' ']).map_while(|part| part.parse::<u32>().ok());
    let parts = [0; 3].map(|_| parts.next().unwrap_or(0));
    parts >= [2, 5, 32]
}
