//! What is kept of every frame after its only decoding: planes on the grid, in an unnamed file.
//!
//! Memory stays the same for any number of frames; the file lies in the output folder (not in a RAM disk) and is gone
//! with the process, whatever ends it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::frame::{Plane, Size};

/// Planes of one frame.
#[derive(Clone, Debug)]
pub struct Record {
    /// Focus measure on the grid, ≥ 0; kept to 8 significant bits.
    pub measure: Plane<f32>,
    /// Luma of the registration base, 0…1.
    pub base: Plane<f32>,
    /// sRGB-encoded colour on the grid.
    pub color: Plane<[u8; 3]>,
}

/// Records of equal size, one per frame.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    folder: PathBuf,
    grid: Size,
    base: Size,
}

impl Scratch {
    /// An empty scratch file in `folder`.
    ///
    /// # Errors
    /// [`Error::Io`] naming `folder` if it is not writable.
    pub fn new(folder: &Path, grid: Size, base: Size) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io(folder, "making a scratch file"))?;
        Ok(Self { file, folder: folder.to_owned(), grid, base })
    }

    /// Size of the frames' grid.
    pub const fn grid(&self) -> Size {
        self.grid
    }

    /// Bytes of a record.
    const fn record(&self) -> u64 {
        (2 * self.grid.area() + 4 * self.base.area() + 3 * self.grid.area() + 2 * self.grid.area()) as u64
    }

    /// Keeps `record` as that of frame `index`.
    ///
    /// # Errors
    /// [`Error::Io`] with what to do where the disk is full.
    pub fn put(&mut self, index: usize, record: &Record) -> Result<()> {
        let at = index as u64 * self.record();
        self.write(
            at,
            &[
                bytemuck::cast_slice(&shorten(&record.measure)),
                bytemuck::cast_slice(&record.base.data),
                bytemuck::cast_slice(&record.color.data),
            ],
        )
    }

    /// Keeps the focus measure of frame `index` as the reference sees it, beside its own.
    ///
    /// # Errors
    /// [`Error::Io`] as for [`Self::put`].
    pub fn put_registered(&mut self, index: usize, measure: &Plane<f32>) -> Result<()> {
        let at = index as u64 * self.record() + self.registered_at();
        self.write(at, &[bytemuck::cast_slice(&shorten(measure))])
    }

    /// Where in a record the registered measure begins.
    const fn registered_at(&self) -> u64 {
        self.record() - 2 * self.grid.area() as u64
    }

    fn write(&mut self, at: u64, parts: &[&[u8]]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| parts.iter().try_for_each(|part| self.file.write_all(part)))
            .map_err(Error::io(
                &self.folder,
                "writing the scratch file (it needs 7 to 8 bytes a grid cell and frame)",
            ))
    }

    /// Focus measure of frame `index` in its own geometry.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read back.
    pub fn measure(&mut self, index: usize) -> Result<Plane<f32>> {
        self.short(index as u64 * self.record())
    }

    /// What [`Self::put_registered`] kept of frame `index`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read back.
    pub fn registered(&mut self, index: usize) -> Result<Plane<f32>> {
        self.short(index as u64 * self.record() + self.registered_at())
    }

    fn short(&mut self, at: u64) -> Result<Plane<f32>> {
        let mut short = vec![0u16; self.grid.area()];
        self.read(at, bytemuck::cast_slice_mut(&mut short))?;
        Ok(Plane::new(self.grid, short.iter().map(|&bits| f32::from_bits(u32::from(bits) << 16)).collect()))
    }

    /// Luma of the registration base of frame `index`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read back.
    pub fn base(&mut self, index: usize) -> Result<Plane<f32>> {
        let at = index as u64 * self.record() + 2 * self.grid.area() as u64;
        self.floats(at, self.base)
    }

    /// Colour of frame `index`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read back.
    pub fn color(&mut self, index: usize) -> Result<Plane<[u8; 3]>> {
        let at = index as u64 * self.record() + (2 * self.grid.area() + 4 * self.base.area()) as u64;
        let mut plane = Plane::filled(self.grid, [0; 3]);
        self.read(at, bytemuck::cast_slice_mut(&mut plane.data))?;
        Ok(plane)
    }

    fn floats(&mut self, at: u64, size: Size) -> Result<Plane<f32>> {
        let mut plane = Plane::filled(size, 0.0);
        self.read(at, bytemuck::cast_slice_mut(&mut plane.data))?;
        Ok(plane)
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(bytes))
            .map_err(Error::io(&self.folder, "reading the scratch file"))
    }
}

/// The upper halves of the floats (bfloat16), rounded: 0.4 % is far below the noise of a focus measure, and half as much
/// goes to the disk and back.
fn shorten(plane: &Plane<f32>) -> Vec<u16> {
    plane.data.iter().map(|value| ((value.to_bits() + 0x8000) >> 16) as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_any_order() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (grid, base) = (Size::new(5, 3), Size::new(3, 2));
        let mut scratch = Scratch::new(folder.path(), grid, base).expect("a scratch file");
        let record = |n: u8| Record {
            measure: Plane::filled(grid, f32::from(n)),
            base: Plane::filled(base, f32::from(n) + 0.5),
            color: Plane::filled(grid, [n, n + 1, n + 2]),
        };
        for index in [2, 0, 1] {
            scratch.put(index, &record(index as u8)).expect("room on the disk");
            let registered = Plane::filled(grid, index as f32 + 64.0);
            scratch.put_registered(index, &registered).expect("room on the disk");
        }
        for index in 0..3 {
            let expected = record(index as u8);
            assert_eq!(scratch.color(index).expect("a record").data, expected.color.data);
            assert_eq!(scratch.measure(index).expect("a record").data, expected.measure.data);
            assert_eq!(
                scratch.registered(index).expect("a record").data,
                vec![index as f32 + 64.0; grid.area()]
            );
            assert_eq!(scratch.base(index).expect("a record").data, expected.base.data);
        }
    }
}
