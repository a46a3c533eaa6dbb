//! The one integration binary: linking the library's dependencies once is slow enough.
//!
//! - `camera`: the simulated body, through the real `gphoto2` command.
//! - `cli`: the real executable in temporary folders.
//! - `house`: which module may use which crate.
//! - `image_io`: pictures in and out, whole and damaged.
//! - `shaders`: every shader parses and validates.
//! - `twins`: every GPU stage against its CPU twin; these need an adapter (a software one will do) and fail without.
//!
//! Tests of one module's inner workings stand beside it in `src/`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod camera;
mod cli;
mod house;
mod image_io;
mod shaders;
mod twins;
