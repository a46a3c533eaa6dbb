//! Which textured places are sharp in some photo, and how few photos show all of them sharp. Pure functions, CPU only.
//!
//! A photo shows a place sharp if it is focused within the place's reach: the distance on the focus axis at which the
//! circle of confusion is as large as may be. So every place asks for a photo in an interval around its depth, and the
//! fewest photos that serve all intervals are found greedily (interval stabbing, Gavril 1972).

use rayon::prelude::*;

use crate::blur::Blur;
use crate::plan::Scene;

/// A textured place: a photo focused within `reach` of `depth` shows it sharp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Need {
    /// On the focus axis.
    pub depth: f32,
    /// Likewise.
    pub reach: f32,
}

/// Texture from which a place is to be sharp: where there is less, nobody sees whether it is.
const TEXTURED: f32 = 0.06;
/// Places looked at, across the picture, at the most.
const SAMPLES: u32 = 800;
/// Share of the places that may go without a photo if few others are near their depth: at edges depth is a mixture.
const STRAY: f64 = 0.004;
/// Rounds in which photos that are as few as can be are spread as evenly as can be.
const ROUNDS: usize = 20;

/// What pixel `index` of the scene asks for, if it is textured and lies between the places `ends`.
pub fn need(scene: &Scene, blur: &Blur, coc_px: f64, [near, far]: [f64; 2], index: usize) -> Option<Need> {
    let (size, depth) = (scene.depth.size, scene.depth.data[index]);
    if scene.texture.data[index] < TEXTURED || !(near..=far).contains(&f64::from(depth)) {
        return None;
    }
    let (x, y) = (index as u32 % size.width, index as u32 / size.width);
    let point = [f64::from(x) / f64::from(size.width), f64::from(y) / f64::from(size.height)];
    Some(Need { depth, reach: (coc_px * blur.per_px(point)) as f32 })
}

/// What is textured between two places of the focus axis, for a circle of confusion of `coc_px`.
pub fn needs(scene: &Scene, blur: &Blur, coc_px: f64, ends: [f64; 2]) -> Vec<Need> {
    let size = scene.depth.size;
    let stride = size.width.div_ceil(SAMPLES).max(1);
    let rows: Vec<u32> = (stride / 2..size.height).step_by(stride as usize).collect();
    let of_row = |&y: &u32| {
        let columns = (stride / 2..size.width).step_by(stride as usize);
        let at = |x: u32| need(scene, blur, coc_px, ends, (y * size.width + x) as usize);
        columns.filter_map(at).collect::<Vec<_>>()
    };
    rows.par_iter().flat_map_iter(of_row).collect()
}

/// The fewest planes of focus that show all `needs` sharp, rising, each shared by `overlap` (0 … 0.8) with its
/// neighbour, as a share of what a photo shows sharp. Strays are not asked for.
pub fn fewest(needs: &[Need], overlap: f64) -> Vec<f64> {
    let mut needs = without_strays(needs);
    // Where reaches are alike, no round has anything left to sort.
    needs.par_sort_by(|a, b| a.depth.total_cmp(&b.depth));
    let stabbed = |share: f64| stab(&needs, (1.0 - overlap) * share);
    let count = stabbed(1.0).len();
    // With the least reach that takes no more photos, none of them lies at the edge of what it is for.
    let (mut enough, mut few) = (1.0, 0.0);
    for _ in 0..ROUNDS {
        let share = (enough + few) / 2.0;
        if stabbed(share).len() <= count { enough = share } else { few = share }
    }
    stabbed(enough)
}

/// Greedy stabbing of `needs` by the end of their intervals: each photo in the middle of what is left to it.
fn stab(needs: &[Need], share: f64) -> Vec<f64> {
    let interval = |need: &Need| {
        let (depth, reach) = (f64::from(need.depth), share * f64::from(need.reach));
        (depth - reach, depth + reach)
    };
    // Where reaches differ, their share decides which ends first.
    let mut intervals: Vec<(f64, f64)> = needs.iter().map(interval).collect();
    intervals.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut photos = Vec::new();
    let mut held: Option<(f64, f64)> = None;
    for (from, to) in intervals {
        held = match held {
            Some((low, high)) if from <= high => Some((low.max(from), high.min(to))),
            done => {
                photos.extend(done.map(|(low, high)| (low + high) / 2.0));
                Some((from, to))
            }
        };
    }
    photos.extend(held.map(|(low, high)| (low + high) / 2.0));
    photos
}

