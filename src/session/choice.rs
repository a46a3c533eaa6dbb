//! Where to autofocus next in a scan: where the picture has texture that no photo shows sharp yet. Pure functions.

use crate::bells::{BELIEVED, Bells, around, block_at};
use crate::camera::Point;
use crate::frame::{Plane, Size};

/// What is known of a scan so far.
pub struct Known<'a> {
    /// Blocks across and down.
    pub grid: Size,
    /// Contrast of each block at a scale that blur leaves, see [`texture`].
    pub texture: &'a [f32],
    /// The sharpest that each block is in any photo: variance of the Laplacian.
    pub sharpest: &'a [f32],
    /// The blocks' bells, once there are photos enough.
    pub bells: Option<&'a Bells>,
    /// Where the photos are on the axis.
    pub places: &'a [f64],
    /// Depths at which an autofocus was tried, and led elsewhere.
    pub refuted: &'a [f64],
    /// Points that were tried.
    pub tried: &'a [Point],
    /// Both ends of the axis, beyond which nothing needs to be sharp.
    pub range: [f64; 2],
    /// Half of the range on the axis that a photo shows sharp.
    pub tolerance: Option<f64>,
}

/// Contrast from which an autofocus has something to hold on to.
const TEXTURED: f32 = 0.012;
/// Tried points keep others away by so much of the width.
const APART: f64 = 0.035;
/// Share of the textured blocks that may stay without a sharp photo: there are always some at the edges of things.
const LEFT: f64 = 0.004;
/// What a gap counts after each autofocus that did not lead into it.
const HOPE: f64 = 0.3;
/// Blocks of other depths around a block, in the width of the sharp range, that make it a bad place to focus.
const MIXED: f64 = 1.5;

/// Contrast of every block of `grid`: root mean square of what differs between pixels two apart, of luma.
pub fn texture(base: &Plane<f32>, grid: Size) -> Vec<f32> {
    let (width, height) = (base.size.width as usize, base.size.height as usize);
    let root = |x: usize, y: usize| base.data[y * width + x].max(0.0).sqrt();
    let mut sums = vec![[0.0f32; 2]; grid.area()];
    for y in 0..height.saturating_sub(2) {
        for x in 0..width.saturating_sub(2) {
            let here = root(x, y);
            let square = (here - root(x + 2, y)).powi(2) + (here - root(x, y + 2)).powi(2);
            let block = |at: usize, side: usize, count: u32| (at + 1) * count as usize / side;
            let at = block(y, height, grid.height) * grid.width as usize + block(x, width, grid.width);
            sums[at][0] += square;
            sums[at][1] += 2.0;
        }
    }
    sums.iter().map(|[sum, count]| if *count > 0.0 { (sum / count).sqrt() } else { 0.0 }).collect()
}

