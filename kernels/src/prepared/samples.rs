//! Monte Carlo.

use super::{SEED, Work};
use crate::element::Element;
use crate::error::KernelError;
use crate::monte_carlo;
use crate::pool::{Pool, Worker};
use crate::random::hash;
use crate::tier::Level;
use ergometer_record::{KernelSpec, Size, philox};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Blocks that a check recounts at each of two places.
const RECOUNTED: u64 = 1 << 17;

/// Counts the same blocks at each execution.
pub(super) struct MonteCarlo<T> {
    blocks: u64,
    /// Sum of all counts, so that no execution is without effect.
    total: AtomicU64,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> MonteCarlo<T> {
    pub(super) fn new(spec: &KernelSpec) -> Result<Self, KernelError> {
        let refuse = |reason: &str| KernelError::Unsupported { spec: *spec, reason: reason.to_owned() };
        match spec.size {
            Size::Samples { samples } if samples % 2 == 0 => {
                Ok(Self { blocks: samples / 2, total: AtomicU64::new(0), element: std::marker::PhantomData })
            }
            _ => Err(refuse("a Philox block holds two samples: give an even number")),
        }
    }
}

impl<T: Element> Work for MonteCarlo<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let (blocks, total) = (self.blocks, &self.total);
        move |_, w| {
            total.fetch_add(monte_carlo::part::<T>(level, SEED, 0, blocks, w.index, w.of), Relaxed);
        }
    }

    fn poison(&mut self, _pool: &Pool) -> Result<(), KernelError> {
        Ok(())
    }

    fn error(&self) -> Option<f64> {
        None
    }

    /// Recounts the first blocks and a random stretch with the oracle: 0 where both agree, infinity where not.
    fn own_check(&mut self, level: Level, pool: &Pool) -> Option<Result<Option<f64>, KernelError>> {
        let blocks = self.blocks.min(RECOUNTED);
        let wide = size_of::<T>() == size_of::<f64>();
        let oracle = if wide { philox::count_inside_f64 } else { philox::count_inside_f32 };
        let mut worst = 0.0;
        for first in [0, hash(SEED, blocks) % (self.blocks - blocks + 1)] {
            let count = AtomicU64::new(0);
            let ran = pool.run(|w| {
                count.fetch_add(monte_carlo::part::<T>(level, SEED, first, blocks, w.index, w.of), Relaxed);
            });
            if let Err(error) = ran {
                return Some(Err(error.into()));
            }
            if count.into_inner() != oracle(SEED, first, blocks) {
                worst = f64::INFINITY;
            }
        }
        Some(Ok(Some(worst)))
    }
}
