//! The sweep: from the near stop to where nothing gets sharper any more, and again where steps were too wide.

use std::time::Instant;

use super::{KNOWING, Scan};
use crate::backend::Backend;
use crate::bells::{BELIEVED, Bells, block_at};
use crate::camera::Point;
use crate::error::{Error, Result};
use crate::image_io;
use crate::session::choice::Known;
use crate::session::file::{Asked, Shot, Stage};
use crate::session::shooting::{Aim, Crew};
use crate::session::ways::Ways;

/// Nominal way of the first steps, and the least where there are too few photos for the whole way.
const FIRST_STEP: f64 = 45.0;
/// Nominal way from stop to stop.
const WHOLE_WAY: f64 = 1000.0;
/// Change of the blocks, as a share of the sharpest, below which a picture shows no move of the lens.
const STILL: f64 = 0.004;
/// Returns to the near stop for what lies between photos too far apart, at the most.
const RETURNS: usize = 3;
/// A distance between photos of so many steps is still one step.
const WIDE: f64 = 1.25;
/// Share of the believed blocks that make it worth to photograph what lies between two photos.
const WORTH: f64 = 0.002;
/// Depths of field that a point must be behind, where only what is around it tells its depth.
const DOUBT: f64 = 12.0;
/// Misfit of a photo to the bells, from which its place is taken from the nudges alone.
const STRANGE: f64 = 0.3;

