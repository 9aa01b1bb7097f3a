//! Section: what is measured and what is not, the runs behind the numbers, the files, and how to repeat it all.

use super::value::Origin;
use serde::{Deserialize, Serialize};

/// The last section; it is always there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Footer {
    /// What each kind of number rests on.
    pub statements: Vec<Statement>,
    /// The runs behind the numbers.
    pub manifests: Vec<ManifestEntry>,
    /// Files written.
    pub files: Vec<FileEntry>,
    /// Commands that repeat it, one a line.
    pub reproduce: Vec<String>,
}

/// What one kind of number rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The numbers, such as "kernel times".
    pub what: String,
    /// Where they come from; `None` is shown as absent.
    pub origin: Option<Origin>,
    /// How, or why they are absent.
    pub how: String,
}

/// A run by its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// `manifest_id`.
    pub id: String,
    /// The stage, such as "sweep".
    pub stage: String,
    /// Its seed.
    pub seed: u64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where, relative to the report.
    pub path: String,
    /// What it holds.
    pub what: String,
}
