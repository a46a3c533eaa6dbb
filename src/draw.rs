//! Pictures that explain: focus spots over the photo, depth in colour.

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, WebColors};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::blur::Blur;
use crate::coverage::{self, Need};
use crate::files::StepFile;
use crate::frame::{self, Plane};
use crate::plan::Scene;
use crate::positions::Axis;

/// Longest side in pixels of either half of a drawing.
const SIDE: u32 = 1100;
/// Height of the focus axis under a plan; where its line is in it, its room to the left and right, its bars.
const STRIP: i32 = 120;
const BASE: i32 = 82;
const MARGIN: i32 = 32;
const BAR: i32 = 3;
const BAR_HEIGHT: i32 = 62;
const CAPTION: &str =
    "focus axis, even in blur. bars: what is textured; white: levels of the map; green: sharp in a step";
/// Where depth of field is not known.
const PLAIN_CAPTION: &str = "focus axis. white: levels of the map; green: steps";
/// Least width of a drawing, in which the caption has room.
const LEAST_WIDTH: u32 = 620;

/// The focus axis of a map, and what is to be sharp along it.
pub struct FocusAxis<'a> {
    /// Places of the levels.
    pub axis: &'a Axis,
    /// What is textured between both ends of the plan; empty where depth of field is not known.
    pub needs: &'a [Need],
}

/// The numbered spots of `steps` over `picture`, beside it `depth`, in places of `axis`, in colour with the same spots, and
/// below both the axis.
pub fn plan(
    picture: &Plane<[u8; 3]>,
    depth: &Plane<f32>,
    axis: &FocusAxis<'_>,
    steps: &[StepFile],
    af_size: f64,
) -> Plane<[u8; 3]> {
    let size = depth.size;
    let far = axis.far() as f32;
    let shrink = size.width.max(size.height).div_ceil(SIDE);
    let half = frame::Size::new(size.width / shrink, size.height / shrink).max_one();
    let whole = frame::Size::new((2 * half.width).max(LEAST_WIDTH), half.height + STRIP as u32);
    let mut canvas = Canvas { plane: Plane::filled(whole, [0; 3]) };
    for y in 0..half.height {
        for x in 0..half.width {
            let (px, py) = (i64::from(x * shrink), i64::from(y * shrink));
            canvas.put(x, y, picture.clamped(px, py));
            canvas.put(half.width + x, y, depth_color(depth.clamped(px, py) / far));
        }
    }
    for origin in [0, half.width] {
        for (index, step) in steps.iter().enumerate() {
            let x = f64::from(origin) + step.x * f64::from(half.width);
            let y = step.y * f64::from(half.height);
            let side = (af_size * f64::from(half.width)) as u32;
            canvas.spot([x as i32, y as i32], side, half.height, index + 1, step.warning.is_some());
        }
    }
    canvas.strip(half.height as i32, axis, steps);
    canvas.plane
}

/// `picture` in grey; what is textured between the places `ends` and lies farther than a circle of confusion of `coc_px`
/// allows from every plane of focus, by `distance`, in red.
pub fn coverage(
    picture: &Plane<[u8; 3]>,
    scene: &Scene,
    distance: &Plane<f32>,
    blur: &Blur,
    coc_px: f64,
    ends: [f64; 2],
) -> Plane<[u8; 3]> {
    const GREY: [f32; 3] = [0.299, 0.587, 0.114];
    let size = distance.size;
    let mut out = Plane::filled(size, [0; 3]);
    for (index, out) in out.data.iter_mut().enumerate() {
        let (x, y) = (index as u32 % size.width, index as u32 / size.width);
        let light: f32 =
            picture.clamped(x.into(), y.into()).iter().zip(GREY).map(|(&c, part)| f32::from(c) * part).sum();
        let need = coverage::need(scene, blur, coc_px, ends, index);
        let open = need.is_some_and(|need| distance.data[index] > need.reach);
        let grey = light as u8;
        *out = if open { [255, grey / 3, grey / 3] } else { [grey; 3] };
    }
    out
}

impl FocusAxis<'_> {
    /// Place of the farthest level.
    fn far(&self) -> f64 {
        self.axis.levels()[self.axis.levels().len() - 1]
    }
}

impl frame::Size {
    const fn max_one(self) -> Self {
        Self::new(
            if self.width == 0 { 1 } else { self.width },
            if self.height == 0 { 1 } else { self.height },
        )
    }
}

/// Viridis, near yellow … far violet; grey where unknown.
fn depth_color(depth: f32) -> [u8; 3] {
    if depth.is_nan() {
        return [128; 3];
    }
    let color = colorous::VIRIDIS.eval_continuous(f64::from(1.0 - depth.clamp(0.0, 1.0)));
    [color.r, color.g, color.b]
}

/// A picture that embedded-graphics draws on.
struct Canvas {
    plane: Plane<[u8; 3]>,
}

impl Canvas {
    fn put(&mut self, x: u32, y: u32, color: [u8; 3]) {
        let width = self.plane.size.width as usize;
        self.plane.data[y as usize * width + x as usize] = color;
    }

