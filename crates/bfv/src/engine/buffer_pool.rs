//! A pool of buffers.
//!
//! An evaluation needs a gigabyte in pieces of 64 kB to 100 MB. Returning that memory to the system after each use and fetching
//! it again, page by page, took a fifth of the evaluation's time. So an engine keeps its buffers until it is dropped.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aligned_vec::{AVec, avec};

/// The buffers of one engine that are not in use, by length.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Mutex<HashMap<usize, Vec<AVec<u64>>>>,
}

/// A buffer that returns to its pool when it is dropped.
#[derive(Debug)]
pub struct PooledBuffer<'a> {
    pool: &'a BufferPool,
    /// Starts at a cache line: loads of vectors that lie across two cache lines take twice as long.
    values: AVec<u64>,
}

impl BufferPool {
    /// Takes a buffer of `length` values. They are arbitrary: zeros, or the values of an earlier use.
    pub fn take(&self, length: usize) -> PooledBuffer<'_> {
        let free = self.free().get_mut(&length).and_then(Vec::pop);
        PooledBuffer { pool: self, values: free.unwrap_or_else(|| avec![0; length]) }
    }

    fn free(&self) -> MutexGuard<'_, HashMap<usize, Vec<AVec<u64>>>> {
        // No operation under the lock leaves the map inconsistent.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for PooledBuffer<'_> {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.values
    }
}

impl DerefMut for PooledBuffer<'_> {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.values
    }
}

impl Drop for PooledBuffer<'_> {
    fn drop(&mut self) {
        let values = std::mem::replace(&mut self.values, avec![]);
        self.pool.free().entry(values.len()).or_default().push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::BufferPool;

    #[test]
    fn a_buffer_is_used_again_for_its_length() {
        let buffers = BufferPool::default();
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
