//! An oracle that has been measured: throughput and power by job, hardware, GPUs, batch and setting.
//!
//! ```csv
//! template,hardware,gpus,batch,setting,samples_per_s,power_w
//! vit-b16,a100,1,64,baseline,600,310
//! vit-b16,a100,1,64,gpu_cap=250W,540,248
//! ```

use super::{Oracle, Prediction, Query};
use crate::error::SimError;
use ergometer_record::{Seconds, Watts, files};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRow {
    /// Name of the job template.
    pub template: String,
    /// Name of the GPU type.
    pub hardware: String,
    /// GPUs.
    pub gpus: u32,
    /// Samples per GPU and step.
    pub batch: u64,
    /// Label of the setting, as [`ergometer_record::Setting`] displays it.
    pub setting: String,
    /// Throughput of the whole job.
    pub samples_per_s: f64,
    /// Power of all its GPUs.
    pub power_w: f64,
}

type Key = (String, String, u32, u64, String);

/// A table of measured or computed runs.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: HashMap<Key, (f64, f64)>,
}

impl Table {
    /// Reads a CSV file.
    ///
    /// # Errors
    /// The file can't be read; a missing or unknown column; a number that is not positive; a run that stands twice.
    pub fn read(path: &Path) -> Result<Self, SimError> {
        Self::parse(&files::read_text(path)?, &path.display().to_string())
    }

    /// Reads CSV text; `file` names it in errors.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self, SimError> {
        let problem = |problem: String| SimError::Parse { file: file.to_owned(), problem };
        let mut table = Self::default();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for row in reader.deserialize() {
            let row: TableRow = row.map_err(|error| problem(error.to_string()))?;
            for (field, value) in [("samples_per_s", row.samples_per_s), ("power_w", row.power_w)] {
                if !(value.is_finite() && value > 0.0) {
                    let name = format!("{field} of {} on {}", row.template, row.hardware);
                    return Err(SimError::value(file, name, value, "a positive finite number is needed"));
                }
            }
            let label = format!("{row:?}");
            if !table.insert(row) {
                return Err(problem(format!("this run stands twice: {label}")));
            }
        }
        Ok(table)
    }

    /// Adds a run; false if it was there already.
    pub fn insert(&mut self, row: TableRow) -> bool {
        let key = (row.template, row.hardware, row.gpus, row.batch, row.setting);
        self.entries.insert(key, (row.samples_per_s, row.power_w)).is_none()
    }
}

impl Oracle for Table {
    fn name(&self) -> String {
        "table".to_owned()
    }

    fn predict(&self, query: &Query<'_>) -> Result<Option<Prediction>, SimError> {
        let key = (
            query.template.name.clone(),
            query.hardware.name.clone(),
            query.gpus,
            query.batch,
            query.setting.to_string(),
        );
        Ok(self.entries.get(&key).map(|&(samples_per_s, power_w)| Prediction {
            time: Seconds(query.template.samples / samples_per_s),
            power: Watts(power_w),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "template,hardware,gpus,batch,setting,samples_per_s,power_w\n";

    #[test]
    fn bad_rows_are_refused_by_name() {
        let negative = Table::parse(&format!("{HEADER}v,a,1,64,baseline,-1,300\n"), "t.csv").unwrap_err().to_string();
        assert!(negative.contains("t.csv") && negative.contains("samples_per_s of v on a"), "{negative}");
        let twice = format!("{HEADER}v,a,1,64,baseline,1,300\nv,a,1,64,baseline,2,300\n");
        assert!(Table::parse(&twice, "t.csv").unwrap_err().to_string().contains("stands twice"));
        let word = Table::parse(&format!("{HEADER}v,a,one,64,baseline,1,300\n"), "t.csv").unwrap_err().to_string();
        assert!(word.contains("line: 2"), "{word}");
    }
}
