//! The CPU kernels of ergometer, per instruction-set tier, with their pinned pool.
//!
//! - [`topology`]: cores, SMT siblings, sockets, NUMA nodes and caches that this process may use;
//! - [`pool`]: pinned workers that run one closure side by side;
//! - [`tier`]: scalar, SSE, AVX2+FMA, AVX-512: detected once, forcible;
//! - [`prepared`]: what executors call: a [`ergometer_record::KernelSpec`] with its operands in place;
//! - [`gemm`], [`spmv_csr`], [`spmv_coo`], [`spmv_sell`], [`triad`], [`stencil`], [`monte_carlo`], [`dist`]: the kernels over slices,
//!   one folder each, one file a tier; every slice is checked before a pointer is touched;
//! - [`sparse`]: generated matrices; [`memory`]: what is free.
//!
//! An algorithm is written once, over a small vector trait (`simd`), and compiled once a tier. To add a kernel: a folder
//! beside the others, a file in `prepared`, a line in [`prepared::prepare`].

// The bodies over vectors have no tier to be compiled for elsewhere.
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, unused_imports, unused_macros, unused_variables, unreachable_code)
)]

pub mod dist;
mod element;
pub mod error;
pub mod gemm;
pub mod memory;
pub mod monte_carlo;
pub mod pool;
pub mod prepared;
mod probe;
mod random;
mod simd;
pub mod sparse;
pub mod spmv_coo;
pub mod spmv_csr;
pub mod spmv_sell;
pub mod stencil;
#[cfg(test)]
mod testing;
pub mod tier;
pub mod topology;
pub mod triad;

pub use element::Element;
pub use error::KernelError;
pub use pool::{Pool, PoolError};
pub use prepared::{Prepared, prepare};
pub use tier::Tier;
pub use topology::Topology;
