//! Tethered cameras: what is connected, what it can do, and how nearfar would drive it.
//!
//! What a camera can do is told by the widgets that libgphoto2 shows for it, never by its model's name: the same body
//! shows others to an older libgphoto2.

mod capabilities;
mod gphoto;

pub use capabilities::{Capabilities, FocusDrive, LibraryVersion, Strategy, Widget, WidgetKind};
pub use gphoto::{Connected, Tethered, connected, library_version, open};
