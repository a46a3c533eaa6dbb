//! Frames taken in one by one, as they come out of a camera, so that little is left to do after the last.

use std::path::{Path, PathBuf};

use super::ordering::block_grid;
use super::register::{halvings, to_linear};
use super::scratch::{Record, Scratch};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::frame::{Frame, Size};
use crate::image_io::{self, Header, Limits};
use crate::params::cell_for;

/// What one decoding of a frame gives.
pub(super) struct Analysed {
    pub record: Record,
    /// Block sharpness, a list for every grid of blocks that was asked for.
    pub sharpness: Vec<Vec<f32>>,
}

/// Focus measure, registration base and colour of a decoded frame with colour.
pub(super) fn analyse<B: Backend>(
    backend: &B,
    frame: &mut Frame,
    cell: u32,
    grids: &[Size],
) -> Result<Analysed> {
    let color = frame.color.take().expect("colour was asked for");
    let (measure, mut luma) = backend.analyse(&frame.luma, cell)?;
    for _ in 0..halvings(color.size) {
        luma = backend.reduce(&luma);
    }
    let sharpness =
        grids.iter().map(|&grid| Ok(backend.blocks(&measure, grid)?.data)).collect::<Result<_>>()?;
    let mut base = backend.download(luma)?;
    base.data.iter_mut().for_each(|value| *value = to_linear(*value));
    Ok(Analysed { record: Record { measure: backend.download(measure)?, base, color }, sharpness })
}

/// An empty scratch file in `folder` for frames on `grid`.
pub(super) fn new_scratch(folder: &Path, grid: Size) -> Result<Scratch> {
    let mut base = grid;
    (0..halvings(grid)).for_each(|_| base = base.grid(2));
    Scratch::new(folder, grid, base)
}

/// Frames that were taken in.
pub struct Gathered {
    pub(super) headers: Vec<Header>,
    /// Sharpness of the blocks that tell the order.
    pub(super) blocks: Vec<Vec<f32>>,
    pub(super) scratch: Scratch,
    pub(super) size: Size,
    pub(super) cell: u32,
    /// Where each was on the focus axis, rising from near to far, as far as the camera told: empty, or one each.
    pub places: Vec<f64>,
    /// What each is focused at in dioptres, as far as the camera told: empty, or one each.
    pub dioptres: Vec<Option<f64>>,
    /// The frames.
    pub files: Vec<PathBuf>,
    /// For each the sharpness of its blocks: variance of the Laplacian, on [`sharpness_grid`].
    pub sharpness: Vec<Vec<f32>>,
    /// The same on [`blur_grid`].
    pub fine: Vec<Vec<f32>>,
    /// Luma of each on a coarse grid, linear, 0…1.
    pub base: Vec<crate::frame::Plane<f32>>,
}

/// Blocks of which sharpness is told: half as large as those that tell the order.
pub fn sharpness_grid(size: Size) -> Size {
    let grid = size.grid(cell_for(size.width, size.height));
    let Size { width, height } = block_grid(grid);
    Size::new((2 * width).min(grid.width), (2 * height).min(grid.height))
}

/// Side in pixels of the blocks that tell how fast blur grows: what a block shows is to be of about one depth, in pixels
/// of blur, however many pixels the picture has.
const BLUR_BLOCK: u32 = 24;

/// Blocks that tell how fast blur grows: [`sharpness_grid`], or finer ones in large pictures.
pub fn blur_grid(size: Size) -> Size {
    let (grid, least) = (size.grid(cell_for(size.width, size.height)), sharpness_grid(size));
    let blocks = |pixels: u32, least: u32, cells: u32| pixels.div_ceil(BLUR_BLOCK).clamp(least, cells);
    Size::new(blocks(size.width, least.width, grid.width), blocks(size.height, least.height, grid.height))
}

impl Gathered {
    /// None yet, all to be of the size of `first`. Planes are kept in a scratch file in `folder`.
    ///
    /// # Errors
    /// [`Error::Picture`] if `first` cannot be used, [`Error::Io`] if nothing can be written to `folder`.
    pub fn new(folder: &Path, first: &Path) -> Result<Self> {
        let size = image_io::probe(first, &Limits::default())?.size;
        let cell = cell_for(size.width, size.height);
        Ok(Self {
            headers: Vec::new(),
            blocks: Vec::new(),
            scratch: new_scratch(folder, size.grid(cell))?,
            size,
            cell,
            places: Vec::new(),
            dioptres: Vec::new(),
            files: Vec::new(),
            sharpness: Vec::new(),
            fine: Vec::new(),
            base: Vec::new(),
        })
    }

    /// Pixels of a frame.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Side in pixels of the cells of the focus measure.
    pub const fn cell(&self) -> u32 {
        self.cell
    }

    /// Takes a frame in.
    ///
    /// # Errors
    /// [`Error::Picture`] if it cannot be used or is of another size; then it is not among the frames.
    pub fn add<B: Backend>(&mut self, backend: &B, file: &Path) -> Result<()> {
        let header = image_io::probe(file, &Limits::default())?;
        if header.size != self.size {
            let reason =
                format!("is {} where the others are {}; set the camera back", header.size, self.size);
            return Err(Error::picture(file, reason));
        }
        let mut frame = image_io::decode(file, &header, Some(self.cell))?;
        let grids = [block_grid(self.size.grid(self.cell)), sharpness_grid(self.size), blur_grid(self.size)];
        let Analysed { record, sharpness } = analyse(backend, &mut frame, self.cell, &grids)?;
        let [blocks, sharpness, fine] =
            <[Vec<f32>; 3]>::try_from(sharpness).expect("three grids were asked for");
        self.scratch.put(self.files.len(), &record)?;
        // Room in the file is what takes the longest: made now, between two photos, it is there when the order is found.
        self.scratch.put_registered(self.files.len(), &record.measure)?;
        self.headers.push(header);
        self.blocks.push(blocks);
        self.sharpness.push(sharpness);
        self.fine.push(fine);
        self.base.push(record.base);
        self.files.push(file.to_owned());
        Ok(())
    }
}

/// What one photo shows.
pub struct Seen {
    /// Sharpness of its blocks: variance of the Laplacian, on [`sharpness_grid`].
    pub sharpness: Vec<f32>,
    /// Luma on a coarse grid.
    pub base: crate::frame::Plane<f32>,
}

/// Looks at one photo.
///
/// # Errors
/// [`Error::Picture`] if it cannot be used.
pub fn see<B: Backend>(backend: &B, file: &Path) -> Result<Seen> {
    let header = image_io::probe(file, &Limits::default())?;
    let Size { width, height } = header.size;
    let frame = image_io::decode(file, &header, None)?;
    let (measure, mut luma) = backend.analyse(&frame.luma, cell_for(width, height))?;
    for _ in 0..halvings(header.size.grid(cell_for(width, height))) {
        luma = backend.reduce(&luma);
    }
    let sharpness = backend.blocks(&measure, sharpness_grid(header.size))?.data;
    Ok(Seen { sharpness, base: backend.download(luma)? })
}

/// How alike two planes are, whatever their light: −1 … 1.
pub fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len().max(1) as f64;
    let (ma, mb) = (mean(a), mean(b));
    let mut sums = [0.0; 3];
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - ma, f64::from(*b) - mb);
        sums[0] += a * b;
        sums[1] += a * a;
        sums[2] += b * b;
    }
    sums[0] / (sums[1] * sums[2]).sqrt().max(1e-12)
}

/// Correlation of two photos of one scene, however they are focused, at the least.
pub const ALIKE: f64 = 0.6;
