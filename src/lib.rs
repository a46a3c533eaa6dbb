//! nearfar: focus stacking from a folder of photos or a tethered camera.

pub mod backend;
pub mod cpu;
pub mod error;
pub mod frame;
pub mod gpu;
pub mod params;
pub mod pipeline;
pub mod transform;
