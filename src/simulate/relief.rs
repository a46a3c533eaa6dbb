//! A scene made of any picture and its depth map.
//!
//! The picture is cut into slices of depth. Each slice goes on behind the nearer ones, its colour filled in from what
//! is visible of it by pull-push (Gortler et al. 1996), so that a blurred near edge shows something plausible behind it
//! (the layers of Kraus & Strengert 2007).

use std::path::Path;
use std::sync::Arc;

use super::layer::{Canvas, Layer, Surface};
use super::scene::Scene;
use super::sensor::linear;
use crate::error::{Error, Result};
use crate::frame::{Luma, Pixels, Plane, Size};
use crate::image_io::{self, Limits, Spares};

/// Slices of depth.
const SLICES: usize = 12;
/// How far a slice keeps its own colours beyond its nearer end, in slices: a slanted surface has no seam then.
const OVERLAP: f32 = 0.5;
/// How far width over height of picture and depth map may differ.
const ASPECT_TOLERANCE: f32 = 0.02;

/// A picture in linear light, and the inverse depth (1 near … 0 far) of each of its pixels.
#[derive(Clone, Debug)]
pub(super) struct Relief {
    colors: Plane<[f32; 3]>,
    depth: Plane<f32>,
}

impl Relief {
    /// Reads both. The depth map is a picture that is dark near and bright far, as nearfar's `depth.png`, or a TIFF of
    /// floats that grow from near to far, as its `depth.tif`; it may be smaller than the picture.
    pub(super) fn read(picture: &Path, depth: &Path) -> Result<Self> {
        let colors = read_colors(picture)?;
        let map = read_depth(depth)?;
        let aspect = |size: Size| size.width as f32 / size.height as f32;
        if (aspect(map.size) / aspect(colors.size) - 1.0).abs() > ASPECT_TOLERANCE {
            let text = format!("is {}, of another shape than the picture ({})", map.size, colors.size);
            return Err(Error::picture(depth, text));
        }
        Ok(Self { depth: resampled(&map, colors.size), colors })
    }

    /// Pixels of the picture.
    pub(super) fn size(&self) -> Size {
        self.colors.size
    }

    /// The same in fewer pixels: means of colour, single values of depth (a mean of near and far lies where nothing
    /// is).
    pub(super) fn scaled(&self, size: Size) -> Self {
        if size == self.size() {
            return self.clone();
        }
        Self { colors: averaged(&self.colors, size), depth: resampled(&self.depth, size) }
    }

    /// The scene.
    pub(super) fn scene(self) -> Scene {
        let size = self.size();
        let rect = Canvas { frame: size }.rect();
        let depth = Arc::new(self.depth);
        let layers = (0..SLICES).filter_map(|slice| {
            let end = |i: usize| i as f32 / SLICES as f32;
            // The first and the last slice take what lies beyond.
            let low = if slice == 0 { f32::NEG_INFINITY } else { end(slice) };
            let high = if slice + 1 == SLICES { f32::INFINITY } else { end(slice + 1) };
            let beyond = high + OVERLAP / SLICES as f32;
            if !depth.data.iter().any(|d| (low..high).contains(d)) {
                return None;
            }
            let own = |d: f32| (low..beyond).contains(&d);
            let colors = filled(&self.colors, |at| own(depth.data[at]));
            Layer::paint(rect, Surface::mapped(Arc::clone(&depth)).within([low, high]), |spot| {
                let (x, y) = (spot.x as i64, spot.y as i64);
                let covered = depth.clamped(x, y) >= low;
                (colors.clamped(x, y), if covered { 1.0 } else { 0.0 })
            })
        });
        let layers = layers.collect();
        Scene::new(size, layers)
    }
}

fn read_colors(path: &Path) -> Result<Plane<[f32; 3]>> {
    let header = image_io::probe(path, &Limits::default())?;
    Ok(match image_io::decode_pixels(path, &header, &Spares::default())? {
        Pixels::U8(plane) => light(&plane, 255.0),
        Pixels::U16(plane) => light(&plane, 65535.0),
    })
}

fn light<T: Copy + Into<f32>>(plane: &Plane<[T; 3]>, white: f32) -> Plane<[f32; 3]> {
    let pixels = plane.data.iter().map(|pixel| pixel.map(|value| linear(value.into() / white)));
    Plane::new(plane.size, pixels.collect())
}

