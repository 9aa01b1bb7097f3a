//! The two records: the meter's CSV, and the samples that `ergometer run --samples FILE` writes.
//!
//! A meter's CSV has a header. Its time is the first of these columns: `unix_s` (seconds since 1970), `time_s`, `time`
//! or `timestamp` (seconds since 1970 from 1e9 on, below that seconds from an arbitrary start; or ISO 8601, whose zone
//! makes it a time of day and whose lack of a zone an arbitrary start). Its power is the first of `power_w`, `power`,
//! `watts`, `w` (watts), `power_kw` and `power_mw`. Capitals do not matter, other columns are ignored.

use super::Series;
use crate::sensor::Quantity;
use ergometer_record::files;
use ergometer_record::format::FormatError;
use ergometer_record::{Component, Joules, Provenance, Watts};
use serde::{Deserialize, Serialize};
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the times of a meter count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// 1970, so that they can be compared with this machine's.
    TimeOfDay,
    /// Something else.
    Arbitrary,
}

/// The power that a meter recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterRecord {
    /// Energy over time.
    pub series: Series,
    /// What its times count from.
    pub clock: Clock,
}

/// One sensor's readings in a file of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorSamples {
    /// Its name.
    pub id: String,
    /// What it covers.
    pub component: Component,
    /// What its energies are called.
    pub provenance: Provenance,
    /// (seconds since 1970, seconds since the file was opened, value).
    pub readings: Vec<(f64, f64, Quantity)>,
}

/// A file of samples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SampleRecord {
    /// In order of first appearance.
    pub sensors: Vec<SensorSamples>,
}

const TIMES: [&str; 4] = ["unix_s", "time_s", "time", "timestamp"];
/// With the factor that makes watts of them.
const POWERS: [(&str, f64); 6] =
    [("power_w", 1.0), ("power", 1.0), ("watts", 1.0), ("w", 1.0), ("power_kw", 1e3), ("power_mw", 1e-3)];
/// Seconds from here on are since 1970: September 2001.
const LEAST_UNIX_S: f64 = 1e9;

/// A CSV with its header, whose cells are refused by name.
struct Table<'a> {
    path: &'a Path,
    header: csv::StringRecord,
    records: Vec<csv::StringRecord>,
}

impl<'a> Table<'a> {
    fn read(path: &'a Path) -> Result<Self, FormatError> {
        let text = files::read_text(path)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let whole = |error: csv::Error| whole(path, error.to_string());
        let header = reader.headers().map_err(whole)?.clone();
        let records = reader.records().collect::<Result<Vec<_>, _>>().map_err(whole)?;
        if records.len() < 2 {
            return Err(self::whole(path, "it holds fewer than two rows".to_owned()));
        }
        Ok(Self { path, header, records })
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|title| title.eq_ignore_ascii_case(name))
    }

    fn required(&self, names: &[&str]) -> Result<usize, FormatError> {
        names.iter().find_map(|name| self.column(name)).ok_or_else(|| {
            let present = self.header.iter().collect::<Vec<_>>().join(", ");
            whole(self.path, format!("it has none of the columns {}; its columns are {present}", names.join(", ")))
        })
    }

    fn refuse(&self, record: &csv::StringRecord, column: usize, expected: &str) -> FormatError {
        FormatError::Field {
            path: self.path.to_owned(),
            line: record.position().map_or(0, csv::Position::line),
            field: self.header.get(column).unwrap_or_default().to_owned(),
            found: record.get(column).unwrap_or_default().to_owned(),
            expected: expected.to_owned(),
        }
    }

    fn number(&self, record: &csv::StringRecord, column: usize, expected: &str) -> Result<f64, FormatError> {
        let number = record.get(column).and_then(|text| text.parse::<f64>().ok()).filter(|x| x.is_finite());
        number.ok_or_else(|| self.refuse(record, column, expected))
    }

    fn parsed<T: std::str::FromStr>(&self, record: &csv::StringRecord, column: usize) -> Result<T, FormatError>
    where
        T::Err: std::fmt::Display,
    {
        let text = record.get(column).unwrap_or_default();
        text.parse().map_err(|error: T::Err| self.refuse(record, column, &error.to_string()))
    }
}

fn whole(path: &Path, problem: String) -> FormatError {
    FormatError::Whole { path: path.to_owned(), problem }
}

