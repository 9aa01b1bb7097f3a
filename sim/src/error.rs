//! What can go wrong before a simulation starts. A simulation that has started ends.

use ergometer_record::files::FileError;
use std::path::PathBuf;

/// A scenario, cluster, workload, table or policy that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A file could not be read or written at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what it should be: syntax, an unknown key, a wrong type. The message carries line and key.
    #[error("{file}: {problem}")]
    Parse {
        /// The file, or the name of the built-in preset.
        file: String,
        /// What is wrong, with line and key.
        problem: String,
    },
    /// A value is of the right type and makes no sense.
    #[error("{file}, key {key}: found {found}, but {expected}")]
    Value {
        /// The file, or the name of the built-in preset.
        file: String,
        /// The key, with the table that it stands in.
        key: String,
        /// What stood there.
        found: String,
        /// What is allowed there, as the end of a sentence.
        expected: String,
    },
    /// A name that nothing has.
    #[error("there is no {what} named {found:?}; there are: {allowed}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// What stood there.
        found: String,
        /// The names that exist, comma separated.
        allowed: String,
    },
    /// A policy's options are wrong.
    #[error("policy {policy}: {problem}")]
    Policy {
        /// The policy.
        policy: String,
        /// What is wrong with its options.
        problem: String,
    },
    /// An oracle can't answer where it must.
    #[error("oracle {oracle}: {problem}")]
    Oracle {
        /// The oracle.
        oracle: String,
        /// What it could not say, about what, and what to try.
        problem: String,
    },
    /// A job template has no placement at all on this cluster.
    #[error(
        "job {template} has no placement on cluster {cluster}: none of its GPU counts, batch sizes and hardware fits; \
         widen `gpus`, `batches` or `hardware`, or let jobs span nodes with `span_slowdown`"
    )]
    NoPlacement {
        /// The template.
        template: String,
        /// The cluster.
        cluster: String,
    },
    /// A schedule broke a law that every schedule obeys: a defect of the simulator, worth a report.
    #[error("the schedule is invalid: {0}")]
    Invalid(String),
    /// Rows could not be written.
    #[error("could not write {}: {problem}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        problem: String,
    },
}

impl SimError {
    pub(crate) fn value(
        file: &str,
        key: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Value { file: file.to_owned(), key: key.into(), found: found.to_string(), expected: expected.into() }
    }

    pub(crate) fn unknown<'a>(what: &'static str, found: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        let allowed = allowed.into_iter().collect::<Vec<_>>().join(", ");
        Self::Unknown { what, found: found.to_owned(), allowed }
    }
}
