//! Samples as JSON Lines.

use super::samples::{Format, Row};
use std::io::{self, Write};

/// One object a line; of energy and power the one that the sensor does not give is null.
pub(super) struct JsonLines;

impl Format for JsonLines {
    fn begin(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn row(&self, out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(row)?;
        bytes.push(b'\n');
        out.write_all(&bytes)
    }
}
