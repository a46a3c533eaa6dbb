//! Tells the tests what this machine has, so that those that cannot run are ignored where everyone sees it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(shared_data, can_mount)");
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
}
