//! Depth from focus over the registered levels: votes, running peak, confidence, fill, all-in-focus picture.
//!
//! Every frame's planes come back from the scratch file as often as a pass needs them, one at a time, near to far.

use std::time::{Duration, Instant};

use super::curves::Curves;
use super::scratch::Scratch;
use super::stream::{Interrupt, check};
use super::survey::Progress;
use crate::backend::Backend;
use crate::error::Result;
use crate::frame::{Plane, Size};
use crate::params::{FILL_RULE, SHOWN_RULE, VOTE_FLOOR};
use crate::positions::{Positions, positions, step_ratios};
use crate::transform::Transform;

/// A frame as depth sees it.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Its scratch record.
    pub record: usize,
    /// Reference grid → its grid, for its colour.
    pub transform: Transform,
    /// Brightness of the reference over its own.
    pub gain: f32,
}

/// What was found, where it was computed.
pub struct Measured<B: Backend> {
    /// Levels, 0 nearest. The reference covers every cell, so there are no holes.
    pub depth: B::Gray,
    /// 0 guessed … 1 certain.
    pub confidence: B::Gray,
    /// All-in-focus colour times weight, and the weights, where it was asked for.
    preview: Option<B::Rgba>,
    /// Where the levels stand along the focus axis.
    pub positions: Positions,
    /// Time that it took to find these.
    pub locating: Duration,
}

impl<B: Backend> Measured<B> {
    /// From a map that was made before.
    pub fn new(depth: B::Gray, confidence: B::Gray) -> Self {
        Self { depth, confidence, preview: None, positions: Positions::default(), locating: Duration::ZERO }
    }

    /// All of it, for a map folder.
    pub fn download(self, backend: &B) -> Result<Maps> {
        let preview = self.preview.expect("a map has a preview");
        Ok(Maps {
            depth: backend.download(self.depth)?,
            confidence: backend.download(self.confidence)?,
            aif: to_picture(&backend.download_rgba(preview)?),
        })
    }
}

/// What a map folder shows, on the grid of the reference.
#[derive(Clone, Debug)]
pub struct Maps {
    /// Levels, 0 nearest. The reference covers every cell, so there are no holes.
    pub depth: Plane<f32>,
    /// 0 guessed … 1 certain.
    pub confidence: Plane<f32>,
    /// All-in-focus colour.
    pub aif: Plane<[u8; 3]>,
}

/// The passes over one stack.
struct Passes<'a, B: Backend> {
    backend: &'a B,
    /// Frames of every level, near to far, sharpest first.
    levels: &'a [Vec<View>],
    grid: Size,
    scratch: &'a mut Scratch,
    progress: Progress<'a>,
    interrupt: &'a Interrupt,
    done: usize,
}

/// Passes over all levels: peak, first and final all-in-focus picture.
const PASSES: usize = 3;

/// Depth, confidence and, where asked for, an all-in-focus preview of at least two `levels` on the reference's grid.
///
/// `told` is where a camera says the levels are. The registered measures in `scratch` are in the reference's geometry and exposure; `energy` is their mean over the frames.
///
/// # Errors
/// [`crate::error::Error::Io`] from the scratch file, [`crate::error::Error::Device`],
/// [`crate::error::Error::Interrupted`].
#[expect(clippy::too_many_arguments, reason = "what a stack is, what is asked of it, and whom to tell")]
pub fn measure<B: Backend>(
    backend: &B,
    levels: &[Vec<View>],
    energy: &B::Gray,
    scratch: &mut Scratch,
    preview: bool,
    told: Option<&[f64]>,
    progress: Progress<'_>,
    interrupt: &Interrupt,
) -> Result<Measured<B>> {
    let count = levels.len() as u32;
    let mut passes = Passes { backend, levels, grid: scratch.grid(), scratch, progress, interrupt, done: 0 };
    let weight = backend.vote(energy, VOTE_FLOOR);
    let mut curves = Curves::new(passes.grid, levels.len());
    let peak = passes.peak(&weight, &mut curves)?;
    let started = Instant::now();
    let positions = positions(&curves.samples()?, levels.len(), told);
    let locating = started.elapsed();
    tracing::debug!("level positions: {positions:?}");
    let ratios = step_ratios(&positions.at);
    let (raw, height) = backend.offset(&peak, &ratios);
    let trust = backend.confidence(&raw, &raw, &height, &FILL_RULE);
    let guide = backend.guide(&passes.all_in_focus(&raw)?);
    let depth = backend.bilateral(&raw, &trust, &guide, count);
    let confidence = backend.confidence(&raw, &depth, &height, &SHOWN_RULE);
    let preview = if preview { Some(passes.all_in_focus(&depth)?) } else { None };
    Ok(Measured { depth, confidence, preview, positions, locating })
}

