//! Reference data for tests: read where it is at hand, never needed.

use std::path::PathBuf;

/// A file of the reference data, or `None` with the reason printed.
pub(super) fn bytes(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("ERGOMETER_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from);
    let found = std::fs::read(root.join(path)).ok();
    if found.is_none() {
        println!("skipped: no reference data ({})", root.join(path).display());
    }
    found
}

/// The same as text.
pub(super) fn read(path: &str) -> Option<String> {
    bytes(path).and_then(|bytes| String::from_utf8(bytes).ok())
}
