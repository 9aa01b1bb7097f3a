//! Reading and writing what the stages exchange.
//!
//! - [`rows`]: measurement rows as long-form CSV;
//! - [`foreign`]: sweeps measured by others, read through a mapping file;
//! - [`json`]: manifests and other documents.
//!
//! A bad file is refused with its name, line and field, with what was found and what is allowed.

pub mod foreign;
pub mod json;
pub mod rows;

use crate::files::FileError;
use std::path::PathBuf;

/// A file that could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It could not be read or written at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// A field holds something that is not allowed there.
    #[error("{}, line {line}, field {field}: found {found:?}, but {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column name or key.
        field: String,
        /// What stood there.
        found: String,
        /// What is allowed there, as the end of a sentence.
        expected: String,
    },
    /// The file as a whole is wrong.
    #[error("{}: {problem}", path.display())]
    Whole {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl FormatError {
    pub(crate) fn whole(path: &std::path::Path, problem: impl std::fmt::Display) -> Self {
        Self::Whole { path: path.to_owned(), problem: problem.to_string() }
    }
}
