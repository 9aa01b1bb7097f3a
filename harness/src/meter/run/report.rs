//! What the profiler reports.

use super::child::Ended;
use crate::meter::WindowReport;
use crate::meter::output::Written;
use ergometer_record::Seconds;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// What a shell would report: the code, or 128 + the signal.
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// The energy during a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The command, as text.
    pub command: Vec<String>,
    /// How it ended.
    pub exit: Exit,
    /// Processor time of the command and of those of its children that it waited for.
    pub cpu_time_s: Seconds,
    /// What was measured while it ran.
    pub window: WindowReport,
    /// Files that were written meanwhile.
    pub outputs: Vec<Written>,
    /// How to read the numbers.
    pub note: String,
}

/// How the energies of a command are to be read.
pub(crate) const NOTE: &str = "Sensors see whole components: this is the energy of the machine during the command, the \
                               idle machine and everything else that ran included, not the energy of the command \
                               alone. It ends when the command does: what that leaves running afterwards is not in it.";

/// The command as text.
pub(crate) fn words(command: &[OsString]) -> Vec<String> {
    command.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

impl RunReport {
    pub(crate) fn new(command: &[OsString], ended: Ended, window: WindowReport, outputs: Vec<Written>) -> Self {
        let (command, note) = (words(command), NOTE.to_owned());
        Self { command, exit: ended.exit, cpu_time_s: ended.cpu_time, window, outputs, note }
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.window)?;
        if self.window.total.is_some() {
            writeln!(f, "{}", self.note)?;
        }
        for output in &self.outputs {
            writeln!(f, "{output}")?;
        }
        let (time, cpu) = (self.window.time_s, self.cpu_time_s);
        write!(f, "the command {}; it and its children had {:.2} s of processor time", self.exit, cpu.0)?;
        if time.0 > 0.0 { write!(f, ", {:.2} processors on average", cpu / time) } else { Ok(()) }
    }
}
