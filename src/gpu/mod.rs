//! The stages as WGSL compute shaders on wgpu. `wgpu` is used nowhere else.
//!
//! A stage is a struct with two verbs: `new` builds its pipelines once, `encode` only records. Planes are 2-D
//! textures of one or four 32-bit floats: on the devices measured a texel load costs half a buffer load and
//! returns four channels.

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
