//! What a body sees: the scene through its lens, as photo, as live view and as contrast in an autofocus window.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::body::{AfWindow, Exposure, PictureFile, REFERENCE_F_NUMBER, Search, focus_at, search};
use super::lens::Lens;
use super::relief::Relief;
use super::render::{render_posed, render_region};
use super::scene::{Scene, SceneKind};
use super::sensor::srgb;
use super::texture::mix;
use crate::error::{Error, Result};
use crate::frame::{Plane, Size};
use crate::image_io::{encode_jpeg, encode_tiff};

/// What to point the camera at.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject<'a> {
    /// A painted scene, drawn from a seed, photographed in `size` pixels.
    Painted {
        /// What it shows.
        kind: SceneKind,
        /// Pixels of a photo.
        size: Size,
        /// Which one.
        seed: u64,
    },
    /// A picture, sharp everywhere, and its depth map: a picture that is dark near and bright far, or a TIFF of floats
    /// that grow from near to far.
    Picture {
        /// The picture; photos have its size.
        picture: &'a Path,
        /// The depth map.
        depth: &'a Path,
    },
}

/// A scene seen through a lens by a sensor.
#[derive(Clone, Debug)]
pub struct View {
    /// Pixels of a photo.
    size: Size,
    eye: Eye,
    live: Eye,
}

/// A scene in some number of pixels, and the lens whose blur is in those.
#[derive(Clone, Debug)]
struct Eye {
    scene: Scene,
    lens: Lens,
}

/// Photos of more pixels are rendered in so many and scaled up: a body must not take longer for 24 megapixels than a
/// client waits.
const MOST_RENDERED: usize = 2_500_000;
/// Width of the live view.
const LIVE_WIDTH: u32 = 640;
/// Least side of a photo.
const LEAST_SIDE: u32 = 64;
const MOST_PIXELS: usize = 64_000_000;
/// Least side of an autofocus window, in rendered pixels.
const LEAST_WINDOW: f32 = 16.0;
/// Electrons at white at ISO 100, and deviation of the read noise.
const FULL_WELL: f32 = 24_000.0;
const READ_NOISE: f32 = 4.0;
const PHOTO_QUALITY: u8 = 92;
const LIVE_QUALITY: u8 = 75;

impl View {
    /// Looks at `subject` through `lens`, whose blur is stated at f/5.6 in pixels of a photo.
    ///
    /// # Errors
    /// [`Error::Usage`] for a size that no photo has; else what reading the pictures comes to.
    pub fn new(subject: &Subject<'_>, lens: Lens) -> Result<Self> {
        match *subject {
            Subject::Painted { kind, size, seed } => {
                check(size)?;
                Ok(Self::of(size, lens, |size| Scene::generate(kind, size, seed)))
            }
            Subject::Picture { picture, depth } => {
                let relief = Relief::read(picture, depth)?;
                let size = relief.size();
                check(size).map_err(|error| Error::picture(picture, error.to_string()))?;
                Ok(Self::of(size, lens, |size| relief.scaled(size).scene()))
            }
        }
    }

    fn of(size: Size, lens: Lens, scene: impl Fn(Size) -> Scene) -> Self {
        let eye = |area: f32| {
            let scale = (area / size.area() as f32).sqrt().min(1.0);
            let side = |side: u32| ((side as f32 * scale).round() as u32).max(16);
            let small = Size::new(side(size.width), side(size.height));
            let coc_px = lens.coc_px * small.width as f32 / size.width as f32;
            Eye { scene: scene(small), lens: Lens { coc_px, ..lens } }
        };
        let live_area = (LIVE_WIDTH * LIVE_WIDTH) as f32 * size.height as f32 / size.width as f32;
        let (photo, live) = (eye(MOST_RENDERED as f32), eye(live_area));
        Self { size, eye: photo, live }
    }

    /// Pixels of a photo.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Pixels of the live view.
    pub(super) fn live_size(&self) -> Size {
        self.live.scene.size()
    }

    /// Inverse depth (1 near … 0 far) of what is seen at a point, given as fractions of the reference geometry.
    pub fn inverse_depth_at(&self, x: f32, y: f32) -> f32 {
        let depth = self.eye.scene.inverse_depth();
        let place = |at: f32, side: u32| (at * side as f32) as i64;
        depth.clamped(place(x, depth.size.width), place(y, depth.size.height))
    }

    /// Looks for the focus, from the lens position `from`, at which `windows` are sharpest.
    pub(super) fn search(&self, from: f32, windows: &[AfWindow]) -> Search {
        // A step of the sweep changes the blur's radius by about a pixel.
        let steps = (0.65 * self.eye.lens.coc_px).clamp(24.0, 96.0) as usize;
        search(from, steps, |position| {
            let contrasts = windows.iter().map(|window| self.eye.contrast(window, focus_at(position)));
            contrasts.sum::<f32>() / windows.len().max(1) as f32
        })
    }

