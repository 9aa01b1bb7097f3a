//! Operand memory: checked against what is free, on huge pages where allowed, first touched by its users.

use crate::error::KernelError;
use crate::pool::{Pool, PoolError};
use ergometer_record::KernelSpec;
use std::path::Path;
use std::ptr::NonNull;

/// Alignment of every buffer: a page.
const ALIGN: usize = 4096;
/// Size of a huge page; smaller buffers gain nothing from one.
const HUGE: usize = 2 << 20;

/// Bytes that a new allocation may use without swapping: the less of `MemAvailable` and what the control group's limit
/// leaves, read under `root`. `None` where the system does not tell.
pub fn available_bytes(root: &Path) -> Option<u64> {
    let number = |path: &str| std::fs::read_to_string(root.join(path)).ok()?.trim().parse::<u64>().ok();
    let meminfo = std::fs::read_to_string(root.join("proc/meminfo")).ok();
    let machine = meminfo.and_then(|text| {
        let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB"))?.to_owned();
        line.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let group = number("sys/fs/cgroup/memory.max")
        .zip(number("sys/fs/cgroup/memory.current"))
        .map(|(most, now)| most.saturating_sub(now));
    match (machine, group) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When the system gives huge pages to operands, which ask for them, read under `root`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HugePages {
    /// To every large mapping, or to those that ask.
    Given,
    /// Never.
    Refused,
}

/// What `/sys/kernel/mm/transparent_hugepage/enabled` allows; `None` where the system does not tell.
pub fn huge_pages(root: &Path) -> Option<HugePages> {
    let text = std::fs::read_to_string(root.join("sys/kernel/mm/transparent_hugepage/enabled")).ok()?;
    match text.split_once('[')?.1.split_once(']')?.0 {
        "always" | "madvise" => Some(HugePages::Given),
        "never" => Some(HugePages::Refused),
        _ => None,
    }
}

/// Refuses operands of more than nine tenths of the free memory.
pub(crate) fn check_fits(spec: &KernelSpec, needed: u64) -> Result<(), KernelError> {
    match available_bytes(Path::new("/")) {
        Some(available) if needed > available / 10 * 9 => Err(KernelError::Memory { spec: *spec, needed, available }),
        _ => Ok(()),
    }
}

/// A plain value for which all bits zero is valid.
pub(crate) trait Plain: Copy + Send + Sync + 'static + bytemuck::Pod {}
impl<T: Copy + Send + Sync + 'static + bytemuck::Pod> Plain for T {}

/// A zeroed, page-aligned array.
pub(crate) struct Buffer<T: Plain> {
    block: Block,
    len: usize,
    element: std::marker::PhantomData<T>,
}

/// Owned, zeroed bytes.
struct Block {
    start: NonNull<u8>,
    /// What to give back: the whole mapping, or the allocation.
    origin: Origin,
}

enum Origin {
    Nothing,
    Heap(std::alloc::Layout),
    #[cfg(target_os = "linux")]
    Mapping {
        base: NonNull<u8>,
        bytes: usize,
    },
}

// SAFETY: a block owns its memory, like a `Vec<u8>`.
unsafe impl Send for Block {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Block {}

impl Block {
    fn zeroed(bytes: usize) -> Result<Self, KernelError> {
        if bytes == 0 {
            // Aligned like any other block, never dereferenced.
            let start = NonNull::new(std::ptr::without_provenance_mut(ALIGN)).unwrap_or(NonNull::dangling());
            return Ok(Self { start, origin: Origin::Nothing });
        }
        #[cfg(target_os = "linux")]
        if bytes >= HUGE {
            return Self::mapped(bytes);
        }
        let overflow = || KernelError::Overflow { what: "an operand" };
        let layout = std::alloc::Layout::from_size_align(bytes, ALIGN).map_err(|_| overflow())?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) });
        let reason = || "the allocator returned nothing".to_owned();
        let start = start.ok_or_else(|| KernelError::Allocation { bytes: bytes as u64, reason: reason() })?;
        Ok(Self { start, origin: Origin::Heap(layout) })
    }

    /// A mapping aligned to a huge page, with the advice to use them.
    #[cfg(target_os = "linux")]
    fn mapped(bytes: usize) -> Result<Self, KernelError> {
        let overflow = || KernelError::Overflow { what: "an operand" };
        let length = bytes.checked_add(HUGE).ok_or_else(overflow)?;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh private mapping at an address of the system's choice touches nothing that exists.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
        let base = if base == libc::MAP_FAILED { None } else { NonNull::new(base.cast::<u8>()) };
        let reason = || std::io::Error::last_os_error().to_string();
        let base = base.ok_or_else(|| KernelError::Allocation { bytes: bytes as u64, reason: reason() })?;
        let skip = base.as_ptr().align_offset(HUGE).min(HUGE);
        // SAFETY: `skip <= HUGE`, and the mapping is `HUGE` longer than `bytes`.
        let start = unsafe { base.add(skip) };
        // SAFETY: the range lies in the mapping and starts on a page; the advice changes no content. A refusal leaves
        // small pages, which is slower and nothing else. Miri, which has no pages, knows no such call.
        #[cfg(not(miri))]
        unsafe {
            libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE)
        };
        Ok(Self { start, origin: Origin::Mapping { base, bytes: length } })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self.origin {
            Origin::Nothing => {}
            // SAFETY: allocated in `zeroed` with this very layout.
            Origin::Heap(layout) => unsafe { std::alloc::dealloc(self.start.as_ptr(), layout) },
            // SAFETY: mapped in `mapped` with this very length; nothing borrows from a block that is dropped.
            #[cfg(target_os = "linux")]
            Origin::Mapping { base, bytes } => unsafe {
                libc::munmap(base.as_ptr().cast(), bytes);
            },
        }
    }
}

