//! Samples as CSV.

use super::samples::{Format, Row};
use std::io::{self, Write};

/// A heading and one line a reading; of energy and power the one that the sensor does not give is empty.
pub(super) struct Csv;

const HEADING: [&str; 7] = ["unix_s", "time_s", "sensor", "component", "provenance", "energy_j", "power_w"];

impl Format for Csv {
    fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        line(out, |writer| writer.write_record(HEADING))
    }

    fn row(&self, out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
        line(out, |writer| writer.serialize(row))
    }
}

fn line(
    out: &mut dyn Write,
    write: impl FnOnce(&mut ::csv::Writer<&mut Vec<u8>>) -> Result<(), ::csv::Error>,
) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(128);
    let mut writer = ::csv::WriterBuilder::new().has_headers(false).from_writer(&mut bytes);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    out.write_all(&bytes)
}