impl Known<'_> {
    /// Whether there is nothing around a point to focus on.
    pub fn is_plain(&self, point: Point) -> bool {
        around(self.grid, block_at(self.grid, point)).all(|at| self.texture[at] < TEXTURED)
    }

    fn centre(&self, block: usize) -> Point {
        let (width, height) = (self.grid.width as usize, f64::from(self.grid.height));
        [((block % width) as f64 + 0.5) / width as f64, ((block / width) as f64 + 0.5) / height]
    }

    /// Whether a point there would be too close to one that was tried, or to the edge.
    fn barred(&self, block: usize) -> bool {
        let [x, y] = self.centre(block);
        let inside = |at: f64| (0.02..=0.98).contains(&at);
        let close = |tried: &Point| (tried[0] - x).hypot((tried[1] - y) * 0.66) < APART;
        !inside(x) || !inside(y) || self.tried.iter().any(close)
    }

    /// Distance on the axis to the nearest photo; 0 beyond the ends.
    fn away(&self, depth: f64) -> f64 {
        let [near, far] = self.range;
        if depth < near || depth > far {
            return 0.0;
        }
        self.places.iter().map(|place| (place - depth).abs()).fold(f64::MAX, f64::min)
    }

    /// Share of the textured blocks with a bell that no photo shows sharp.
    pub fn uncovered(&self) -> f64 {
        let (Some(bells), Some(tolerance)) = (self.bells, self.tolerance) else { return 1.0 };
        let mut sums = [0.0, 0.0];
        for bell in bells.blocks.iter().filter(|bell| bell.weight >= BELIEVED) {
            sums[0] += f64::from(u8::from(self.away(bell.depth) > tolerance));
            sums[1] += 1.0;
        }
        sums[0] / f64::max(sums[1], 1.0)
    }

    /// The point to autofocus at next; none if every textured region is sharp in some photo.
    pub fn next(&self) -> Option<Point> {
        self.next_gap().or_else(|| self.next_unknown()).map(|block| self.centre(block))
    }

    /// As [`Self::next`], whatever the bells say: the most textured place among those that are sharp in no photo.
    pub fn next_by_contrast(&self) -> Option<Point> {
        Known { bells: None, ..*self }.next_unknown().map(|block| self.centre(block))
    }

    /// The block in the middle of what a photo between those there are would show sharp.
    fn next_gap(&self) -> Option<usize> {
        let (bells, tolerance) = (self.bells?, self.tolerance?);
        if self.uncovered() <= LEFT {
            return None;
        }
        let open: Vec<(usize, f64)> = (0..bells.blocks.len())
            .filter(|&block| bells.blocks[block].weight >= BELIEVED)
            .map(|block| (block, bells.blocks[block].depth))
            .filter(|&(_, depth)| self.away(depth) > tolerance)
            .collect();
        let mut depths: Vec<f64> = open.iter().map(|&(_, depth)| depth).collect();
        depths.sort_by(f64::total_cmp);
        let below = |depth: f64| depths.partition_point(|&at| at < depth);
        let gain = |depth: f64| below(depth + tolerance) - below(depth - tolerance);
        let score = |&(block, depth): &(usize, f64)| {
            let close = around(self.grid, block).filter(|&at| bells.blocks[at].weight >= BELIEVED);
            let (mut alike, mut all) = (0.0, 0.0);
            for at in close {
                alike += f64::from(u8::from((bells.blocks[at].depth - depth).abs() <= MIXED * tolerance));
                all += 1.0;
            }
            let sure: f64 = alike / f64::max(all, 3.0);
            // Other gaps first, where an autofocus did not lead into this one.
            let refuted = self.refuted.iter().filter(|at| (*at - depth).abs() <= tolerance).count();
            let hope = HOPE.powi(refuted as i32);
            hope * gain(depth) as f64
                * sure
                * sure
                * f64::from((self.texture[block] / (3.0 * TEXTURED)).min(1.0))
        };
        let free = open.iter().filter(|(block, _)| !self.barred(*block));
        let scored = free.map(|spot| (spot.0, score(spot))).filter(|(_, score)| *score > 0.0);
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).map(|best| best.0)
    }

    /// The most textured block among those that are sharp nowhere, or of which nothing is known.
    fn next_unknown(&self) -> Option<usize> {
        let told = |block: usize| self.bells.is_some_and(|bells| bells.blocks[block].weight >= 0.25);
        // Sharp blocks have fine contrast beside the coarse one.
        let ratio = |block: usize| self.sharpest[block].max(0.0).sqrt() / self.texture[block].max(TEXTURED);
        let mut ratios: Vec<f32> =
            (0..self.texture.len()).filter(|&b| self.texture[b] >= TEXTURED).map(ratio).collect();
        if ratios.is_empty() {
            return None;
        }
        let at = ratios.len() * 9 / 10;
        let sharp = *ratios.select_nth_unstable_by(at, f32::total_cmp).1;
        let score = |block: usize| {
            let textured =
                around(self.grid, block).filter(|&at| self.texture[at] >= TEXTURED).count() as f32 / 9.0;
            textured
                * (self.texture[block] / (4.0 * TEXTURED)).min(1.0)
                * (1.0 - ratio(block) / sharp.max(1e-6)).max(0.0)
        };
        let open = (0..self.texture.len())
            .filter(|&block| self.texture[block] >= TEXTURED && !told(block) && !self.barred(block));
        open.max_by(|&a, &b| score(a).total_cmp(&score(b))).filter(|&best| score(best) > 0.25)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bells::Bell;

    const GRID: Size = Size::new(16, 10);

    /// Depth rises to the right from 0 to 15; the upper half is plain.
    fn bells() -> Bells {
        let bell = |i: usize| Bell {
            depth: (i % 16) as f64,
            height: 5.0,
            rest: 1.0,
            weight: if i / 16 < 5 { 0.0 } else { 1.0 },
        };
        Bells::of(8.0, (0..GRID.area()).map(bell).collect())
    }

    fn known<'a>(bells: &'a Bells, texture: &'a [f32], places: &'a [f64], tried: &'a [Point]) -> Known<'a> {
        let sharpest = &[9.0; 160];
        let (bells, range) = (Some(bells), [0.0, 15.0]);
        Known {
            grid: GRID,
            texture,
            sharpest,
            bells,
            places,
            refuted: &[],
            tried,
            range,
            tolerance: Some(2.0),
        }
    }

    fn texture() -> Vec<f32> {
        (0..GRID.area()).map(|i| if i / 16 < 5 { 0.0 } else { 0.1 }).collect()
    }

    #[test]
    fn the_widest_gap_is_focused_on_where_there_is_texture() {
        let (bells, texture) = (bells(), texture());
        let [x, y] = known(&bells, &texture, &[0.0, 3.0, 15.0], &[]).next().expect("a gap");
        assert!((4.5..14.0).contains(&(x * 16.0)) && y > 0.5, "{x} {y}");
        let tried = [[x, y]];
        assert_ne!(known(&bells, &texture, &[0.0, 3.0, 15.0], &tried).next(), Some([x, y]));
        // Not into the same gap again and again.
        let gaps = known(&bells, &texture, &[0.0, 7.0, 15.0], &[]);
        let first = gaps.next().expect("a gap")[0] * 16.0 - 0.5;
        let second = Known { refuted: &[first], ..gaps }.next().expect("the other gap")[0] * 16.0 - 0.5;
        assert!((first < 7.0) != (second < 7.0), "{first} {second}");
    }

    #[test]
    fn nothing_is_left_to_do_where_all_is_sharp_or_out_of_range() {
        let (bells, texture) = (bells(), texture());
        let all: Vec<f64> = (0..16).map(f64::from).collect();
        let done = known(&bells, &texture, &all, &[]);
        assert_eq!((done.next(), done.uncovered()), (None, 0.0));
        let part = Known { range: [0.0, 4.0], ..known(&bells, &texture, &[0.0, 2.0, 4.0], &[]) };
        assert_eq!(part.next(), None);
    }

    #[test]
    fn before_there_are_bells_texture_decides() {
        let texture = texture();
        let blurred: Vec<f32> = (0..GRID.area()).map(|i| if i % 16 < 8 { 100.0 } else { 1.0 }).collect();
        let first =
            Known { bells: None, sharpest: &blurred, ..known(&bells(), &texture, &[0.0], &[]) }.next();
        let [x, y] = first.expect("texture");
        assert!(x > 0.5 && y > 0.5, "{x} {y}");
        let plain = vec![0.0; GRID.area()];
        assert_eq!(
            Known { bells: None, texture: &plain, ..known(&bells(), &texture, &[0.0], &[]) }.next(),
            None
        );
    }

    #[test]
    fn texture_is_contrast_that_blur_leaves() {
        let size = Size::new(64, 40);
        let light =
            |i: usize| if i % 64 < 32 { 0.25 } else { 0.25 + 0.1 * ((i % 64 / 3 + i / 64 / 3) % 2) as f32 };
        let found = texture_of(&Plane::new(size, (0..size.area()).map(light).collect()));
        assert!(found[16 * 5 + 2] < 0.001 && found[16 * 5 + 12] > TEXTURED, "{found:?}");
    }

    fn texture_of(base: &Plane<f32>) -> Vec<f32> {
        super::texture(base, GRID)
    }
}
