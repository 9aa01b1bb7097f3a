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
