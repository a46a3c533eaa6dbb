//! The simulated body as a client no one here wrote sees it: Debian's `gphoto2` command, each in a home of its own.

mod attended;
mod bodies;
mod capabilities;
mod command_line;
mod coverage;
mod faults;
mod gphoto2;
mod gravity;
mod refusals;
mod resume;
mod shooting;
mod sweeps;
