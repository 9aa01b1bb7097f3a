//! What the stages of ergometer say to one another.
//!
//! A *kernel* run under a *setting* gives *measurement rows*; rows calibrate a device model; the model is the
//! oracle of a schedule. This crate holds the nouns of those sentences and their file formats, and nothing that
//! measures, models or decides:
//!
//! - [`units`]: joules, watts, seconds and hertz as newtypes;
//! - [`kernel`]: which computation, at which size and precision, with its FLOPs and least bytes;
//! - [`setting`]: clocks, governor and power caps of one sweep point;
//! - [`measurement`]: one row of a results file, with [`provenance`];
//! - [`budget`]: the parts of an energy's uncertainty;
//! - [`manifest`]: what must be known to repeat a run;
//! - [`mod@format`]: reading and writing these, whole or not at all;
//! - [`number`]: numbers as text;
//! - [`stats`]: intervals and paired comparisons, used by every stage that states an uncertainty;
//! - [`philox`]: the counter-based generator that CPU and GPU share, with its published test vectors.

pub mod budget;
pub mod counts;
pub mod files;
pub mod format;
pub mod kernel;
pub mod manifest;
pub mod measurement;
pub mod number;
pub mod philox;
pub mod provenance;
pub mod setting;
pub mod stats;
pub mod units;

pub use budget::Budget;
pub use counts::Counts;
pub use kernel::{Kernel, KernelSpec, Precision, Size};
pub use manifest::Manifest;
pub use measurement::{Component, Row};
pub use provenance::{Provenance, Verdict};
pub use setting::{Setting, Technique};
pub use stats::Interval;
pub use units::{Hertz, Joules, Seconds, Watts};
