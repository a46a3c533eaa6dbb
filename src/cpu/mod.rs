//! The stages as typed pure functions: twins of the shaders of the same name, and the path for machines without a GPU.
//!
//! Merging goes row by row ([`fusion`]): the functions over whole planes of its stages are what shaders and that are held
//! against. Else rows run in parallel on the current rayon pool; inner loops are compiled for several instruction sets and
//! chosen at run time. Nothing here contracts `a*b + c`: results must equal the shaders'.

pub mod accumulate;
pub mod aggregate;
pub mod align;
pub mod bilateral;
pub mod blend;
pub mod blocks;
pub mod collapse;
pub mod confidence;
pub mod detail;
pub mod distance;
pub mod front;
pub mod fuse;
pub mod fusion;
pub mod guide;
pub mod lines;
pub mod motion;
pub mod nearest;
pub mod offset;
pub mod peak;
pub mod place;
pub mod prior;
pub mod reduce;
pub mod resample;
pub mod sharpness;
pub mod shrink;
pub mod smooth;
mod sweep;
pub mod vote;
pub mod warp;
pub mod weigh;
pub mod window;