/// Inverse depth 0…1.
fn read_depth(path: &Path) -> Result<Plane<f32>> {
    let header = match image_io::probe(path, &Limits::default()) {
        Ok(header) => header,
        // Pictures of floats are no photos; a depth map may be one.
        Err(error) => return image_io::read_tiff_f32(path).map(normalised).map_err(|_| error),
    };
    Ok(match image_io::decode(path, &header, None)?.luma {
        Luma::U8(plane) => inverse(&plane, 255.0),
        Luma::U16(plane) => inverse(&plane, 65535.0),
    })
}

fn inverse<T: Copy + Into<f32>>(plane: &Plane<T>, far: f32) -> Plane<f32> {
    Plane::new(plane.size, plane.data.iter().map(|&value| 1.0 - value.into() / far).collect())
}

/// Scales values that grow from near to far to 1…0; what is unknown is far.
fn normalised(mut plane: Plane<f32>) -> Plane<f32> {
    let known = || plane.data.iter().copied().filter(|depth| depth.is_finite());
    let (near, far) = (known().fold(f32::INFINITY, f32::min), known().fold(f32::NEG_INFINITY, f32::max));
    let range = if far > near { far - near } else { 1.0 };
    for depth in &mut plane.data {
        *depth = if depth.is_finite() { 1.0 - (*depth - near) / range } else { 0.0 };
    }
    plane
}

/// The nearest value for each pixel of `size`.
fn resampled(plane: &Plane<f32>, size: Size) -> Plane<f32> {
    let place = |at: u32, from: u32, to: u32| (u64::from(at) * u64::from(from) / u64::from(to)) as u32;
    let row = |y: u32| {
        let from = place(y, plane.size.height, size.height);
        (0..size.width).map(move |x| plane.at(place(x, plane.size.width, size.width), from))
    };
    Plane::new(size, (0..size.height).flat_map(row).collect())
}

/// The mean over the source pixels that begin in each pixel of the smaller `size`.
fn averaged(plane: &Plane<[f32; 3]>, size: Size) -> Plane<[f32; 3]> {
    let range = |at: u32, from: u32, to: u32| {
        let place = |at: u32| (u64::from(at) * u64::from(from) / u64::from(to)) as u32;
        place(at)..place(at + 1).max(place(at) + 1)
    };
    let mean = |x: u32, y: u32| {
        let rows = range(y, plane.size.height, size.height);
        let columns = range(x, plane.size.width, size.width);
        let count = (rows.len() * columns.len()) as f32;
        let mut sum = [0.0; 3];
        for pixel in rows.flat_map(|y| columns.clone().map(move |x| plane.at(x, y))) {
            sum = std::array::from_fn(|i| sum[i] + pixel[i]);
        }
        sum.map(|value| value / count)
    };
    Plane::new(size, (0..size.height).flat_map(|y| (0..size.width).map(move |x| mean(x, y))).collect())
}

/// `colors` where `known`, elsewhere what the known pixels around suggest: means over ever coarser grids on the way up
/// (pull), the gaps filled from them on the way down (push).
fn filled(colors: &Plane<[f32; 3]>, known: impl Fn(usize) -> bool) -> Plane<[f32; 3]> {
    let weigh = |at: usize, [r, g, b]: [f32; 3]| if known(at) { [r, g, b, 1.0] } else { [0.0; 4] };
    let pixels = colors.data.iter().enumerate().map(|(at, &color)| weigh(at, color)).collect();
    let whole = pushed(Plane::new(colors.size, pixels));
    Plane::new(colors.size, whole.data.into_iter().map(|[r, g, b, _]| [r, g, b]).collect())
}

/// `fine`, weighted by its fourth channel, with its gaps filled from coarser grids.
fn pushed(mut fine: Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    if fine.size.area() <= 1 {
        return fine;
    }
    let coarse = pushed(pulled(&fine));
    let width = fine.size.width as usize;
    for (at, pixel) in fine.data.iter_mut().enumerate() {
        let gap = 1.0 - pixel[3];
        if gap > 0.0 {
            let beneath = coarse.at((at % width / 2) as u32, (at / width / 2) as u32);
            *pixel = std::array::from_fn(|i| pixel[i] + gap * beneath[i]);
        }
    }
    fine
}

/// Half as many cells either way: sums of weighted values, whose weight is held at 1.
fn pulled(fine: &Plane<[f32; 4]>) -> Plane<[f32; 4]> {
    let size = fine.size.grid(2);
    let mut coarse = Plane::filled(size, [0.0f32; 4]);
    for y in 0..fine.size.height {
        for x in 0..fine.size.width {
            let (to, from) = ((y / 2 * size.width + x / 2) as usize, fine.at(x, y));
            coarse.data[to] = std::array::from_fn(|i| coarse.data[to][i] + from[i]);
        }
    }
    for cell in &mut coarse.data {
        if cell[3] > 1.0 {
            *cell = cell.map(|value| value / cell[3]);
        }
    }
    coarse
}

