//! Streams frames through a backend with bounded memory.

mod curves;
mod depth;
pub mod fusion;
pub mod gather;
mod light;
pub mod map;
pub mod merge;
mod merge_job;
mod ordering;
mod outputs;
mod overlap;
pub mod plan;
pub mod refine;
pub mod register;
mod request;
mod scratch;
pub mod stream;
mod survey;
mod usable;
