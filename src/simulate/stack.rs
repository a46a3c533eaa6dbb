//! A focal stack as it is planned: which frame is focused where, held how, exposed how.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::lens::{Lens, centre};
use super::render::render_posed;
use super::scene::{Scene, SceneKind};
use super::sensor::{Sensor, expose};
use super::texture::mix;
use crate::error::{Error, Result};
use crate::frame::{Plane, Size};
use crate::transform::Transform;

/// What to photograph, and how well.
#[derive(Clone, Debug, PartialEq)]
pub struct StackOptions {
    /// What the scene shows. Default: macro.
    pub scene: SceneKind,
    /// Pixels of a frame, at least 16×16, at most 100 megapixels. Default: 1800×1200.
    pub size: Size,
    /// Levels of focus from the nearest to the farthest thing, 1…999. Default: 21.
    pub frames: u32,
    /// Decides the scene and everything random about the frames. Default: 1.
    pub seed: u64,
    /// Diameter in pixels of the circle of confusion of the far end when focused near, 0…300. Default: 40.
    pub coc_px: f32,
    /// How uneven the steps of focus are, as a share of a step, 0…0.45. Default: 0.25.
    pub step_jitter: f32,
    /// Change of magnification over the stack, −0.06…0.06. Default: 0.02.
    pub breathing: f32,
    /// Deviation in pixels of a hand-held camera's shift. Default: 0.
    pub shift_px: f32,
    /// Deviation in degrees of a hand-held camera's rotation. Default: 0.
    pub rotation_deg: f32,
    /// Deviation of the exposure from frame to frame, as a share, 0…0.3. Default: 0.
    pub flicker: f32,
    /// Electrons at white: less is noisier; 0 for none of the noise. Default: 12000.
    pub full_well: f32,
    /// Deviation of the read noise in electrons. Default: 4.
    pub read_noise: f32,
    /// Bits a channel, 8 or 16. Default: 8.
    pub bits: u8,
    /// JPEG of this quality, 1…100, instead of PNG. Default: none.
    pub jpeg_quality: Option<u8>,
    /// Photos taken of each level, alike but for their noise. Default: 1.
    pub copies_per_level: u32,
    /// Photos added that missed focus or were shaken. Default: 0.
    pub missed_frames: u32,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            scene: SceneKind::Macro,
            size: Size::new(1800, 1200),
            frames: 21,
            seed: 1,
            coc_px: 40.0,
            step_jitter: 0.25,
            breathing: 0.02,
            shift_px: 0.0,
            rotation_deg: 0.0,
            flicker: 0.0,
            full_well: 12000.0,
            read_noise: 4.0,
            bits: 8,
            jpeg_quality: None,
            copies_per_level: 1,
            missed_frames: 0,
        }
    }
}

/// Least width and height of a frame.
const MIN_SIDE: u32 = 16;
/// Most pixels of a frame.
const MAX_PIXELS: u64 = 100_000_000;

impl StackOptions {
    /// Refuses options that have no sensible meaning, naming the flag and what it takes.
    pub fn check(&self) -> Result<()> {
        let Size { width, height } = self.size;
        let usage = |text: String| Err(Error::Usage(text));
        if width < MIN_SIDE || height < MIN_SIDE {
            return usage(format!("--size {width}x{height}: too small; take at least {MIN_SIDE}x{MIN_SIDE}"));
        }
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return usage(format!("--size {width}x{height}: too large; take at most 100 megapixels"));
        }
        whole("--frames", self.frames, 1, 999)?;
        whole("--copies", self.copies_per_level, 1, 99)?;
        whole("--missed", self.missed_frames, 0, 99)?;
        if let Some(quality) = self.jpeg_quality {
            whole("--jpeg", u32::from(quality), 1, 100)?;
        }
        if !matches!(self.bits, 8 | 16) {
            return usage(format!("--bits {}: take 8 or 16", self.bits));
        }
        if self.bits == 16 && self.jpeg_quality.is_some() {
            return usage("--bits 16: JPEG has 8 bits; leave out --jpeg for 16-bit PNG".to_owned());
        }
        within("--coc", self.coc_px, 0.0, 300.0)?;
        within("--step-jitter", self.step_jitter, 0.0, 0.45)?;
        within("--breathing", self.breathing, -0.06, 0.06)?;
        within("--shift", self.shift_px, 0.0, 100.0)?;
        within("--rotation", self.rotation_deg, 0.0, 10.0)?;
        within("--flicker", self.flicker, 0.0, 0.3)?;
        within("--full-well", self.full_well, 0.0, 1e7)?;
        within("--read-noise", self.read_noise, 0.0, 1e6)
    }

    /// The lens they ask for.
    pub fn lens(&self) -> Lens {
        Lens { coc_px: self.coc_px, breathing: self.breathing }
    }
}

fn whole(flag: &str, value: u32, low: u32, high: u32) -> Result<()> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(Error::Usage(format!("{flag} {value}: take a whole number from {low} to {high}"))),
    }
}

