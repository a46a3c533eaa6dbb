//! A session: one scene, one camera, one folder. Scan, capture, and going on after whatever stopped it.

mod capture;
mod check;
mod choice;
mod ends;
mod file;
mod scan;
mod shooting;
mod ways;

pub use capture::{Captured, capture, estimate};
pub use check::{Readiness, changed, readiness};
pub use ends::{Sharpness, ends};
pub use file::{Asked, LOCK, NAME, Pending, SessionFile, Shot, Stage, clear_leftovers};
pub use scan::{ScanOptions, scan};
pub use shooting::{Crew, Event};
