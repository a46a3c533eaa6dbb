//! The stages as WGSL compute shaders on wgpu. `wgpu` is used nowhere else.
//!
//! A stage is a struct with two verbs: `new` builds its pipelines once, `encode` only records. Planes are 2-D
//! textures of one or four 32-bit floats: on the devices measured a texel load costs half a buffer load and
//! returns four channels.

pub mod align;
pub mod blocks;
mod device;
pub mod distance;
mod image;
pub mod reduce;
pub mod sharpness;
mod stage;
pub mod warp;
pub mod window;

pub use device::{Adapter, Gpu, Selector, adapters, choose};
pub use image::Image;
pub use stage::Recorder;