fn within(flag: &str, value: f32, low: f32, high: f32) -> Result<()> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(Error::Usage(format!("{flag} {value}: take a number from {low} to {high}"))),
    }
}

/// One level of focus.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Inverse depth in focus, 1 near … 0 far.
    pub focus: f32,
    /// Reference geometry → the frame's pixels: breathing and how the camera was held.
    pub pose: Transform,
    /// Exposure, 1 = as metered.
    pub gain: f32,
}

/// What went wrong with a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Flaw {
    /// Focused this far in front of the nearest thing.
    Focus(f32),
    /// The camera moved by these pixels during the exposure.
    Shake([f32; 2]),
}

/// One photo of the stack.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shot {
    /// Number of the level it was meant for.
    pub(super) level: usize,
    /// File name without extension.
    pub(super) stem: String,
    pub(super) flaw: Option<Flaw>,
}

/// A planned focal stack.
#[derive(Clone, Debug)]
pub struct Stack {
    options: StackOptions,
    levels: Vec<Level>,
    shots: Vec<Shot>,
}

impl Stack {
    /// Checks the options and draws everything random but the noise.
    pub fn plan(options: &StackOptions) -> Result<Self> {
        options.check()?;
        let mut rng = Pcg64Mcg::seed_from_u64(mix(options.seed ^ mix(77)));
        let levels =
            focus_positions(options, &mut rng).into_iter().map(|f| level(options, f, &mut rng)).collect();
        let shots = shots(options, &mut rng);
        Ok(Self { options: options.clone(), levels, shots })
    }

    /// What was asked for.
    pub fn options(&self) -> &StackOptions {
        &self.options
    }

    /// The levels of focus, near → far.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Inverse depth in focus at each level, near → far.
    pub fn focus_positions(&self) -> Vec<f32> {
        self.levels.iter().map(|level| level.focus).collect()
    }

    /// The scene to photograph.
    pub fn scene(&self) -> Scene {
        Scene::generate(self.options.scene, self.options.size, self.options.seed)
    }

    /// The photo of level number `level`: linear RGB with its exposure and noise, before the sRGB curve.
    pub fn photo(&self, scene: &Scene, level: usize) -> Plane<[f32; 3]> {
        self.shoot(scene, level)
    }

    /// All photos: those of the levels near → far, then further copies, then flawed ones.
    pub(super) fn shots(&self) -> &[Shot] {
        &self.shots
    }

    /// Photo number `number`.
    pub(super) fn shoot(&self, scene: &Scene, number: usize) -> Plane<[f32; 3]> {
        let shot = &self.shots[number];
        let level = &self.levels[shot.level];
        let focus = match shot.flaw {
            Some(Flaw::Focus(by)) => 1.0 + by,
            _ => level.focus,
        };
        let mut frame = render_posed(scene, &self.options.lens(), focus, &level.pose);
        if let Some(Flaw::Shake(way)) = shot.flaw {
            frame = shaken(&frame, way);
        }
        let sensor = Sensor { full_well: self.options.full_well, read_noise: self.options.read_noise };
        expose(&mut frame, sensor, level.gain, mix(self.options.seed ^ mix(1000 + number as u64)));
        frame
    }
}

/// Even steps from 1 to 0, the inner ones displaced as by hand.
fn focus_positions(options: &StackOptions, rng: &mut Pcg64Mcg) -> Vec<f32> {
    let last = options.frames - 1;
    let place = |i: u32| {
        let jitter = options.step_jitter * (2.0 * rng.random::<f32>() - 1.0);
        let by = if i == 0 || i == last { 0.0 } else { jitter };
        1.0 - (i as f32 + by) / last.max(1) as f32
    };
    (0..options.frames).map(place).collect()
}

/// Draws how the camera is held and exposed while focused at `focus`.
fn level(options: &StackOptions, focus: f32, rng: &mut Pcg64Mcg) -> Level {
    let mut normal = || -> f64 {
        let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
        sum - 6.0
    };
    let turn = f64::from(options.rotation_deg).to_radians() * normal();
    let shift = [normal(), normal()].map(|n| n * f64::from(options.shift_px));
    let gain = (1.0 + f64::from(options.flicker) * normal()).max(0.1) as f32;
    let scale = options.lens().magnification(focus);
    let pose =
        Transform::similarity(scale * turn.cos() - 1.0, scale * turn.sin(), shift, centre(options.size));
    Level { focus, pose, gain }
}

/// Lists all photos.
fn shots(options: &StackOptions, rng: &mut Pcg64Mcg) -> Vec<Shot> {
    let levels = options.frames as usize;
    let mut shots: Vec<_> =
        (0..levels).map(|level| Shot { level, stem: format!("{level:02}"), flaw: None }).collect();
    for copy in 2..=options.copies_per_level {
        shots.extend((0..levels).map(|level| Shot { level, stem: format!("{level:02}-{copy}"), flaw: None }));
    }
    let reach = options.size.width.max(options.size.height) as f32 * 0.012 + 6.0;
    for i in 0..options.missed_frames {
        let angle = std::f32::consts::TAU * rng.random::<f32>();
        let flaw = match i % 2 {
            0 => Flaw::Focus(0.6 + 0.3 * rng.random::<f32>()),
            _ => Flaw::Shake([reach * angle.cos(), reach * angle.sin()]),
        };
        shots.push(Shot {
            level: rng.random_range(0..levels),
            stem: format!("missed-{i}"),
            flaw: Some(flaw),
        });
    }
    shots
}

