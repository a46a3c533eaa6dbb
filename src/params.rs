//! Constants and stage parameters that CPU and GPU share, each in one place.

/// Binomial smoothing kernel, σ = 1 px, sum 16.
pub const BINOMIAL: [i8; 5] = [1, 4, 6, 4, 1];
/// [`BINOMIAL`] convolved with the second difference 1, −2, 1.
pub const BINOMIAL_LAPLACIAN: [i8; 7] = [1, 2, -1, -4, -1, 2, 1];
/// What the integer kernels multiply the Laplacian of smoothed luma by: 16 across × 16 down.
pub const LAPLACIAN_UNIT: f32 = 256.0;

/// Side of the cells in which a picture of `width`×`height` pixels is mapped: 1, 2 or 4.
///
/// The smallest that brings the grid to 4 megapixels and 8192 cells a side, if one does: depth needs no more, and every
/// compute device holds such planes.
pub fn cell_for(width: u32, height: u32) -> u32 {
    const MAX_CELLS: usize = 4_000_000;
    const MAX_SIDE: u32 = 8192;
    let fits = |cell: u32| {
        let grid = crate::frame::Size::new(width, height).grid(cell);
        grid.area() <= MAX_CELLS && grid.width <= MAX_SIDE && grid.height <= MAX_SIDE
    };
    [1, 2].into_iter().find(|&cell| fits(cell)).unwrap_or(4)
}

/// Radius in cells of the window over which the variance of the Laplacian is taken: 3 to 6 px across. Small, since
/// what is near a pixel is gathered again later, evenly weighed.
pub const fn window_radius(cell: u32) -> u32 {
    match cell {
        1 | 2 => 1,
        _ => 0,
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

/// Neighbourhood over which normalised energies are added up before the peak is looked for: a box of 13 cells after a
/// box of 7, in one pass, as weights from the centre outwards (sum over both sides 1).
pub const AGGREGATE: [f32; AGGREGATE_RADIUS + 1] = {
    // A trapezoid: 7 of 91 where both boxes overlap fully, falling by 1 of 91 a cell from distance 3 on.
    let mut weights = [0.0; AGGREGATE_RADIUS + 1];
    let mut distance = 0;
    while distance <= AGGREGATE_RADIUS {
        let overlap = if distance <= 3 { 7 } else { 10 - distance };
        weights[distance] = overlap as f32 / 91.0;
        distance += 1;
    }
    weights
};
/// Cells from the centre to the edge of [`AGGREGATE`].
pub const AGGREGATE_RADIUS: usize = 9;

/// Radius of the window in which a place's energy over all frames is taken.
pub const VOTE_RADIUS: u32 = 3;
/// Mean energy below which a place's vote counts less: a Laplacian of 0.7 of 255 steps.
pub const VOTE_FLOOR: f32 = 0.5 / (255.0 * 255.0);

/// How confidence is read from the peak and from how depth varies around a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceRule {
    /// Radius in cells of the window for the variance of depth and for what lies behind.
    pub radius: u32,
    /// Peak over mean at which confidence starts; a flat curve has 1.
    pub low: f32,
    /// Peak over mean at which it is full.
    pub high: f32,
    /// Exponent of the peak's share.
    pub peak_power: f32,
    /// Whether the share is x³/(1 + x³) of the peak's excess over 1 instead of a ramp from `low` to `high`.
    pub soft: bool,
    /// Exponent of the smoothness 1/(1 + variance/σ²).
    pub smooth_power: f32,
    /// 1/σ² of how much farther, in levels, the window reaches; 0 to leave it out.
    pub behind: f32,
}

/// Weights for filling: strict.
pub const FILL_RULE: ConfidenceRule = ConfidenceRule {
    radius: 6,
    low: 1.6,
    high: 3.5,
    peak_power: 1.5,
    soft: false,
    smooth_power: 2.0,
    behind: 0.0,
};
/// Confidence as users see it.
pub const SHOWN_RULE: ConfidenceRule = ConfidenceRule {
    radius: 15,
    low: 1.0,
    high: 2.0,
    peak_power: 3.0,
    soft: true,
    smooth_power: 1.0,
    behind: 0.25,
};
/// Standard deviation of depth, in levels, at which trust halves.
pub const DEPTH_SIGMA: f32 = 0.7;

/// À-trous levels of the joint bilateral fill: the last reaches 2⁸ cells.
pub const FILL_LEVELS: u32 = 9;
/// What each coarser level counts of the one before.
pub const FILL_DECAY: f32 = 0.4;
/// Colour difference (of full scale) of the joint bilateral fill.
pub const FILL_SIGMA: f32 = 8.0 / 255.0;
/// Weight of a cell without any confidence.
pub const FILL_FLOOR: f32 = 1e-6;
/// How much more the farthest level counts than the nearest, as an exponent: plain places mostly are background.
pub const FILL_FAR: f32 = 4.0;

/// What stands where a warped frame does not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// [`OUTSIDE`], so that nothing counts there.
    Mark,
    /// The nearest edge pixel.
    Replicate,
}

