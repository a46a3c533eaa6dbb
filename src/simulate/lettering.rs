//! Text that looks like print from afar: strokes of a small alphabet, in words, lines and paragraphs.

use super::paint::{cell_random, smoothstep};

/// A stroke from point to point in a box 2 wide and 6 high: rows 0 ascender, 2 x-height, 4 baseline… 5 descender.
type Stroke = [f32; 4];

/// A dozen letters of a stroke font after Hershey's idea (1967).
const LETTERS: [&[Stroke]; 14] = [
    &[[1.0, 0.0, 1.0, 4.0]],
    &[[1.0, 2.0, 1.0, 4.0], [1.0, 1.0, 1.0, 1.1]],
    &[[0.2, 2.0, 0.2, 4.0], [0.2, 2.2, 1.6, 2.0], [1.8, 2.3, 1.8, 4.0]],
    &[
        [0.2, 2.4, 0.2, 3.6],
        [0.2, 3.6, 1.0, 4.0],
        [1.0, 4.0, 1.8, 3.6],
        [1.8, 3.6, 1.8, 2.4],
        [1.0, 2.0, 0.2, 2.4],
        [1.0, 2.0, 1.8, 2.4],
    ],
    &[
        [0.2, 3.0, 1.8, 3.0],
        [1.8, 3.0, 1.7, 2.3],
        [1.7, 2.3, 1.0, 2.0],
        [1.0, 2.0, 0.2, 2.6],
        [0.2, 2.6, 0.3, 3.6],
        [0.3, 3.6, 1.7, 3.9],
    ],
    &[[0.8, 0.8, 0.8, 3.6], [0.8, 3.6, 1.6, 4.0], [0.2, 2.0, 1.5, 2.0]],
    &[
        [1.7, 2.0, 1.7, 4.0],
        [1.7, 2.2, 0.5, 2.1],
        [0.5, 2.1, 0.2, 3.2],
        [0.2, 3.2, 0.6, 4.0],
        [0.6, 4.0, 1.7, 3.6],
    ],
    &[[0.2, 0.0, 0.2, 4.0], [0.2, 2.4, 1.2, 2.0], [1.2, 2.0, 1.8, 2.5], [1.8, 2.5, 1.8, 4.0]],
    &[[0.4, 2.0, 0.4, 4.0], [0.4, 2.6, 1.6, 2.0]],
    &[
        [1.7, 2.2, 0.6, 2.0],
        [0.6, 2.0, 0.3, 2.6],
        [0.3, 2.6, 1.6, 3.3],
        [1.6, 3.3, 1.4, 4.0],
        [1.4, 4.0, 0.2, 3.8],
    ],
    &[
        [1.7, 0.0, 1.7, 4.0],
        [1.7, 2.2, 0.6, 2.0],
        [0.6, 2.0, 0.2, 3.0],
        [0.2, 3.0, 0.6, 4.0],
        [0.6, 4.0, 1.7, 3.7],
    ],
    &[[1.7, 2.3, 0.7, 2.0], [0.7, 2.0, 0.2, 3.0], [0.2, 3.0, 0.7, 4.0], [0.7, 4.0, 1.7, 3.7]],
    &[[0.2, 2.0, 0.2, 3.6], [0.2, 3.6, 0.9, 4.0], [0.9, 4.0, 1.8, 3.5], [1.8, 2.0, 1.8, 4.0]],
    &[
        [0.3, 2.0, 0.3, 5.6],
        [0.3, 2.3, 1.2, 2.0],
        [1.2, 2.0, 1.8, 3.0],
        [1.8, 3.0, 1.2, 4.0],
        [1.2, 4.0, 0.3, 3.7],
    ],
];

/// Share of ink, 0…1, at the point `at` of a page of `size` (both in pixels) with lines `pitch` pixels apart.
pub(super) fn ink(seed: u64, at: [f32; 2], size: [f32; 2], pitch: f32) -> f32 {
    let margin = 0.7 * pitch;
    let (x, y) = (at[0] - margin, at[1] - margin);
    if x < 0.0 || y < 0.0 || at[0] > size[0] - margin || at[1] > size[1] - margin {
        return 0.0;
    }
    let line = (y / pitch) as i32;
    // Seven units of height a line, letters 2 units wide on a grid of 2.7.
    let unit = pitch / 7.0;
    let advance = 2.7 * unit;
    let column = (x / advance) as i32;
    let [fill, _] = cell_random(seed ^ 3, line, -1);
    let end = if line % 6 == 5 { 0.25 + 0.5 * fill } else { 0.9 + 0.1 * fill };
    let beyond = (column + 1) as f32 * advance > end * (size[0] - 2.0 * margin);
    if beyond || (line + 1) as f32 * pitch > size[1] - 2.0 * margin || !is_letter(seed, column, line) {
        return 0.0;
    }
    let [choice, _] = cell_random(seed, column, line);
    let letter = LETTERS[((choice * LETTERS.len() as f32) as usize).min(LETTERS.len() - 1)];
    let point = [(x - column as f32 * advance) / unit - 0.35, (y - line as f32 * pitch) / unit - 0.5];
    let off = letter.iter().map(|s| distance(point, *s)).fold(f32::INFINITY, f32::min) * unit;
    let half = (0.30 * unit).max(0.45);
    smoothstep(half + 0.5, half - 0.5, off)
}

/// Words have two to eight letters.
fn is_letter(seed: u64, column: i32, line: i32) -> bool {
    const WORD: i32 = 7;
    let [cut, _] = cell_random(seed ^ 11, column.div_euclid(WORD), line);
    let gap = 2 + (cut * (WORD - 2) as f32) as i32;
    column.rem_euclid(WORD) != gap
}

/// Distance from a point to a stroke.
fn distance(p: [f32; 2], [x0, y0, x1, y1]: Stroke) -> f32 {
    let (dx, dy) = (x1 - x0, y1 - y0);
    let t = (((p[0] - x0) * dx + (p[1] - y0) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (p[0] - x0 - t * dx).hypot(p[1] - y0 - t * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_some_ink_inside_its_margins() {
        let page: Vec<f32> = (0..200)
            .flat_map(|y| (0..150).map(move |x| (x as f32, y as f32)))
            .map(|(x, y)| ink(4, [x, y], [150.0, 200.0], 14.0))
            .collect();
        let share = page.iter().sum::<f32>() / page.len() as f32;
        assert!((0.03..0.3).contains(&share), "{share}");
        assert!(page[..9 * 150].iter().all(|&v| v == 0.0));
    }
}