impl<T: Plain> Buffer<T> {
    /// `len` zeros. On Linux, large ones come from a mapping of their own, whose pages nobody has touched yet.
    pub(crate) fn zeroed(len: usize) -> Result<Self, KernelError> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(KernelError::Overflow { what: "an operand" })?;
        let block = Block::zeroed(bytes)?;
        Ok(Self { block, len, element: std::marker::PhantomData })
    }

    /// As [`Self::zeroed`], then `value(i)` at each `i`, written by the worker that [`share`] gives `i` to.
    pub(crate) fn filled(len: usize, pool: &Pool, value: impl Fn(usize) -> T + Sync) -> Result<Self, KernelError> {
        let mut buffer = Self::zeroed(len)?;
        buffer.fill(pool, value)?;
        Ok(buffer)
    }

    /// Writes `value(i)` at each `i`.
    pub(crate) fn fill(&mut self, pool: &Pool, value: impl Fn(usize) -> T + Sync) -> Result<(), PoolError> {
        let all = Shared::new(self);
        pool.run(|w| {
            let range = share(all.len(), w.index, w.of, HUGE / size_of::<T>().max(1));
            // SAFETY: shares of different workers don't overlap, and nobody else has the buffer.
            let mine = unsafe { all.range(range.clone()) };
            for (i, x) in range.zip(mine) {
                *x = value(i);
            }
        })
    }
}

impl<T: Plain> std::ops::Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the block has room for `len` values, aligned to a page, zeroed at birth, owned by this buffer.
        unsafe { std::slice::from_raw_parts(self.block.start.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> std::ops::DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.block.start.as_ptr().cast(), self.len) }
    }
}

/// A mutable slice of which workers take disjoint ranges.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    life: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: hands out disjoint `&mut [T]` (the contract of `range`), which may cross threads when `T: Send`.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), life: std::marker::PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One range of it.
    ///
    /// # Safety
    /// No other live range overlaps this one.
    pub(crate) unsafe fn range(&self, range: std::ops::Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice by the assertion, unaliased by the caller's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.end - range.start) }
    }
}

