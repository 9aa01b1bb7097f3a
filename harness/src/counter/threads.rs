//! Counters of each worker of a pool. A worker opens its own, so that nothing else is counted, and no privilege is needed.

use super::{Absent, Totals};
use crate::perf_event::{Counter, Event, Scope};
use crate::sensor::Roots;
use ergometer_kernels::Pool;
use ergometer_record::{Counts, Seconds};
use std::io;
use std::sync::{Mutex, PoisonError};

/// `PERF_TYPE_HARDWARE` and `PERF_TYPE_HW_CACHE`.
const HARDWARE: u32 = 0;
const CACHE: u32 = 3;
/// Last level, reads, misses, as `perf_event_open(2)` packs them. The generic event "cache misses" is of the second level
/// on AMD; this one the kernel maps to the last level or not at all.
const LAST_LEVEL_READ_MISSES: u64 = 2 | 1 << 16;

/// Name, event, and where it stands in [`Counts::values`].
const EVENTS: [(&str, Event, usize); 3] = [
    ("cycles", Event { kind: HARDWARE, config: 0 }, 0),
    ("instructions", Event { kind: HARDWARE, config: 1 }, 1),
    ("llc-misses", Event { kind: CACHE, config: LAST_LEVEL_READ_MISSES }, 2),
];

/// One worker's counters, by [`EVENTS`]; what one worker lacks all lack.
pub(super) struct Worker([Option<Counter>; EVENTS.len()]);

/// The counters of every worker; empty where none can be opened.
pub(super) fn open(pool: &Pool, roots: &Roots, absent: &mut Vec<Absent>) -> Vec<Worker> {
    let opened: Mutex<Vec<[io::Result<Counter>; EVENTS.len()]>> = Mutex::default();
    let done = pool.run(|worker| {
        let mine = EVENTS.map(|(name, event, _)| {
            Counter::open(roots, &format!("{name}-worker{}", worker.index), event, Scope::Thread)
        });
        opened.lock().unwrap_or_else(PoisonError::into_inner).push(mine);
    });
    if let Err(error) = done {
        absent.push(Absent::new("counters of the pool's threads", error.to_string()));
        return Vec::new();
    }
    let mut workers: Vec<Worker> = Vec::new();
    for mine in opened.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let mut kept = [const { None }; EVENTS.len()];
        for ((slot, result), (name, ..)) in kept.iter_mut().zip(mine).zip(EVENTS) {
            match result {
                Ok(counter) => *slot = Some(counter),
                Err(error) => {
                    let reason = Absent::refused(roots, name, 2, &error);
                    if !absent.contains(&reason) {
                        absent.push(reason);
                    }
                }
            }
        }
        workers.push(Worker(kept));
    }
    let nothing = workers.iter().all(|worker| worker.0.iter().all(Option::is_none));
    if nothing { Vec::new() } else { workers }
}

/// The sum over the workers; `None` when a counter can't be read any more.
pub(super) fn read(workers: &mut [Worker]) -> Option<Totals> {
    let mut parts = Vec::with_capacity(workers.len());
    let mut on_cpu = Some(0.0);
    for worker in workers {
        let mut values = Counts::default().values();
        for (counter, (_, _, at)) in worker.0.iter_mut().zip(EVENTS) {
            let count = counter.as_mut().map(Counter::read).transpose().ok()?;
            if let Some(value) = values.get_mut(at) {
                *value = count.and_then(|count| count.scaled());
            }
            if at == 0 {
                // The scaled count belongs to the whole time that the thread ran.
                on_cpu = on_cpu.zip(count).map(|(sum, count)| sum + count.enabled_ns as f64 * 1e-9);
            }
        }
        parts.push(Counts::from_values(values));
    }
    let counts = Counts::sum(&parts);
    Some(Totals { counts, on_cpu: on_cpu.filter(|_| counts.cycles.is_some()).map(Seconds) })
}
