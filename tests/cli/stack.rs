//! Rendered stacks with their truth, and maps scored against it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use nearfar::files::MapFile;
use nearfar::frame::{Plane, Size};
use nearfar::image_io;
use nearfar::simulate::{self, SceneKind, Stack, StackOptions, Truth, write_stack};
use nearfar::transform::Transform;
use tempfile::TempDir;

/// A rendered stack.
pub struct Rendered {
    folder: TempDir,
    pub near: String,
    pub far: String,
    /// Level of every photo by its shuffled name.
    pub level: BTreeMap<String, usize>,
    /// Photos that missed focus.
    pub missed: Vec<String>,
    pub truth: Truth,
    /// Reference geometry → pixels of each level.
    pub poses: Vec<Transform>,
    pub size: Size,
}

/// The usual small stack.
pub fn small() -> StackOptions {
    StackOptions { size: Size::new(320, 220), frames: 9, coc_px: 20.0, seed: 5, ..Default::default() }
}

/// A desk, half of it plain.
pub fn desk() -> StackOptions {
    StackOptions { scene: SceneKind::Desk, ..small() }
}

/// Renders `options`; tests that run at the same time share a stack, and the last one removes it.
pub fn rendered(options: &StackOptions) -> Arc<Rendered> {
    type Shared = Vec<(StackOptions, Weak<Rendered>)>;
    static SHARED: Mutex<Shared> = Mutex::new(Vec::new());
    // A test that failed meanwhile holds nothing half-done.
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(stack) = shared.iter().find(|(of, _)| of == options).and_then(|(_, stack)| stack.upgrade()) {
        return stack;
    }
    let stack = Arc::new(Rendered::new(options));
    shared.retain(|(_, stack)| stack.strong_count() > 0);
    shared.push((options.clone(), Arc::downgrade(&stack)));
    stack
}

impl Rendered {
    fn new(options: &StackOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let summary = write_stack(options, folder.path(), &|_, _| Ok(())).expect("a rendered stack");
        let text = std::fs::read_to_string(folder.path().join("shuffled.json")).expect("shuffled.json");
        let shuffled: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let stack = Stack::plan(options).expect("sound options");
        let truth = simulate::truth(&stack.scene(), &stack.focus_positions());
        Self {
            near: name(&summary.near),
            far: name(&summary.far),
            level: serde_json::from_value(shuffled["true_index"].clone()).expect("levels by name"),
            missed: serde_json::from_value(shuffled["missed"].clone()).expect("names"),
            truth,
            poses: stack.levels().iter().map(|level| level.pose).collect(),
            size: options.size,
            folder,
        }
    }

    /// Folder of the photos under names that say nothing.
    pub fn shuffled(&self) -> PathBuf {
        self.folder.path().join("shuffled")
    }

    /// Folder of the photos near → far.
    pub fn sorted(&self) -> PathBuf {
        self.folder.path().join("frames")
    }

    /// The photo of level `level`.
    pub fn photo(&self, level: usize) -> PathBuf {
        self.sorted().join(format!("{level:02}.png"))
    }

    /// True level of a photo by either of its names.
    pub fn level_of(&self, file: &str) -> usize {
        let name = name(Path::new(file));
        self.level.get(&name).copied().unwrap_or_else(|| name[..2].parse().expect("a name that is a number"))
    }

    /// True levels of the clusters of `map`.
    pub fn levels_of(&self, map: &MapFile) -> Vec<usize> {
        map.clusters.iter().map(|files| self.level_of(&files[0])).collect()
    }

    /// Mean error of `depth` in frames over textured pixels off the depth edges.
    pub fn depth_error(&self, map: &MapFile, depth: &Plane<f32>) -> f64 {
        let back = self.poses[self.level_of(&map.reference)].inverse();
        let truth = Truth {
            depth_index: moved(&self.truth.depth_index, &back, f32::NAN),
            textured: moved(&self.truth.textured, &back, false),
            edge: moved(&self.truth.edge, &back, true),
            aif: Plane::filled(Size::new(0, 0), [0.0; 3]),
        };
        let levels: Vec<f64> = self.levels_of(map).iter().map(|&level| level as f64).collect();
        error(&truth.depth_index, &truth.textured, &truth.edge, depth, map, &levels).textured
    }
}

