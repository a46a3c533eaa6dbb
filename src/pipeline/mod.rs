//! Streams frames through a backend with bounded memory.

pub mod depth;
pub mod map;
mod outputs;
pub mod plan;
pub mod register;
mod request;
mod scratch;
mod steps;
pub mod stream;
