//! A barrier that spins, then parks.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};

/// Turns of the waiting loop before a thread parks: meant to outlast the scatter of equal shares and to stay far below a
/// time slice.
const SPINS: u32 = 10_000;

/// All threads leave when all have come. `generation` counts the times they have left together.
#[derive(Debug)]
pub(super) struct Barrier {
    of: usize,
    spins: u32,
    come: AtomicUsize,
    generation: AtomicU32,
    abandoned: AtomicBool,
    asleep: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Barrier {
    /// For `of` threads. Without `spin` (more threads than CPUs) they park at once.
    pub(super) fn new(of: usize, spin: bool) -> Self {
        Self {
            of,
            spins: if spin { SPINS } else { 0 },
            come: AtomicUsize::new(0),
            generation: AtomicU32::new(0),
            abandoned: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            lock: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// False when another thread has panicked: the caller must leave.
    #[must_use]
    pub(super) fn wait(&self) -> bool {
        if self.of == 1 {
            return true;
        }
        let generation = self.generation.load(SeqCst);
        if self.abandoned.load(SeqCst) {
            return false;
        }
        if self.come.fetch_add(1, SeqCst) + 1 == self.of {
            self.come.store(0, SeqCst);
            self.release();
            return !self.abandoned.load(SeqCst);
        }
        let mut left = self.spins;
        while self.generation.load(SeqCst) == generation {
            if left > 0 {
                left -= 1;
                std::hint::spin_loop();
                continue;
            }
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            // Announced before the generation is read again; `release` moves the generation before it reads the
            // announcement. One of the two sees the other, so no wake-up is lost.
            self.asleep.fetch_add(1, SeqCst);
            while self.generation.load(SeqCst) == generation {
                guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            self.asleep.fetch_sub(1, SeqCst);
        }
        !self.abandoned.load(SeqCst)
    }

    /// A thread panicked: everyone who waits, or comes later, leaves.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, SeqCst);
        self.release();
    }

    /// Makes the barrier fresh. Nobody may be waiting.
    pub(super) fn reset(&self) {
        self.come.store(0, SeqCst);
        self.abandoned.store(false, SeqCst);
    }

    fn release(&self) {
        self.generation.fetch_add(1, SeqCst);
        if self.asleep.load(SeqCst) > 0 {
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.wake.notify_all();
        }
    }
}
