//! Adds a frame's band to the fused picture's. Twin of `shaders/fuse.wgsl`.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::frame::Plane;

/// Adds `band`'s colour times its weight to `sum`, whose fourth channel adds the weights up.
///
/// Row 0 of `sum` is row `skip` (even) of `band`; `weight` has half its size, between whose pixels weights are
/// interpolated: pixel k lies on pixel 2k.
pub fn fuse(sum: &mut Plane<[f32; 4]>, band: &Plane<[f32; 4]>, weight: &Plane<f32>, skip: u32) {
    assert_eq!(weight.size, band.size.grid(2), "weights are on half the band's grid");
    let width = sum.size.width as usize;
    let last = weight.size.height - 1;
    sum.data.par_chunks_exact_mut(width).enumerate().for_each_init(
        || vec![0.0; weight.size.width as usize],
        |between, (y, sum)| {
            let y = y as u32 + skip;
            let (here, after) = (weight.row(y / 2), weight.row((y / 2 + y % 2).min(last)));
            middle(here, after, between);
            add_band(sum, band.row(y), between);
        },
    );
}

/// Adds `plane`, the base of a pyramid, likewise; `weight` has its size.
pub fn fuse_base(sum: &mut Plane<[f32; 4]>, plane: &Plane<[f32; 4]>, weight: &Plane<f32>) {
    for ((sum, pixel), weight) in sum.data.iter_mut().zip(&plane.data).zip(&weight.data) {
        add(sum, pixel, *weight);
    }
}

#[inline(always)]
fn add(sum: &mut [f32; 4], pixel: &[f32; 4], weight: f32) {
    let [r, g, b, _] = *pixel;
    let value = [r, g, b, 1.0];
    for c in 0..4 {
        sum[c] += weight * value[c];
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn middle(here: &[f32], after: &[f32], out: &mut [f32]) {
    let (here, after) = (&here[..out.len()], &after[..out.len()]);
    for (x, out) in out.iter_mut().enumerate() {
        *out = (here[x] + after[x]) * 0.5;
    }
}

#[multiversion(targets("x86_64+avx2", "aarch64+neon"))]
fn add_band(sum: &mut [[f32; 4]], band: &[[f32; 4]], half: &[f32]) {
    for (k, (sum, band)) in sum.chunks_mut(2).zip(band.chunks(2)).enumerate() {
        let (here, after) = (half[k], half[(k + 1).min(half.len() - 1)]);
        for ((sum, pixel), weight) in sum.iter_mut().zip(band).zip([here, (here + after) * 0.5]) {
            add(sum, pixel, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    #[test]
    fn weights_lie_on_every_other_pixel() {
        let weight = Plane::new(Size::new(2, 3), vec![9.0, 9.0, 1.0, 3.0, 5.0, 11.0]);
        let band = Plane::new(Size::new(4, 6), (0..24).map(|i| [i as f32, 1.0, -2.0, 77.0]).collect());
        let mut sum = Plane::filled(Size::new(4, 4), [100.0; 4]);
        fuse(&mut sum, &band, &weight, 2);
        // Beyond the last row and column the last weight goes on.
        let weights =
            [[1.0, 2.0, 3.0, 3.0], [3.0, 5.0, 7.0, 7.0], [5.0, 8.0, 11.0, 11.0], [5.0, 8.0, 11.0, 11.0]];
        for (i, (sum, weight)) in sum.data.iter().zip(weights.as_flattened()).enumerate() {
            let value = (i + 8) as f32;
            let expected = [100.0 + weight * value, 100.0 + weight, 100.0 - 2.0 * weight, 100.0 + weight];
            assert_eq!(*sum, expected, "pixel {i}");
        }
    }

    #[test]
    fn bases_have_weights_of_their_own() {
        let plane = Plane::new(Size::new(2, 1), vec![[1.0, 2.0, 3.0, 77.0], [-4.0, 5.0, 6.0, 77.0]]);
        let mut sum = Plane::filled(plane.size, [10.0; 4]);
        fuse_base(&mut sum, &plane, &Plane::new(plane.size, vec![2.0, 0.5]));
        assert_eq!(sum.data, [[12.0, 14.0, 16.0, 12.0], [8.0, 12.5, 13.0, 10.5]]);
    }
}