    /// The files of a shot, the RAW file first.
    pub(super) fn photo(
        &self,
        position: f32,
        exposure: Exposure,
        seed: u64,
        [raw, jpeg]: [bool; 2],
    ) -> io::Result<Vec<PictureFile>> {
        let mut files = Vec::new();
        if raw {
            // A valid file to download is all that is asked of it: the live view will do.
            let bytes = encode_tiff(&Self::develop(&self.live, position, exposure, seed, self.live_size()))?;
            files.push(PictureFile { raw: true, bytes: bytes.into() });
        }
        if jpeg {
            let photo = Self::develop(&self.eye, position, exposure, seed, self.size);
            files.push(PictureFile { raw: false, bytes: encode_jpeg(&photo, PHOTO_QUALITY)?.into() });
        }
        Ok(files)
    }

    /// What the live view shows, as a JPEG.
    pub(super) fn live_view(&self, position: f32, exposure: Exposure) -> io::Result<Vec<u8>> {
        let frame = Self::develop(&self.live, position, exposure, 0, self.live_size());
        encode_jpeg(&frame, LIVE_QUALITY)
    }

    /// A frame in `size` pixels, with noise, sRGB-encoded.
    fn develop(eye: &Eye, position: f32, exposure: Exposure, seed: u64, size: Size) -> Plane<[u8; 3]> {
        let frame = eye.frame(position, exposure);
        let readout = Readout::new(exposure, seed);
        let mut photo = Plane::filled(size, [0; 3]);
        photo.data.par_chunks_mut(size.width as usize).enumerate().for_each(|(y, out)| {
            let mut grain = readout.row(y);
            let row = Row::new(&frame, size, y as u32);
            for (x, pixel) in out.iter_mut().enumerate() {
                *pixel = row.at(x as u32).map(|light| grain.read(light));
            }
        });
        photo
    }
}

fn check(size: Size) -> Result<()> {
    let usage = |text: &str| Err(Error::Usage(format!("{size} pixels: {text}")));
    match size {
        Size { width, height } if width < LEAST_SIDE || height < LEAST_SIDE => {
            usage("too small for a photo; take at least 64×64")
        }
        size if size.area() > MOST_PIXELS => usage("too large for a photo; take at most 64 megapixels"),
        _ => Ok(()),
    }
}

impl Eye {
    /// Linear RGB at a lens position: the aperture scales the blur.
    fn frame(&self, position: f32, exposure: Exposure) -> Plane<[f32; 3]> {
        let coc_px = self.lens.coc_px * REFERENCE_F_NUMBER / exposure.f_number;
        let (lens, focus) = (Lens { coc_px, ..self.lens }, focus_at(position));
        render_posed(&self.scene, &lens, focus, &lens.pose(self.scene.size(), focus))
    }

    /// Root mean square of the differences between pixels two apart, sRGB-encoded: fine texture, not slow gradients.
    ///
    /// Focusing is done at the reference aperture, as lenses stop down for the shot only.
    fn contrast(&self, window: &AfWindow, focus: f32) -> f32 {
        let size = self.scene.size();
        let side = (window.side * size.width as f32).max(LEAST_WINDOW);
        let corner = |axis: usize, length: u32| (window.centre[axis] * length as f32 - side / 2.0) as i32;
        let origin = [corner(0, size.width), corner(1, size.height)];
        let square = Size::new(side as u32, side as u32);
        let pose = self.lens.pose(size, focus);
        let seen = render_region(&self.scene, &self.lens, focus, &pose, origin, square);
        let luma = |p: &[f32; 3]| 0.299 * srgb(p[0]) + 0.587 * srgb(p[1]) + 0.114 * srgb(p[2]);
        let luma: Vec<f32> = seen.data.iter().map(luma).collect();
        let side = square.width as usize;
        let squares = |rows: usize, columns: usize, apart: usize| -> f32 {
            let starts = (0..rows).flat_map(|y| (0..columns).map(move |x| y * side + x));
            starts.map(|at| (luma[at] - luma[at + apart]).powi(2)).sum()
        };
        let sum = squares(side, side - 2, 2) + squares(side - 2, side, 2 * side);
        (sum / (2 * side * (side - 2)) as f32).sqrt()
    }
}

/// One row of a photo, sampled from the frame it is scaled up from: linear between pixels.
struct Row<'a> {
    above: &'a [[f32; 3]],
    below: &'a [[f32; 3]],
    down: f32,
    /// Frame pixels for each of the photo's.
    scale: f32,
}

