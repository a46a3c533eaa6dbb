//! Pictures that explain: focus spots over the photo, depth in colour.

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, PrimitiveStyleBuilder, Rectangle, StrokeAlignment};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::blur::Blur;
use crate::coverage;
use crate::files::StepFile;
use crate::frame::{self, Plane};
use crate::plan::Scene;

/// Longest side in pixels of either half of a drawing.
const SIDE: u32 = 1100;

/// The numbered spots of `steps` over `picture`, and beside it `depth` (0 near … `far`) in colour with the same spots.
pub fn plan(
    picture: &Plane<[u8; 3]>,
    depth: &Plane<f32>,
    far: f32,
    steps: &[StepFile],
    af_size: f64,
) -> Plane<[u8; 3]> {
    let size = depth.size;
    let shrink = size.width.max(size.height).div_ceil(SIDE);
    let half = frame::Size::new(size.width / shrink, size.height / shrink).max_one();
    let mut canvas = Canvas { plane: Plane::filled(frame::Size::new(2 * half.width, half.height), [0; 3]) };
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
            canvas.spot(
                x as i32,
                y as i32,
                (af_size * f64::from(half.width)) as u32,
                index + 1,
                step.warning.is_some(),
            );
        }
    }
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

    /// A square of `side` around (`x`, `y`) with its number; orange if there is a warning.
    fn spot(&mut self, x: i32, y: i32, side: u32, number: usize, warned: bool) {
        let side = side.max(9);
        let color = if warned { Rgb888::new(255, 150, 0) } else { Rgb888::new(0, 255, 120) };
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
        let top = if below + 22 > bounds.height as i32 { corner.y - 26 } else { below };
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
        let drawn = plan(&Plane::filled(size, [9; 3]), &Plane::filled(size, f32::NAN), 3.0, &steps, 0.1);
        assert_eq!(drawn.size, frame::Size::new(120, 40));
        let green = |left: u32| (left..left + 60).any(|x| (0..40).any(|y| drawn.at(x, y) == [0, 255, 120]));
        assert!(green(0) && green(60));
        assert!(drawn.data.contains(&[9; 3]) && drawn.data.contains(&[128; 3]));
    }
}
