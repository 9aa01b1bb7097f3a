//! Everything that touches a machine, on machines made of files: sensors, knobs, lease, doctor and meter.

mod a100;
mod advice;
mod agreement;
mod characterise;
mod cluster;
mod doctor;
mod dram;
#[path = "../fake/nvidia.rs"]
mod driver;
mod energy;
mod external;
mod footprint;
mod hwmon;
mod knobs;
mod lease;
mod meter;
mod nvidia;
mod profiler;
mod sensors;
#[path = "../fake/trees.rs"]
mod trees;
