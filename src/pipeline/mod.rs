//! Streams frames through a backend with bounded memory.

pub mod register;
