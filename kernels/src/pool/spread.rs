//! One call of a kernel: on the calling thread, or on a pool.

use super::{ASSUMED_LAST_LEVEL_BYTES, Pool};
use crate::error::KernelError;

/// A worker's place among all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

/// Runs `part` for every place and waits.
pub(crate) fn spread(pool: Option<&Pool>, part: impl Fn(Place) + Sync) -> Result<(), KernelError> {
    match pool {
        None => part(Place { index: 0, of: 1 }),
        Some(pool) => pool.run(|w| part(Place { index: w.index, of: w.of }))?,
    }
    Ok(())
}

/// Whether operands of `bytes` exceed the last-level cache that the pool's workers reach.
pub(crate) fn exceeds_cache(pool: Option<&Pool>, bytes: usize) -> bool {
    bytes as u64 > pool.map_or(ASSUMED_LAST_LEVEL_BYTES, Pool::last_level_bytes)
}
