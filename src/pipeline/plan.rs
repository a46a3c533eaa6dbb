//! The whole of `plan`: read a map folder, plan, write and draw.

use std::path::{Path, PathBuf};

use super::outputs;
use super::stream::{Interrupt, check};
use crate::backend::Backend;
use crate::coverage::{self, Need, needs};
use crate::draw::{self, FocusAxis};
use crate::error::{Error, Result};
use crate::files::{CoverageFile, MapFile, PlanFile, StepFile, write_json};
use crate::frame::{Frame, Luma, Plane};
use crate::image_io::{self, Limits};
use crate::plan::{Count, Even, MAX_STEPS, PlanOptions, Scene, Step, even, plan};
use crate::positions::Axis;

/// What `plan` is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folder of a map.
    pub folder: PathBuf,
    /// How to plan.
    pub options: PlanOptions,
    /// Near and far end.
    pub ends: [End; 2],
}

/// What is known of an end of the range beside the map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct End {
    /// Its place on the map's focus axis. Default: the outermost level.
    pub place: Option<f64>,
    /// Where the autofocus found it: fractions of the picture.
    pub spot: Option<[f64; 2]>,
}

/// Levels below which their number is the reason that depth of field is not known.
const FEW: usize = 6;
/// Radius in cells of the window in which texture is measured: 9 across.
const TEXTURE_RADIUS: u32 = 4;
/// Local standard deviation of luma (of full scale) that counts as full texture.
const FULL_TEXTURE: f32 = 0.2;

/// Plans and writes plan.json and plan.png into the map's folder.
///
/// # Errors
/// [`Error::Usage`] for options out of range or a folder without a map, [`Error::Picture`] for a damaged one, [`Error::Interrupted`].
pub fn run(request: &Request, interrupt: &Interrupt) -> Result<PlanFile> {
    let Request { folder, options, ends } = request;
    let map = MapFile::read(folder)?;
    if !map.level_positions.is_empty() && !map.has_positions() {
        tracing::warn!(
            "{}: level_positions of {} levels, not {}: they are taken to be even",
            folder.join("map.json").display(),
            map.level_positions.len(),
            map.clusters.len()
        );
    }
    let (scene, color) = scene(folder, &map)?;
    check(interrupt)?;
    let axis = map.axis();
    let far = map.clusters.len() as f64 - 1.0;
    let spots = ends.map(|end| end.spot);
    let ends = [ends[0].place.unwrap_or(0.0), ends[1].place.unwrap_or(far)];
    let blur = map.blur();
    let needs = blur.as_ref().map(|blur| needs(&scene, blur, options.coc_px, ends));
    let targets = targets(&axis, ends, needs.as_deref(), options)?;
    let mut pitch = (ends[1] - ends[0]) / (targets.len().max(2) - 1) as f64;
    if let (Count::Auto, Some(blur)) = (options.count, &blur) {
        // Where a step is wider than what a photo shows sharp, as where nothing is, no spot may be as far off.
        pitch = pitch.min(2.0 * options.coc_px * blur.per_px([0.5, 0.5]));
    }
    let mut steps = plan(&scene, &targets, pitch, options)?;
    // Where the autofocus found an end before it will find it again, and no spot is surer.
    let last = steps.len() - 1;
    for (at, (spot, end)) in [0, last].into_iter().zip(spots.into_iter().zip(ends)) {
        if let Some(spot) = spot.filter(|_| options.gravity && (targets[at] - end).abs() < 0.25 * pitch) {
            steps[at] = crate::plan::at_spot(&scene, spot, targets[at], pitch, options.af_size);
        }
    }
    let coverage = needs.as_ref().map(|needs| CoverageFile {
        coc_px: options.coc_px,
        overlap: options.overlap,
        share: coverage::share(needs, &targets),
        enough: coverage::fewest(needs, options.overlap).len(),
        range: ends.map(|place| axis.depth(place)),
    });
    let steps = in_levels(steps, &axis);
    let plan = PlanFile::new(&map.reference, options.af_size, &steps, coverage);
    check(interrupt)?;
    let needs = needs.unwrap_or_default();
    write(folder, &plan, &scene, &color, &FocusAxis { axis: &axis, needs: &needs })?;
    Ok(plan)
}

