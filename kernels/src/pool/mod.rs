//! A pool of pinned workers for SPMD loops: every worker runs the same closure with its own index.
//!
//! A kernel that is executed many times forks once and meets at [`Worker::barrier`] between executions, so that the
//! cost of a fork and join inside a measurement is that of a spinning barrier (`probe-empty` measures it), and the
//! calling thread sleeps meanwhile and takes no core from the workers. Workers that wait spin first and park later.

mod barrier;
mod pin;
mod spread;

use crate::topology::Topology;
use barrier::Barrier;
pub(crate) use spread::{exceeds_cache, spread};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Taken for the last-level cache where the kernel does not tell.
const ASSUMED_LAST_LEVEL_BYTES: u64 = 32 << 20;

/// A pool that could not be built or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// No thread at all.
    #[error("a pool of 0 threads was asked for: ask for at least one")]
    NoThreads,
    /// More threads than CPUs, which would share cores and measure the scheduler.
    #[error("{asked} threads were asked for, but only {usable} CPUs are usable here: ask for at most that many")]
    TooManyThreads {
        /// Threads asked for.
        asked: usize,
        /// CPUs online and in the affinity mask.
        usable: usize,
    },
    /// The system refused a thread.
    #[error("the system refused a thread ({reason}): raise the limit on processes or ask for fewer threads")]
    Spawn {
        /// What the system said.
        reason: String,
    },
    /// The system refused to pin a worker.
    #[error(
        "worker {worker} could not be pinned to CPU {cpu} ({reason}): ask for fewer threads, or check the affinity mask"
    )]
    Pin {
        /// Which worker.
        worker: usize,
        /// Which CPU.
        cpu: usize,
        /// What the system said.
        reason: String,
    },
    /// A pool was used from inside a worker.
    #[error(
        "a pool was used from inside a pool's worker: nested use would wait for itself, call the sequential form there"
    )]
    Nested,
    /// A worker's closure panicked. The pool stays usable.
    #[error("worker {worker} panicked: {message}")]
    Panicked {
        /// Which worker.
        worker: usize,
        /// The panic's message.
        message: String,
    },
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// What a closure is told about the worker that runs it.
#[derive(Debug)]
pub struct Worker<'a> {
    /// From 0 to `of - 1`.
    pub index: usize,
    /// Number of workers.
    pub of: usize,
    barrier: &'a Barrier,
}

impl Worker<'_> {
    /// Waits until every worker of the pool has called it as often as this one.
    ///
    /// When another worker has panicked, this one unwinds too (without a message), so that nothing hangs.
    pub fn barrier(&self) {
        if !self.barrier.wait() {
            std::panic::resume_unwind(Box::new(Abandoned));
        }
    }
}

/// Payload of a worker that left a barrier because another one panicked.
struct Abandoned;

type Job = &'static (dyn Fn(&Worker<'_>) + Sync);

#[derive(Default)]
struct State {
    job: Option<Job>,
    /// Number of jobs given out so far.
    epoch: u64,
    /// Workers that still run the present job.
    running: usize,
    panicked: Option<(usize, String)>,
    quit: bool,
}

struct Shared {
    state: Mutex<State>,
    given: Condvar,
    done: Condvar,
    barrier: Barrier,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, and the state is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool of pinned workers. Dropping it joins them.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    cpus: Option<Vec<usize>>,
    last_level_bytes: u64,
    /// Held while a job runs: a second caller waits for its turn.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).field("cpus", &self.cpus).finish()
    }
}

impl Pool {
    /// A pool of `threads` workers, each pinned to a CPU of its own: one a physical core, then SMT siblings. `None`
    /// is one worker per physical core.
    ///
    /// # Errors
    /// No thread, more threads than usable CPUs, or the system refuses a thread or its pinning.
    pub fn new(topology: &Topology, threads: Option<usize>) -> Result<Self, PoolError> {
        let placement = topology.placement();
        let threads = threads.unwrap_or_else(|| topology.cores().len());
        let cpus = placement.get(..threads);
        let cpus = cpus.ok_or(PoolError::TooManyThreads { asked: threads, usable: placement.len() })?;
        let last_level = topology.last_level_bytes(cpus).unwrap_or(ASSUMED_LAST_LEVEL_BYTES);
        let spin = topology.cpus.len() >= threads;
        Self::start(threads, Some(cpus.to_vec()), last_level, spin)
    }

