//! The profiler: the energy of a machine *during* a command.

use super::{Meter, WindowReport};
use crate::clock::RealClock;
use crate::sensor::{Roots, probe, select};
use ergometer_record::Seconds;
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

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
}

/// How to profile.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where the sensors are.
    pub roots: Roots,
    /// Between samples.
    pub period: Seconds,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { roots: Roots::system(), period: super::DEFAULT_PERIOD }
    }
}

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

/// The energy during a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The command, as text.
    pub command: Vec<String>,
    /// How it ended.
    pub exit: Exit,
    /// What was measured while it ran.
    pub window: WindowReport,
    /// How to read the numbers.
    pub note: String,
}

const NOTE: &str = "Sensors see whole components: this is the energy of the machine during the command, the idle \
                    machine and everything else that ran included, not the energy of the command alone.";

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.window)?;
        if self.window.total.is_some() {
            writeln!(f, "{}", self.note)?;
        }
        match self.exit {
            Exit::Code(code) => write!(f, "the command ended with exit code {code}"),
            Exit::Signal(signal) => write!(f, "the command was ended by signal {signal}"),
        }
    }
}

/// Runs a command with the present standard streams and measures while it runs, children included. Signals that reach
/// this process alone are passed on to the command; those that a terminal sends to both, the command has already.
///
/// # Errors
/// There is no command, or it could not be started. That it failed is in [`RunReport::exit`]; that nothing could be
/// measured is in the report too.
pub fn run_command(command: &[OsString], options: &RunOptions) -> Result<RunReport, RunError> {
    let (program, arguments) = command.split_first().ok_or(RunError::Empty)?;
    let meter = Meter::new(select(probe(&options.roots)), Arc::new(RealClock::new()), options.period);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2])?;
    let window = meter.start("command");
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|source| RunError::Start { program: program.clone(), source })?;
    // Emptied before the child is reaped, so that no signal goes to a process that got its number afterwards.
    let target = Arc::new(Mutex::new(Some(child.id())));
    let forwarding = Arc::clone(&target);
    let handle = signals.handle();
    let forwarder = std::thread::spawn(move || {
        for signal in &mut signals {
            forward(signal, *forwarding.lock().unwrap_or_else(PoisonError::into_inner));
        }
    });
    let waited = wait_without_reaping(child.id());
    *target.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let report = meter.stop(window);
    let status = child.wait();
    handle.close();
    // It ends once its handle is closed; a panic in it has been told already.
    let _ = forwarder.join();
    waited?;
    let status = status?;
    let exit = match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    };
    let window = report.ok_or_else(|| io::Error::other("its window was closed early"))?;
    let command = command.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    Ok(RunReport { command, exit, window, note: NOTE.to_owned() })
}

/// Waits until the child has ended and leaves it to be reaped.
fn wait_without_reaping(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: an all-zero siginfo_t is a valid value of that plain C structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` lives across the call and has the type that waitid fills; WNOWAIT leaves our child unreaped.
        let result = unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends a signal on to the command, unless the terminal has sent it there already.
fn forward(signal: libc::c_int, target: Option<u32>) {
    let Some(pid) = target.and_then(|pid| libc::pid_t::try_from(pid).ok()) else { return };
    if matches!(signal, SIGINT | SIGQUIT | SIGHUP) && in_foreground() {
        return;
    }
    // SAFETY: kill takes two integers and touches no memory; `pid` is our child, which is not reaped while it is in
    // the shared cell.
    unsafe { libc::kill(pid, signal) };
}

/// True when a terminal would send its signals to our process group, which the command shares.
fn in_foreground() -> bool {
    // SAFETY: both calls take integers and touch no memory; without a terminal the first returns -1.
    unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() }
}
