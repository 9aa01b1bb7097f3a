//! A process of its own that outlives SIGKILL of the measuring one and puts the settings back.
//!
//! It is this program once more, started as `__guardian --journal PATH`, in a session of its own so that no signal to
//! the terminal or the process group reaches it. Its standard input is a pipe whose other end only the measuring process
//! holds: end of file means that that one is gone, however it went.

use super::LeaseError;
use super::journal::Journal;
use super::restore;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__guardian";
/// Said on standard output once signals can't reach it any more.
const READY: &str = "ergometer guardian ready";
/// Stands for the journal's path in [`GuardianCommand::args`].
pub const JOURNAL: &str = "{journal}";

/// How to start the guardian.
#[derive(Debug, Clone)]
pub struct GuardianCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; [`JOURNAL`] is replaced by the journal's path.
    pub args: Vec<OsString>,
}

impl Default for GuardianCommand {
    /// This program: `/proc/self/exe`, which also works when the file was replaced meanwhile.
    fn default() -> Self {
        Self { program: "/proc/self/exe".into(), args: vec![SUBCOMMAND.into(), "--journal".into(), JOURNAL.into()] }
    }
}

/// A running guardian; dropping it closes the pipe and waits for its end.
#[derive(Debug)]
pub(crate) struct Guardian {
    child: Child,
}

impl Guardian {
    /// Starts it and waits until it is out of reach of signals.
    pub(crate) fn start(command: &GuardianCommand, journal: &Path) -> Result<Self, LeaseError> {
        let fail = |reason: String| LeaseError::Guardian { program: command.program.clone(), reason };
        let args = command.args.iter().map(|arg| if arg == JOURNAL { journal.as_os_str() } else { arg.as_os_str() });
        let mut child = Command::new(&command.program)
            .args(args)
            .env_remove(super::failpoint::VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let ready = BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.contains(READY));
                // The receiver is gone when it was tired of waiting.
                let _ = sender.send(ready);
            });
        }
        if receiver.recv_timeout(Duration::from_secs(10)) == Ok(true) {
            return Ok(Self { child });
        }
        // It is our own child and not yet reaped, so the id is still its own.
        let _ = child.kill();
        let _ = child.wait();
        Err(fail("it did not answer; a program that takes leases must pass `__guardian` on to guardian::main".into()))
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends by itself, and does what is left to do before.
        let _ = self.child.wait();
    }
}

/// The guardian's whole life: `args` are those after [`SUBCOMMAND`]. Returns the exit code: 0 when nothing was left to
/// do or all of it was done, 1 when a setting could not be put back, 2 on wrong arguments.
pub fn main(args: &[OsString]) -> i32 {
    let [flag, path] = args else { return 2 };
    if flag != "--journal" {
        return 2;
    }
    // SAFETY: setsid takes no argument and touches no memory; it fails only for a leader of a process group, which a
    // spawned child is not, and then the guardian works all the same.
    unsafe { libc::setsid() };
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // Swallowed: what ends the measuring process must not end this one.
        let _ = signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)));
    }
    let mut stdout = io::stdout();
    if writeln!(stdout, "{READY}").and_then(|()| stdout.flush()).is_err() {
        return 1;
    }
    // Blocks until the other end is closed.
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
    match after_death(Path::new(path)) {
        Ok(complete) => i32::from(!complete),
        Err(error) => {
            say(&format!("ergometer guardian: {error}"));
            1
        }
    }
}

fn after_death(path: &Path) -> Result<bool, LeaseError> {
    // Deleted: the lease ended in order. Otherwise its lock comes free with the last of the process.
    let Some(journal) = Journal::take_over(path, true)? else { return Ok(true) };
    let state_dir = path.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let report = restore::restore_dead(journal, state_dir, None)?;
    if !report.entries.is_empty() {
        say(&format!(
            "ergometer guardian: the measuring process ended without putting its settings back, so this was done for it:\n{report}"
        ));
    }
    Ok(report.is_complete())
}

/// Standard error may be closed by now, which is no reason to panic.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
