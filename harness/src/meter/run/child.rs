//! A command as a child process: started, its signals passed on, waited for.

use super::{Exit, RunError};
use ergometer_record::Seconds;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The child that signals go to. Emptied before the child is reaped, so that no signal goes to a process that got its
/// number afterwards.
type Target = Arc<Mutex<Option<libc::pid_t>>>;

const SIGNALS: [libc::c_int; 6] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// How many forwarders there are, and a flag that is set while there is none: signals then do again what they do by
/// themselves, because a handler once installed stays.
static FORWARDERS: Mutex<(usize, Option<Arc<AtomicBool>>)> = Mutex::new((0, None));

/// Takes signals from their default action, or gives them back.
fn count(change: impl FnOnce(usize) -> usize) -> io::Result<()> {
    let mut forwarders = FORWARDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let unused = match &forwarders.1 {
        Some(flag) => Arc::clone(flag),
        None => {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in SIGNALS {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))?;
            }
            forwarders.1 = Some(Arc::clone(&flag));
            flag
        }
    };
    forwarders.0 = change(forwarders.0);
    unused.store(forwarders.0 == 0, Ordering::SeqCst);
    Ok(())
}

/// Passes the signals that reach this process on to a command. Made before the command, so that none is lost; signals
/// that come after it is gone do what they do by default.
pub(crate) struct Forwarder {
    target: Target,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    pub(crate) fn new() -> io::Result<Self> {
        let mut signals = Signals::new(SIGNALS)?;
        let target: Target = Arc::new(Mutex::new(None));
        let (handle, to) = (signals.handle(), Arc::clone(&target));
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in &mut signals {
                forward(signal, *to.lock().unwrap_or_else(PoisonError::into_inner));
            }
        })?;
        let forwarder = Self { target, handle, thread: Some(thread) };
        count(|forwarders| forwarders + 1)?;
        Ok(forwarder)
    }

    fn aim(&self, target: Option<libc::pid_t>) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        // Registered already when there is something to drop.
        let _ = count(|forwarders| forwarders.saturating_sub(1));
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It ends once its handle is closed; a panic in it has been told already.
            let _ = thread.join();
        }
    }
}

/// A running command.
pub(crate) struct Child<'a> {
    pid: libc::pid_t,
    forwarder: &'a Forwarder,
}

/// How a command ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// Of the command and of those of its children that it waited for.
    pub(crate) cpu_time: Seconds,
}

impl<'a> Child<'a> {
    /// Starts `command` with the present standard streams and `environment` added to the present one.
    pub(crate) fn start(
        command: &[OsString],
        environment: &[(&OsStr, &OsStr)],
        forwarder: &'a Forwarder,
    ) -> Result<Self, RunError> {
        let (program, arguments) = command.split_first().ok_or(RunError::Empty)?;
        let child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .spawn()
            .map_err(|source| RunError::Start { program: program.clone(), source })?;
        let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
        forwarder.aim(Some(pid));
        Ok(Self { pid, forwarder })
    }

    /// Waits until the command has ended; it stays a zombie until [`Child::reap`], which takes time that is not its.
    pub(crate) fn wait(&self) -> io::Result<()> {
        let waited = retry(|| {
            // SAFETY: an all-zero siginfo_t is a valid value of that plain C structure.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            let id = self.pid.unsigned_abs();
            // SAFETY: `info` lives across the call and has the type that waitid fills; WNOWAIT leaves our child unreaped.
            unsafe { libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT) }
        });
        self.forwarder.aim(None);
        waited
    }

    /// How the command ended.
    pub(crate) fn reap(self) -> io::Result<Ended> {
        let mut status = 0;
        // SAFETY: an all-zero rusage is a valid value of that plain C structure.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        retry(|| {
            // SAFETY: both pointers are to locals of the types that wait4 fills, which live across the call.
            unsafe { libc::wait4(self.pid, &raw mut status, 0, &raw mut usage) }
        })?;
        let status = ExitStatus::from_raw(status);
        let exit = match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or_default()),
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        Ok(Ended { exit, cpu_time: Seconds(seconds(usage.ru_utime) + seconds(usage.ru_stime)) })
    }
}

/// Calls until it is not interrupted by a signal.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<()> {
    while call() < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

/// Sends a signal on to the command, unless the terminal has sent it there already.
fn forward(signal: libc::c_int, target: Option<libc::pid_t>) {
    let Some(pid) = target else { return };
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