impl<'a> Row<'a> {
    fn new(frame: &'a Plane<[f32; 3]>, size: Size, y: u32) -> Self {
        let scale = |from: u32, to: u32| from as f32 / to as f32;
        let at = (y as f32 + 0.5) * scale(frame.size.height, size.height) - 0.5;
        let above = at.max(0.0) as u32;
        let below = (above + 1).min(frame.size.height - 1);
        let down = (at - above as f32).max(0.0);
        let scale = scale(frame.size.width, size.width);
        Self { above: frame.row(above), below: frame.row(below), down, scale }
    }

    #[inline]
    fn at(&self, x: u32) -> [f32; 3] {
        if self.scale == 1.0 {
            return self.above[x as usize];
        }
        let at = (x as f32 + 0.5) * self.scale - 0.5;
        let left = at.max(0.0) as usize;
        let right = (left + 1).min(self.above.len() - 1);
        let across = (at - left as f32).max(0.0);
        std::array::from_fn(|i| {
            let line = |row: &[[f32; 3]]| row[left][i] + across * (row[right][i] - row[left][i]);
            let (above, below) = (line(self.above), line(self.below));
            above + self.down * (below - above)
        })
    }
}

/// From light to 8 bits: exposure, shot and read noise, and the sRGB curve, by tables.
///
/// All happens on √light, where the noise is the same everywhere (Anscombe 1948) and the curve nearly straight.
struct Readout {
    /// What light is multiplied by, and the read noise as if it were light; then the root is taken.
    gain: f32,
    floor: f32,
    /// Deviation of the noise after that.
    deviation: f32,
    /// sRGB by the root, which [`ROOTS`] resolve to a tenth of an 8-bit value.
    curve: Vec<u8>,
    seed: u64,
}

const ROOTS: f32 = 4096.0;
const NORMALS: usize = 1 << 16;

/// Numbers of a normal distribution: drawing each anew takes longer than rendering.
fn normals() -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        // The sum of twelve uniform numbers is nearly normal, of deviation 1.
        (0..NORMALS).map(|_| (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0).collect()
    })
}

impl Readout {
    fn new(exposure: Exposure, seed: u64) -> Self {
        let well = FULL_WELL / exposure.sensitivity.max(0.1);
        let floor = READ_NOISE * READ_NOISE / well;
        let encode = |i: usize| (srgb((i as f32 / ROOTS).powi(2) - floor) * 255.0 + 0.5) as u8;
        let curve = (0..=ROOTS as usize + 1).take_while(|&i| i as f32 <= ROOTS * (1.0 + floor).sqrt() + 1.0);
        Self {
            gain: exposure.gain,
            floor,
            deviation: 0.5 / well.sqrt(),
            curve: curve.map(encode).collect(),
            seed: mix(seed),
        }
    }

    fn row(&self, y: usize) -> Grain<'_> {
        let rng = Pcg64Mcg::seed_from_u64(self.seed.wrapping_add(y as u64));
        Grain { readout: self, normals: normals(), rng, bits: 0, left: 0 }
    }
}

/// The readout of one row.
struct Grain<'a> {
    readout: &'a Readout,
    normals: &'static [f32],
    rng: Pcg64Mcg,
    /// Random bits not used yet, sixteen a number.
    bits: u64,
    left: u32,
}

