//! Streams frames through a backend with bounded memory.

mod curves;
mod depth;
pub mod map;
mod outputs;
pub mod plan;
pub mod register;
mod request;
mod scratch;
pub mod stream;
