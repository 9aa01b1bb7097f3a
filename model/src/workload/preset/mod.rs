//! Seven published networks, built from their layers with arguments.

mod options;

pub use options::{Attention, NAMES, Options, default_options};

use super::{Workload, WorkloadError};

/// The workload of the preset `name` with these options.
///
/// # Errors
/// When no preset has the name, an option does not fit the network, or counts exceed 64 bits.
pub fn build(name: &str, options: &Options) -> Result<Workload, WorkloadError> {
    let _ = options;
    Err(WorkloadError::UnknownNetwork { found: name.to_owned(), known: NAMES.join(", ") })
}
