//! The probes. They have nothing to check.

use super::{SEED, Work, extent};
use crate::element::Element;
use crate::error::KernelError;
use crate::memory::{Buffer, Shared, check_fits, share};
use crate::pool::{Pool, Worker, exceeds_cache};
use crate::probe::{self, chase};
use crate::random::value;
use crate::tier::Level;
use bytemuck::Pod;
use ergometer_record::kernel::SpecError;
use ergometer_record::{KernelSpec, Size};
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The workers' shares begin at multiples of this.
const GRAIN: usize = 1024;

fn count(spec: &KernelSpec) -> Result<u64, KernelError> {
    match spec.size {
        Size::Probe { count } => Ok(count),
        size => Err(SpecError::WrongSize { kernel: spec.kernel, size }.into()),
    }
}

/// Elements of so many bytes, at least one.
fn elements<T>(spec: &KernelSpec) -> Result<usize, KernelError> {
    Ok(extent(count(spec)?)?.div_ceil(size_of::<T>()).max(1))
}

macro_rules! nothing_to_check {
    () => {
        fn poison(&mut self, _pool: &Pool) -> Result<(), KernelError> {
            Ok(())
        }
        fn error(&self) -> Option<f64> {
            None
        }
        fn own_check(&mut self, _level: Level, _pool: &Pool) -> Option<Result<Option<f64>, KernelError>> {
            Some(Ok(None))
        }
    };
}

/// `count` multiply-adds of single elements over all workers, each share rounded up by less than 192.
pub(super) struct Fma<T> {
    count: u64,
    element: PhantomData<T>,
}

impl<T> Fma<T> {
    pub(super) fn new(spec: &KernelSpec) -> Result<Self, KernelError> {
        Ok(Self { count: count(spec)?, element: PhantomData })
    }
}

impl<T: Element> Work for Fma<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let count = self.count;
        move |_, w| {
            black_box(probe::fma::<T>(level, count.div_ceil(w.of as u64)));
        }
    }
    nothing_to_check!();
}

/// Every element loaded once.
pub(super) struct Read<T: Element + Pod> {
    values: Buffer<T>,
}

impl<T: Element + Pod> Read<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        check_fits(spec, count(spec)?)?;
        Ok(Self { values: Buffer::filled(elements::<T>(spec)?, pool, |i| T::from_f64(value(SEED, i)))? })
    }
}

impl<T: Element + Pod> Work for Read<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let values = &*self.values;
        move |_, w| {
            black_box(probe::read(level, &values[share(values.len(), w.index, w.of, GRAIN)]));
        }
    }
    nothing_to_check!();
}

/// `count` bytes loaded, and as many stored elsewhere.
pub(super) struct Copy<T: Element + Pod> {
    from: Buffer<T>,
    to: Buffer<T>,
}

impl<T: Element + Pod> Copy<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        check_fits(spec, count(spec)?.saturating_mul(2))?;
        let len = elements::<T>(spec)?;
        let from = Buffer::filled(len, pool, |i| T::from_f64(value(SEED, i)))?;
        Ok(Self { from, to: Buffer::filled(len, pool, |_| T::ZERO)? })
    }
}

impl<T: Element + Pod> Work for Copy<T> {
    fn execution(&mut self, level: Level, pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let stream = exceeds_cache(Some(pool), 2 * size_of_val(&*self.from));
        let (from, to) = (&*self.from, Shared::new(&mut self.to));
        move |_, w| {
            let range = share(from.len(), w.index, w.of, GRAIN);
            // SAFETY: shares of different workers don't overlap.
            probe::copy(level, unsafe { to.range(range.clone()) }, &from[range], stream);
        }
    }
    nothing_to_check!();
}

/// One dependent load a cache line, `count / 64` of them, by the first worker alone: a latency has no threads.
pub(super) struct Chase {
    chain: Buffer<u32>,
    at: AtomicU32,
}

impl Chase {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        let bytes = count(spec)?;
        if bytes >= 1 << 33 {
            let reason = "the chain's 32-bit indices reach 8 GiB: give a smaller size".to_owned();
            return Err(KernelError::Unsupported { spec: *spec, reason });
        }
        check_fits(spec, bytes.saturating_mul(3))?;
        let chain = chase::cycle((extent(bytes)? / 64).max(1), SEED);
        let buffer = Buffer::zeroed(chain.len())?;
        let mut work = Self { chain: buffer, at: AtomicU32::new(0) };
        // Touched first by the worker that will follow it.
        let to = Shared::new(&mut work.chain);
        pool.run(|w| {
            if w.index == 0 {
                // SAFETY: one worker alone takes the whole.
                unsafe { to.range(0..to.len()) }.copy_from_slice(&chain);
            }
        })?;
        Ok(work)
    }
}

impl Work for Chase {
    fn execution(&mut self, _level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let (chain, at) = (&*self.chain, &self.at);
        move |_, w| {
            if w.index == 0 {
                at.store(chase::follow(chain, at.load(Relaxed), chain.len() / chase::STRIDE), Relaxed);
            }
        }
    }
    fn threads(&self, _all: usize) -> usize {
        1
    }
    nothing_to_check!();
}

/// The barrier between executions and nothing else.
pub(super) struct Empty;

impl Work for Empty {
    fn execution(&mut self, _level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        |_, _| ()
    }
    nothing_to_check!();
}
