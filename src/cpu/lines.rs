//! Pictures of several channels that lie row by row, and the last rows of one that is made row by row.

use std::ops::Range;

use crate::frame::Size;

/// A picture of which every row holds its channels one after the other: loops run along one channel, with no channel that
/// only fills up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// Dimensions.
    pub size: Size,
    /// Channels: three colours, and what belongs to them.
    pub channels: usize,
    /// `size.height` rows of `channels`·`size.width` values.
    pub data: Vec<f32>,
}

impl Lines {
    /// Zeros.
    pub fn new(size: Size, channels: usize) -> Self {
        Self { size, channels, data: vec![0.0; size.area() * channels] }
    }

    /// All channels of row `y`.
    pub fn row(&self, y: usize) -> &[f32] {
        let length = self.row_length();
        &self.data[y * length..][..length]
    }

    /// Columns `columns` of one channel of row `y`.
    pub fn part(&self, y: usize, channel: usize, columns: &Range<usize>) -> &[f32] {
        let start = y * self.row_length() + channel * self.size.width as usize;
        &self.data[start + columns.start..start + columns.end]
    }

    /// Columns `columns` of one channel of the `N` rows around row `y`.
    pub(super) fn around<const N: usize>(
        &self,
        y: usize,
        channel: usize,
        columns: &Range<usize>,
    ) -> [&[f32]; N] {
        around(y, self.size.height as usize - 1).map(|row| self.part(row, channel, columns))
    }

    /// Values of a row.
    pub fn row_length(&self) -> usize {
        self.size.width as usize * self.channels
    }
}

/// The `N` rows around row `y` of those from 0 to `last`: edge rows are replicated.
pub(super) fn around<const N: usize>(y: usize, last: usize) -> [usize; N] {
    std::array::from_fn(|k| (y + k).saturating_sub(N / 2).min(last))
}

/// The last rows of a plane that is made row by row.
#[derive(Default)]
pub(super) struct Ring {
    data: Vec<f32>,
    /// Values of a channel's row, and channels.
    width: usize,
    channels: usize,
    slots: usize,
    /// Last row of the plane.
    last: usize,
    /// Row behind the last that was made.
    end: usize,
}

impl Ring {
    /// Of a plane of `rows` rows, of `channels` of `width` values; at least `slots` rows are kept.
    pub(super) fn reset(&mut self, [width, channels]: [usize; 2], rows: usize, slots: usize) {
        (self.width, self.channels, self.last) = (width, channels, rows - 1);
        (self.slots, self.end) = (slots.next_power_of_two(), 0);
        self.data.resize(width * channels * self.slots, 0.0);
    }

    /// All channels of row `at`, which must be one of those last made.
    pub(super) fn row(&self, at: usize) -> &[f32] {
        assert!(at < self.end && self.end - at <= self.slots, "row {at} is not there: {} is next", self.end);
        let length = self.width * self.channels;
        &self.data[(at & (self.slots - 1)) * length..][..length]
    }

    /// One channel of row `at`.
    pub(super) fn channel(&self, at: usize, channel: usize) -> &[f32] {
        &self.row(at)[channel * self.width..][..self.width]
    }

    /// One channel of the `N` rows around row `at`.
    pub(super) fn around<const N: usize>(&self, at: usize, channel: usize) -> [&[f32]; N] {
        around(at, self.last).map(|row| self.channel(row, channel))
    }

    /// Row `at` to be made, which follows the one made before.
    pub(super) fn make(&mut self, at: usize) -> &mut [f32] {
        self.end = at + 1;
        let length = self.width * self.channels;
        &mut self.data[(at & (self.slots - 1)) * length..][..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_their_channels_one_after_the_other() {
        let mut lines = Lines::new(Size::new(3, 2), 2);
        lines.data.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        assert_eq!(lines.row(1), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(lines.part(1, 1, &(1..3)), [10.0, 11.0]);
        assert_eq!(lines.part(0, 0, &(0..2)), [0.0, 1.0]);
    }

    #[test]
    fn edge_rows_are_replicated() {
        assert_eq!(around::<5>(0, 9), [0, 0, 0, 1, 2]);
        assert_eq!(around::<5>(9, 9), [7, 8, 9, 9, 9]);
        assert_eq!(around::<3>(4, 9), [3, 4, 5]);
        assert_eq!(around::<3>(0, 0), [0; 3]);
    }

    #[test]
    fn rings_keep_the_last_rows() {
        let mut ring = Ring::default();
        ring.reset([1, 2], 9, 3);
        for at in 0..9 {
            ring.make(at).copy_from_slice(&[at as f32, -(at as f32)]);
            for back in at.saturating_sub(2)..=at {
                assert_eq!(ring.row(back), [back as f32, -(back as f32)]);
            }
        }
        assert_eq!(ring.channel(8, 1), [-8.0]);
        assert_eq!(ring.around::<3>(8, 0), [[7.0], [8.0], [8.0]]);
        ring.reset([2, 1], 5, 3);
        ring.make(0).fill(7.0);
        assert_eq!(ring.row(0), [7.0, 7.0]);
    }

    #[test]
    #[should_panic(expected = "row 1 is not there")]
    fn rows_that_were_not_made_are_not_given_out() {
        let mut ring = Ring::default();
        ring.reset([2, 1], 9, 3);
        ring.make(0).fill(7.0);
        ring.row(1);
    }

    #[test]
    #[should_panic(expected = "row 0 is not there")]
    fn rows_that_went_are_not_given_out() {
        let mut ring = Ring::default();
        ring.reset([2, 1], 9, 4);
        (0..5).for_each(|at| ring.make(at).fill(7.0));
        ring.row(0);
    }
}
