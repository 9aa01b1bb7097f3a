//! The CPU kernels of ergometer, per instruction-set tier, with their pinned pool.
//!
//! - [`topology`]: cores, SMT siblings, sockets, NUMA nodes and caches that this process may use;
//! - [`pool`]: pinned workers that run one closure side by side;
//! - [`tier`]: scalar, SSE, AVX2+FMA, AVX-512: detected once, forcible;
//! - [`prepared`]: what executors call: a [`ergometer_record::KernelSpec`] with its operands in place.

pub mod error;
pub mod pool;
pub mod prepared;
pub mod tier;
pub mod topology;

pub use error::KernelError;
pub use pool::{Pool, PoolError};
pub use prepared::{Prepared, prepare};
pub use tier::Tier;
pub use topology::Topology;