/// Writes plan.json, and draws it.
fn write(
    folder: &Path,
    plan: &PlanFile,
    scene: &Scene,
    color: &Plane<[u8; 3]>,
    axis: &FocusAxis<'_>,
) -> Result<()> {
    let drawing = draw::plan(color, &scene.depth, axis, &plan.steps, plan.af_size);
    outputs::replace(folder, &["plan.png", "plan.json"], |staging| {
        image_io::write_png_rgb8(&staging.join("plan.png"), &drawing)?;
        write_json(&staging.join("plan.json"), plan)
    })
}

/// What photos of the plan's map show, focused at `places` of its axis.
///
/// Writes coverage.png, the picture with what is textured and sharp in no photo in red; the share of what is textured
/// that some photo shows sharp. None where the map does not tell how fast blur grows.
///
/// # Errors
/// As [`run`].
pub fn covered<B: Backend>(backend: &B, folder: &Path, places: &[f64]) -> Result<Option<f64>> {
    let map = MapFile::read(folder)?;
    let plan = PlanFile::read(folder, &map)?;
    let (Some(wanted), Some(blur)) = (plan.coverage, map.blur()) else { return Ok(None) };
    let (scene, color) = scene(folder, &map)?;
    let axis = map.axis();
    let ends = wanted.range.map(|depth| axis.place(depth));
    let needs = needs(&scene, &blur, wanted.coc_px, ends);
    let focused: Vec<f32> = places.iter().map(|&place| place as f32).collect();
    let distance = match focused[..] {
        [] => Plane::filled(scene.depth.size, f32::MAX),
        _ => backend.download(backend.nearest(&backend.upload(scene.depth.clone()), &focused))?,
    };
    let picture = draw::coverage(&color, &scene, &distance, &blur, wanted.coc_px, ends);
    outputs::replace(folder, &["coverage.png"], |staging| {
        image_io::write_png_rgb8(&staging.join("coverage.png"), &picture)
    })?;
    Ok(Some(coverage::share(&needs, places)))
}

/// Adds steps to the plan for what is textured and sharp in no photo focused at `places`; how many.
///
/// # Errors
/// [`Error::Usage`] if the map does not tell how fast blur grows; as [`run`].
pub fn fill(folder: &Path, places: &[f64]) -> Result<usize> {
    let map = MapFile::read(folder)?;
    let mut plan = PlanFile::read(folder, &map)?;
    let (Some(wanted), Some(blur)) = (plan.coverage.clone(), map.blur()) else {
        return Err(Error::Usage(
            "--fill: too little of the scan is textured to tell what is missing; plan with more steps".into(),
        ));
    };
    let (scene, color) = scene(folder, &map)?;
    let axis = map.axis();
    let needs = needs(&scene, &blur, wanted.coc_px, wanted.range.map(|depth| axis.place(depth)));
    let targets = coverage::fill(&needs, places, wanted.overlap);
    if targets.is_empty() {
        return Ok(0);
    }
    let all = plan.steps.len() + targets.len();
    if all > MAX_STEPS {
        return Err(Error::Usage(format!(
            "--fill: {all} steps would be needed, a plan has {MAX_STEPS}; plan again with a larger --coc"
        )));
    }
    let options = PlanOptions { af_size: plan.af_size, ..PlanOptions::default() };
    let pitch = 2.0 * wanted.coc_px * blur.per_px([0.5, 0.5]);
    plan.fill(&in_levels(crate::plan::plan(&scene, &targets, pitch, &options)?, &axis));
    write(folder, &plan, &scene, &color, &FocusAxis { axis: &axis, needs: &needs })?;
    Ok(targets.len())
}