/// The part `index` of `of` of `0..len`, with borders at multiples of `grain` where there are enough of them: equal
/// shares up to one grain, never overlapping, together everything.
pub(crate) fn share(len: usize, index: usize, of: usize, grain: usize) -> std::ops::Range<usize> {
    let grain = if len / of.max(1) >= 4 * grain { grain } else { 64.min(len / of.max(1)).max(1) };
    let border = |i: usize| {
        let grains = len.div_ceil(grain) as u128;
        (((grains * i as u128 / of.max(1) as u128) as usize) * grain).min(len)
    };
    border(index)..border(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_partition(len in 0usize..100_000, of in 1usize..70, grain in 1usize..5000) {
            let mut next = 0;
            for i in 0..of {
                let range = share(len, i, of, grain);
                prop_assert_eq!(range.start, next);
                next = range.end;
            }
            prop_assert_eq!(next, len);
        }
    }

    #[test]
    fn buffers_are_zero_aligned_and_fillable() {
        let pool = Pool::unpinned(3).unwrap();
        for len in [0, 1, 1000, 700_001] {
            let mut buffer = Buffer::<f64>::zeroed(len).unwrap();
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % 8), (len, 0));
            assert!(buffer.iter().all(|x| *x == 0.0));
            buffer.fill(&pool, |i| i as f64).unwrap();
            assert!(buffer.iter().enumerate().all(|(i, x)| *x == i as f64));
        }
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(matches!(Buffer::<f64>::zeroed(usize::MAX), Err(KernelError::Overflow { .. })));
        assert!(matches!(Buffer::<u8>::zeroed(1 << 60), Err(KernelError::Allocation { .. })));
    }

    #[test]
    fn huge_pages_are_given_unless_the_system_never_does() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(huge_pages(dir.path()), None);
        let file = dir.path().join("sys/kernel/mm/transparent_hugepage/enabled");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        for (text, expected) in [
            ("always [madvise] never\n", Some(HugePages::Given)),
            ("[always] madvise never\n", Some(HugePages::Given)),
            ("always madvise [never]\n", Some(HugePages::Refused)),
            ("\n", None),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(huge_pages(dir.path()), expected, "{text}");
        }
    }

    /// Every page of a filled buffer lies where its worker runs; on a machine with one node there is nothing else to see
    /// than that each page is there.
    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn pages_lie_on_the_node_of_the_worker_that_touched_them() {
        let topology = crate::Topology::detect().unwrap();
        let Ok(pool) = Pool::new(&topology, None) else { return println!("skipped: this sandbox refuses pinning") };
        let (len, page) = (8 << 20, 4096);
        let buffer = Buffer::<u8>::filled(len, &pool, |i| i as u8).unwrap();
        let pages: Vec<*const libc::c_void> = (0..len).step_by(page).map(|at| buffer[at..].as_ptr().cast()).collect();
        let mut nodes = vec![-1i32; pages.len()];
        // SAFETY: without target nodes the call moves nothing: it writes a status for each of the pages, which are as many as
        // both arrays are long.
        let code = unsafe {
            libc::syscall(libc::SYS_move_pages, 0, pages.len(), pages.as_ptr(), 0usize, nodes.as_mut_ptr(), 0)
        };
        if code != 0 {
            return println!("skipped: the system does not tell where pages lie ({})", std::io::Error::last_os_error());
        }
        let node_of = |cpu: usize| topology.cpus.iter().find(|c| c.id == cpu).and_then(|c| c.node);
        for (worker, cpu) in pool.cpus().unwrap().iter().enumerate() {
            let mine = share(len, worker, pool.threads(), HUGE);
            for at in mine.step_by(page) {
                let node = nodes[at / page];
                assert!(node >= 0, "page {} was never touched: {node}", at / page);
                assert!(
                    node_of(*cpu).is_none_or(|expected| expected == node as usize),
                    "page {} of worker {worker}",
                    at / page
                );
            }
        }
    }

    #[test]
    fn the_tighter_limit_counts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(available_bytes(dir.path()), None);
        std::fs::create_dir_all(dir.path().join("proc")).unwrap();
        std::fs::create_dir_all(dir.path().join("sys/fs/cgroup")).unwrap();
        std::fs::write(dir.path().join("proc/meminfo"), "MemTotal: 9 kB\nMemAvailable:    2000 kB\n").unwrap();
        assert_eq!(available_bytes(dir.path()), Some(2_048_000));
        std::fs::write(dir.path().join("sys/fs/cgroup/memory.max"), "max\n").unwrap();
        assert_eq!(available_bytes(dir.path()), Some(2_048_000));
        std::fs::write(dir.path().join("sys/fs/cgroup/memory.max"), "1000000\n").unwrap();
        std::fs::write(dir.path().join("sys/fs/cgroup/memory.current"), "400000\n").unwrap();
        assert_eq!(available_bytes(dir.path()), Some(600_000));
    }
}
