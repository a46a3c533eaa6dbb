//! Colour averaged over the cells of a grid that is anchored to the top left of the upright picture.

use std::ops::Range;

use super::Orientation;
use crate::frame::{Plane, Size};

/// The grid as seen in stored pixels: where the picture is turned, its partial cells may come first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    stored: Size,
    cell: u32,
    pad_x: u32,
    pad_y: u32,
}

impl Grid {
    /// Grid of `cell`×`cell` pixels over a picture of `stored` size that `orientation` will turn upright.
    pub(super) fn new(stored: Size, orientation: Orientation, cell: u32) -> Self {
        let pad = |side: u32, reversed: bool| if reversed { (cell - side % cell) % cell } else { 0 };
        Self {
            stored,
            cell,
            pad_x: pad(stored.width, orientation.reverses_columns()),
            pad_y: pad(stored.height, orientation.reverses_rows()),
        }
    }

    /// Pixels in a stored row.
    pub(super) fn stored_width(&self) -> usize {
        self.stored.width as usize
    }

    /// Number of cells, in stored directions.
    fn size(&self) -> Size {
        self.stored.grid(self.cell)
    }

    /// Samples in a row of a cell if each stands for `across` pixels and the cells start at the left edge.
    fn samples_across(&self, across: u32) -> Option<u32> {
        (self.pad_x == 0 && self.cell.is_multiple_of(across)).then(|| self.cell / across)
    }

    /// Stored columns of the cells in column `index`.
    fn columns(&self, index: u32) -> Range<u32> {
        span(index, self.cell, self.pad_x, self.stored.width)
    }

    /// Stored rows of the cells in row `index`.
    fn rows(&self, index: u32) -> Range<u32> {
        span(index, self.cell, self.pad_y, self.stored.height)
    }
}

fn span(index: u32, cell: u32, pad: u32, side: u32) -> Range<u32> {
    (index * cell).saturating_sub(pad)..((index + 1) * cell - pad).min(side)
}

/// Sums rows of grey or RGB samples into cells as they come.
pub(super) struct Averager {
    grid: Grid,
    /// Largest sample value.
    full: u32,
    next_row: u32,
    sums: Vec<[u32; 3]>,
    cells: Vec<[u8; 3]>,
}

impl Averager {
    /// For samples of 0…`full`.
    pub(super) fn new(grid: Grid, full: u32) -> Self {
        let size = grid.size();
        Self {
            grid,
            full,
            next_row: 0,
            sums: vec![[0; 3]; size.width as usize],
            cells: Vec::with_capacity(size.area()),
        }
    }

    /// Adds the next stored row: pixels of `channels` samples, of which the first three (or the first) are colour.
    pub(super) fn push<T: Copy + Into<u32>>(&mut self, row: &[T], channels: usize) {
        let [r, g, b] = if channels < 3 { [0; 3] } else { [0, 1, 2] };
        for (index, sum) in (0..).zip(&mut self.sums) {
            let columns = self.grid.columns(index);
            let pixels = &row[columns.start as usize * channels..columns.end as usize * channels];
            for pixel in pixels.chunks_exact(channels) {
                sum[0] += pixel[r].into();
                sum[1] += pixel[g].into();
                sum[2] += pixel[b].into();
            }
        }
        let rows = self.grid.rows((self.next_row + self.grid.pad_y) / self.grid.cell);
        self.next_row += 1;
        if self.next_row == rows.end {
            self.flush(rows.len() as u32);
        }
    }

    /// Turns the sums over `rows` rows into 8-bit means, rounded to nearest.
    fn flush(&mut self, rows: u32) {
        for (index, sum) in (0..).zip(&mut self.sums) {
            let weight = u64::from(self.grid.columns(index).len() as u32 * rows) * u64::from(self.full);
            self.cells.push(sum.map(|sum| ((u64::from(sum) * 255 + weight / 2) / weight) as u8));
            *sum = [0; 3];
        }
    }

    /// The cells, in stored directions; every row must have been pushed.
    pub(super) fn finish(self) -> Plane<[u8; 3]> {
        Plane::new(self.grid.size(), self.cells)
    }
}

/// One plane of a YCbCr picture, each sample standing for `across`×`down` pixels.
#[derive(Clone, Copy)]
pub(super) struct Component<'a> {
    /// Samples, row by row.
    pub samples: &'a [u8],
    /// Samples from one row to the next.
    pub stride: usize,
    /// Samples of a row that belong to the picture.
    pub width: usize,
    /// Pixels a sample covers horizontally.
    pub across: u32,
    /// Pixels a sample covers vertically.
    pub down: u32,
}