impl<B: Backend> Passes<'_, B> {
    /// The focus measure of a level: the mean of its frames.
    fn measure(&mut self, level: usize) -> Result<B::Gray> {
        check(self.interrupt)?;
        self.tick();
        let views = &self.levels[level];
        if let [view] = views[..] {
            return Ok(self.backend.upload(self.scratch.registered(view.record)?));
        }
        let mut mean = self.backend.upload(Plane::filled(self.grid, 0.0));
        for view in views {
            let plane = self.backend.upload(self.scratch.registered(view.record)?);
            mean = self.backend.accumulate(mean, &plane, 1.0 / views.len() as f32);
        }
        Ok(mean)
    }

    fn tick(&mut self) {
        self.done += 1;
        (self.progress)("depth", self.done, PASSES * self.levels.len());
    }

    /// The running argmax over all levels; `curves` takes them in too.
    fn peak(&mut self, weight: &B::Gray, curves: &mut Curves) -> Result<B::Peak> {
        let (backend, grid, count) = (self.backend, self.grid, self.levels.len());
        running_peak(backend, grid, count, |level| {
            let measure = backend.aggregate(&self.measure(level)?, weight);
            curves.add(backend, &measure)?;
            Ok(measure)
        })
    }

    /// Colours of the levels around `depth`, weighted; the fourth channel holds the weights.
    fn all_in_focus(&mut self, depth: &B::Gray) -> Result<B::Rgba> {
        let mut sum = self.backend.rgba_start(self.grid);
        for (level, views) in self.levels.iter().enumerate() {
            check(self.interrupt)?;
            self.tick();
            let view = views[0];
            let color = self.backend.upload_color(self.scratch.color(view.record)?);
            sum = self.backend.blend(sum, depth, &color, &view.transform, view.gain, level as f32);
        }
        Ok(sum)
    }
}

/// The running argmax over at least two levels, whose measures `measure` gives near to far.
pub(super) fn running_peak<B: Backend>(
    backend: &B,
    size: Size,
    count: usize,
    mut measure: impl FnMut(usize) -> Result<B::Gray>,
) -> Result<B::Peak> {
    let mut before = measure(0)?;
    let mut middle = measure(1)?;
    let peak = backend.peak_add(backend.peak_start(size), &before);
    let mut peak = backend.peak_add(peak, &middle);
    if count == 2 {
        // Nothing lies after the second.
        let nothing = backend.upload(Plane::filled(size, 0.0));
        return Ok(backend.peak_update(peak, [&before, &middle, &nothing], 1, true, true));
    }
    for level in 2..count {
        let after = measure(level)?;
        let (first, last) = (level == 2, level + 1 == count);
        peak = backend.peak_update(peak, [&before, &middle, &after], level as u32 - 1, first, last);
        before = std::mem::replace(&mut middle, after);
    }
    Ok(peak)
}

fn to_picture(sum: &Plane<[f32; 4]>) -> Plane<[u8; 3]> {
    let color = |&[r, g, b, weight]: &[f32; 4]| {
        [r, g, b].map(|value| (value / weight.max(1e-6) * 255.0).round().clamp(0.0, 255.0) as u8)
    };
    Plane::new(sum.size, sum.data.iter().map(color).collect())
}
