//! The real executable in temporary folders: the whole job, its options, and bad input.

mod bad_input;
mod devices;
mod half_stacks;
mod halo;
mod inputs;
mod interrupt;
mod job;
mod measured;
mod merge;
mod output_folder;
mod planning;
mod stack;
pub mod testenv;
mod trace;
