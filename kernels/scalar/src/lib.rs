//! Scalar rungs of the CPU kernels: the sequential C semantics that the SIMD tiers are compared with.
//!
//! Nothing here is generic in the element: a generic function would be compiled, and vectorised, by the crate that
//! uses it. This crate is built at `opt-level = 1` in release (see the workspace manifest), where LLVM's vectorisers
//! are off. The thesis (section 3.4.2) used gcc `-O0`; this is faster, so speed-ups over it are smaller than its.
//!
//! Definitions are those of [`ergometer_record::kernel`]. Slices must have the lengths that the extents say;
//! `ergometer-kernels` checks them. A slice that is too short panics.

mod rungs;

pub use rungs::{Gemm, Rungs, f32, f64};
