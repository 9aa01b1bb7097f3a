//! Rows a node and component as CSV: what `ergometer run --nodes FILE` writes and `ergometer table --layout nodes` reads.

use super::NodeReport;
use ergometer_record::files::{self, FileError};
use ergometer_record::format::FormatError;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the layout that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// One component of one node in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The window.
    pub window: String,
    /// The machine.
    pub node: String,
    /// Ranks on it.
    pub ranks: u32,
    /// Length of the window there.
    pub time_s: Seconds,
    /// What the energy covers; `none` in the one row of a node without sensors.
    pub component: Component,
    /// Which sensor.
    pub sensor: String,
    /// Where the energy comes from.
    pub provenance: Provenance,
    /// Empty where nothing measured it, never 0.
    pub energy_j: Option<Joules>,
    /// Its standard uncertainty.
    pub energy_u_j: Option<Joules>,
    /// Energy over time.
    pub mean_w: Option<Watts>,
    /// The greatest power seen.
    pub peak_w: Option<Watts>,
    /// Why there is no energy.
    pub reason: Option<String>,
}

impl NodeRow {
    pub(super) fn of(window: &str, node: &NodeReport) -> Vec<Self> {
        let blank = Self {
            schema_version: SCHEMA_VERSION,
            window: window.to_owned(),
            node: node.node.clone(),
            ranks: u32::try_from(node.ranks.len()).unwrap_or(u32::MAX),
            time_s: node.window.time_s,
            component: Component::NONE,
            sensor: String::new(),
            provenance: Provenance::Absent,
            energy_j: None,
            energy_u_j: None,
            mean_w: None,
            peak_w: None,
            reason: Some("no sensor can be read there".into()),
        };
        if node.window.components.is_empty() {
            return vec![blank];
        }
        let row = |c: &crate::meter::ComponentEnergy| Self {
            component: c.component,
            sensor: c.sensor.clone(),
            provenance: c.provenance,
            energy_j: c.energy_j,
            energy_u_j: c.energy_u_j,
            mean_w: c.mean_w,
            peak_w: c.peak_w,
            reason: c.reason.clone(),
            ..blank.clone()
        };
        node.window.components.iter().map(row).collect()
    }
}

/// Writes rows, whole.
///
/// # Errors
/// Names the file and what the system said.
pub fn write(path: &Path, rows: &[NodeRow]) -> Result<(), FileError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |source: std::io::Error| FileError::Write { path: path.to_owned(), source };
    for row in rows {
        writer.serialize(row).map_err(|error| failed(std::io::Error::other(error)))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    files::write_whole(path, &bytes)
}

/// Reads rows.
///
/// # Errors
/// Names file, line and field, and what is wrong there.
pub fn read(path: &Path) -> Result<Vec<NodeRow>, FormatError> {
    let text = files::read_text(path)?;
    let whole = |problem: String| FormatError::Whole { path: path.to_owned(), problem };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|error| whole(error.to_string()))?.clone();
    if !headings.iter().any(|heading| heading == "node") {
        return Err(whole("it has no column `node`: this layout reads what `ergometer run --nodes FILE` wrote".into()));
    }
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| whole(error.to_string()))?;
        let row: NodeRow = record.deserialize(Some(&headings)).map_err(|error| {
            let field = match error.kind() {
                csv::ErrorKind::Deserialize { err, .. } => err.field().and_then(|at| usize::try_from(at).ok()),
                _ => None,
            };
            match field {
                Some(field) => FormatError::Field {
                    path: path.to_owned(),
                    line: record.position().map_or(at as u64 + 2, csv::Position::line),
                    field: headings.get(field).unwrap_or_default().to_owned(),
                    found: record.get(field).unwrap_or_default().to_owned(),
                    expected: "that is not allowed there".into(),
                },
                None => whole(error.to_string()),
            }
        })?;
        if row.schema_version > SCHEMA_VERSION {
            return Err(whole(format!(
                "it has schema {}, this ergometer knows {SCHEMA_VERSION}: use the version that wrote it",
                row.schema_version
            )));
        }
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "schema_version,window,node,ranks,time_s,component,sensor,provenance,energy_j,energy_u_j,mean_w,peak_w,reason\n\
                        1,command,a,2,2.5,package:0,perf,counter,100.5,0.5,40.2,50.0,\n\
                        1,command,b,2,2.5,none,,absent,,,,,no sensor can be read there\n";

    #[test]
    fn rows_round_trip_and_bad_fields_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nodes.csv");
        std::fs::write(&path, ROWS).unwrap();
        let rows = read(&path).unwrap();
        assert_eq!((rows[0].energy_j, rows[1].energy_j), (Some(Joules(100.5)), None));
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        std::fs::write(&path, ROWS.replace("100.5", "many")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, field energy_j: found \"many\""), "{error}");
        std::fs::write(&path, ROWS.replace("\n1,command,b", "\n2,command,b")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("schema 2"));
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("--nodes"));
    }
}
