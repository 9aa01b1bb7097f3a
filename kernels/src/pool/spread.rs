//! One call of a kernel: on the calling thread, or on a pool.

use super::barrier::Barrier;
use super::{ASSUMED_LAST_LEVEL_BYTES, Pool, Worker};
use crate::error::KernelError;

/// Runs `part` on every worker and waits; without a pool, on the calling thread alone.
pub(crate) fn spread(pool: Option<&Pool>, part: impl Fn(&Worker<'_>) + Sync) -> Result<(), KernelError> {
    match pool {
        None => part(&Worker { index: 0, of: 1, barrier: &Barrier::new(1, false) }),
        Some(pool) => pool.run(part)?,
    }
    Ok(())
}

/// Whether operands of `bytes` exceed the last-level cache that the pool's workers reach.
pub(crate) fn exceeds_cache(pool: Option<&Pool>, bytes: usize) -> bool {
    bytes as u64 > pool.map_or(ASSUMED_LAST_LEVEL_BYTES, Pool::last_level_bytes)
}
