//! nearfar: focus stacking from a folder of photos or a tethered camera.

pub mod backend;
pub mod bells;
pub mod blur;
pub mod camera;
pub mod cli;
pub mod coverage;
pub mod cpu;
pub mod draw;
pub mod error;
pub mod files;
pub mod folder;
pub mod frame;
pub mod gains;
pub mod gpu;
pub mod image_io;
pub mod order;
pub mod params;
pub mod pipeline;
pub mod plan;
pub mod positions;
pub mod pyramid;
pub mod session;
pub mod simulate;
pub mod transform;
