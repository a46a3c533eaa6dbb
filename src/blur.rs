//! How fast blur grows with the distance from the plane of focus, from the photos of a scan: depth of field without
//! knowing lens, aperture or distance. Pure functions, CPU only.
//!
//! Sharpness of textured blocks over the focus axis is one bell shape ([`Bells`]); how wide it is tells how far from the
//! plane of focus the circle of confusion has a given size. (Depth from defocus: Pentland 1987; Subbarao & Surya 1994
//! tell depth from blur that is known; here depth is known, and blur is told from it.)

use serde::{Deserialize, Serialize};

use crate::bells::{Bells, usual_step, width_px};
use crate::frame::Size;

/// How fast blur grows along the focus axis of a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Blur {
    /// Circle of confusion in pixels of what lies at the far level in a photo focused at the near level.
    pub range_px: f64,
    /// The same in each of [`REGIONS`] × [`REGIONS`] parts of the picture, row by row; empty where they are alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<f64>,
    /// Length of the focus axis in its unit: the number of levels − 1.
    #[serde(skip)]
    pub length: f64,
}

/// Parts of the picture across and down, in which depth of field is looked at.
pub const REGIONS: u32 = 3;
/// Blocks that are looked at, at the most.
const BLOCKS: usize = 900;
/// Believed blocks with which a part of the picture has a say of its own.
const ENOUGH: usize = 25;
/// Width of the bells, in usual steps, below which they fall between the photos.
const NARROWEST: f64 = 0.7;
/// Factor by which a part must differ from the whole, to count.
const DIFFERS: f64 = 1.4;

impl Blur {
    /// From photos at places 0 … `length` of the focus axis and the sharpness of their blocks on `grid`, as variances
    /// measured in cells of `cell` pixels. None for too few photos, or too few blocks that tell.
    pub fn measure(photos: &[(f64, &[f32])], grid: Size, length: f64, cell: u32) -> Option<Self> {
        let narrowest = NARROWEST * usual_step(photos)?;
        let width = |blocks: &[usize]| width(photos, blocks).filter(|&width| width >= narrowest);
        let whole = width(&some_blocks(grid))?;
        let per_px = |width: f64| width / width_px(cell);
        let range_px = length / per_px(whole);
        let of_region = |region: u32| {
            let inside: Vec<usize> =
                (0..grid.area()).filter(|&block| region_of(centre(grid, block)) == region as usize).collect();
            let stride = (inside.len() * (REGIONS * REGIONS) as usize / BLOCKS).max(1);
            let some: Vec<usize> = inside.into_iter().step_by(stride).collect();
            width(&some).map_or(range_px, |width| length / per_px(width))
        };
        let regions: Vec<f64> = (0..REGIONS * REGIONS).map(of_region).collect();
        let differs = |px: &f64| (px / range_px).max(range_px / px) >= DIFFERS;
        let regions = if regions.iter().any(differs) { regions } else { Vec::new() };
        Some(Self { range_px, regions, length })
    }

    /// Whether it can be reckoned with: it may have been edited by hand.
    pub fn is_sound(&self) -> bool {
        let all = self.regions.iter().chain([&self.range_px]);
        [0, (REGIONS * REGIONS) as usize].contains(&self.regions.len())
            && all.into_iter().all(|px| px.is_finite() && *px > 0.0)
    }

    /// Distance on the focus axis that makes a circle of confusion of one pixel, at a point in fractions of the picture.
    pub fn per_px(&self, point: [f64; 2]) -> f64 {
        self.length / self.regions.get(region_of(point)).unwrap_or(&self.range_px)
    }
}

/// Distance on the focus axis that makes a circle of confusion of one pixel, by photos as [`Blur::measure`] takes them.
pub fn per_px(photos: &[(f64, &[f32])], grid: Size, cell: u32) -> Option<f64> {
    // How narrow bells are that fall between the photos cannot be seen.
    let narrowest = NARROWEST * usual_step(photos)?;
    width(photos, &some_blocks(grid)).map(|width| width.max(narrowest) / width_px(cell))
}

/// Enough of the blocks, from all over the picture.
fn some_blocks(grid: Size) -> Vec<usize> {
    let every = (grid.area() / BLOCKS).max(1);
    // Rows are not to begin alike.
    let every = every + usize::from(every > 1 && (grid.width as usize).is_multiple_of(every));
    (0..grid.area()).step_by(every).collect()
}

/// Width of the bells of these blocks; none where too few are believed.
fn width(photos: &[(f64, &[f32])], blocks: &[usize]) -> Option<f64> {
    let picked: Vec<(f64, Vec<f32>)> = photos
        .iter()
        .map(|(place, all)| (*place, blocks.iter().map(|&block| all[block]).collect()))
        .collect();
    let picked: Vec<(f64, &[f32])> = picked.iter().map(|(place, some)| (*place, &some[..])).collect();
    let bells = Bells::fit(&picked, None)?;
    (bells.believed().count() >= ENOUGH).then_some(bells.width)
}

fn centre(grid: Size, block: usize) -> [f64; 2] {
    let (width, height) = (grid.width as usize, f64::from(grid.height));
    [((block % width) as f64 + 0.5) / width as f64, ((block / width) as f64 + 0.5) / height]
}

/// Part of the picture that a point lies in.
fn region_of(point: [f64; 2]) -> usize {
    let [x, y] = point.map(|at| ((at * f64::from(REGIONS)) as u32).min(REGIONS - 1));
    (y * REGIONS + x) as usize
}
