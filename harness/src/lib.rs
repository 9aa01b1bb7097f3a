//! The measurement stage: sensors, knobs, lease, executors, sweeps, statistics, tables and the virtual node.
//!
//! Everything that touches the machine sits behind a trait, so that the same sweep loop runs on real hardware, on a
//! fixture tree and on the virtual node: [`clock::Clock`], [`sensor::Sensor`], [`knob::Knob`], [`executor::Executor`].

pub mod characterise;
pub mod clock;
pub mod cluster;
pub mod counter;
pub mod doctor;
pub mod executor;
pub mod footprint;
pub mod knob;
pub mod lease;
pub mod meter;
mod perf_event;
pub mod sensor;
pub mod sweep;
pub mod table;
pub mod vnode;
pub mod window;
