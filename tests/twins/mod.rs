//! Every GPU stage against its CPU twin: one file per stage. They need an adapter, a software one will do.

mod compare;
mod inputs;

mod accumulate;
mod aggregate;
mod align;
mod bilateral;
mod blend;
mod blocks;
mod collapse;
mod confidence;
mod detail;
mod distance;
mod front;
mod fuse;
mod guide;
mod motion;
mod nearest;
mod offset;
mod peak;
mod place;
mod prior;
mod reduce;
mod resample;
mod sharpness;
mod shrink;
mod smooth;
mod vote;
mod warp;
mod weigh;
mod window;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use nearfar::gpu::{Gpu, Selector, adapters, choose};

/// The one device of the test binary, one test at a time: recorders that take turns at one pool of textures would
/// overwrite each other's planes. Without an adapter the test fails: a twin that was not compared is not right.
fn device() -> MutexGuard<'static, Gpu> {
    static DEVICE: LazyLock<Result<Mutex<Gpu>, String>> = LazyLock::new(|| {
        let adapters = adapters();
        let adapter = choose(&adapters, &Selector::Any).ok_or(
            "no adapter: the twins cannot be compared; install a Vulkan driver, Mesa's lavapipe on machines without a GPU",
        )?;
        println!("twins run on {} ({}, {}, {})", adapter.name, adapter.kind, adapter.api, adapter.driver);
        Gpu::open(adapter).map(Mutex::new).map_err(|error| error.to_string())
    });
    match &*DEVICE {
        // A test that failed leaves no half-written state in the device.
        Ok(gpu) => gpu.lock().unwrap_or_else(PoisonError::into_inner),
        Err(error) => panic!("{error}"),
    }
}
