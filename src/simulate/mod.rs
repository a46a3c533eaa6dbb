//! A simulated camera: scenes with known depth, a thin lens before them, and a Sony body that speaks PTP/IP.
//!
//! [`Server::start`] switches a body on that looks at a [`View`]; libgphoto2 connects to it as to a real one.
//! [`Scene::generate`] paints a scene once; [`render()`] photographs it at any focus; [`write_stack`] writes a whole
//! focal stack with its truth, and [`Stack::plan`] says beforehand at which focus, pose and exposure each frame is.

mod body;
mod desk;
mod layer;
mod lens;
mod lettering;
mod mossy;
mod npy;
mod paint;
mod ptpip;
mod relief;
mod render;
mod scene;
mod sensor;
mod stack;
mod texture;
mod truth;
mod view;
mod warp;
mod write;

pub use body::{AfResult, BodyKind, BodySettings, BodyState, Fault, FaultKind, ShotTaken};
pub use lens::Lens;
pub use ptpip::Server;
pub use render::{render, render_posed, render_region};
pub use scene::{Scene, SceneKind};
pub use stack::{Level, Stack, StackOptions};
pub use truth::{Truth, truth};
pub use view::{Subject, View};
pub use write::{StackSummary, write_stack};
