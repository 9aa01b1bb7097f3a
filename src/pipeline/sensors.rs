//! What is recorded of a run's sensors beside its rows, and told when two ways to the same joules disagree.

use super::Observer;
use crate::harness::sensor::agreement::{Agreement, Finding};
use crate::harness::sensor::facts::{FILE, SensorsFile};
use crate::harness::window::Rig;
use crate::record::format::{FormatError, json};
use std::path::Path;

/// Writes the sensors of `rig`, with what is known of their agreement, as `sensors.json` into `folder`.
///
/// # Errors
/// The file can't be written.
pub fn write(folder: &Path, rig: &Rig) -> Result<(), FormatError> {
    json::write(&folder.join(FILE), &SensorsFile::of(rig))
}

/// Says which sensors disagree with their witnesses.
pub fn warn(agreements: &[Agreement], observer: &dyn Observer) {
    for agreement in agreements.iter().filter(|agreement| agreement.finding == Finding::Disagrees) {
        observer.remark(&format!("caution: {agreement}"));
    }
}
