//! Sensors, knobs and lease over an NVIDIA driver whose cards are files.

mod control;
mod readings;
mod versions;

use crate::driver::{Driver, UUIDS};
use ergometer_harness::clock::Clock;
use ergometer_harness::sensor::Roots;
use ergometer_harness::sensor::roots::NvmlSource;
use ergometer_record::Seconds;
use std::fs;
use std::process::Command;
