//! Section: what can be measured and controlled on this machine, and the command that fixes what can't.

use serde::{Deserialize, Serialize};

/// The checks of `ergometer doctor`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Doctor {
    /// The machine in one line: processor, cores, instruction sets, memory.
    pub machine: String,
    /// The checks, in the order in which they are shown; equal `group`s should stand together.
    pub checks: Vec<Check>,
}

/// One thing looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Heading that it stands under, such as "sensors".
    pub group: String,
    /// What was looked for, such as "RAPL package energy".
    pub name: String,
    /// What came of it.
    pub state: State,
    /// What was found, or what is in the way.
    pub detail: String,
    /// The exact command that makes it available, where one exists.
    pub fix: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There and usable.
    Found,
    /// Not there.
    Missing,
    /// There, but this user may not use it.
    NotPermitted,
}

impl State {
    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Missing => "missing",
            Self::NotPermitted => "not permitted",
        }
    }
}
