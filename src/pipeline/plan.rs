//! The whole of `plan`: read a map folder, plan, write and draw.

use std::path::{Path, PathBuf};

use super::outputs;
use super::stream::{Interrupt, check};
use crate::draw;
use crate::error::{Error, Result};
use crate::files::{MapFile, PlanFile, StepFile, write_json};
use crate::frame::{Frame, Luma, Plane};
use crate::image_io::{self, Limits};
use crate::plan::{PlanOptions, Scene, plan};

/// What `plan` is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folder of a map.
    pub folder: PathBuf,
    /// How to plan.
    pub options: PlanOptions,
    /// Near and far end as places on the map's focus axis. Default: its outermost levels.
    pub ends: [Option<f64>; 2],
}

/// Radius in cells of the window in which texture is measured: 9 across.
const TEXTURE_RADIUS: u32 = 4;
/// Local standard deviation of luma (of full scale) that counts as full texture.
const FULL_TEXTURE: f32 = 0.2;

/// Plans and writes plan.json and plan.png into the map's folder.
///
/// # Errors
/// [`Error::Usage`] for options out of range or a folder without a map, [`Error::Picture`] for a damaged one, [`Error::Interrupted`].
pub fn run(request: &Request, interrupt: &Interrupt) -> Result<PlanFile> {
    let folder = &request.folder;
    let map = MapFile::read(folder)?;
    let (scene, color) = scene(folder, &map)?;
    let far = map.clusters.len() as f64 - 1.0;
    check(interrupt)?;
    let [first, last] = request.ends;
    let mut steps = plan(&scene, first.unwrap_or(0.0), last.unwrap_or(far), &request.options)?;
    let axis = map.axis();
    for step in &mut steps {
        step.target_depth = axis.depth(step.target_depth);
        step.depth = axis.depth(step.depth);
    }
    let plan = PlanFile::new(&map.reference, request.options.af_size, &steps);
    let drawing = draw::plan(&color, &scene.depth, far as f32, &steps, request.options.af_size);
    check(interrupt)?;
    outputs::replace(folder, &["plan.png", "plan.json"], |staging| {
        image_io::write_png_rgb8(&staging.join("plan.png"), &drawing)?;
        write_json(&staging.join("plan.json"), &plan)
    })?;
    Ok(plan)
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
    let axis = map.axis();
    depth.data.iter_mut().for_each(|depth| *depth = axis.place(f64::from(*depth)) as f32);
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