impl Grain<'_> {
    #[inline]
    fn read(&mut self, light: f32) -> u8 {
        if self.left == 0 {
            (self.bits, self.left) = (self.rng.random(), 4);
        }
        let normal = self.normals[self.bits as u16 as usize];
        (self.bits, self.left) = (self.bits >> 16, self.left - 1);
        let Readout { gain, floor, deviation, ref curve, .. } = *self.readout;
        let root = (light * gain + floor).max(0.0).sqrt() + deviation * normal;
        curve[((root.max(0.0) * ROOTS + 0.5) as usize).min(curve.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn view(kind: SceneKind) -> View {
        let subject = Subject::Painted { kind, size: Size::new(750, 500), seed: 3 };
        View::new(&subject, Lens { coc_px: 24.0, breathing: 0.02 }).expect("a good size")
    }

    fn exposure() -> Exposure {
        Exposure { f_number: 5.6, gain: 1.0, sensitivity: 1.0, time: Duration::ZERO }
    }

    fn window(x: f32, y: f32) -> AfWindow {
        AfWindow { centre: [x, y], side: 0.03 }
    }

    #[test]
    fn autofocus_finds_the_depth_of_textured_spots() {
        let view = view(SceneKind::Macro);
        let depth = view.eye.scene.inverse_depth();
        let (mut locked, mut tried) = (0, 0);
        for (x, y) in (1..8).flat_map(|x| (4..8).map(move |y| (x as f32 / 8.0, y as f32 / 8.5))) {
            let (column, row) = ((x * 750.0) as i64, (y * 500.0) as i64);
            let around = (-14..=14).flat_map(|dy| (-14..=14).map(move |dx| (dx, dy)));
            let seen = around.map(|(dx, dy)| depth.clamped(column + dx, row + dy));
            let (near, far) = seen.fold((0.0f32, 1.0f32), |(near, far), d| (near.max(d), far.min(d)));
            if near - far > 0.1 {
                continue;
            }
            tried += 1;
            let found = view.search(300.0, &[window(x, y)]);
            if found.locked {
                locked += 1;
                let focus = focus_at(found.path[2]);
                assert!((far - 0.03..near + 0.03).contains(&focus), "{x} {y}: {focus}, not {far}…{near}");
            }
        }
        assert!(tried > 8 && locked * 10 >= tried * 9, "{locked} of {tried}");
    }

    #[test]
    fn autofocus_fails_on_a_plain_wall() {
        let view = view(SceneKind::Desk);
        let found = view.search(300.0, &[window(0.5, 0.1)]);
        assert!(!found.locked, "{found:?}");
    }

    #[test]
    fn photos_are_brighter_sharper_and_noisier_as_the_settings_say() {
        let view = view(SceneKind::Macro);
        let develop = |exposure| View::develop(&view.eye, 500.0, exposure, 1, view.size());
        let mean = |photo: &Plane<[u8; 3]>| {
            photo.data.iter().map(|p| f64::from(p[1])).sum::<f64>() / photo.data.len() as f64
        };
        let rough = |photo: &Plane<[u8; 3]>| -> f64 {
            photo.data.windows(2).map(|p| (f64::from(p[0][1]) - f64::from(p[1][1])).powi(2)).sum()
        };
        let plain = develop(exposure());
        assert!(mean(&develop(Exposure { gain: 2.0, ..exposure() })) > 1.2 * mean(&plain));
        assert!(rough(&develop(Exposure { f_number: 16.0, ..exposure() })) > 1.2 * rough(&plain));
        assert!(rough(&develop(Exposure { sensitivity: 64.0, ..exposure() })) > 1.1 * rough(&plain));
    }

    #[test]
    fn values_have_the_mean_and_variance_of_light_and_noise() {
        for (sensitivity, light) in [(4.0, 0.4), (64.0, 0.2), (16.0, 0.05)] {
            let exposure = Exposure { sensitivity, ..exposure() };
            let readout = Readout::new(exposure, 5);
            let mut grain = readout.row(0);
            let values: Vec<f64> = (0..200_000).map(|_| f64::from(grain.read(light))).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            let well = FULL_WELL / sensitivity;
            let deviation = (light / well + (READ_NOISE / well).powi(2)).sqrt();
            let slope = (srgb(light + deviation) - srgb(light - deviation)) / (2.0 * deviation);
            // Rounding to whole values adds a twelfth.
            let expected = f64::from(255.0 * slope * deviation).powi(2) + 1.0 / 12.0;
            assert!((mean - f64::from(255.0 * srgb(light))).abs() < 0.6, "{light}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{light}: {variance} {expected}");
        }
    }

    #[test]
    fn black_and_white_stay_so_without_noise_to_speak_of() {
        let readout = Readout::new(Exposure { sensitivity: 0.1, ..exposure() }, 5);
        let mut grain = readout.row(0);
        assert_eq!([0.0, 1.5, 40.0, f32::NAN].map(|light| grain.read(light)), [0, 255, 255, 0]);
    }

    #[test]
    fn files_are_pictures_and_come_raw_first() {
        let view = view(SceneKind::Desk);
        let files = view.photo(400.0, exposure(), 1, [true, true]).expect("encodes");
        assert_eq!(files.iter().map(|file| file.raw).collect::<Vec<_>>(), [true, false]);
        assert!(files[0].bytes.starts_with(b"II*\0") && files[1].bytes.starts_with(&[0xff, 0xd8]));
        assert!(view.live_view(400.0, exposure()).expect("encodes").starts_with(&[0xff, 0xd8]));
        assert_eq!(view.photo(400.0, exposure(), 1, [false; 2]).expect("nothing").len(), 0);
    }

    #[test]
    fn large_photos_are_scaled_up_and_bad_sizes_refused() {
        let of = |size| {
            let subject = Subject::Painted { kind: SceneKind::Desk, size, seed: 1 };
            View::new(&subject, Lens { coc_px: 60.0, breathing: 0.0 })
        };
        let view = of(Size::new(3000, 2000)).expect("large");
        assert!(view.eye.scene.size().area() <= MOST_RENDERED + 4000);
        let photo = View::develop(&view.eye, 1000.0, exposure(), 1, view.size());
        assert_eq!(photo.size, Size::new(3000, 2000));
        for size in [Size::new(63, 500), Size::new(500, 63), Size::new(10_000, 10_000)] {
            assert!(matches!(of(size), Err(Error::Usage(_))), "{size}");
        }
    }
}