/// `needs` but for the loneliest, up to [`STRAY`] of them.
fn without_strays(needs: &[Need]) -> Vec<Need> {
    let mut depths: Vec<f32> = needs.iter().map(|need| need.depth).collect();
    depths.par_sort_unstable_by(f32::total_cmp);
    let below = |depth: f32| depths.partition_point(|&at| at < depth);
    let company = |need: &Need| below(need.depth + need.reach) - below(need.depth - need.reach);
    let mut all: Vec<(usize, Need)> = needs.par_iter().map(|need| (company(need), *need)).collect();
    let few = STRAY * needs.len() as f64;
    all.par_sort_by_key(|(company, _)| *company);
    let strays = all.iter().take_while(|(company, _)| (*company as f64) < few).count();
    all.split_off(strays.min(few as usize)).into_iter().map(|(_, need)| need).collect()
}

/// The fewest further planes of focus for what photos focused at `places` do not show sharp, but for as few strays as
/// [`fewest`] leaves.
pub fn fill(needs: &[Need], places: &[f64], overlap: f64) -> Vec<f64> {
    let open = open(&without_strays(needs), places);
    if (open.len() as f64) <= STRAY * needs.len() as f64 { Vec::new() } else { fewest(&open, overlap) }
}

/// Share of `needs` that photos focused at `places` show sharp; 1 where nothing is needed.
pub fn share(needs: &[Need], places: &[f64]) -> f64 {
    if needs.is_empty() {
        return 1.0;
    }
    1.0 - open(needs, places).len() as f64 / needs.len() as f64
}

/// Those of `needs` that no photo focused at `places` shows sharp.
pub fn open(needs: &[Need], places: &[f64]) -> Vec<Need> {
    let sharp = |need: &&Need| {
        places.iter().all(|place| (place - f64::from(need.depth)).abs() > f64::from(need.reach))
    };
    needs.iter().filter(sharp).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(depth: f32, reach: f32) -> Need {
        Need { depth, reach }
    }

    /// A thousand places from `from` to `to`.
    fn slope(from: f32, to: f32) -> Vec<Need> {
        (0..1000).map(|i| at(from + (to - from) * i as f32 / 999.0, 0.5)).collect()
    }

    #[test]
    fn places_of_one_depth_may_reach_differently_far() {
        let fine: Vec<Need> = (0..=200).map(|i| at(i as f32 * 0.05, 0.5)).collect();
        let coarse = fine.iter().map(|need| at(need.depth, 2.0));
        let mixed: Vec<Need> = fine.iter().copied().chain(coarse).collect();
        let photos = fewest(&mixed, 0.3);
        assert!(photos.windows(2).all(|pair| pair[1] > pair[0]), "{photos:?}");
        assert_eq!(photos.len(), fewest(&fine, 0.3).len());
    }

    #[test]
    fn the_fewest_photos_cover_a_slope_evenly() {
        let needs = slope(0.0, 10.0);
        let photos = fewest(&needs, 0.0);
        assert_eq!((photos.len(), share(&needs, &photos)), (10, 1.0));
        let steps: Vec<f64> = photos.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (step - 1.0).abs() < 0.05), "{photos:?}");
        assert_eq!(fewest(&needs, 0.5).len(), 20);
    }

    #[test]
    fn nothing_is_photographed_where_nothing_is() {
        let needs = [slope(0.0, 2.0), slope(8.0, 9.0)].concat();
        let photos = fewest(&needs, 0.0);
        assert_eq!((photos.len(), share(&needs, &photos)), (3, 1.0), "{photos:?}");
        assert!(photos.iter().all(|place| !(2.6..7.4).contains(place)), "{photos:?}");
    }

    #[test]
    fn strays_do_not_ask_for_photos() {
        let mut needs = slope(0.0, 2.0);
        needs.push(at(7.0, 0.5));
        assert_eq!(fewest(&needs, 0.0).len(), 2);
        assert!(share(&needs, &fewest(&needs, 0.0)) > 0.998);
        assert_eq!(open(&needs, &[0.5, 1.5]), [at(7.0, 0.5)]);
    }

    #[test]
    fn where_reach_is_less_photos_are_closer() {
        let mut needs = slope(0.0, 4.0);
        needs.iter_mut().filter(|need| need.depth > 2.0).for_each(|need| need.reach = 0.25);
        let photos = fewest(&needs, 0.0);
        assert_eq!((photos.len(), share(&needs, &photos)), (6, 1.0), "{photos:?}");
        assert_eq!(fill(&needs, &[0.5, 1.5, 3.75], 0.0).len(), 3, "from 2 to 3.5");
        assert!(fill(&needs, &photos, 0.0).is_empty());
        assert!(fewest(&[], 0.3).is_empty() && share(&[], &[]) == 1.0);
    }
}