/// Smallest gathered energy that is told from nothing.
pub const TINY: f32 = 1e-12;

/// Bands of the Laplacian pyramid that pictures are fused in, at most; the base below them is 1/32 of the size.
pub const FUSION_BANDS: u32 = 5;
/// Shortest side in pixels of the pyramid's base.
pub const FUSION_BASE_SIDE: u32 = 4;
/// Rows or columns around a part of the picture that its fusion looks at: the supports of decimation (2), expansion (2),
/// decimated energy (2) and its smoothing (4), and one row of interpolation, added up and made even.
pub const FUSION_HALO: u32 = 12;
/// Keys's parameter of cubic convolution: −1/2 is exact for quadratics, −3/4 sharper; fused pictures come out up to 0.3 dB
/// nearer to the truth with it.
pub const CUBIC: f32 = -0.75;
/// Weights of a cubic convolution (Keys 1981) `part` of a pixel behind the second of four.
pub const fn cubic(part: f32) -> [f32; 4] {
    let rest = 1.0 - part;
    [
        CUBIC * part * rest * rest,
        ((CUBIC + 2.0) * part - (CUBIC + 3.0)) * part * part + 1.0,
        ((CUBIC + 2.0) * rest - (CUBIC + 3.0)) * rest * rest + 1.0,
        CUBIC * rest * part * part,
    ]
}

/// What detail energies are multiplied by: they count in squared twentieths of full scale, so that neither the highest
/// (three channels) nor the lowest leaves single precision to the power of [`FusionRule`].
pub const ENERGY_SCALE: f32 = 400.0;

/// How much a frame counts in a band of the pyramid: (energy of this band + floor)^a · (energy of the finest band +
/// floor)^b · prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusionRule {
    /// [a, b] in the finest band, which smoothed tells more than by itself; a is 5 at most and a + b 10.
    pub finest: [u32; 2],
    /// [a, b] in the coarser bands, where a near object's blur hides what is behind it.
    pub coarser: [u32; 2],
    /// What the depth map says of a frame.
    pub prior: Prior,
}

impl FusionRule {
    /// Alike in all bands.
    pub const fn even(powers: [u32; 2], prior: Prior) -> Self {
        Self { finest: powers, coarser: powers, prior }
    }
}

/// Energy of the finest band that noise has anyway (1 % of full scale); a quarter of it a band coarser.
pub const BAND_FLOOR: f32 = 1e-4 * ENERGY_SCALE;
/// The same for the energy of the finest band where it weighs all bands.
pub const FINEST_FLOOR: f32 = 4.0 * BAND_FLOOR;

/// Weight of a frame by how far the depth map lies from its level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Distance in levels at which it has fallen to `floor`, where the map is certain.
    pub radius: f32,
    /// How much longer that is where the map is guessed.
    pub wide: f32,
    /// Weight of a frame far away; one at the depth itself has 1 + this.
    pub floor: f32,
    /// What is added to that where the map is guessed altogether.
    pub guessed: f32,
}

impl Prior {
    /// None: every frame counts alike.
    pub const NONE: Self = Self { radius: 1e9, wide: 0.0, floor: 0.0, guessed: 0.0 };
}

/// Prior where a frame does not reach, so that where none does the sum of weights is not 0.
pub const UNCOVERED: f32 = 1e-6;
/// Priors below this are of places that a frame does not reach; smoothing rounds.
pub const COVERED: f32 = 2.0 * UNCOVERED;

/// Side in cells of the blocks in which the motion between two frames is summed up.
pub const MOTION_BLOCK: u32 = 16;
/// Sums of a block of motion: upper triangle of JᵀJ over (x gradient, y gradient, value, 1), Jᵀr, Σ r².
pub const MOTION_SUMS: usize = 15;

/// Which part of the scene the motion between two frames is measured on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// Depth in levels at which a cell counts most.
    pub level: f32,
    /// Distance in levels at which it counts nothing.
    pub radius: f32,
    /// Cells along the edges of both planes that are left out.
    pub margin: u32,
}

/// At which levels of focus a frame is sharp, and how large it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Middle of the levels that the frame is sharp at.
    pub level: f32,
    /// How many levels it is sharp at to either side of that.
    pub half: f32,
    /// Size of the frame in pixels.
    pub frame: crate::frame::Size,
}
