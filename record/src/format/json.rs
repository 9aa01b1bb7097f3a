//! JSON documents: whole, indented, ending in a newline.

use super::FormatError;
use crate::files;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Writes `value` as indented JSON.
///
/// # Errors
/// The file can't be written; a map key that is not text.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), FormatError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| FormatError::whole(path, error))?;
    text.push('\n');
    Ok(files::write_whole(path, text.as_bytes())?)
}

/// Reads a JSON document.
///
/// # Errors
/// The file can't be read, is not JSON, or lacks a field; line and column are named.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, FormatError> {
    let text = files::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| FormatError::whole(path, error))
}