    /// A square of `side` around (`x`, `y`) with its number, above `bottom`; orange if there is a warning.
    fn spot(&mut self, [x, y]: [i32; 2], side: u32, bottom: u32, number: usize, warned: bool) {
        let side = side.max(9);
        let color = step_color(warned);
        let corner = Point::new(x - side as i32 / 2, y - side as i32 / 2);
        let square = Rectangle::new(corner, embedded_graphics::geometry::Size::new_equal(side));
        let style = |color, width| {
            PrimitiveStyleBuilder::new()
                .stroke_color(color)
                .stroke_width(width)
                .stroke_alignment(StrokeAlignment::Outside)
                .build()
        };
        let Ok(()) = square.into_styled(style(Rgb888::BLACK, 4)).draw(self);
        let Ok(()) = square.into_styled(style(color, 2)).draw(self);
        let label = number.to_string();
        let bounds = self.bounding_box().size;
        let wide = label.len() as i32 * 5;
        let below = corner.y + side as i32 + 5;
        let top = if below + 22 > bottom as i32 { corner.y - 26 } else { below };
        let at = Point::new(x.clamp(wide + 2, bounds.width as i32 - wide - 2), top.max(0));
        let plate = Rectangle::new(
            Point::new(at.x - wide - 2, at.y),
            embedded_graphics::geometry::Size::new(2 * wide as u32 + 4, 20),
        );
        let Ok(()) = plate.into_styled(PrimitiveStyle::with_fill(Rgb888::BLACK)).draw(self);
        let middle = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
        let Ok(_) =
            Text::with_text_style(&label, at, MonoTextStyle::new(&FONT_10X20, color), middle).draw(self);
    }

    /// From `top` down: how much is textured along the focus axis, where the levels stand, and what each step shows sharp.
    fn strip(&mut self, top: i32, axis: &FocusAxis<'_>, steps: &[StepFile]) {
        let base = top + BASE;
        let width = self.plane.size.width as i32;
        let targets: Vec<f64> = steps.iter().map(|step| axis.axis.place(step.target_depth)).collect();
        let low = targets.iter().copied().fold(0.0, f64::min);
        let high = targets.iter().copied().fold(axis.far(), f64::max);
        let per_place = f64::from(width - 2 * MARGIN) / (high - low);
        let x = |place: f64| MARGIN + ((place - low) * per_place) as i32;
        self.text("near", [2, base - 12], Alignment::Left, Rgb888::WHITE);
        self.text("far", [width - 2, base - 12], Alignment::Right, Rgb888::WHITE);
        let caption = if axis.needs.is_empty() { PLAIN_CAPTION } else { CAPTION };
        self.text(caption, [width / 2, top + 3], Alignment::Center, Rgb888::CSS_LIGHT_GRAY);
        let mut counts = vec![0u32; (width / BAR + 1) as usize];
        for need in axis.needs {
            counts[(x(f64::from(need.depth)) / BAR) as usize] += 1;
        }
        // Four times the usual stands for all: a wall must not hide what little stands before it.
        let mut some: Vec<u32> = counts.iter().copied().filter(|&count| count > 0).collect();
        some.sort_unstable();
        let most = f64::from(some.last().map_or(1, |&most| most.min(4 * some[some.len() / 2])));
        for (bar, &count) in (0..).zip(&counts) {
            let place = low + f64::from(bar * BAR + BAR / 2 - MARGIN) / per_place;
            let [r, g, b] = depth_color((place / axis.far()) as f32);
            let height = ((f64::from(count) / most).sqrt().min(1.0) * f64::from(BAR_HEIGHT)).ceil() as i32;
            self.fill([bar * BAR, base - height], [BAR, height], Rgb888::new(r, g, b));
        }
        self.fill([MARGIN, base], [width - 2 * MARGIN, 1], Rgb888::CSS_GRAY);
        for &place in axis.axis.levels() {
            self.fill([x(place), base + 2], [1, 7], Rgb888::WHITE);
        }
        let reach =
            axis.needs.iter().map(|need| f64::from(need.reach)).sum::<f64>() / axis.needs.len().max(1) as f64;
        let mut labelled = i32::MIN;
        // Steps that fill stand between the others.
        let mut steps: Vec<(usize, &StepFile, f64)> = steps
            .iter()
            .zip(targets)
            .enumerate()
            .map(|(index, (step, target))| (index, step, target))
            .collect();
        steps.sort_by(|a, b| a.2.total_cmp(&b.2));
        for (place, (index, step, target)) in steps.into_iter().enumerate() {
            let color = step_color(step.warning.is_some());
            let (from, to) = (x(target - reach), x(target + reach));
            let lane = base + 12 + 5 * (place as i32 % 2);
            self.fill([from, lane], [(to - from).max(3), 3], color);
            if x(target) > labelled {
                let label = (index + 1).to_string();
                labelled = x(target) + 6 * label.len() as i32 + 4;
                self.text(&label, [x(target), base + 23], Alignment::Center, color);
            }
        }
    }

