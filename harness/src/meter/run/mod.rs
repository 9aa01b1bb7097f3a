//! The profiler: the energy of a machine *during* a command.

pub(crate) mod child;
mod report;

pub use report::{Exit, RunReport};
pub(crate) use report::{NOTE, words};

use super::output::{OutputError, OutputOptions, Outputs};
use super::{DEFAULT_PERIOD, Meter};
use crate::clock::RealClock;
use crate::sensor::{Roots, probe, select};
use child::{Child, Forwarder};
use ergometer_record::Seconds;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

/// A command that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// None was given.
    #[error("no command was given: write it after `--`, as in `ergometer run -- make -j8`")]
    Empty,
    /// It did not start.
    #[error("{program:?} could not be started: {source}")]
    Start {
        /// Which program.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be waited for.
    #[error("the command could not be watched: {0}")]
    Watch(#[from] io::Error),
    /// A file for its samples or metrics was refused; the command was not started.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// How to profile.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where the sensors are.
    pub roots: Roots,
    /// Between samples.
    pub period: Seconds,
    /// Files that are written while the command runs.
    pub outputs: OutputOptions,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { roots: Roots::system(), period: DEFAULT_PERIOD, outputs: OutputOptions::default() }
    }
}

/// Runs a command with the present standard streams and measures while it runs, children included. Signals that reach
/// this process alone are passed on to the command; those that a terminal sends to both, the command has already.
///
/// # Errors
/// There is no command, it could not be started, or a file to write is refused beforehand. That the command failed is in
/// [`RunReport::exit`]; that nothing could be measured, or that a file could not be written to its end, is in the report.
pub fn run_command(command: &[OsString], options: &RunOptions) -> Result<RunReport, RunError> {
    let clock = Arc::new(RealClock::new());
    let meter = Arc::new(Meter::new(select(probe(&options.roots)), clock.clone(), options.period));
    let outputs = Outputs::open(&options.outputs, &meter, clock.as_ref())?;
    let forwarder = Forwarder::new()?;
    let window = meter.start("command");
    outputs.follow(window);
    let child = match Child::start(command, &[], &forwarder) {
        Ok(child) => child,
        Err(error) => {
            outputs.discard(&meter);
            return Err(error);
        }
    };
    let waited = child.wait();
    let report = meter.stop(window);
    let ended = child.reap()?;
    waited?;
    let window = report.ok_or_else(|| io::Error::other("its window was closed early"))?;
    let outputs = outputs.finish(&meter, &window);
    Ok(RunReport::new(command, ended, window, outputs))
}