/// The plane as a frame shows it whose pixels `back` takes to the reference geometry.
fn moved<T: Copy>(plane: &Plane<T>, back: &Transform, outside: T) -> Plane<T> {
    let Size { width, height } = plane.size;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let data = pixels.map(|(x, y)| {
        let [u, v] = back.apply(f64::from(x), f64::from(y)).map(f64::round);
        let inside = u >= 0.0 && v >= 0.0 && u < f64::from(width) && v < f64::from(height);
        if inside { plane.at(u as u32, v as u32) } else { outside }
    });
    Plane::new(plane.size, data.collect())
}

/// Mean absolute errors in frames.
pub struct DepthError {
    pub textured: f64,
    pub all: f64,
}

/// Compares `depth`, in positions among `map`'s clusters, with the `truth` in the geometry of its reference; `levels` are
/// the true levels of the clusters.
pub fn error(
    truth: &Plane<f32>,
    textured: &Plane<bool>,
    edge: &Plane<bool>,
    depth: &Plane<f32>,
    map: &MapFile,
    levels: &[f64],
) -> DepthError {
    assert_eq!(depth.size, truth.size.grid(map.cell), "depth.tif has the stated fraction of the reference");
    let (mut sums, mut counts) = ([0.0f64; 2], [0usize; 2]);
    for y in 0..truth.size.height {
        for x in 0..truth.size.width {
            let (expected, found) = (truth.at(x, y), depth.at(x / map.cell, y / map.cell));
            if expected.is_nan() {
                continue;
            }
            assert!(found.is_finite(), "a hole at {x},{y}");
            assert!((0.0..=(levels.len() - 1) as f32).contains(&found), "{found} at {x},{y} is no level");
            let (low, high) = (found.floor() as usize, found.ceil() as usize);
            let frame = levels[low] + f64::from(found.fract()) * (levels[high] - levels[low]);
            let off = (frame - f64::from(expected)).abs();
            let counted = [textured.at(x, y) && !edge.at(x, y), true];
            for ((sum, count), _) in
                sums.iter_mut().zip(&mut counts).zip(counted).filter(|(_, counted)| *counted)
            {
                *sum += off;
                *count += 1;
            }
        }
    }
    assert!(counts[0] > truth.size.area() / 20, "only {} textured pixels to compare", counts[0]);
    DepthError { textured: sums[0] / counts[0] as f64, all: sums[1] / counts[1] as f64 }
}

/// A path's file name.
pub fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// File names of paths as map.json has them.
pub fn names<'a>(files: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    files.into_iter().map(|file| name(Path::new(file))).collect()
}

/// Reads the map in `folder` and checks it against DESIGN.md §2.
pub fn read_map(folder: &Path) -> (MapFile, Plane<f32>) {
    let map = MapFile::read(folder).expect("a sound map.json");
    let depth = image_io::read_tiff_f32(&folder.join("depth.tif")).expect("a sound depth.tif");
    assert_eq!(
        super::testenv::list(folder),
        ["aif.jpg", "confidence.png", "depth.png", "depth.tif", "map.json"]
    );
    assert_eq!(map.version, 1);
    assert_eq!(map.order, map.clusters.iter().flatten().cloned().collect::<Vec<_>>());
    assert_eq!(
        (Some(&map.near), Some(&map.far)),
        (map.order.first(), map.order.last().map(|_| &map.clusters.last().unwrap()[0]))
    );
    assert!(map.order.contains(&map.reference));
    assert_eq!(map.transforms.keys().collect::<Vec<_>>(), {
        let mut order: Vec<_> = map.order.iter().collect();
        order.sort();
        order
    });
    let own = map.transforms[&map.reference];
    for (found, expected) in own.as_flattened().iter().zip([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]) {
        assert!((found - expected).abs() < 1e-9, "the reference's own transform is {own:?}");
    }
    for file in map.order.iter().chain(map.left_out.iter().map(|left_out| &left_out.file)) {
        assert!(folder.join(file).exists(), "{file} is relative to the map's folder");
    }
    assert!(
        map.left_out
            .iter()
            .all(|left_out| !left_out.reason.is_empty() && !map.order.contains(&left_out.file))
    );
    assert!(!map.timings_ms.is_empty() && map.timings_ms.values().all(|ms| *ms >= 0.0));
    let grid = Size::new(map.width, map.height).grid(map.cell);
    assert_eq!(depth.size, grid);
    for name in ["depth.png", "confidence.png", "aif.jpg"] {
        let header = image_io::probe(&folder.join(name), &image_io::Limits::default()).expect(name);
        assert_eq!((header.size, header.bits), (grid, if name == "aif.jpg" { 8 } else { 16 }), "{name}");
    }
    (map, depth)
}