impl<B: Backend> Scan<'_, '_, '_, B> {
    /// From the near stop to where nothing gets sharper any more, always toward far; then from the near stop again through
    /// the places between which too much was left out.
    pub(super) fn by_sweep(&mut self) -> Result<String> {
        let ways = Ways::nominal(self.crew.camera.nudge_sizes());
        if self.crew.session.swept.is_some() {
            self.locate_last()?;
        } else if let Some(reason) = self.sweep_on(&ways)? {
            self.crew.session.swept = Some(reason);
            self.crew.save()?;
        }
        let Some(reason) = self.crew.session.swept.clone() else {
            return Ok(format!(
                "as many as were allowed ({}), before the far end was reached; allow more by --max-frames, in a new session",
                self.shots.len()
            ));
        };
        self.close_gaps(&ways)?;
        let (all, gaps) = (self.shots.len(), if self.is_full() { self.gaps(usize::MAX).len() } else { 0 });
        if gaps == 0 {
            return Ok(reason);
        }
        Ok(format!("{reason}; as many as were allowed ({all}), where {} would leave no gap", all + gaps))
    }

    fn is_full(&self) -> bool {
        self.shots.len() >= self.options.max_photos
    }

    /// Why the sweep can end, if it can.
    fn at_end(&mut self) -> Option<String> {
        let (places, asked, photos) = (self.places(), self.crew.session.asked.clone(), self.photos());
        self.known(&places, |known| ended(known, &asked, photos)).flatten()
    }

    /// Toward far, from behind the last photo if there are any; why it ends, none if there are no more photos.
    fn sweep_on(&mut self, ways: &Ways) -> Result<Option<String>> {
        home(self.crew, ways)?;
        // Of a scan that was interrupted: from the stop to behind its last photo.
        let last = self.places().into_iter().reduce(f64::max);
        let (mut place, mut step) = (0.0, FIRST_STEP.max(WHOLE_WAY / self.options.max_photos as f64));
        let mut wanted = 0.0;
        if let Some(last) = last {
            let tolerance = self.known(&self.places(), |known| known.tolerance).flatten();
            step = tolerance.map_or(step, |tolerance| self.affordable(2.0 * tolerance, last));
            wanted = last + step;
        }
        loop {
            if self.is_full() {
                return Ok(None);
            }
            place = self.step(ways, place, wanted - place)?;
            let still = self.is_still();
            if still && self.never_moved() {
                return Err(self.does_not_move()?);
            }
            if let Some(reason) = self.at_end() {
                return Ok(Some(reason));
            }
            if still {
                self.where_it_stopped()?;
                return Ok(Some("the lens is at its far stop".into()));
            }
            if let Some(tolerance) = self.tolerance.filter(|_| self.photos() >= KNOWING) {
                step = self.affordable(2.0 * tolerance, place).clamp(0.6 * step, 1.5 * step);
            }
            wanted = place + step;
        }
    }

    /// `step`; if photos would run out before the far stop is reached and the gaps so far are closed, one that reaches it.
    fn affordable(&self, step: f64, place: f64) -> f64 {
        let (left, ahead) = (self.left() as f64, (WHOLE_WAY - place).max(0.0));
        let mut places = self.places();
        places.sort_by(f64::total_cmp);
        let behind: f64 =
            places.windows(2).map(|pair| ((pair[1] - pair[0]) / (WIDE * step)).ceil() - 1.0).sum();
        if ahead / step + behind.max(0.0) <= left {
            return step;
        }
        step.max(FIRST_STEP).max(ahead / left.max(1.0))
    }

    /// Writes down of the photos that the lens did not move for that they are where the one before is.
    fn where_it_stopped(&mut self) -> Result<()> {
        let unmoved = self.photos() - 1;
        let lens = self.crew.session.shots[self.shots[unmoved - 1]].lens;
        for &index in &self.shots[unmoved..] {
            self.crew.session.shots[index].lens = lens;
        }
        self.crew.save()
    }

    /// Of a scan that was interrupted: the last photo may not have been located, if it is one that closes a gap.
    fn locate_last(&mut self) -> Result<()> {
        let places = self.places();
        let [before @ .., place] = &places[..] else { return Ok(()) };
        if before.iter().all(|at| at <= place) {
            return Ok(());
        }
        let Some(gathered) = &self.gathered else { return Ok(()) };
        let photos: Vec<(f64, &[f32])> =
            before.iter().zip(&gathered.sharpness).map(|(&at, blocks)| (at, &blocks[..])).collect();
        self.bells = Bells::fit(&photos, None);
        self.found_at(*place).map(drop)
    }

    /// Moves the lens by about `distance` from `place`, takes a photo there; where that is.
    fn step(&mut self, ways: &Ways, place: f64, distance: f64) -> Result<f64> {
        let nudges = ways.toward(distance);
        let reached = place + ways.of(&nudges);
        let shot = Shot { lens: Some(reached), ..Shot::new(Stage::Scan) };
        self.take(shot, &Aim::Nudges(nudges), &|_| true)?;
        Ok(reached)
    }

    /// Photographs what lies between photos too far apart for their depth of field. What those there are tell of a new
    /// photo's place counts: nudges scatter.
    fn close_gaps(&mut self, ways: &Ways) -> Result<()> {
        for _ in 0..RETURNS {
            self.take_in()?;
            if self.is_full() || self.gaps(self.left()).is_empty() {
                break;
            }
            home(self.crew, ways)?;
            let mut place = 0.0;
            while !self.is_full() {
                let gaps = self.gaps(self.left());
                let closest = 0.3 * self.tolerance.unwrap_or_default();
                let next = gaps.into_iter().find(|&gap| gap > place + closest);
                let Some(next) = next else { break };
                place = self.step(ways, place, next - place)?;
                self.take_in()?;
                place = self.found_at(place)?;
            }
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.options.max_photos.saturating_sub(self.shots.len())
    }

    /// Places for at most `most` photos between those there are.
    fn gaps(&mut self, most: usize) -> Vec<f64> {
        let (places, asked) = (self.places(), self.crew.session.asked.clone());
        self.known(&places, |known| gaps(known, &asked, most)).unwrap_or_default()
    }

    /// Where the photo taken last is by the bells of those before, which is written down; `place` where they do not tell.
    fn found_at(&mut self, place: f64) -> Result<f64> {
        let sharpness = self.gathered.as_ref().and_then(|gathered| gathered.sharpness.last());
        let found = self.bells.as_ref().zip(sharpness).and_then(|(bells, blocks)| bells.locate(blocks));
        let (Some(found), Some(&index)) = (found.filter(|found| found.misfit < STRANGE), self.shots.last())
        else {
            return Ok(place);
        };
        self.crew.session.shots[index].lens = Some(found.at);
        self.crew.save()?;
        Ok(found.at)
    }

    /// Photos taken in.
    fn photos(&self) -> usize {
        self.gathered.as_ref().map_or(0, |gathered| gathered.files.len())
    }

    /// Whether no move of the lens changed anything in the picture.
    fn never_moved(&self) -> bool {
        let sharpness = self.gathered.as_ref().map_or(&[][..], |gathered| &gathered.sharpness[..]);
        sharpness.windows(2).all(|pair| change(&pair[0], &pair[1]) < STILL)
    }

    /// What to do about a lens that does not move. Its photos, whose places are not what they were taken for, are moved
    /// aside.
    fn does_not_move(&mut self) -> Result<Error> {
        for index in std::mem::take(&mut self.shots).into_iter().rev() {
            self.crew.disown(index)?;
        }
        Ok(Error::Camera(
            "nothing in the picture changes as the lens is told to move: set the AF/MF switch of the lens to AF, and see that \
             there is texture before it; then run the same command again"
                .into(),
        ))
    }

    /// Whether the last move of the lens changed nothing in the picture.
    fn is_still(&self) -> bool {
        let sharpness = self.gathered.as_ref().map(|gathered| &gathered.sharpness[..]);
        matches!(sharpness, Some([.., before, last]) if self.photos() >= KNOWING && change(before, last) < STILL)
    }
}

