//! One command at several sampling intervals: what the interval does to energy and time (thesis figure 3.3).
//!
//! Each repeat goes through all intervals in an order of its own, so that a machine that drifts does not pass for an
//! effect of the interval. A counter has the same energy at every interval, to its resolution; a power that is read more
//! rarely than it moves has not.

use super::{ComponentEnergy, Exit, RunError, RunOptions, run_command};
use ergometer_record::Seconds;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;

/// One run of the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntervalRun {
    /// Between samples; a sensor that updates more rarely is read at its own rate.
    pub interval_s: Seconds,
    /// Which repeat.
    pub repeat: u32,
    /// Place in the order of all runs.
    pub order: u32,
    /// From start to end of the command.
    pub time_s: Seconds,
    /// One a sensor.
    pub components: Vec<ComponentEnergy>,
    /// Share of one core that reading the sensors took, in wall time.
    pub sampling_share: f64,
    /// The same in CPU time, waking up included.
    pub sampling_cpu_share: Option<f64>,
    /// How the command ended.
    pub exit: Exit,
}

/// Runs the command `repeats` times at each interval, in blocks of random order. A run of the command that fails is the
/// last one: the others would not be comparable with it. `go_on` is told interval, number and total beforehand and
/// returns false to stop.
///
/// # Errors
/// As [`run_command`].
pub fn run_intervals(
    command: &[OsString],
    intervals: &[Seconds],
    repeats: u32,
    seed: u64,
    options: &RunOptions,
    go_on: &mut dyn FnMut(Seconds, u32, u32) -> bool,
) -> Result<Vec<IntervalRun>, RunError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut runs, total) = (Vec::new(), repeats * intervals.len() as u32);
    for repeat in 0..repeats {
        let mut block = intervals.to_vec();
        block.shuffle(&mut random);
        for interval_s in block {
            let order = runs.len() as u32;
            if !go_on(interval_s, order, total) {
                return Ok(runs);
            }
            let report = run_command(command, &RunOptions { period: interval_s, ..options.clone() })?;
            let window = report.window;
            runs.push(IntervalRun {
                interval_s,
                repeat,
                order,
                time_s: window.time_s,
                components: window.components,
                sampling_share: window.sampling_share,
                sampling_cpu_share: window.sampling_cpu_share,
                exit: report.exit,
            });
            if report.exit.code() != 0 {
                return Ok(runs);
            }
        }
    }
    Ok(runs)
}
