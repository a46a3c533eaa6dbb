//! The capture: photographs the planned steps, and looks at each photo for where it really is sharp.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::ends::{Sharpness, bells};
use super::file::{SessionFile, Shot, Stage};
use super::scan::home;
use super::shooting::{Aim, Crew, Event, Taken};
use super::ways::Ways;
use crate::backend::Backend;
use crate::bells::Bells;
use crate::camera::{Point, Strategy};
use crate::error::{Error, Result};
use crate::files::{MapFile, PlanFile};
use crate::frame::Plane;
use crate::pipeline::gather::{ALIKE, Seen, correlation, see};
use crate::pipeline::plan::alternatives;
use crate::positions::Axis;

/// Miss, in steps, from which a step is tried once more.
const MISS: f64 = 0.5;
/// Gap between the photos of two steps, in steps, that is wide.
const GAP: f64 = 1.4;
/// Spots that are tried where the autofocus does not lock, beside the planned one.
const NEIGHBOURS: usize = 3;
/// Times a sweep goes through the steps that are missing, and photos that a step gets at the most.
const SWEEPS: usize = 3;
/// Misfit of a photo's blocks, as a share of their peaks, from which it shows another scene.
const STRANGE: f64 = 0.35;
/// Closer to the target than this share of a step, a lens need not be moved.
const CLOSE: f64 = 0.06;

/// Targets closer than this on the axis are one.
const SAME: f64 = 1e-3;

/// What came of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Steps of the plan.
    pub steps: usize,
    /// Steps without any photo.
    pub missing: Vec<usize>,
    /// Steps whose best photo misses its target by more than half a step.
    pub missed: Vec<usize>,
}

/// A capture in progress.
struct Capture<'c, 'a, 'b, B: Backend> {
    crew: &'c mut Crew<'a>,
    backend: &'b B,
    map: MapFile,
    axis: Axis,
    bells: Bells,
    plan: PlanFile,
    /// Places of all targets, and the usual distance between two.
    targets: Vec<f64>,
    pitch: f64,
    /// A photo of the scan, to know the scene by.
    scene: Plane<f32>,
    /// Photos not looked at yet, by their place among the session's.
    unseen: Vec<usize>,
    started: Instant,
    taken: usize,
}

/// Photographs the steps of the plan that are not photographed yet. `scanned` are the sharpness of the map's frames, in
/// the order of its list, where that is at hand.
///
/// # Errors
/// As those of the camera; [`Error::Usage`] for a plan that does not fit the map.
pub fn capture<B: Backend>(
    crew: &mut Crew<'_>,
    backend: &B,
    scanned: Option<&Sharpness>,
) -> Result<Captured> {
    let map = MapFile::read(&crew.folder)?;
    let plan = PlanFile::read(&crew.folder, &map)?;
    let axis = map.axis();
    let bells = bells(&crew.folder, &crew.session, &map, scanned, backend)?;
    let targets: Vec<f64> = plan.steps.iter().map(|step| axis.place(step.target_depth)).collect();
    let pitch = pitch(&targets[..plan.planned().min(targets.len())]);
    let unseen = (0..crew.session.shots.len())
        .filter(|&i| {
            let shot = &crew.session.shots[i];
            let planned = shot.step.is_some_and(|step| step < plan.steps.len());
            shot.stage == Stage::Stack && planned && shot.achieved_depth.is_none()
        })
        .collect();
    let started = Instant::now();
    let scene = see(backend, &crew.folder.join(&map.reference))?.base;
    let mut capture =
        Capture { crew, backend, map, axis, bells, plan, targets, pitch, scene, unseen, started, taken: 0 };
    capture.look()?;
    // Autofocuses that led to no photo ended the scan.
    (capture.crew.free_since, capture.crew.sought) = (Instant::now(), Duration::ZERO);
    match capture.crew.camera.strategy() {
        Strategy::AfPoint | Strategy::Manual => capture.by_autofocus()?,
        Strategy::Sweep | Strategy::Direct => capture.by_sweep()?,
    }
    capture.look()?;
    Ok(capture.outcome())
}

