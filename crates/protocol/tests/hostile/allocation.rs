//! Measures the peak memory of a piece of code.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts the memory of every thread separately.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Bytes that the thread has allocated, and their peak.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends frees memory after its counters are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call is passed to the system's allocator with the same arguments. Counting allocates nothing, because the
// counters are plain cells without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of this function, which is that of the callee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of this function, which is that of the callee.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Returns the result of `work` and its peak memory in bytes.
pub fn peak_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HELD.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get().try_into().unwrap())
}

/// Returns the result of `work` and the bytes that the thread holds because of it.
pub fn held_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    HELD.set(0);
    let result = work();
    (result, HELD.get().try_into().unwrap())
}