impl Component<'_> {
    /// Means over one row of cells, of all samples a cell touches.
    fn means(&self, grid: &Grid, row: u32, columns: &mut [u16], means: &mut [f32]) {
        let rows = grid.rows(row);
        let rows = (rows.start / self.down) as usize..rows.end.div_ceil(self.down) as usize;
        let columns = &mut columns[..self.width];
        columns.fill(0);
        // At most eight rows of bytes: 64 of them fit 16 bits. Down first, since that vectorises.
        for line in self.samples[rows.start * self.stride..rows.end * self.stride].chunks_exact(self.stride) {
            for (sum, &sample) in columns.iter_mut().zip(line) {
                *sum += u16::from(sample);
            }
        }
        let scale = 1.0 / rows.len() as f32;
        match grid.samples_across(self.across) {
            Some(1) => fold::<1>(columns, scale, means),
            Some(2) => fold::<2>(columns, scale, means),
            Some(4) => fold::<4>(columns, scale, means),
            Some(8) => fold::<8>(columns, scale, means),
            _ => self.fold_any(grid, columns, scale, means),
        }
    }

    /// Means of column sums for any grid: turned ones, and samples wider than a cell.
    fn fold_any(&self, grid: &Grid, columns: &[u16], scale: f32, means: &mut [f32]) {
        for (index, mean) in (0..).zip(means) {
            let span = grid.columns(index);
            let span = (span.start / self.across) as usize..span.end.div_ceil(self.across) as usize;
            let sum: u32 = columns[span.clone()].iter().copied().map(u32::from).sum();
            *mean = sum as f32 * scale / span.len() as f32;
        }
    }
}

/// Means of column sums where every cell is `N` samples wide, the last perhaps narrower.
fn fold<const N: usize>(columns: &[u16], scale: f32, means: &mut [f32]) {
    let (whole, rest) = columns.as_chunks::<N>();
    for (mean, cell) in means.iter_mut().zip(whole) {
        *mean = cell.iter().sum::<u16>() as f32 * (scale / N as f32);
    }
    if let (Some(mean), false) = (means.get_mut(whole.len()), rest.is_empty()) {
        *mean = rest.iter().sum::<u16>() as f32 * scale / rest.len() as f32;
    }
}

/// Averages a YCbCr picture over cells and converts the means to RGB (JFIF 1.02).
///
/// The conversion is linear but for clamping, so this differs from averaging RGB pixels only where some of them
/// are clamped; a chroma sample that straddles two cells counts in both.
pub(super) fn average_ycc(grid: &Grid, components: [Component<'_>; 3]) -> Plane<[u8; 3]> {
    let size = grid.size();
    let width = size.width as usize;
    let longest = components.iter().map(|component| component.width).max().unwrap_or(0);
    let mut columns = vec![0u16; longest];
    let mut means = vec![0f32; 3 * width];
    let mut cells = Vec::with_capacity(size.area());
    for row in 0..size.height {
        for (component, means) in components.iter().zip(means.chunks_exact_mut(width)) {
            component.means(grid, row, &mut columns, means);
        }
        let (luma, chroma) = means.split_at(width);
        let (blue, red) = chroma.split_at(width);
        cells.extend(luma.iter().zip(blue).zip(red).map(|((&y, &cb), &cr)| rgb(y, cb - 128.0, cr - 128.0)));
    }
    Plane::new(size, cells)
}

fn rgb(y: f32, cb: f32, cr: f32) -> [u8; 3] {
    // The cast saturates, which is the clamping.
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| (value + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_cells_average_what_is_there() {
        let grid = Grid::new(Size::new(3, 3), Orientation::Upright, 2);
        let mut averager = Averager::new(grid, 255);
        for row in [[10u8, 20, 30], [50, 60, 80], [1, 2, 200]] {
            averager.push(&row, 1);
        }
        let cells = averager.finish();
        assert_eq!(cells.size, Size::new(2, 2));
        assert_eq!(cells.data, [[35; 3], [55; 3], [2; 3], [200; 3]]);
    }

    #[test]
    fn a_turned_grid_has_its_partial_cells_first() {
        let grid = Grid::new(Size::new(3, 1), Orientation::FlipX, 2);
        let mut averager = Averager::new(grid, 65535);
        averager.push(&[65535u16, 257, 771], 1);
        assert_eq!(averager.finish().data, [[255; 3], [2; 3]]);
    }

    #[test]
    fn planes_of_one_colour_keep_it() {
        let size = Size::new(7, 5);
        let luma = vec![90; 35];
        let (blue, red) = (vec![140; 12], vec![100; 12]);
        let chroma = |samples| Component { samples, stride: 4, width: 4, across: 2, down: 2 };
        for cell in [2, 4, 8] {
            let cells = average_ycc(
                &Grid::new(size, Orientation::Rotate180, cell),
                [
                    Component { samples: &luma, stride: 7, width: 7, across: 1, down: 1 },
                    chroma(&blue),
                    chroma(&red),
                ],
            );
            assert_eq!(cells, Plane::filled(size.grid(cell), rgb(90.0, 12.0, -28.0)));
        }
        assert_eq!(rgb(90.0, 12.0, -28.0), [51, 106, 111]);
    }
}
