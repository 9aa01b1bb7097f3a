//! Cluster-scheduling simulation with calibrated oracles (thesis chapter 5).
//!
//! A *scenario* names a *cluster*, a *workload*, an *oracle* and *policies*; an *experiment* runs every policy on every
//! seed, on the same arrivals and the same luck, and compares them in pairs.
//!
//! - [`cluster`]: typed GPUs in nodes; [`job`]: malleable jobs and their arrivals;
//! - [`oracle`]: job and placement give time and power, as believed and as true;
//! - [`policy`]: which waiting job next, and where; [`engine`]: the discrete-event run;
//! - [`metrics`]: what a run is judged by; [`validate`]: an independent check of a schedule;
//! - [`scenario`]: all of it as TOML, with [`presets`](preset); [`experiment`]: policies times seeds.
//!
//! Nothing here is measured: every figure of a run is modelled, on whatever the oracle was calibrated on.

pub mod cluster;
pub mod engine;
pub mod error;
pub mod experiment;
pub mod input;
pub mod job;
pub mod metrics;
pub mod oracle;
pub mod policy;
pub mod preset;
pub mod scenario;
pub mod time;
pub mod validate;

pub use engine::{Outcome, Setup, simulate};
pub use error::SimError;
pub use experiment::{Results, run};
pub use metrics::Metrics;
pub use scenario::{Overrides, Scenario};
pub use time::Time;
