//! Adds a frame's band to the fused picture's. Twin of `shaders/fuse.wgsl`.

use multiversion::multiversion;

use super::lines::Lines;

/// Adds the three colours of `band` times their weight to `sum`, whose fourth channel adds the weights up.
///
/// Row 0 of `sum` is row `skip` (even) of `band`; `weight` has half its size, between whose pixels weights are
/// interpolated: pixel k lies on pixel 2k.
pub fn fuse(sum: &mut Lines, band: &Lines, weight: &Lines, skip: u32) {
    assert_eq!(weight.size, band.size.grid(2), "weights are on half the band's grid");
    let last = weight.size.height as usize - 1;
    let length = sum.row_length();
    let (mut wide, mut between) = (Vec::new(), Vec::new());
    for (y, sum) in sum.data.chunks_exact_mut(length).enumerate() {
        let y = y + skip as usize;
        let rows = [y / 2, (y / 2 + y % 2).min(last)].map(|row| weight.row(row));
        widen(rows, band.size.width as usize, &mut between, &mut wide);
        add_row(sum, band.row(y), &wide);
    }
}

/// Adds the base of a pyramid likewise; its fourth channel is the weight.
pub fn fuse_base(sum: &mut Lines, plane: &Lines) {
    let (length, width) = (sum.row_length(), sum.size.width as usize);
    for (y, sum) in sum.data.chunks_exact_mut(length).enumerate() {
        let (colours, rest) = plane.row(y).split_at(3 * width);
        add_row(sum, colours, &rest[..width]);
    }
}

/// Weights of a row of `width` pixels, from the rows of weights before and after it.
pub(super) fn widen(rows: [&[f32]; 2], width: usize, between: &mut Vec<f32>, wide: &mut Vec<f32>) {
    let half = rows[0].len();
    between.resize(half + 1, 0.0);
    middle(rows, &mut between[..half]);
    between[half] = between[half - 1];
    wide.resize(width, 0.0);
    spread(between, wide);
}

/// Adds three channels by `weights`, and the weights, to the four channels of a row of the sum.
fn add_row(sum: &mut [f32], band: &[f32], weights: &[f32]) {
    let (colours, last) = sum.split_at_mut(band.len());
    for (sum, band) in colours.chunks_exact_mut(weights.len()).zip(band.chunks_exact(weights.len())) {
        add_product(sum, band, weights);
    }
    add(last, weights);
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn middle(rows: [&[f32]; 2], out: &mut [f32]) {
    let (here, after) = (&rows[0][..out.len()], &rows[1][..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (here[x] + after[x]) * 0.5;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn spread(between: &[f32], out: &mut [f32]) {
    let (pairs, odd) = out.as_chunks_mut::<2>();
    let between = &between[..pairs.len() + 1];
    for (k, out) in pairs.iter_mut().enumerate() {
        *out = [between[k], (between[k] + between[k + 1]) * 0.5];
    }
    if let [out] = odd {
        *out = between[between.len() - 1];
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn add_product(sum: &mut [f32], band: &[f32], weights: &[f32]) {
    let (band, weights) = (&band[..sum.len()], &weights[..sum.len()]);
    for (x, sum) in sum.iter_mut().enumerate() {
        *sum += weights[x] * band[x];
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
pub(super) fn add(sum: &mut [f32], weights: &[f32]) {
    for (sum, weight) in sum.iter_mut().zip(weights) {
        *sum += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    fn lines(size: Size, channels: usize, data: Vec<f32>) -> Lines {
        assert_eq!(data.len(), size.area() * channels);
        Lines { size, channels, data }
    }

    #[test]
    fn weights_lie_on_every_other_pixel() {
        for width in [4, 3] {
            let weight = lines(Size::new(2, 3), 1, vec![9.0, 9.0, 1.0, 3.0, 5.0, 11.0]);
            let value = |y: usize, x: usize| (4 * y + x) as f32;
            let row = |y: usize| {
                let channel = |scale: f32, start: f32| (0..width).map(move |x| start + scale * value(y, x));
                channel(1.0, 0.0).chain(channel(0.0, 1.0)).chain(channel(0.0, -2.0))
            };
            let size = Size::new(width as u32, 6);
            let band = lines(size, 3, (0..6).flat_map(row).collect());
            let part = Size::new(width as u32, 4);
            let mut sum = lines(part, 4, vec![100.0; part.area() * 4]);
            fuse(&mut sum, &band, &weight, 2);
            // Beyond the last row and column the last weight goes on.
            let weights =
                [[1.0, 2.0, 3.0, 3.0], [3.0, 5.0, 7.0, 7.0], [5.0, 8.0, 11.0, 11.0], [5.0, 8.0, 11.0, 11.0]];
            for (y, weights) in weights.iter().enumerate() {
                for (x, weight) in weights.iter().enumerate().take(width) {
                    let got = [0, 1, 2, 3].map(|channel| sum.part(y, channel, &(x..x + 1))[0]);
                    let value = value(y + 2, x);
                    let expected =
                        [100.0 + weight * value, 100.0 + weight, 100.0 - 2.0 * weight, 100.0 + weight];
                    assert_eq!(got, expected, "({x}, {y})");
                }
            }
        }
    }

    #[test]
    fn bases_have_weights_of_their_own() {
        let size = Size::new(2, 1);
        let plane = lines(size, 4, vec![1.0, -4.0, 2.0, 5.0, 3.0, 6.0, 2.0, 0.5]);
        let mut sum = lines(size, 4, vec![10.0; 8]);
        fuse_base(&mut sum, &plane);
        assert_eq!(sum.data, [12.0, 8.0, 14.0, 12.5, 16.0, 13.0, 12.0, 10.5]);
    }
}
