//! Kernels times settings, measured in randomised complete blocks under a lease.
//!
//! [`Plan`] says what; [`order`] in which order; [`run`](run()) does it: apply a setting, read it back, warm up until
//! power stands still, measure, confirm by effect, append the rows to a [`journal`]. An interrupted or killed sweep that
//! is resumed ends with exactly the rows of an uninterrupted one on the virtual node, and with the same plan elsewhere.

mod blocks;
mod estimate;
pub mod journal;
mod left;
mod levers;
pub mod order;
pub mod plan;
mod run;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;

pub use estimate::{Estimate, dry_run};
pub use journal::JournalError;
pub use plan::{Plan, PlanError};
pub use run::{End, Options, Outcome, Progress, Skipped, SweepError, run};