/// Places to focus at, near first.
fn targets(
    axis: &Axis,
    [near, far]: [f64; 2],
    needs: Option<&[Need]>,
    options: &PlanOptions,
) -> Result<Vec<f64>> {
    let targets = match (options.count, needs) {
        (Count::Of(steps), _) if options.even == Even::Order => {
            let levels = even(axis.depth(near), axis.depth(far), steps)?;
            levels.into_iter().map(|level| axis.place(level)).collect()
        }
        (Count::Of(steps), _) => even(near, far, steps)?,
        (Count::Auto, Some(needs)) if !needs.is_empty() => coverage::fewest(needs, options.overlap),
        (Count::Auto, _) => {
            let levels = axis.levels().len();
            let reason = if levels < FEW {
                format!(
                    "{levels} levels of focus are too few to tell their depth of field by; scan more of them"
                )
            } else {
                "too little of the photos is textured, or they stand too far apart, to tell their depth of field".into()
            };
            return Err(Error::Usage(format!("-n auto: {reason}, or name a number of steps")));
        }
    };
    if targets.len() > MAX_STEPS {
        let text = format!("-n auto: {} steps would be needed, a plan has {MAX_STEPS}", targets.len());
        return Err(Error::Usage(text + "; allow a larger --coc, or name a number"));
    }
    Ok(targets)
}

/// Steps with depths in places, as depths in levels.
fn in_levels(mut steps: Vec<Step>, axis: &Axis) -> Vec<Step> {
    for step in &mut steps {
        step.target_depth = axis.depth(step.target_depth);
        step.depth = axis.depth(step.depth);
    }
    steps
}

/// Centres of the spots that gravity likes next for a step of the plan, beside `taken`.
///
/// # Errors
/// As [`run`].
pub fn alternatives(folder: &Path, plan: &PlanFile, step: usize, count: usize) -> Result<Vec<[f64; 2]>> {
    let map = MapFile::read(folder)?;
    let (scene, _) = scene(folder, &map)?;
    let axis = map.axis();
    let targets = plan.steps.iter().map(|step| axis.place(step.target_depth));
    let (near, far) = targets.fold((f64::MAX, f64::MIN), |(near, far), at| (near.min(at), far.max(at)));
    let pitch = (far - near) / (plan.steps.len().max(2) - 1) as f64;
    let StepFile { target_depth, x, y, .. } = plan.steps[step];
    Ok(crate::plan::alternatives(&scene, axis.place(target_depth), pitch, plan.af_size, [x, y], count))
}

/// What a plan is made from, depth in places on the focus axis, and the picture.
fn scene(folder: &Path, map: &MapFile) -> Result<(Scene, Plane<[u8; 3]>)> {
    let mut depth = image_io::read_tiff_f32(&folder.join("depth.tif"))?;
    map.to_places(&mut depth);
    let confidence = image_io::read_png_gray16(&folder.join("confidence.png"))?;
    let confidence =
        Plane::new(confidence.size, confidence.data.iter().map(|&v| f32::from(v) / 65535.0).collect());
    let picture = read(folder, "aif.jpg", Some(1))?;
    let Luma::U8(luma) = &picture.luma else {
        return Err(Error::picture(
            &folder.join("aif.jpg"),
            "has 16 bits where a map has 8; map the frames again",
        ));
    };
    let texture = texture(luma);
    let color = picture.color.expect("colour was asked for");
    Ok((Scene { depth, confidence, texture }, color))
}

fn read(folder: &Path, name: &str, cell: Option<u32>) -> Result<Frame> {
    let path = folder.join(name);
    let header = image_io::probe(&path, &Limits::default())?;
    image_io::decode(&path, &header, cell)
}

/// Local contrast 0…1: standard deviation of luma in a window, of [`FULL_TEXTURE`].
fn texture(luma: &Plane<u8>) -> Plane<f32> {
    let square = |v: f32| v * v;
    let light = Plane::new(luma.size, luma.data.iter().map(|&v| f32::from(v) / 255.0).collect());
    let squares = Plane::new(luma.size, light.data.iter().map(|&v| square(v)).collect());
    // The variance of any plane is that of the window stage, given its first two moments.
    let moments = crate::cpu::sharpness::Moments { laplacian: light.clone(), energy: squares, luma: light };
    let mut variance = crate::cpu::window::window(&moments, TEXTURE_RADIUS);
    variance.data.iter_mut().for_each(|v| *v = (v.sqrt() / FULL_TEXTURE).min(1.0));
    variance
}