    fn fill(&mut self, [x, y]: [i32; 2], [width, height]: [i32; 2], color: Rgb888) {
        let size = embedded_graphics::geometry::Size::new(width.max(0) as u32, height.max(0) as u32);
        let bar = Rectangle::new(Point::new(x, y), size);
        let Ok(()) = bar.into_styled(PrimitiveStyle::with_fill(color)).draw(self);
    }

    fn text(&mut self, text: &str, [x, y]: [i32; 2], alignment: Alignment, color: Rgb888) {
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let small = MonoTextStyle::new(&FONT_6X10, color);
        let Ok(_) = Text::with_text_style(text, Point::new(x, y), small, style).draw(self);
    }
}

const fn step_color(warned: bool) -> Rgb888 {
    if warned { Rgb888::new(255, 150, 0) } else { Rgb888::new(0, 255, 120) }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> embedded_graphics::geometry::Size {
        embedded_graphics::geometry::Size::new(self.plane.size.width, self.plane.size.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        let bounds = self.bounding_box();
        for Pixel(point, color) in pixels {
            if bounds.contains(point) {
                self.put(point.x as u32, point.y as u32, [color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::PlanFile;
    use crate::plan::Step;

    #[test]
    fn spots_are_drawn_on_both_halves_and_never_outside() {
        let size = frame::Size::new(60, 40);
        let step =
            |x, y| Step { target_depth: 0.0, depth: 0.0, x, y, texture: 1.0, moved: 0.0, warning: None };
        let steps = [step(0.5, 0.5), step(0.0, 1.0), step(1.0, 0.0)];
        let steps = PlanFile::new("", 0.1, &steps, None).steps;
        let axis = Axis::new(vec![0.0, 1.0, 3.0]);
        let axis = FocusAxis { axis: &axis, needs: &[] };
        let drawn = plan(&Plane::filled(size, [9; 3]), &Plane::filled(size, f32::NAN), &axis, &steps, 0.1);
        assert_eq!(drawn.size, frame::Size::new(LEAST_WIDTH, 40 + STRIP as u32));
        let green = |left: u32| (left..left + 60).any(|x| (0..40).any(|y| drawn.at(x, y) == [0, 255, 120]));
        assert!(green(0) && green(60));
        assert!(drawn.data.contains(&[9; 3]) && drawn.data.contains(&[128; 3]));
    }

    #[test]
    fn the_axis_shows_texture_photos_and_steps_where_they_are() {
        let size = frame::Size::new(400, 10);
        let step = |depth| Step {
            target_depth: depth,
            depth,
            x: 0.5,
            y: 0.5,
            texture: 1.0,
            moved: 0.0,
            warning: None,
        };
        let axis = Axis::new(vec![0.0, 1.0, 4.0]);
        // Half a level before the last is at place 2.5.
        let steps = PlanFile::new("", 0.1, &[step(0.0), step(1.5)], None).steps;
        let needs = [Need { depth: 2.0, reach: 0.5 }; 9];
        let drawn = plan(
            &Plane::filled(size, [9; 3]),
            &Plane::filled(size, 0.0),
            &FocusAxis { axis: &axis, needs: &needs },
            &steps,
            0.01,
        );
        let base = 10 + BASE as u32;
        let x = |place: f64| MARGIN as u32 + (place / 4.0 * f64::from(800 - 2 * MARGIN)) as u32;
        let row = |y: u32, color: [u8; 3]| (0..800).filter(|&x| drawn.at(x, y) == color).collect::<Vec<_>>();
        assert_eq!(row(base + 5, [255; 3]), [x(0.0), x(1.0), x(4.0)], "photos");
        let second = row(base + 18, [0, 255, 120]);
        assert_eq!(
            (second[0], second[second.len() - 1]),
            (x(2.0), x(3.0) - 1),
            "depth of field of the second step"
        );
        let textured: Vec<u32> = (0..800).filter(|&x| drawn.at(x, base - 3) != [0; 3]).collect();
        assert!(textured.iter().all(|&at| at.abs_diff(x(2.0)) <= BAR as u32), "{textured:?}");
        assert_eq!(textured.len(), BAR as usize);
    }

    #[test]
    fn narrow_pictures_and_many_steps_are_drawn_too() {
        for size in [frame::Size::new(1, 1), frame::Size::new(1, 900), frame::Size::new(14, 900)] {
            let step = |depth| Step {
                target_depth: depth,
                depth,
                x: 0.0,
                y: 0.0,
                texture: 1.0,
                moved: 0.0,
                warning: None,
            };
            let planned: Vec<Step> = (0..120).map(|at| step(f64::from(at) / 60.0)).collect();
            let mut file = PlanFile::new("", 0.1, &planned, None);
            file.fill(&[step(0.51)]);
            let axis = Axis::new(vec![0.0, 1.0, 2.0]);
            let needs = [Need { depth: 0.0, reach: 0.5 }, Need { depth: 2.0, reach: 0.5 }];
            let axis = FocusAxis { axis: &axis, needs: &needs };
            let drawn =
                plan(&Plane::filled(size, [9; 3]), &Plane::filled(size, 0.0), &axis, &file.steps, 0.1);
            assert_eq!(drawn.size, frame::Size::new(LEAST_WIDTH, size.height + STRIP as u32));
        }
    }
}
