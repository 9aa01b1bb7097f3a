//! How much of the machine other processes take, and where this thread runs.

use std::time::Instant;

/// A round is thrown away when other processes took more of a core than this.
pub(crate) const MOST_CORES: f64 = 0.12;

/// Pins the calling thread to `cpus`; a refusal is said and leaves the thread where it is.
pub(crate) fn pin_main(cpus: &[usize]) {
    // SAFETY: a `cpu_set_t` is a plain array of integers, for which all bits zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus.iter().filter(|c| **c < libc::CPU_SETSIZE as usize) {
        // SAFETY: `cpu` is below the number of bits in the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: 0 names the calling thread; pointer and size are those of a live set.
    if unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) } != 0 {
        println!("the main thread could not be pinned to {cpus:?}: {}", std::io::Error::last_os_error());
    }
}

/// The calling thread on some CPUs until this is dropped, then where it was before.
pub(crate) struct Pinned(Option<libc::cpu_set_t>);

impl Pinned {
    pub(crate) fn to(cpus: &[usize]) -> Self {
        // SAFETY: a `cpu_set_t` is a plain array of integers, for which all bits zero is a value.
        let mut old: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: 0 names the calling thread; pointer and size are those of a live set.
        let known = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut old) } == 0;
        pin_main(cpus);
        Self(known.then_some(old))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(old) = &self.0 {
            // SAFETY: 0 names the calling thread; pointer and size are those of a live set.
            unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), old) };
        }
    }
}

/// The threads of this process, in the order in which they were started; empty where the system does not tell.
pub(crate) fn threads() -> Vec<libc::pid_t> {
    let Ok(folder) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut all: Vec<_> = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    all.sort_unstable();
    all
}

/// Pins the threads that were started after `before`, the first to `cpus[1]` and so on: a library's workers, which have
/// the mask of whoever called it first. False where there are none.
pub(crate) fn place_new(before: &[libc::pid_t], cpus: &[usize]) -> bool {
    let new: Vec<_> = threads().into_iter().filter(|t| !before.contains(t)).collect();
    for (thread, cpu) in new.iter().zip(cpus.iter().skip(1)) {
        // SAFETY: a `cpu_set_t` is a plain array of integers, for which all bits zero is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        if *cpu < libc::CPU_SETSIZE as usize {
            // SAFETY: `cpu` is below the number of bits in the set.
            unsafe { libc::CPU_SET(*cpu, &mut set) };
        }
        // SAFETY: a thread of this process; pointer and size are those of a live set.
        if unsafe { libc::sched_setaffinity(*thread, size_of::<libc::cpu_set_t>(), &set) } != 0 {
            println!("a library's worker could not be pinned to {cpu}: {}", std::io::Error::last_os_error());
        }
    }
    !new.is_empty()
}

/// A moment's counters.
pub(crate) struct Snapshot {
    at: Instant,
    /// Seconds that all CPUs were busy, stolen time included; `None` where the system does not tell.
    busy: Option<f64>,
    own: f64,
}

impl Snapshot {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), busy: busy_seconds(), own: own_seconds() }
    }

    /// Cores that other processes (or the host) used since; `None` where the system does not tell. Its resolution is
    /// the kernel's tick, so that a stretch under a tenth of a second tells little.
    pub(crate) fn others(&self) -> Option<f64> {
        let now = Self::now();
        let wall = now.at.duration_since(self.at).as_secs_f64();
        let all = now.busy? - self.busy?;
        Some(((all - (now.own - self.own)) / wall).max(0.0))
    }
}

/// Busy time of all CPUs from `/proc/stat`: user, nice, system, interrupts and stolen time.
fn busy_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = text.lines().next()?.split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    let ticks: f64 = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|i| fields.get(i)).sum();
    // SAFETY: reads a constant of the system.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    (per_second > 0).then(|| ticks / per_second as f64)
}

/// Processor time of this process, all threads.
fn own_seconds() -> f64 {
    // SAFETY: a `timespec` of zeros is a value.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
