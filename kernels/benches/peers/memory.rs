//! Operands of peers, placed as ours are: on huge pages where allowed.

use std::ops::{Deref, DerefMut};

const HUGE: usize = 2 << 20;

/// An array of plain numbers in a mapping of its own, aligned to a huge page.
pub(crate) struct Huge<T> {
    base: *mut libc::c_void,
    length: usize,
    start: *mut T,
    len: usize,
}

// SAFETY: owns its mapping, like a `Vec<T>`.
unsafe impl<T: Send> Send for Huge<T> {}
// SAFETY: shared access only reads.
unsafe impl<T: Sync> Sync for Huge<T> {}

impl<T: bytemuck::Pod> Huge<T> {
    /// `value(i)` at each `i`.
    pub(crate) fn new(len: usize, value: impl Fn(usize) -> T) -> Result<Self, String> {
        let length = len * size_of::<T>() + HUGE;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh private mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(format!("no {length} bytes for a peer's operand: {}", std::io::Error::last_os_error()));
        }
        let skip = base.cast::<u8>().align_offset(HUGE).min(HUGE);
        // SAFETY: `skip <= HUGE`, and the mapping is `HUGE` longer than the array.
        let start = unsafe { base.cast::<u8>().add(skip) };
        // SAFETY: the range lies in the mapping and starts on a page; the advice changes no content.
        unsafe { libc::madvise(start.cast(), len * size_of::<T>(), libc::MADV_HUGEPAGE) };
        let mut array = Self { base, length, start: start.cast(), len };
        for (i, x) in array.iter_mut().enumerate() {
            *x = value(i);
        }
        Ok(array)
    }
}

impl<T> Deref for Huge<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the mapping has room for `len` numbers, zeroed at birth and owned by this array.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl<T> DerefMut for Huge<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl<T> Drop for Huge<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this very length; nothing borrows from an array that is dropped.
        unsafe { libc::munmap(self.base, self.length) };
    }
}
