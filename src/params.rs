//! Constants and stage parameters that CPU and GPU share, each in one place.

/// Binomial smoothing kernel, σ = 1 px, sum 16.
pub const BINOMIAL: [i32; 5] = [1, 4, 6, 4, 1];
/// [`BINOMIAL`] convolved with the second difference 1, −2, 1.
pub const BINOMIAL_LAPLACIAN: [i32; 7] = [1, 2, -1, -4, -1, 2, 1];
/// What the integer kernels multiply the Laplacian of smoothed luma by: 16 across × 16 down.
pub const LAPLACIAN_UNIT: f32 = 256.0;

/// Side of the cells in which a picture of `width`×`height` pixels is mapped: 1, 2, 4 or 8.
///
/// The smallest that brings the grid to 4 megapixels and 8192 cells a side: depth needs no more, and every
/// compute device can hold such planes.
pub fn cell_for(width: u32, height: u32) -> u32 {
    const MAX_CELLS: usize = 4_000_000;
    const MAX_SIDE: u32 = 8192;
    let fits = |cell: u32| {
        let grid = crate::frame::Size::new(width, height).grid(cell);
        grid.area() <= MAX_CELLS && grid.width <= MAX_SIDE && grid.height <= MAX_SIDE
    };
    [1, 2, 4].into_iter().find(|&cell| fits(cell)).unwrap_or(8)
}

/// Radius in cells of the window over which the variance of the Laplacian is taken: 9 px across, 12 on coarse grids.
pub const fn window_radius(cell: u32) -> u32 {
    match cell {
        1 => 4,
        2 => 2,
        _ => 1,
    }
}

/// Marks a pixel that a warped frame does not cover; measures and luma are never negative.
pub const OUTSIDE: f32 = -1.0;

/// Unknowns of one alignment step: zoom, turn, shift x, shift y, gain, bias.
pub const ALIGN_UNKNOWNS: usize = 6;
/// Sums of one alignment step: upper triangle of JᵀJ row by row, Jᵀr, Σ r², pixel count.
pub const ALIGN_SUMS: usize = ALIGN_UNKNOWNS * (ALIGN_UNKNOWNS + 1) / 2 + ALIGN_UNKNOWNS + 2;

/// Features at or below this are missing: their frame does not cover the block.
pub const MISSING: f32 = -1.0e29;