/// The usual distance from one target to the next in depth. Where there is nothing in focus, there are wider ones; steps that
/// fill stand closer, and are held against it as the others are.
fn pitch(targets: &[f64]) -> f64 {
    let mut sorted = targets.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut gaps: Vec<f64> =
        sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > SAME).collect();
    let middle = gaps.len() / 2;
    // One step, or many at one depth, have no distance of their own: that of the levels stands for it.
    if gaps.is_empty() { 1.0 } else { *gaps.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

impl<B: Backend> Capture<'_, '_, '_, B> {
    /// Miss of a step's best photo, in steps; none without a photo.
    fn miss(&self, step: usize) -> Option<f64> {
        let shots = self.crew.session.of(Stage::Stack).filter(|shot| shot.step == Some(step));
        let misses = shots.map(|shot| {
            let achieved = shot.achieved_depth.map(|depth| self.axis.place(depth));
            achieved.map_or(0.0, |at| (at - self.targets[step]).abs() / self.pitch)
        });
        misses.min_by(f64::total_cmp)
    }

    /// Place of a step's best photo, where it was found.
    fn achieved(&self, step: usize) -> Option<f64> {
        let shots = self.crew.session.of(Stage::Stack).filter(|shot| shot.step == Some(step));
        let places = shots.filter_map(|shot| shot.achieved_depth.map(|depth| self.axis.place(depth)));
        let off = |place: f64| (place - self.targets[step]).abs();
        places.min_by(|&a, &b| off(a).total_cmp(&off(b)))
    }

    /// Whether a step is to be tried again: its best photo misses by more than half a step, or by less, and leaves a wide gap
    /// to its neighbour.
    fn falls_short(&self, step: usize) -> bool {
        let Some(miss) = self.miss(step) else { return false };
        // Wider than it was planned to be.
        let wide = |other: usize| {
            let gap = self.achieved(step).zip(self.achieved(other)).map(|(a, b)| (a - b).abs());
            let planned = (self.targets[step] - self.targets[other]).abs().max(self.pitch);
            gap.is_some_and(|gap| gap > planned + (GAP - 1.0) * self.pitch)
        };
        miss > MISS || (miss > 0.5 * MISS && self.neighbours(step).into_iter().flatten().any(wide))
    }

    /// The steps whose targets are next to that of `step` on either side.
    fn neighbours(&self, step: usize) -> [Option<usize>; 2] {
        let off = |other: &usize| self.targets[*other] - self.targets[step];
        let others = || (0..self.targets.len()).filter(|&other| other != step);
        [
            others().filter(|at| off(at) < -SAME).max_by(|a, b| off(a).total_cmp(&off(b))),
            others().filter(|at| off(at) > SAME).min_by(|a, b| off(a).total_cmp(&off(b))),
        ]
    }

    fn photos(&self, step: usize) -> usize {
        self.crew.session.of(Stage::Stack).filter(|shot| shot.step == Some(step)).count()
    }

    fn outcome(&self) -> Captured {
        let steps = 0..self.plan.steps.len();
        Captured {
            steps: steps.len(),
            missing: steps.clone().filter(|&step| self.miss(step).is_none()).collect(),
            missed: steps.filter(|&step| self.miss(step).is_some_and(|miss| miss > MISS)).collect(),
        }
    }

    /// Looks at the photos that were not looked at yet.
    fn look(&mut self) -> Result<()> {
        for index in std::mem::take(&mut self.unseen) {
            if let Some(picture) = self.crew.picture(index) {
                let seen = see(self.backend, &picture)?;
                self.see(index, &seen)?;
            }
        }
        Ok(())
    }

    /// Writes down where a photo is sharp.
    fn see(&mut self, index: usize, Seen { sharpness: blocks, base }: &Seen) -> Result<()> {
        if blocks.len() != self.bells.blocks.len() {
            return Err(Error::Usage(
                "the photos are of another size than the scan's: set the camera back".into(),
            ));
        }
        let place = self.bells.locate(blocks);
        let strange = place.is_some_and(|place| place.misfit > STRANGE);
        let alike = correlation(&self.scene.data, &base.data);
        if (strange || alike < ALIKE) && !self.crew.goes_on_changed(alike)? {
            let name = self.crew.session.shots[index].picture().unwrap_or_default().to_owned();
            self.crew.disown(index)?;
            return Err(Error::Usage(format!(
                "{name}: does not show the scene of the scan, and was moved aside: put the scene back as it was, go on \
                 with --yes, or start a new session"
            )));
        }
        let Some(place) = place else { return self.report(index) };
        let depth = self.axis.depth(place.at);
        let shot = &mut self.crew.session.shots[index];
        shot.achieved_depth = Some(depth);
        let missed = shot.step.zip(shot.target_depth);
        self.crew.save()?;
        self.report(index)?;
        if let Some((step, target_depth)) = missed
            && (place.at - self.targets[step]).abs() > MISS * self.pitch
        {
            (self.crew.tell)(&Event::Missed { step, target_depth, achieved_depth: depth });
        }
        Ok(())
    }

    /// Tells of a photo.
    fn report(&self, index: usize) -> Result<()> {
        let count = self.plan.steps.len();
        let left = (0..count).filter(|&step| self.photos(step) == 0).count();
        let usual = self.started.elapsed().as_secs_f64() / self.taken.max(1) as f64;
        (self.crew.tell)(&Event::Shot {
            number: count - left,
            of: count,
            shot: &self.crew.session.shots[index],
            seconds_left: left as f64 * usual,
        });
        Ok(())
    }

    /// Takes a photo of a step while the ones before are looked at.
    fn take(&mut self, step: usize, aim: &Aim) -> Result<Taken> {
        self.crew.check()?;
        let again = self.photos(step);
        let suffix = if again == 0 { String::new() } else { format!("_{}", again + 1) };
        let stem = format!("{}/step_{:03}{suffix}", Stage::Stack.folder(), step + 1);
        let target_depth = Some(self.plan.steps[step].target_depth);
        let shot = Shot { step: Some(step), target_depth, ..Shot::new(Stage::Stack) };
        let waiting: Vec<(usize, PathBuf)> = std::mem::take(&mut self.unseen)
            .into_iter()
            .filter_map(|index| Some((index, self.crew.picture(index)?)))
            .collect();
        let (crew, backend) = (&mut *self.crew, self.backend);
        let (taken, seen) = thread::scope(|scope| {
            let shooting = scope.spawn(move || crew.take(shot, stem, aim, &|_| true));
            let seen: Result<Vec<_>> =
                waiting.iter().map(|(index, picture)| Ok((*index, see(backend, picture)?))).collect();
            (shooting.join(), seen)
        });
        let taken = taken.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        if let Taken::Photo(index) = taken {
            self.unseen.push(index);
            self.taken += 1;
        }
        for (index, seen) in seen? {
            self.see(index, &seen)?;
        }
        Ok(taken)
    }

    /// Autofocus at the planned spots; where it does not lock, at the next best.
    fn by_autofocus(&mut self) -> Result<()> {
        for step in 0..self.plan.steps.len() {
            if self.photos(step) == 0 {
                self.focus_step(step, 0)?;
            }
        }
        self.look()?;
        // What missed its target gets another spot, once, and then steps of the lens where it takes them.
        for step in 0..self.plan.steps.len() {
            if self.photos(step) == 1 && self.falls_short(step) {
                self.focus_step(step, 1)?;
                self.look()?;
                if self.falls_short(step) && self.crew.camera.nudge_sizes() > 0 {
                    self.by_nudges(step)?;
                }
            }
        }
        self.look()
    }

    /// Tries the planned spot and its neighbours, the first `skip` left out.
    fn focus_step(&mut self, step: usize, skip: usize) -> Result<()> {
        let planned: Point = [self.plan.steps[step].x, self.plan.steps[step].y];
        if self.crew.camera.strategy() == Strategy::Manual {
            let (number, count, folder) = (step + 1, self.plan.steps.len(), self.crew.folder.display());
            let text = format!("step {number} of {count}, number {number} in {folder}/plan.png");
            (self.crew.tell)(&Event::Prompt { text });
        }
        let mut spots = vec![planned];
        let mut tried = 0;
        while let Some(&spot) = spots.get(tried) {
            tried += 1;
            if tried > skip && !self.used(step, spot) {
                match self.take(step, &Aim::Point(spot))? {
                    Taken::NoLock => (self.crew.tell)(&Event::NoLock { af_point: spot }),
                    _ => return Ok(()),
                }
            }
            if spots.len() == 1 {
                spots.extend(alternatives(&self.crew.folder, &self.plan, step, NEIGHBOURS)?);
            }
        }
        if skip == 0 && self.crew.camera.nudge_sizes() > 0 {
            return self.by_nudges(step);
        }
        Ok(())
    }

    /// Whether a photo of the step was focused at this spot.
    fn used(&self, step: usize, spot: Point) -> bool {
        let mut shots = self.crew.session.of(Stage::Stack);
        shots.any(|shot| shot.step == Some(step) && shot.af_point == Some(spot))
    }

    /// Where no spot locks: from the last photo's place by nudges.
    fn by_nudges(&mut self, step: usize) -> Result<()> {
        self.look()?;
        self.crew.note(format!("step {}: no autofocus leads there; moving the lens by steps", step + 1));
        self.crew.camera.hold_focus(true)?;
        let result = self.sweep_to(step);
        let back = self.crew.camera.hold_focus(false);
        result.and(back)
    }

    /// Moves the lens from where the last photo found it, and looks whether it came there: twice at the most.
    fn sweep_to(&mut self, step: usize) -> Result<()> {
        let mut ways = self.ways();
        for _ in 0..2 {
            let last = self.crew.session.shots.last();
            let from = match last.and_then(|shot| shot.achieved_depth.or(self.scanned_depth(shot))) {
                Some(depth) => self.axis.place(depth),
                None => {
                    home(self.crew, &ways)?;
                    self.stop()
                }
            };
            let nudges = ways.toward(self.targets[step] - from);
            let expected = ways.of(&nudges);
            if expected == 0.0 && self.photos(step) > 0 {
                break;
            }
            self.take(step, &Aim::Nudges(nudges))?;
            self.look()?;
            let reached = self.crew.session.shots.last().and_then(|shot| shot.achieved_depth);
            let Some(reached) = reached.map(|depth| self.axis.place(depth)) else { break };
            if expected == 0.0 || (reached - self.targets[step]).abs() <= MISS * self.pitch {
                break;
            }
            ways = ways.scaled(((reached - from) / expected).clamp(0.2, 5.0));
        }
        Ok(())
    }

    /// Depth of a scan's photo, if it is in the map.
    fn scanned_depth(&self, shot: &Shot) -> Option<f64> {
        self.axis_place_of(shot.picture()?).map(|place| self.axis.depth(place))
    }

    /// How far nudges lead on the axis, by the scan: nominal ways are thousandths of the lens's whole, and told places
    /// hundredths.
    fn ways(&self) -> Ways {
        let unit = if self.crew.camera.strategy() == Strategy::AfPoint { 0.1 } else { 1.0 };
        Ways::nominal(self.crew.camera.nudge_sizes()).scaled(unit * self.scale().0)
    }

    /// Places on the axis by a unit of the scan's lens places, and the place of its zero.
    fn scale(&self) -> (f64, f64) {
        // The scan's photos are on the axis by name: a line through them.
        let session = &self.crew.session;
        let points: Vec<(f64, f64)> = session
            .of(Stage::Scan)
            .filter_map(|shot| Some((shot.lens?, self.axis_place_of(shot.picture()?)?)))
            .collect();
        line(&points).unwrap_or((1.0 / 55.0, 0.0))
    }

    /// Place of a scan's photo on the axis, if it is in the map.
    fn axis_place_of(&self, name: &str) -> Option<f64> {
        let level = self.map.clusters.iter().position(|level| level.iter().any(|file| file == name))?;
        self.axis.levels().get(level).copied()
    }

    /// Place of the near stop on the axis.
    fn stop(&self) -> f64 {
        self.scale().1
    }

    /// From the near stop through the targets, with each photo telling where the lens is.
    fn by_sweep(&mut self) -> Result<()> {
        let (ways, mut stop) = (self.ways(), self.stop());
        let mut scale = 1.0;
        for _ in 0..SWEEPS {
            let mut todo: Vec<usize> = (0..self.plan.steps.len())
                .filter(|&step| self.miss(step).is_none_or(|miss| miss > MISS) && self.photos(step) < SWEEPS)
                .collect();
            todo.sort_by(|&a, &b| self.targets[a].total_cmp(&self.targets[b]));
            if todo.is_empty() {
                break;
            }
            home(self.crew, &Ways::nominal(self.crew.camera.nudge_sizes()))?;
            let mut at = stop;
            for step in todo {
                let distance = self.targets[step] - at;
                let nudges = if distance > CLOSE * self.pitch {
                    ways.scaled(scale).toward(distance)
                } else {
                    Vec::new()
                };
                let expected = ways.scaled(scale).of(&nudges);
                let from = at;
                self.take(step, &Aim::Nudges(nudges.clone()))?;
                at += expected;
                // The photo tells better.
                self.look()?;
                let seen = self.crew.session.of(Stage::Stack).last().and_then(|shot| shot.achieved_depth);
                if let Some(depth) = seen {
                    let found = self.axis.place(depth);
                    if from == stop {
                        stop += 0.5 * (found - at);
                    } else if expected > 0.5 * self.pitch {
                        let ratio = ((found - from) / expected).clamp(0.5, 2.0);
                        scale *= ratio.powf(0.3);
                    }
                    at = found;
                }
            }
        }
        Ok(())
    }
}