/// Reads a meter's record.
///
/// # Errors
/// The file can't be read, lacks a column, or has a bad line, which is named with its field; times must ascend, and powers
/// may not be negative.
pub fn read_meter(path: &Path) -> Result<MeterRecord, FormatError> {
    let table = Table::read(path)?;
    let time = table.required(&TIMES)?;
    let power = table.required(&POWERS.map(|(name, _)| name))?;
    let title = table.header.get(power).unwrap_or_default();
    let factor = POWERS.iter().find(|(name, _)| title.eq_ignore_ascii_case(name)).map_or(1.0, |(_, factor)| *factor);
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(table.records.len());
    let mut clock = None;
    for record in &table.records {
        let expected = "a number of seconds or an ISO 8601 time is needed there";
        let (seconds, counts_from) =
            instant(record.get(time).unwrap_or_default()).ok_or_else(|| table.refuse(record, time, expected))?;
        if *clock.get_or_insert(counts_from) != counts_from {
            return Err(table.refuse(record, time, "the lines before it count from elsewhere"));
        }
        if points.last().is_some_and(|(before, _)| seconds <= *before) {
            return Err(table.refuse(record, time, "it is not later than the line before"));
        }
        let expected = "a power of zero or more is needed there";
        let value = table.number(record, power, expected)? * factor;
        if value < 0.0 {
            return Err(table.refuse(record, power, expected));
        }
        points.push((seconds, value));
    }
    Ok(MeterRecord { series: Series::of_meter(&points), clock: clock.unwrap_or(Clock::Arbitrary) })
}

/// Seconds, and what they count from.
fn instant(text: &str) -> Option<(f64, Clock)> {
    if let Ok(seconds) = text.parse::<f64>() {
        let clock = if seconds >= LEAST_UNIX_S { Clock::TimeOfDay } else { Clock::Arbitrary };
        return seconds.is_finite().then_some((seconds, clock));
    }
    // `2026-11-20 12:00:00` is common too.
    let text = match text.as_bytes().get(10) {
        Some(b' ') => text.replacen(' ', "T", 1),
        _ => text.to_owned(),
    };
    let seconds = |time: OffsetDateTime| time.unix_timestamp_nanos() as f64 * 1e-9;
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(time) => Some((seconds(time), Clock::TimeOfDay)),
        // Without a zone it is the time of an unknown place.
        Err(_) => OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).ok().map(|t| (seconds(t), Clock::Arbitrary)),
    }
}

/// Reads the samples of `ergometer run --samples FILE`.
///
/// # Errors
/// The file can't be read, lacks a column, or has a bad line, which is named with its field; each row has an energy or a
/// power, and the times of a sensor ascend.
pub fn read_samples(path: &Path) -> Result<SampleRecord, FormatError> {
    let table = Table::read(path)?;
    let columns = ["unix_s", "time_s", "sensor", "component", "provenance", "energy_j", "power_w"];
    let mut at = [0; 7];
    for (index, name) in at.iter_mut().zip(columns) {
        *index = table.required(&[name])?;
    }
    let [unix, time, sensor, component, provenance, energy, power] = at;
    let mut sensors: Vec<SensorSamples> = Vec::new();
    for record in &table.records {
        let seconds = "a number of seconds is needed there";
        let (unix_s, time_s) = (table.number(record, unix, seconds)?, table.number(record, time, seconds)?);
        let filled = |column: usize| record.get(column).is_some_and(|text| !text.is_empty());
        let one = "a number is needed in exactly one of energy_j and power_w";
        let quantity = match (filled(energy), filled(power)) {
            (true, false) => Quantity::Energy(Joules(table.number(record, energy, one)?)),
            (false, true) => Quantity::Power(Watts(table.number(record, power, one)?)),
            _ => return Err(table.refuse(record, energy, one)),
        };
        let id = record.get(sensor).unwrap_or_default();
        let known = match sensors.iter().position(|s| s.id == id) {
            Some(index) => index,
            None => {
                sensors.push(SensorSamples {
                    id: id.to_owned(),
                    component: table.parsed(record, component)?,
                    provenance: table.parsed(record, provenance)?,
                    readings: Vec::new(),
                });
                sensors.len() - 1
            }
        };
        let readings = &mut sensors[known].readings;
        if readings.last().is_some_and(|(_, before, _)| time_s <= *before) {
            return Err(table.refuse(record, time, "it is not later than the sensor's reading before"));
        }
        readings.push((unix_s, time_s, quantity));
    }
    Ok(SampleRecord { sensors })
}
