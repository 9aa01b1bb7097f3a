//! Numbers and names from CSV files, with the place of what can't be read; and the comparison that all sets share.

use super::{DataError, DataRow, Finding, interpolation};
use crate::response::{Fit, Observation, Series};
use crate::validate::{Compared, summarise};
use ergometer_record::files;
use std::path::{Path, PathBuf};

/// One row of a CSV file.
pub(super) struct Line {
    path: PathBuf,
    number: u64,
    columns: csv::StringRecord,
    record: csv::StringRecord,
}

/// All rows of a file.
pub(super) fn lines(path: &Path) -> Result<Vec<Line>, DataError> {
    parse(&files::read_text(path)?, path)
}

/// All rows of a text; `path` stands in the errors.
pub(super) fn parse(text: &str, path: &Path) -> Result<Vec<Line>, DataError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let fail = |error: csv::Error| DataError::Row {
        path: path.to_owned(),
        line: error.position().map_or(1, csv::Position::line),
        problem: error.to_string(),
    };
    let columns = reader.headers().map_err(fail)?.clone();
    reader
        .records()
        .map(|record| {
            let record = record.map_err(fail)?;
            let number = record.position().map_or(0, csv::Position::line);
            Ok(Line { path: path.to_owned(), number, columns: columns.clone(), record })
        })
        .collect()
}

impl Line {
    fn wrong(&self, problem: String) -> DataError {
        DataError::Row { path: self.path.clone(), line: self.number, problem }
    }

    pub(super) fn text(&self, column: &str) -> Result<&str, DataError> {
        let place = self.columns.iter().position(|name| name == column);
        let found = place.and_then(|place| self.record.get(place));
        found.ok_or_else(|| self.wrong(format!("the column {column} is missing")))
    }

    /// A positive number.
    pub(super) fn number(&self, column: &str) -> Result<f64, DataError> {
        let text = self.text(column)?;
        let number = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
        number.ok_or_else(|| self.wrong(format!("{column} is {text:?}, but a positive number is needed")))
    }
}

/// A workload's points in order of their setting, with those that the models may see.
pub(super) struct Split {
    pub(super) name: String,
    /// The setting as a number on the axis of interpolation, and the point.
    pub(super) points: Vec<(f64, Observation)>,
    pub(super) is_known: fn(usize, usize) -> bool,
}

impl Split {
    fn known(&self) -> impl Iterator<Item = &(f64, Observation)> {
        let count = self.points.len();
        self.points.iter().enumerate().filter(move |(i, _)| (self.is_known)(*i, count)).map(|(_, point)| point)
    }

    pub(super) fn series(&self) -> Series {
        Series { name: self.name.clone(), points: self.known().map(|(_, point)| *point).collect() }
    }
}

/// Time and power errors of a fit on the points that it has not seen, beside interpolation between those that it has.
pub(super) fn judge(device: &str, splits: &[Split], fit: &Fit, targets: [Option<f64>; 2], seed: u64) -> Vec<DataRow> {
    let mut compared: [Vec<Compared>; 4] = Default::default();
    for (group, (split, work)) in splits.iter().zip(&fit.workloads).enumerate() {
        let axis: Vec<f64> = split.known().map(|(x, _)| *x).collect();
        let times: Vec<f64> = split.known().map(|(_, p)| p.time_s).collect();
        let powers: Vec<f64> = split.known().map(|(_, p)| p.power_w).collect();
        for (i, (x, point)) in split.points.iter().enumerate() {
            if (split.is_known)(i, split.points.len()) {
                continue;
            }
            let (time, power) = fit.device.predict(work, point.bound);
            let plain = |values: &[f64]| interpolation::monotone(&axis, values, *x).unwrap_or(f64::NAN);
            let predicted = [time, power, plain(&times), plain(&powers)];
            let observed = [point.time_s, point.power_w, point.time_s, point.power_w];
            for ((list, predicted), observed) in compared.iter_mut().zip(predicted).zip(observed) {
                list.push(Compared { group, predicted, observed });
            }
        }
    }
    let [time, power, plain_time, plain_power] = compared;
    let row = |quantity: &str, model: &[Compared], plain: &[Compared], target_percent| {
        let finding = Finding::Error {
            quantity: quantity.to_owned(),
            model: summarise(model, seed)?,
            baseline_name: "interpolation".to_owned(),
            baseline: summarise(plain, seed)?,
            target_percent,
        };
        Some(DataRow { device: device.to_owned(), finding })
    };
    let rows = [row("time", &time, &plain_time, targets[0]), row("power", &power, &plain_power, targets[1])];
    rows.into_iter().flatten().collect()
}
