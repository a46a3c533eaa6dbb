//! Pictures in and out: the only place that knows a codec.
//!
//! [`probe`] reads a header and refuses what nearfar cannot use before anything is allocated; [`decode`] turns the
//! file into an upright [`Frame`](crate::frame::Frame), [`decode_pixels`] into full colour. [`write_picture`] writes
//! pixels with the [`metadata`](metadata()) of the photo they come from. Formats are told by content, never by extension. Every error
//! names the file, what is wrong with it and the remedy.

mod cells;
mod decode;
mod encode;
mod exif_block;
mod float;
mod jpeg;
mod metadata;
mod orientation;
mod picture;
mod png;
mod probe;
mod rows;
mod tiff;
mod tiff_tags;

pub use decode::{Spares, decode, decode_into, decode_live_view, decode_pixels};
pub use encode::{
    encode_jpeg, encode_tiff, write_atomically, write_jpeg, write_png_gray16, write_png_rgb8,
    write_png_rgb16, write_tiff_f32,
};
pub use float::{read_png_gray16, read_tiff_f32};
pub use metadata::{Metadata, focus_distance, made_by_nearfar, metadata};
pub use orientation::Orientation;
pub use picture::{OutputFormat, WriteOptions, write_picture};
pub use probe::{Format, Header, Limits, probe};
