//! The stages as WGSL compute shaders on wgpu. `wgpu` is used nowhere else.
//!
//! A stage is a struct with two verbs: `new` builds its pipelines once, `encode` only records. Planes of
//! one float a pixel are 2-D textures, planes of four storage buffers ([`Texels`]). On lavapipe, CPU-ns a texel beyond
//! 7 a thread: four floats are read from a texture in 3 to 6 and from a buffer in 4 to 9, written to a texture in 22 and
//! to a buffer in 3; one float is read in 4 to 5 from either and written in 3 and below 1.

pub mod accumulate;
pub mod aggregate;
pub mod align;
pub mod bilateral;
pub mod blend;
pub mod blocks;
pub mod collapse;
pub mod confidence;
pub mod detail;
mod device;
pub mod distance;
pub mod front;
pub mod fuse;
pub mod fusion;
pub mod guide;
mod image;
#[cfg(test)]
mod layout;
pub mod motion;
pub mod nearest;
pub mod offset;
pub mod peak;
pub mod place;
pub mod prior;
pub mod reduce;
pub mod resample;
pub mod sharpness;
pub mod shrink;
pub mod smooth;
mod stage;
mod texels;
pub mod vote;
pub mod warp;
pub mod weigh;
pub mod window;

pub use device::{Adapter, Gpu, Selector, adapters, choose};
pub use image::Image;
pub use stage::Recorder;
pub use texels::Texels;
