//! Bright spots before a dark background: no halo of their blur may stand around them.

use nearfar::frame::{Plane, Size};
use nearfar::image_io;
use rand::{RngExt, SeedableRng};

use super::testenv::TestEnv;

const SIZE: Size = Size::new(240, 160);
/// Middle and radius in pixels.
const SPOTS: [(f32, f32, f32); 3] = [(60.0, 50.0, 8.0), (130.0, 90.0, 14.0), (195.0, 110.0, 5.0)];
/// Photos, near to far.
const PHOTOS: u32 = 11;
/// Circle of confusion over the range.
const BLUR: f32 = 24.0;

type Light = Vec<f32>;

fn each(value: impl FnMut(usize) -> f32) -> Light {
    (0..SIZE.area()).map(value).collect()
}

/// Distance in pixels from the nearest spot's edge; negative inside.
fn beside(index: usize) -> f32 {
    let (x, y) = ((index % SIZE.width as usize) as f32, (index / SIZE.width as usize) as f32);
    SPOTS.iter().map(|(u, v, r)| (x - u).hypot(y - v) - r).fold(f32::MAX, f32::min)
}

/// `light` blurred by a disc, edge pixels replicated.
fn blurred(light: &Light, diameter: f32) -> Light {
    let radius = (diameter / 2.0).max(0.5);
    let reach = radius.ceil() as i64;
    let square = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
    let weight = |dx: i64, dy: i64| (radius + 0.5 - (dx as f32).hypot(dy as f32)).clamp(0.0, 1.0);
    let taps: Vec<(i64, i64, f32)> =
        square.map(|(dx, dy)| (dx, dy, weight(dx, dy))).filter(|tap| tap.2 > 0.0).collect();
    let sum: f32 = taps.iter().map(|tap| tap.2).sum();
    let (width, height) = (i64::from(SIZE.width), i64::from(SIZE.height));
    each(|index| {
        let (x, y) = (index as i64 % width, index as i64 / width);
        let at = |dx: i64, dy: i64| (y + dy).clamp(0, height - 1) * width + (x + dx).clamp(0, width - 1);
        taps.iter().map(|&(dx, dy, weight)| weight * light[at(dx, dy) as usize]).sum::<f32>() / sum
    })
}

/// What spots and background send out, linear, and where spots cover.
struct Scene {
    spots: Light,
    cover: Light,
    ground: Light,
}

impl Scene {
    fn new(random: &mut impl RngExt) -> Self {
        let mut noise = |blur: f32| blurred(&each(|_| random.random_range(-1.0..1.0)), blur);
        let (fine, middle, coarse, grain) = (noise(1.0), noise(3.0), noise(8.0), noise(2.0));
        let cover = each(|index| (0.5 - beside(index)).clamp(0.0, 1.0));
        let spots = each(|i| cover[i] * (0.85 + 0.1 * grain[i]).clamp(0.0, 1.0));
        let ground = each(|i| (0.08 + 0.02 * fine[i] + 0.06 * middle[i] + 0.15 * coarse[i]).clamp(0.01, 1.0));
        Self { spots, cover, ground }
    }

    /// As a photo shows it in which near and far are blurred by so many pixels, 0…1 as encoded.
    fn seen(&self, near: f32, far: f32) -> Light {
        let (spots, cover) = (blurred(&self.spots, near), blurred(&self.cover, near));
        let ground = blurred(&self.ground, far);
        each(|i| {
            let light = spots[i] + (1.0 - cover[i]) * ground[i];
            if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
        })
    }
}

/// Mean of `seen` over `truth` within these distances from spots, in steps of 255.
fn excess(seen: &Light, truth: &Light, ring: &std::ops::Range<f32>) -> f32 {
    let off: Vec<f32> = (0..SIZE.area())
        .filter(|&index| ring.contains(&beside(index)))
        .map(|index| 255.0 * (seen[index] - truth[index]))
        .collect();
    off.iter().sum::<f32>() / off.len() as f32
}

/// The most reported fault of open tools: the veil of a bright spot out of focus lies over the sharp background, and wins.
#[test]
fn bright_spots_have_no_halo() {
    let env = TestEnv::new();
    let mut random = rand_pcg::Pcg64::seed_from_u64(5);
    let scene = Scene::new(&mut random);
    std::fs::create_dir(env.path("photos")).unwrap();
    for photo in 0..PHOTOS {
        let near = BLUR * photo as f32 / (PHOTOS - 1) as f32;
        let seen = scene.seen(near, BLUR - near);
        let mut pixel = |value: &f32| {
            [0, 1, 2].map(|_| (255.0 * (value + random.random_range(-0.005..0.005))).round() as u8)
        };
        let plane = Plane::new(SIZE, seen.iter().map(&mut pixel).collect());
        image_io::write_png_rgb8(&env.path(&format!("photos/{photo:02}.png")), &plane).unwrap();
    }
    let truth = scene.seen(0.0, 0.0);
    let veil = excess(&scene.seen(BLUR, 0.0), &truth, &(2.0..5.0));
    assert!(veil > 40.0, "there is a veil to keep out: {veil}");
    for options in [["--method", "auto"], ["--prefer", "front"], ["--method", "pyramid"]] {
        let ends = ["--near", "photos/00.png", "--far", "photos/10.png", "--no-crop", "--align", "none"];
        let run = env.run([&["merge", "photos", "-o", "out.tif"][..], &ends, &options].concat());
        // What is focused between both shows nothing sharp, and is named.
        assert!(matches!(run.code, Some(0 | 3)), "{options:?}: {}", run.stderr);
        let merged: Light =
            super::merge::read(&env.path("out.tif")).data.iter().map(|pixel| pixel[1]).collect();
        let rings = [1.5..5.0, 5.0..9.0, 9.0..13.0, 13.0..20.0];
        let off = rings.map(|ring| excess(&merged, &truth, &ring));
        println!("{options:?}: {off:.1?} of 255 around spots, where the far photo has {veil:.1}");
        assert!(off.iter().all(|off| off.abs() < 0.15 * veil), "{options:?}: {off:?}");
        let inside = excess(&merged, &truth, &(-20.0..-2.0));
        assert!(inside.abs() < 5.0, "{options:?}: spots are off by {inside}");
    }
}