/// Slope and intercept of a line through points: the median of all slopes (Theil 1950, Sen 1968), through the first.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let pairs = points.iter().enumerate().flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)));
    let mut slopes: Vec<f64> =
        pairs.filter(|(a, b)| a.0 != b.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect();
    if slopes.is_empty() {
        return None;
    }
    let median = |values: &mut Vec<f64>| {
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f64::total_cmp).1
    };
    let slope = median(&mut slopes);
    // What scatters adds up along a sweep: the first ones tell best where it began.
    let mut first = points.to_vec();
    first.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut offsets: Vec<f64> = first.iter().take(3).map(|(x, y)| y - slope * x).collect();
    Some((slope, median(&mut offsets)))
}

/// Time that so many photos take, by what one took in the scan.
pub fn estimate(session: Option<&SessionFile>, photos: usize) -> Duration {
    let scanned = session.iter().flat_map(|session| session.of(Stage::Scan));
    let times: Vec<f64> = scanned.map(|shot| shot.took_ms.values().sum()).collect();
    let mean = if times.is_empty() { 1500.0 } else { times.iter().sum::<f64>() / times.len() as f64 };
    Duration::from_secs_f64(mean * photos as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_the_usual_distance_between_targets() {
        assert_eq!(pitch(&[4.0, 0.0, 2.0, 6.0]), 2.0);
        assert_eq!(pitch(&[0.0, 2.0, 4.0, 40.0, 42.0]), 2.0, "nothing lies between");
        assert_eq!((pitch(&[7.0]), pitch(&[3.0, 3.0])), (1.0, 1.0));
    }
}
