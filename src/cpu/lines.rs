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

    /// Values of a row.
    pub fn row_length(&self) -> usize {
        self.size.width as usize * self.channels
    }
}

/// The last rows of a plane that is made row by row; rows are asked for by their number, edge rows are replicated.
#[derive(Default)]
pub(super) struct Ring {
    data: Vec<f32>,
    row: usize,
    slots: usize,
    last: usize,
    /// Row behind the last that was made.
    end: usize,
}

impl Ring {
    /// Rows of `row` values out of `rows`, of which at least `slots` are kept.
    pub(super) fn reset(&mut self, row: usize, rows: usize, slots: usize) {
        (self.row, self.last, self.slots, self.end) = (row, rows - 1, slots.next_power_of_two(), 0);
        self.data.resize(self.row * self.slots, 0.0);
    }

    /// Row `at`, or the nearest there is in the plane; it must be one of those last made.
    pub(super) fn row(&self, at: isize) -> &[f32] {
        let at = at.clamp(0, self.last as isize) as usize;
        assert!(at < self.end && self.end - at <= self.slots, "row {at} is not there: {} is next", self.end);
        &self.data[(at & (self.slots - 1)) * self.row..][..self.row]
    }

    /// One of `channels` of row `at`.
    pub(super) fn channel(&self, at: isize, channel: usize, channels: usize) -> &[f32] {
        let width = self.row / channels;
        &self.row(at)[channel * width..][..width]
    }

    /// Row `at` to be made, which follows the one made before.
    pub(super) fn make(&mut self, at: usize) -> &mut [f32] {
        self.end = at + 1;
        &mut self.data[(at & (self.slots - 1)) * self.row..][..self.row]
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
    fn rings_keep_the_last_rows() {
        let mut ring = Ring::default();
        ring.reset(2, 9, 3);
        for at in 0..9 {
            ring.make(at).copy_from_slice(&[at as f32, -(at as f32)]);
            for back in at.saturating_sub(2)..=at {
                assert_eq!(ring.row(back as isize), [back as f32, -(back as f32)]);
            }
        }
        assert_eq!(ring.row(12), [8.0, -8.0]);
        assert_eq!(ring.channel(8, 1, 2), [-8.0]);
        ring.reset(2, 5, 3);
        ring.make(0).fill(7.0);
        assert_eq!(ring.row(-4), [7.0, 7.0]);
    }

    #[test]
    #[should_panic(expected = "row 1 is not there")]
    fn rows_that_were_not_made_are_not_given_out() {
        let mut ring = Ring::default();
        ring.reset(2, 9, 3);
        ring.make(0).fill(7.0);
        ring.row(1);
    }

    #[test]
    #[should_panic(expected = "row 0 is not there")]
    fn rows_that_went_are_not_given_out() {
        let mut ring = Ring::default();
        ring.reset(2, 9, 4);
        (0..5).for_each(|at| ring.make(at).fill(7.0));
        ring.row(0);
    }
}