/// The mean of the frame moved along `way`, as a shaken camera sees it.
fn shaken(frame: &Plane<[f32; 3]>, way: [f32; 2]) -> Plane<[f32; 3]> {
    let steps = way[0].hypot(way[1]).ceil().max(1.0) as i32;
    let mut sum = Plane::filled(frame.size, [0.0f32; 3]);
    for step in 0..=steps {
        let t = step as f32 / steps as f32 - 0.5;
        let (dx, dy) = ((t * way[0]).round() as i64, (t * way[1]).round() as i64);
        for y in 0..frame.size.height {
            for x in 0..frame.size.width {
                let from = frame.clamped(i64::from(x) + dx, i64::from(y) + dy);
                let to = &mut sum.data[y as usize * frame.size.width as usize + x as usize];
                *to = std::array::from_fn(|i| to[i] + from[i]);
            }
        }
    }
    sum.data.iter_mut().for_each(|p| *p = p.map(|v| v / (steps + 1) as f32));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn focus_falls_from_one_to_zero_in_uneven_steps() {
        let options = StackOptions { step_jitter: 0.45, ..StackOptions::default() };
        let focus = Stack::plan(&options).expect("good options").focus_positions();
        assert_eq!((focus.len(), focus[0], focus[20]), (21, 1.0, 0.0));
        assert!(focus.windows(2).all(|w| w[0] > w[1]));
        let single = Stack::plan(&StackOptions { frames: 1, ..options }).expect("good options");
        assert_eq!(single.focus_positions(), [1.0]);
    }

    #[test]
    fn a_tripod_gives_pure_breathing_and_even_exposure() {
        let stack = Stack::plan(&StackOptions::default()).expect("good options");
        for level in stack.levels() {
            let pose = stack.options().lens().pose(stack.options().size, level.focus);
            assert!(level.pose.corner_distance(&pose, 1800.0, 1200.0) < 1e-6 && level.gain == 1.0);
        }
        let held =
            StackOptions { shift_px: 4.0, rotation_deg: 0.15, flicker: 0.1, ..StackOptions::default() };
        let held = Stack::plan(&held).expect("good options");
        let moved = |i: usize| stack.levels()[i].pose.corner_distance(&held.levels()[i].pose, 1800.0, 1200.0);
        let mean = (0..21).map(moved).sum::<f64>() / 21.0;
        assert!((3.0..15.0).contains(&mean), "{mean}");
        assert_ne!(held.levels()[3].gain, 1.0);
    }

    #[test]
    fn bad_options_are_refused_with_their_flag() {
        let good = StackOptions::default;
        let bad = [
            ("--frames", StackOptions { frames: 0, ..good() }),
            ("--size", StackOptions { size: Size::new(15, 400), ..good() }),
            ("--size", StackOptions { size: Size::new(20_000, 20_000), ..good() }),
            ("--jpeg", StackOptions { jpeg_quality: Some(0), ..good() }),
            ("--jpeg", StackOptions { jpeg_quality: Some(101), ..good() }),
            ("--bits", StackOptions { bits: 12, ..good() }),
            ("--bits", StackOptions { bits: 16, jpeg_quality: Some(90), ..good() }),
            ("--coc", StackOptions { coc_px: f32::NAN, ..good() }),
            ("--step-jitter", StackOptions { step_jitter: 0.5, ..good() }),
            ("--copies", StackOptions { copies_per_level: 0, ..good() }),
            ("--full-well", StackOptions { full_well: -1.0, ..good() }),
        ];
        for (flag, options) in bad {
            let error = Stack::plan(&options).expect_err(flag);
            assert!(matches!(&error, Error::Usage(text) if text.starts_with(flag)), "{error}");
        }
    }

    #[test]
    fn missed_frames_are_blurred_everywhere() {
        let size = Size::new(120, 80);
        let options =
            StackOptions { size, frames: 5, missed_frames: 2, full_well: 0.0, ..StackOptions::default() };
        let stack = Stack::plan(&options).expect("good options");
        let scene = stack.scene();
        let roughness = |number: usize| -> f32 {
            let frame = stack.shoot(&scene, number);
            (1..120)
                .flat_map(|x| (0..80).map(move |y| (x, y)))
                .map(|(x, y)| (frame.at(x, y)[1] - frame.at(x - 1, y)[1]).abs())
                .sum()
        };
        let sharpest = (0..5).map(roughness).fold(0.0, f32::max);
        assert_eq!(stack.shots().len(), 7);
        assert!(
            roughness(5) < 0.4 * sharpest && roughness(6) < 0.85 * sharpest,
            "{} {} {sharpest}",
            roughness(5),
            roughness(6)
        );
    }
}