/// Why a sweep with so many photos between these ends can end, if it can.
fn ended(known: &Known<'_>, asked: &Asked, photos: usize) -> Option<String> {
    if photos < KNOWING {
        return None;
    }
    let (bells, tolerance) = (known.bells?, known.tolerance?);
    let now = known.places.iter().take(photos).copied().reduce(f64::max)?;
    let behind = |point| match own_depth(known, bells, point) {
        Some(depth) => now > depth + 3.0 * tolerance,
        // What is beside it may be nearer.
        None => bells.depth_at(known.grid, point).is_some_and(|depth| now > depth + DOUBT * tolerance),
    };
    // A near point that is still ahead may be the far one.
    let passed = |point| behind(point) || known.is_plain(point);
    if asked.far.is_some_and(behind) && asked.near.is_none_or(passed) {
        return Some("the far point is behind".into());
    }
    let told: Vec<f64> = bells.believed().map(|bell| bell.depth).collect();
    let ahead = told.iter().filter(|&&depth| depth > now - 3.0 * tolerance).count();
    (told.len() > 20 && (ahead as f64) < 0.005 * told.len() as f64)
        .then(|| "nothing gets sharper any more".to_owned())
}

/// Depth of the block at a point, if it is believed itself.
fn own_depth(known: &Known<'_>, bells: &Bells, point: Point) -> Option<f64> {
    let bell = bells.blocks[block_at(known.grid, point)];
    (bell.weight >= BELIEVED).then_some(bell.depth)
}

/// Places for at most `most` photos between those there are, where these are too far apart to show sharp what lies between
/// and is asked for; evenly, and if there are too few where most is unseen.
fn gaps(known: &Known<'_>, asked: &Asked, most: usize) -> Vec<f64> {
    let (Some(bells), Some(tolerance)) = (known.bells, known.tolerance) else { return Vec::new() };
    let depth = |point| own_depth(known, bells, point).or_else(|| bells.depth_at(known.grid, point));
    let [near, far] = match [asked.near.and_then(depth), asked.far.and_then(depth)] {
        [Some(a), Some(b)] => [a.min(b), a.max(b)],
        [near, far] => [near.unwrap_or(f64::MIN), far.unwrap_or(f64::MAX)],
    };
    let wanted: Vec<f64> = bells.believed().map(|bell| bell.depth).collect();
    // Believed blocks between two photos that matter.
    let inside = |from: f64, to: f64| {
        let (from, to) = (from.max(near - tolerance), to.min(far + tolerance));
        wanted.iter().filter(|&&depth| depth > from && depth < to).count() as f64
    };
    let widest = WIDE * 2.0 * tolerance;
    let mut places = known.places.to_vec();
    places.sort_by(f64::total_cmp);
    let open = places.windows(2).filter(|pair| pair[1] - pair[0] > widest);
    let mut open: Vec<Gap> = open
        .map(|pair| Gap { from: pair[0], to: pair[1], blocks: inside(pair[0], pair[1]), parts: 1.0 })
        .filter(|gap| gap.blocks > 0.0 && gap.blocks >= WORTH * wanted.len() as f64)
        .collect();
    for _ in 0..most {
        let unseen = |gap: &Gap| gap.blocks * (1.0 - 2.0 * tolerance * gap.parts / (gap.to - gap.from));
        let wide = open.iter_mut().filter(|gap| gap.part() > widest);
        let Some(gap) = wide.max_by(|a, b| unseen(a).total_cmp(&unseen(b))) else { break };
        gap.parts += 1.0;
    }
    let between = |gap: &Gap| {
        let (from, part) = (gap.from, gap.part());
        (1..gap.parts as usize).map(move |i| from + part * i as f64)
    };
    open.iter().flat_map(between).collect()
}

/// What lies between two photos too far apart.
struct Gap {
    from: f64,
    to: f64,
    /// Believed blocks in it.
    blocks: f64,
    /// Into how many parts photos are to divide it.
    parts: f64,
}

