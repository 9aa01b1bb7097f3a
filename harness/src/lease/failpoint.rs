//! Named places at which a test can kill the process, as a power cut or the kernel's memory killer would.
//!
//! `ERGOMETER_KILL_AT=after-write:3` ends the process with SIGKILL when that point is reached for the third time.
//! Several are separated by commas.

use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable.
pub const VARIABLE: &str = "ERGOMETER_KILL_AT";

/// A place at which the process can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The intention is in the journal and on the disk.
    AfterJournal,
    /// The next thing would be the write.
    BeforeWrite,
    /// The write has begun: the knob is open, and has its old value or the new one.
    DuringWrite,
    /// The hardware has the new value and the journal does not know it yet.
    AfterWrite,
    /// One more old value is about to be put back.
    DuringRestore,
}

impl Point {
    /// All points.
    pub const ALL: [Self; 5] =
        [Self::AfterJournal, Self::BeforeWrite, Self::DuringWrite, Self::AfterWrite, Self::DuringRestore];

    /// The name in the environment variable.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterJournal => "after-journal",
            Self::BeforeWrite => "before-write",
            Self::DuringWrite => "during-write",
            Self::AfterWrite => "after-write",
            Self::DuringRestore => "during-restore",
        }
    }
}

static PASSED: [AtomicU32; Point::ALL.len()] = [const { AtomicU32::new(0) }; Point::ALL.len()];

/// Passes the point, or dies there.
pub fn pass(point: Point) {
    let passed = PASSED[point as usize].fetch_add(1, Ordering::SeqCst) + 1;
    let Some(wanted) = std::env::var_os(VARIABLE) else { return };
    if kills(&wanted.to_string_lossy(), point, passed) {
        // SAFETY: `raise` takes a signal number and touches no memory of ours; SIGKILL ends the process.
        unsafe { libc::raise(libc::SIGKILL) };
    }
}

fn kills(wanted: &str, point: Point, passed: u32) -> bool {
    wanted
        .split(',')
        .filter_map(|item| item.trim().split_once(':'))
        .any(|(name, nth)| name == point.name() && nth.parse() == Ok(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_passage_kills() {
        assert!(kills("after-write:3", Point::AfterWrite, 3));
        assert!(kills("before-write:1, after-write:3", Point::AfterWrite, 3));
        for (wanted, point, passed) in [
            ("after-write:3", Point::AfterWrite, 2),
            ("after-write:3", Point::BeforeWrite, 3),
            ("after-write", Point::AfterWrite, 1),
            ("after-write:x", Point::AfterWrite, 1),
            ("", Point::AfterWrite, 1),
        ] {
            assert!(!kills(wanted, point, passed), "{wanted}");
        }
    }
}
