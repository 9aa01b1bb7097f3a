//! Validation as a stage of its own: errors on what a model has not seen, beside what a newcomer's baseline gives, and
//! the recovery of a known truth.
//!
//! The folds themselves are part of every calibration ([`crate::calibrate::FoldReport`]), because an in-sample error
//! alone says nothing.

pub(crate) mod baseline;
pub mod data;
mod error;
mod recover;

pub use error::{Compared, ErrorSummary, summarise};
pub use recover::{Recovered, Recovery, recover};
