//! Performance counters of a kernel: cycles, instructions and cache misses of the threads that run it, bytes of the memory
//! controllers.
//!
//! Counters only add up. They are read at the ends of a window and their differences stand in its rows; what can't be
//! counted here is absent, with its reason.

mod memory;
mod threads;

use crate::perf_event::paranoid;
use crate::sensor::Roots;
use crate::sensor::roots::is_refusal;
use ergometer_kernels::Pool;
use ergometer_record::{Counts, Hertz, Seconds};
use std::io;

/// Running totals.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Events since the counters were opened.
    pub counts: Counts,
    /// Time on a processor, over all threads, in which cycles were counted.
    pub on_cpu: Option<Seconds>,
}

impl Totals {
    /// What was counted since `before`; a total that went down (a counter that started anew) is unknown.
    pub fn since(&self, before: &Self) -> Self {
        let up =
            |now: Option<f64>, before: Option<f64>| now.zip(before).map(|(a, b)| a - b).filter(|more| *more >= 0.0);
        let (now, then) = (self.counts.values(), before.counts.values());
        let mut each = now.into_iter().zip(then).map(|(now, then)| up(now, then));
        let counts = Counts::from_values([(); 4].map(|()| each.next().flatten()));
        let on_cpu = up(self.on_cpu.map(|t| t.0), before.on_cpu.map(|t| t.0)).map(Seconds);
        Self { counts, on_cpu }
    }

    /// Both together.
    pub fn and(&self, other: &Self) -> Self {
        let on_cpu = self.on_cpu.zip(other.on_cpu).map(|(a, b)| Seconds(a.0 + b.0));
        Self { counts: Counts::sum(&[self.counts, other.counts]), on_cpu }
    }

    /// Mean clock of the processors while they ran the threads.
    pub fn clock(&self) -> Option<Hertz> {
        let time = self.on_cpu.filter(|time| time.0 > 0.0)?;
        self.counts.cycles.filter(|cycles| *cycles > 0.0).map(|cycles| Hertz(cycles / time.0))
    }
}

/// Reads the totals; `None` when a counter failed.
pub type CounterReader = Box<dyn FnMut() -> Option<Totals>>;

/// What could be opened.
pub struct Opened {
    /// Reads what is there; `None` where nothing is.
    pub reader: Option<CounterReader>,
    /// Why the rest is not.
    pub absent: Vec<Absent>,
}

/// Counters that could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}{}", remedy.as_ref().map_or_else(String::new, |remedy| format!("; to allow it: {remedy}")))]
pub struct Absent {
    /// Of what.
    pub what: String,
    /// Why not.
    pub reason: String,
    /// The exact command that allows it, where one does.
    pub remedy: Option<String>,
}

impl Absent {
    fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into(), remedy: None }
    }

    /// For what the kernel answered to `perf_event_open`; `level` of `perf_event_paranoid` is needed for it.
    fn refused(roots: &Roots, what: &str, level: u32, error: &io::Error) -> Self {
        if is_refusal(error) {
            let reason = format!("the system, or the container, refuses it{}", paranoid(roots));
            Self { remedy: Some(format!("sudo sysctl kernel.perf_event_paranoid={level}")), ..Self::new(what, reason) }
        } else if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP | libc::EINVAL)) {
            Self::new(
                what,
                format!("this processor, or the hypervisor that it runs under, has no such counter ({error})"),
            )
        } else {
            Self::new(what, format!("the kernel did not open it ({error})"))
        }
    }
}

/// Opens the counters of a pool's workers and those of the memory controllers.
pub fn open(pool: &Pool, roots: &Roots) -> Opened {
    let mut absent = Vec::new();
    let mut threads = threads::open(pool, roots, &mut absent);
    let mut memory = memory::open(roots).map_err(|reason| absent.push(reason)).ok();
    if threads.is_empty() && memory.is_none() {
        return Opened { reader: None, absent };
    }
    let reader = move || {
        let mut totals = threads::read(&mut threads)?;
        if let Some(memory) = &mut memory {
            totals.counts.dram_bytes = Some(memory.bytes()?);
        }
        Some(totals)
    };
    Opened { reader: Some(Box::new(reader)), absent }
}

/// How many memory controllers can be counted.
///
/// # Errors
/// Why none can.
pub fn memory_controllers(roots: &Roots) -> Result<usize, Absent> {
    memory::open(roots).map(|memory| memory.controllers())
}

#[cfg(test)]
mod tests;
