//! Buffers of planes that are done with, for planes to come: fresh memory has to be cleared, by the system or by us, and
//! for the bands of a fusion that costs a sixth of all time.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use bytemuck::{Pod, Zeroable};

use crate::frame::{Plane, Size};

/// The unit that buffers are kept in: a pixel of four channels, or four of one.
type Unit = [f32; 4];

/// Free buffers.
static SPARES: Mutex<Vec<Vec<Unit>>> = Mutex::new(Vec::new());
/// Units that are kept, of all buffers together: 128 MB.
const KEPT: usize = 8_000_000;

/// A plane of any content, to be overwritten altogether.
pub fn plane<T: Pod>(size: Size) -> Plane<T> {
    let per_unit = size_of::<Unit>() / size_of::<T>();
    let length = size.area().div_ceil(per_unit);
    let mut data: Vec<T> = bytemuck::cast_vec(take(length));
    data.truncate(size.area());
    Plane::new(size, data)
}

/// A buffer of `length` units, no more than twice as large.
fn take(length: usize) -> Vec<Unit> {
    let mut spares = SPARES.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |buffer: &Vec<Unit>| (length..=2 * length).contains(&buffer.capacity());
    let found = spares.iter().enumerate().filter(|(_, buffer)| fits(buffer));
    let found = found.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index);
    let mut buffer = found.map_or_else(Vec::new, |index| spares.swap_remove(index));
    drop(spares);
    buffer.resize(length, Unit::zeroed());
    buffer
}

/// Keeps the buffer of `plane` for another.
pub fn give<T: Pod>(plane: Plane<T>) {
    let mut data = plane.data;
    let unit = size_of::<Unit>();
    if data.is_empty() || !(data.capacity() * size_of::<T>()).is_multiple_of(unit) {
        return;
    }
    // Within the capacity, which is whole units.
    while !(data.len() * size_of::<T>()).is_multiple_of(unit) {
        data.push(T::zeroed());
    }
    let Ok(buffer) = bytemuck::try_cast_vec(data) else { return };
    let mut spares = SPARES.lock().unwrap_or_else(PoisonError::into_inner);
    spares.push(buffer);
    let mut kept: usize = spares.iter().map(Vec::capacity).sum();
    while kept > KEPT {
        kept -= spares.remove(0).capacity();
    }
}

/// Keeps nothing any more.
pub fn clear() {
    SPARES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// A plane whose buffer is kept when it goes.
#[derive(Clone, Debug)]
pub struct Held<T: Pod>(Plane<T>);

impl<T: Pod> Held<T> {
    /// The plane itself.
    pub fn into_plane(mut self) -> Plane<T> {
        let size = self.0.size;
        let data = std::mem::take(&mut self.0.data);
        Plane::new(size, data)
    }
}

impl<T: Pod> From<Plane<T>> for Held<T> {
    fn from(plane: Plane<T>) -> Self {
        Self(plane)
    }
}

impl<T: Pod> Deref for Held<T> {
    type Target = Plane<T>;

    fn deref(&self) -> &Plane<T> {
        &self.0
    }
}

impl<T: Pod> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut Plane<T> {
        &mut self.0
    }
}

impl<T: Pod> Drop for Held<T> {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.0.data);
        if !data.is_empty() {
            give(Plane { size: self.0.size, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_whatever_they_held() {
        // Of a length that no other test uses.
        let (wide, narrow) = (Size::new(1237, 3), Size::new(1237 * 4 - 1, 3));
        for _ in 0..3 {
            let mut held = Held::from(plane::<[f32; 4]>(wide));
            assert_eq!(held.data.len(), wide.area());
            held.data.fill([7.0; 4]);
            drop(held);
            let gray: Plane<f32> = plane(narrow);
            assert_eq!(gray.data.len(), narrow.area());
            give(gray);
        }
        let kept = Held::from(Plane::filled(Size::new(2, 2), 1.0f32)).into_plane();
        assert_eq!(kept.data, [1.0; 4]);
    }
}