impl Gap {
    fn part(&self) -> f64 {
        (self.to - self.from) / self.parts
    }
}

/// Leads the lens to its near stop: as far as the pictures change, and once more.
pub fn home(crew: &mut Crew<'_>, ways: &Ways) -> Result<()> {
    const TIMES: usize = 12;
    let start = Instant::now();
    let mut before: Option<Vec<f32>> = None;
    for _ in 0..TIMES {
        crew.check()?;
        crew.camera.nudge(-ways.largest())?;
        let Ok(preview) = crew.camera.preview() else { continue };
        let Ok(seen) = preview_luma(&preview) else { continue };
        let still = before.as_ref().is_some_and(|before| mean_change(before, &seen) < 0.002);
        if still {
            break;
        }
        before = Some(seen);
    }
    crew.sought += start.elapsed();
    Ok(())
}

/// Luma of a preview, 0…1.
fn preview_luma(jpeg: &[u8]) -> Result<Vec<f32>> {
    let picture = image_io::decode_live_view(jpeg)?;
    Ok(picture.data.iter().map(|&value| f32::from(value) / 255.0).collect())
}

fn mean_change(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::MAX;
    }
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len().max(1) as f32
}

/// How much two photos' blocks differ in sharpness, as a share of the sharpest: root mean square.
fn change(a: &[f32], b: &[f32]) -> f64 {
    let root = |value: &f32| f64::from(value.max(0.0)).sqrt();
    let peak = a.iter().chain(b).map(root).fold(1e-9, f64::max);
    let squares: f64 = a.iter().zip(b).map(|(a, b)| ((root(a) - root(b)) / peak).powi(2)).sum();
    (squares / a.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bells::Bell;
    use crate::frame::Size;

    const GRID: Size = Size::new(20, 5);

    /// Depth rises to the right from 0 to 19.
    fn bells() -> Bells {
        let bell = |i: usize| Bell { depth: (i % 20) as f64, height: 5.0, rest: 1.0, weight: 1.0 };
        Bells::of(2.0, (0..GRID.area()).map(bell).collect())
    }

    fn known<'a>(bells: &'a Bells, places: &'a [f64]) -> Known<'a> {
        Known {
            grid: GRID,
            texture: &[0.1; 100],
            sharpest: &[9.0; 100],
            bells: Some(bells),
            places,
            refuted: &[],
            tried: &[],
            range: [f64::MIN, f64::MAX],
            tolerance: Some(0.5),
        }
    }

    fn asked(near: f64, far: f64) -> Asked {
        Asked { near: Some([near, 0.5]), far: Some([far, 0.5]), steps: None }
    }

    #[test]
    fn what_lies_between_photos_too_far_apart_is_photographed() {
        let bells = bells();
        // Taken in any order; 1.2 steps are one, and 4 take three more.
        let known = || known(&bells, &[9.2, 4.0, 8.0]);
        assert_eq!(gaps(&known(), &asked(0.02, 0.98), 9), [5.0, 6.0, 7.0]);
        assert_eq!(gaps(&known(), &asked(0.02, 0.98), 1), [6.0], "no more than are allowed");
        assert_eq!(gaps(&known(), &asked(0.02, 0.98), 0), [0.0; 0]);
        let places = [4.0, 6.0, 12.0, 14.0];
        assert_eq!(gaps(&Known { places: &places, ..known() }, &asked(0.02, 0.98), 2), [8.0, 10.0]);
        assert_eq!(gaps(&known(), &asked(0.6, 0.98), 9), [0.0; 0], "beyond the near point");
        assert_eq!(gaps(&Known { tolerance: None, ..known() }, &asked(0.02, 0.98), 9), [0.0; 0]);
    }

    #[test]
    fn a_sweep_ends_behind_the_far_point_itself() {
        let mut bells = bells();
        let places: Vec<f64> = (0..15).map(f64::from).collect();
        let end = |bells: &Bells, far| ended(&known(bells, &places), &asked(0.0, far), places.len());
        assert_eq!(end(&bells, 0.52).as_deref(), Some("the far point is behind"));
        assert_eq!(end(&bells, 0.8), None, "ahead");
        // Things before it are sharp, and it is not known yet where it is.
        for row in 0..5 {
            bells.blocks[row * 20 + 10].weight = 0.0;
        }
        assert_eq!(end(&bells, 0.52), None);
    }
}
