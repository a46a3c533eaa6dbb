//! Fuses frames into one picture, in memory that does not grow with their number.
//!
//! Every frame is split into a Laplacian pyramid (Burt and Adelson 1983) and added to the picture's, weighted in each band
//! by its energy there and in the finest band (Ogden et al. 1985 selected by the first alone), and by how near its focus is
//! to the depth map. Weights are smooth and shared by all colours, so no pixel stands alone, and where nothing is sharp all
//! frames near the depth are averaged, which lowers noise instead of picking it.

use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Pixels, Size, Window};
use crate::gains::GainField;
use crate::params::{Edge, FusionRule, Standing};
use crate::pyramid::Pyramid;
use crate::transform::Transform;

/// A picture that grows by frames.
pub struct Fusion<'a, B: Backend> {
    backend: &'a B,
    /// Depth map and confidence, on the pyramid's second plane.
    depth: [B::Gray; 2],
    picture: B::Fusion,
}

impl<'a, B: Backend> Fusion<'a, B> {
    /// A picture of `size` without frames; depth map and confidence lie on cells of `cell` pixels.
    ///
    /// # Errors
    /// [`crate::error::Error::Device`] if the device was lost; so for all methods.
    pub fn new(backend: &'a B, size: Size, rule: FusionRule, depth: [B::Gray; 2], cell: u32) -> Result<Self> {
        let pyramid = Pyramid::new(size, rule);
        // Pixel k of the second plane is pixel 2k of the picture; cells lie around their middles.
        let (scale, shift) = (2.0 / f64::from(cell), (1.0 - f64::from(cell)) / (2.0 * f64::from(cell)));
        let to_cells = Transform::affine([scale, 0.0, shift, 0.0, scale, shift]);
        let half = pyramid.sizes[1];
        let depth = depth.map(|plane| backend.warp(&plane, &to_cells, 1.0, Edge::Replicate, half));
        Ok(Self { backend, depth, picture: backend.fusion(pyramid)? })
    }

    /// Adds a frame, which `transform` leads to from the picture and `gains` even out.
    pub fn add(
        &mut self,
        pixels: &Pixels,
        transform: &Transform,
        gains: &GainField,
        standing: &Standing,
    ) -> Result<()> {
        let depth = [&self.depth[0], &self.depth[1]];
        self.backend.fuse(&mut self.picture, pixels, transform, gains, depth, standing)
    }

    /// The part `window` of the picture, in `bits` (8 or 16) a channel.
    pub fn finish(self, window: &Window, bits: u8) -> Result<Pixels> {
        self.backend.fused(self.picture, window, bits)
    }
}
