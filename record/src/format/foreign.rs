//! Sweeps measured by others: any CSV, read through a mapping file that says which columns mean what.
//!
//! ```toml
//! workload = ["dataset", "network", "batch_size", "optimizer"]  # columns that name what was run
//! setting = "power_limit"                                       # the column that was swept
//! technique = "power_cap"                                       # dvfs, power_cap or governor
//! unit = "W"                                                    # of the setting, for the tables
//! baseline = "max"                                              # max, min, or a value of the setting column
//! time = "time_per_epoch"                                       # seconds
//! power = "average_power"                                       # watts; or energy = "…" in joules
//! ```

use super::FormatError;
use crate::files;
use crate::setting::Technique;
use crate::units::{Joules, Seconds};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which columns of a foreign CSV mean what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Columns that together name what was run.
    pub workload: Vec<String>,
    /// The column that was swept.
    pub setting: String,
    /// The lever that it is.
    pub technique: Technique,
    /// Unit of the setting, for the tables.
    #[serde(default)]
    pub unit: String,
    /// Which setting the others are compared with.
    pub baseline: Baseline,
    /// Column of times, in seconds.
    pub time: String,
    /// Column of mean powers, in watts; exactly one of `power` and `energy` is given.
    #[serde(default)]
    pub power: Option<String>,
    /// Column of energies, in joules.
    #[serde(default)]
    pub energy: Option<String>,
}

/// The setting that gains are measured from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Baseline {
    /// The largest number in the setting column, workload by workload.
    Max,
    /// The smallest.
    Min,
    /// This text.
    Value(String),
}

impl From<String> for Baseline {
    fn from(text: String) -> Self {
        match text.as_str() {
            "max" => Self::Max,
            "min" => Self::Min,
            _ => Self::Value(text),
        }
    }
}

impl From<Baseline> for String {
    fn from(baseline: Baseline) -> Self {
        match baseline {
            Baseline::Max => "max".into(),
            Baseline::Min => "min".into(),
            Baseline::Value(text) => text,
        }
    }
}

/// One line of a foreign sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignPoint {
    /// The workload columns, joined by a space.
    pub workload: String,
    /// The setting as written.
    pub setting: String,
    /// The setting as a number, where it is one.
    pub setting_value: Option<f64>,
    /// Time of the run.
    pub time: Seconds,
    /// Energy of the run: given, or power times time.
    pub energy: Joules,
    /// Line in the file, from 1.
    pub line: u64,
}

/// Reads a mapping file.
///
/// # Errors
/// A missing or unknown key, both or neither of `power` and `energy`, no workload column.
pub fn read_mapping(path: &Path) -> Result<Mapping, FormatError> {
    let text = files::read_text(path)?;
    let mapping: Mapping = toml::from_str(&text).map_err(|error| FormatError::whole(path, error))?;
    if mapping.power.is_some() == mapping.energy.is_some() {
        return Err(FormatError::whole(path, "exactly one of `power` and `energy` names a column"));
    }
    if mapping.workload.is_empty() {
        return Err(FormatError::whole(path, "`workload` names at least one column"));
    }
    Ok(mapping)
}

/// Reads a foreign sweep. Every cell that the mapping names must be filled: an empty one is refused with its line and
/// column, because a sweep with a hole ranks its settings wrongly.
///
/// # Errors
/// A column that the header lacks, an empty cell, a number that is not positive and finite.
pub fn read(path: &Path, mapping: &Mapping) -> Result<Vec<ForeignPoint>, FormatError> {
    let text = files::read_text(path)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| FormatError::whole(path, error))?.clone();
    let column = |name: &str| {
        header.iter().position(|h| h.trim() == name).ok_or_else(|| {
            FormatError::whole(
                path,
                format!(
                    "the mapping names the column {name:?}, which it does not have; its columns are {}",
                    header.iter().collect::<Vec<_>>().join(", ")
                ),
            )
        })
    };
    let workload = mapping.workload.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
    let setting = column(&mapping.setting)?;
    let time = column(&mapping.time)?;
    let (cost, cost_is_power) = match (&mapping.power, &mapping.energy) {
        (Some(power), _) => (column(power)?, true),
        (None, Some(energy)) => (column(energy)?, false),
        (None, None) => return Err(FormatError::whole(path, "the mapping names neither a power nor an energy column")),
    };
    let mut points = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| FormatError::whole(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |index: usize, expected: &str| {
            let text = record.get(index).unwrap_or("").trim();
            let error = || FormatError::Field {
                path: path.to_owned(),
                line,
                field: header[index].to_owned(),
                found: text.to_owned(),
                expected: expected.to_owned(),
            };
            if text.is_empty() { Err(error()) } else { Ok((text.to_owned(), error())) }
        };
        let positive = |index: usize| {
            let expected = "a positive number is needed there";
            let (text, error) = cell(index, expected)?;
            text.parse::<f64>().ok().filter(|x| x.is_finite() && *x > 0.0).ok_or(error)
        };
        let names = workload
            .iter()
            .map(|&index| cell(index, "a name is needed there").map(|(text, _)| text))
            .collect::<Result<Vec<_>, _>>()?;
        let (setting_text, _) = cell(setting, "a setting is needed there")?;
        let time = Seconds(positive(time)?);
        let cost = positive(cost)?;
        points.push(ForeignPoint {
            workload: names.join(" "),
            setting_value: setting_text.parse().ok(),
            setting: setting_text,
            time,
            energy: Joules(if cost_is_power { cost * time.0 } else { cost }),
            line,
        });
    }
    if points.is_empty() {
        return Err(FormatError::whole(path, "it has a header and no rows"));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MAPPING: &str = r#"
        workload = ["net"]
        setting = "cap"
        technique = "power_cap"
        unit = "W"
        baseline = "max"
        time = "t"
        power = "p"
    "#;

    fn parse(mapping: &str, csv: &str) -> Result<Vec<ForeignPoint>, FormatError> {
        let folder = tempfile::tempdir().unwrap();
        let (map, data) = (folder.path().join("map.toml"), folder.path().join("data.csv"));
        fs::write(&map, mapping).unwrap();
        fs::write(&data, csv).unwrap();
        read(&data, &read_mapping(&map)?)
    }

    #[test]
    fn energy_is_power_times_time() {
        let points = parse(MAPPING, "net,cap,t,p\nresnet,100,2.0,80\n").unwrap();
        assert_eq!(points[0].energy, Joules(160.0));
        assert_eq!(points[0].setting_value, Some(100.0));
    }

    #[test]
    fn a_blank_cell_is_refused_with_file_line_and_column() {
        let error = parse(MAPPING, "net,cap,t,p\nresnet,100,2.0,80\nresnet,125,,81\n").unwrap_err().to_string();
        assert!(error.contains("data.csv, line 3, field t: found \"\""), "{error}");
    }

    #[test]
    fn wrong_mappings_are_refused() {
        for (from, to, expected) in [
            ("\"t\"", "\"seconds\"", "its columns are net, cap, t, p"),
            ("power = \"p\"", "", "exactly one of"),
            ("technique = \"power_cap\"", "technique = \"magic\"", "magic"),
            ("unit", "units", "units"),
        ] {
            let error = parse(&MAPPING.replace(from, to), "net,cap,t,p\na,1,2,3\n").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
