//! Scalar rungs of the CPU kernels: the sequential C semantics that the SIMD tiers are compared with.
//!
//! Nothing here is generic in the element: a generic function would be compiled, and vectorised, by the crate that
//! uses it. This crate is built at `opt-level = 1` in release (see the workspace manifest), where LLVM's vectorisers
//! are off. The thesis (section 3.4.2) used gcc `-O0`; this is faster, so speed-ups over it are smaller than its.
//!
//! Definitions are those of [`ergometer_record::kernel`]. Slices must have the lengths that the extents say;
//! `ergometer-kernels` checks them. A slice that is too short panics.
//!
//! [`profile_verified`] tells whether this build has that level: a workspace that uses this crate without the profile
//! compiles it like any other, and its "scalar" times are then those of vectorised loops. `.ci/scalar-is-scalar`
//! disassembles the artefact and looks at the instructions themselves.

mod rungs;
mod sell;
mod xoshiro;

pub use rungs::{Gemm, Rungs, f32, f64};
pub use sell::{SELL_ROWS, SellStep};
pub use xoshiro::{Bundle, GENERATORS, STEP_SAMPLES, count_inside_xoshiro};

/// The optimisation level that cargo gave this package, as its build script saw it.
pub const OPT_LEVEL: &str = env!("ERGOMETER_SCALAR_OPT_LEVEL");

/// Whether this crate was built at `opt-level = 1`, the level at which LLVM's vectorisers are off and loops are otherwise
/// optimised. Where it is false, times of these rungs are to be reported as `scalar: unverified`.
pub fn profile_verified() -> bool {
    OPT_LEVEL == "1"
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_builds_its_own_rungs_at_level_one() {
        assert!(super::profile_verified(), "built at opt-level {}", super::OPT_LEVEL);
    }
}
