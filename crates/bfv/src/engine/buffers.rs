//! Memory that is used again.
//!
//! An evaluation goes through a gigabyte in pieces of 64 kB to 100 MB. Returned to the system after each use and fetched
//! again, page by page, that memory cost a fifth of the evaluation. So an engine keeps what it has once used, until it is
//! dropped itself.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aligned_vec::{AVec, avec};

/// Buffers of one engine that are not in use, by length.
#[derive(Debug, Default)]
pub struct Buffers {
    free: Mutex<HashMap<usize, Vec<AVec<u64>>>>,
}

/// A piece of memory that goes back to its pool when dropped.
#[derive(Debug)]
pub struct Buffer<'a> {
    pool: &'a Buffers,
    /// At the beginning of a cache line: vectors that lie across two take twice as long.
    values: AVec<u64>,
}

impl Buffers {
    /// A buffer of `length` values, which are whatever they were: zeros or those of an earlier use.
    pub fn take(&self, length: usize) -> Buffer<'_> {
        let free = self.free().get_mut(&length).and_then(Vec::pop);
        Buffer { pool: self, values: free.unwrap_or_else(|| avec![0; length]) }
    }

    fn free(&self) -> MutexGuard<'_, HashMap<usize, Vec<AVec<u64>>>> {
        // Nothing is left half done under the lock.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Buffer<'_> {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.values
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.values
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let values = std::mem::replace(&mut self.values, avec![]);
        self.pool.free().entry(values.len()).or_default().push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::Buffers;

    #[test]
    fn a_buffer_is_used_again_by_whoever_needs_its_length() {
        let buffers = Buffers::default();
        let (mut first, second) = (buffers.take(3), buffers.take(3));
        first[0] = 7;
        let place = first.as_ptr();
        drop(first);
        assert_ne!(buffers.take(2).as_ptr(), place);
        let again = buffers.take(3);
        assert_eq!((again.as_ptr(), again[0]), (place, 7));
        drop(second);
    }
}