#[cfg(test)]
mod tests {
    use super::super::render::render;
    use super::super::{Lens, SceneKind};
    use super::*;

    fn relief(size: Size, depth: impl Fn(u32, u32) -> f32) -> Relief {
        let places = || (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let checks = |(x, y): (u32, u32)| [if (x + y) % 2 == 0 { 0.1 } else { 0.8 }; 3];
        Relief {
            colors: Plane::new(size, places().map(checks).collect()),
            depth: Plane::new(size, places().map(|(x, y)| depth(x, y)).collect()),
        }
    }

    fn contrast(frame: &Plane<[f32; 3]>, x: u32, y: u32) -> f32 {
        (frame.at(x, y)[1] - frame.at(x + 1, y)[1]).abs()
    }

    #[test]
    fn a_picture_is_sharp_where_its_depth_is_in_focus() {
        let size = Size::new(96, 64);
        let scene = relief(size, |x, _| x as f32 / 95.0).scene();
        let lens = Lens { coc_px: 40.0, breathing: 0.0 };
        for (focus, sharp) in [(0.25, 24), (0.5, 48), (0.77, 73)] {
            let frame = render(&scene, &lens, focus);
            let best = (2..92).max_by(|&a, &b| contrast(&frame, a, 30).total_cmp(&contrast(&frame, b, 30)));
            let best: u32 = best.expect("columns");
            assert!(best.abs_diff(sharp) <= 2, "focus {focus}: column {best}");
        }
        let known = scene.inverse_depth();
        assert!((0..96).all(|x| (known.at(x, 30) - x as f32 / 95.0).abs() < 1e-6));
    }

    #[test]
    fn slices_leave_no_seam_on_a_slope_out_of_focus() {
        let size = Size::new(120, 48);
        let mut plain = relief(size, |x, _| x as f32 / 119.0);
        plain.colors.data.fill([0.5; 3]);
        let frame = render(&plain.scene(), &Lens { coc_px: 30.0, breathing: 0.0 }, 1.2);
        assert!(frame.data.iter().all(|p| (p[0] - 0.5).abs() < 2e-3));
    }

    #[test]
    fn gaps_are_filled_from_around() {
        let size = Size::new(31, 17);
        let colors = Plane::filled(size, [0.25, 0.5, 0.75]);
        let whole = filled(&colors, |at| at % 31 < 9 && at / 31 > 3);
        assert!(whole.data.iter().all(|p| (p[0] - 0.25).abs() < 1e-5 && (p[2] - 0.75).abs() < 1e-5));
    }

    #[test]
    fn a_rendered_scene_and_its_depth_map_give_that_scene_again() {
        let size = Size::new(180, 120);
        let original = Scene::generate(SceneKind::Desk, size, 4);
        let sharp = render(&original, &Lens { coc_px: 0.0, breathing: 0.0 }, 0.5);
        let copy = Relief { colors: sharp.clone(), depth: original.inverse_depth() }.scene();
        let lens = Lens { coc_px: 20.0, breathing: 0.0 };
        let difference = |a: &Plane<[f32; 3]>, b: &Plane<[f32; 3]>| -> f32 {
            a.data.iter().zip(&b.data).map(|(a, b)| (a[1] - b[1]).abs()).sum()
        };
        for focus in [0.1, 0.8] {
            let (a, b) = (render(&original, &lens, focus), render(&copy, &lens, focus));
            // What hides behind near edges is a guess, and is seen through their blur.
            let (miss, blur) = (difference(&a, &b), difference(&a, &sharp));
            assert!(miss < 0.5 * blur, "focus {focus}: {miss} of {blur}");
        }
    }

    #[test]
    fn smaller_copies_keep_the_mean_and_the_depth() {
        let small =
            relief(Size::new(90, 60), |x, _| if x < 45 { 0.2 } else { 0.9 }).scaled(Size::new(30, 20));
        assert!(small.colors.data.iter().all(|p| (p[0] - 0.45).abs() < 0.05));
        assert!(small.depth.data.iter().all(|&d| d == 0.2 || d == 0.9));
    }

    #[test]
    fn floats_from_near_to_far_become_inverse_depth() {
        let plane = normalised(Plane::new(Size::new(4, 1), vec![2.0, f32::NAN, 6.0, 4.0]));
        assert_eq!(plane.data, [1.0, 0.0, 0.0, 0.5]);
        assert_eq!(normalised(Plane::filled(Size::new(2, 1), 3.0)).data, [1.0, 1.0]);
    }
}
