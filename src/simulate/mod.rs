//! A simulated camera's eye: procedural scenes seen through a thin lens, with the truth about their depth.
//!
//! [`Scene::generate`] paints a scene once; [`render()`] photographs it at any focus; [`write_stack`] writes a whole
//! focal stack with its truth, and [`Stack::plan`] says beforehand at which focus, pose and exposure each frame is.

mod desk;
mod layer;
mod lens;
mod lettering;
mod mossy;
mod npy;
mod paint;
mod render;
mod scene;
mod sensor;
mod stack;
mod texture;
mod truth;
mod warp;
mod write;

pub use lens::Lens;
pub use render::{render, render_posed, render_region};
pub use scene::{Scene, SceneKind};
pub use stack::{Level, Stack, StackOptions};
pub use truth::{Truth, truth};
pub use write::{StackSummary, write_stack};