    /// A pool of workers that the system may move, and of which there may be more than CPUs: for tests, and for
    /// systems that can't pin. Not for measurements.
    ///
    /// # Errors
    /// No thread, or the system refuses one.
    pub fn unpinned(threads: usize) -> Result<Self, PoolError> {
        Self::start(threads, None, ASSUMED_LAST_LEVEL_BYTES, false)
    }

    fn start(threads: usize, cpus: Option<Vec<usize>>, last_level_bytes: u64, spin: bool) -> Result<Self, PoolError> {
        if threads == 0 {
            return Err(PoolError::NoThreads);
        }
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            given: Condvar::new(),
            done: Condvar::new(),
            barrier: Barrier::new(threads, spin),
        });
        let mut pool = Self { shared, workers: Vec::new(), cpus, last_level_bytes, turn: Mutex::new(()) };
        for index in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("ergometer-{index}"));
            let handle = builder.spawn(move || work(&shared, index, threads));
            pool.workers.push(handle.map_err(|e| PoolError::Spawn { reason: e.to_string() })?);
        }
        if let Some(cpus) = pool.cpus.clone() {
            let refused = Mutex::new(None);
            pool.run(|worker| {
                if let Some(&cpu) = cpus.get(worker.index)
                    && let Err(reason) = pin::pin_to(cpu)
                {
                    let error = PoolError::Pin { worker: worker.index, cpu, reason };
                    refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            })?;
            if let Some(error) = refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
                return Err(error);
            }
        }
        Ok(pool)
    }

    /// Number of workers.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    /// The CPU of each worker; `None` for a pool that does not pin.
    pub fn cpus(&self) -> Option<&[usize]> {
        self.cpus.as_deref()
    }

    /// Bytes of the last-level caches that the workers reach; 32 MiB where the kernel does not tell. Above it, kernels
    /// that only write use non-temporal stores.
    pub fn last_level_bytes(&self) -> u64 {
        self.last_level_bytes
    }

    /// Runs `job` once on every worker and waits for all of them, asleep.
    ///
    /// # Errors
    /// [`PoolError::Nested`] from inside a worker; [`PoolError::Panicked`] when a worker's closure panics, after all
    /// workers have left it.
    pub fn run<F: Fn(&Worker<'_>) + Sync>(&self, job: F) -> Result<(), PoolError> {
        if IS_WORKER.get() {
            return Err(PoolError::Nested);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.barrier.reset();
        let job: &(dyn Fn(&Worker<'_>) + Sync) = &job;
        // SAFETY: only the lifetime changes. The reference is dropped by every worker before `running` reaches 0, and
        // this function does not return (nor unwind: nothing below panics) before that, so `job` outlives its uses.
        let job = unsafe { std::mem::transmute::<&(dyn Fn(&Worker<'_>) + Sync), Job>(job) };
        let mut state = self.shared.lock();
        state.job = Some(job);
        state.epoch += 1;
        state.running = self.workers.len();
        self.shared.given.notify_all();
        while state.running > 0 {
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        match state.panicked.take() {
            Some((worker, message)) => Err(PoolError::Panicked { worker, message }),
            None => Ok(()),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().quit = true;
        self.shared.given.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches its panics; a join can't fail, and a drop could not report it.
            let _ = worker.join();
        }
    }
}

fn work(shared: &Shared, index: usize, of: usize) {
    IS_WORKER.set(true);
    let mut seen = 0;
    loop {
        let job = {
            let mut state = shared.lock();
            loop {
                if state.quit {
                    return;
                }
                match state.job {
                    Some(job) if state.epoch > seen => {
                        seen = state.epoch;
                        break job;
                    }
                    _ => state = shared.given.wait(state).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        let worker = Worker { index, of, barrier: &shared.barrier };
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&worker)));
        let mut state = shared.lock();
        if let Err(payload) = outcome
            && !payload.is::<Abandoned>()
        {
            shared.barrier.abandon();
            state.panicked.get_or_insert((index, message(payload.as_ref())));
        }
        state.running -= 1;
        if state.running == 0 {
            shared.done.notify_all();
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests;
