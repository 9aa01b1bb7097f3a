//! Measurement rows as long-form CSV: one row per (point, block, repeat, component), units as suffixes of the column
//! names, absent values empty.

use super::FormatError;
use crate::budget::Budget;
use crate::counts::Counts;
use crate::files;
use crate::kernel::KernelSpec;
use crate::measurement::{Component, Row, SCHEMA_VERSION};
use crate::provenance::Provenance;
use crate::setting::Setting;
use crate::units::{Hertz, Joules, Seconds, Watts};
use csv::StringRecord;
use std::path::Path;
use std::str::FromStr;

/// The columns of schema version 3, in order. Version 1 lacked [`SINCE_2`], versions 1 and 2 lacked [`SINCE_3`].
pub const COLUMNS: [&str; 43] = [
    "schema_version",
    "manifest_id",
    "point_id",
    "block",
    "order",
    "repeat",
    "kernel",
    "size",
    "precision",
    "executor",
    "device",
    "tier",
    "threads",
    "governor",
    "epp",
    "turbo",
    "cpu_min_hz",
    "cpu_max_hz",
    "cpu_cap_w",
    "cpu_cap_short_w",
    "gpu_clock_hz",
    "gpu_mem_clock_hz",
    "gpu_cap_w",
    "verdict",
    "component",
    "iterations",
    "time_s",
    "energy_j",
    "energy_u_j",
    "energy_u_quantisation_j",
    "energy_u_period_j",
    "energy_u_gain_j",
    "power_w",
    "provenance",
    "achieved_clock_hz",
    "cycles",
    "instructions",
    "llc_misses",
    "dram_bytes",
    "temperature_c",
    "error_over_bound",
    "flops",
    "note",
];

/// Columns that files of schema version 1 do not have; what they say is absent there.
pub const SINCE_2: [&str; 4] = ["cpu_cap_short_w", "energy_u_quantisation_j", "energy_u_period_j", "energy_u_gain_j"];

/// Columns that files of schema versions 1 and 2 do not have; what they say is absent there.
pub const SINCE_3: [&str; 4] = Counts::NAMES;

/// Rows as CSV text. `power_w` and `flops` are derived for readers' convenience and ignored on reading.
pub fn to_csv(rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory fails only when it runs out, which aborts anyway.
    writer.write_record(COLUMNS).expect("a header fits in memory");
    for row in rows {
        writer.write_record(fields(row)).expect("a row has one field a column");
    }
    String::from_utf8(writer.into_inner().expect("memory is always flushed")).expect("fields are text")
}

/// Writes rows to a file, whole or not at all.
///
/// # Errors
/// The file can't be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), FormatError> {
    Ok(files::write_whole(path, to_csv(rows).as_bytes())?)
}

/// Reads a results file.
///
/// # Errors
/// A missing column, a newer schema, a field that can't be understood, an energy without provenance or the reverse:
/// each with line and field.
pub fn read(path: &Path) -> Result<Vec<Row>, FormatError> {
    from_csv(&files::read_text(path)?, path)
}

/// Reads rows from text; `path` stands in the errors.
///
/// # Errors
/// As [`read`].
pub fn from_csv(text: &str, path: &Path) -> Result<Vec<Row>, FormatError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| FormatError::whole(path, error))?.clone();
    if header.is_empty() || (header.len() == 1 && header[0].is_empty()) {
        return Err(FormatError::whole(path, "the file is empty: a results file begins with a line of column names"));
    }
    // Other people's file is told from a results file without rows.
    if !header.iter().any(|name| name == COLUMNS[0]) {
        return Err(missing(path, &header, COLUMNS[0]));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| FormatError::whole(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Fields { path, line, header: &header, record: &record }.row()?);
    }
    Ok(rows)
}

fn fields(row: &Row) -> Vec<String> {
    let number = |value: f64| format!("{value}");
    let optional = |value: Option<f64>| value.map_or_else(String::new, number);
    let setting = &row.setting;
    let mut fields = vec![
        SCHEMA_VERSION.to_string(),
        row.manifest_id.clone(),
        row.point_id.clone(),
        row.block.to_string(),
        row.order.to_string(),
        row.repeat.to_string(),
        row.spec.kernel.to_string(),
        row.spec.size.to_string(),
        row.spec.precision.to_string(),
        row.executor.clone(),
        row.device.clone(),
        row.tier.clone(),
        row.threads.to_string(),
        setting.governor.clone().unwrap_or_default(),
        setting.epp.clone().unwrap_or_default(),
        setting.turbo.map_or_else(String::new, |on| on.to_string()),
        optional(setting.cpu_min_hz.map(Hertz::value)),
        optional(setting.cpu_max_hz.map(Hertz::value)),
        optional(setting.cpu_cap_w.map(Watts::value)),
        optional(setting.cpu_cap_short_w.map(Watts::value)),
        optional(setting.gpu_clock_hz.map(Hertz::value)),
        optional(setting.gpu_mem_clock_hz.map(Hertz::value)),
        optional(setting.gpu_cap_w.map(Watts::value)),
        row.verdict.to_string(),
        row.component.to_string(),
        row.iterations.to_string(),
        number(row.time.0),
        optional(row.energy.map(Joules::value)),
        optional(row.energy_u.map(Joules::value)),
        optional(row.budget.map(|b| b.quantisation_j)),
        optional(row.budget.map(|b| b.period_j)),
        optional(row.budget.map(|b| b.gain_j)),
        optional(row.power().map(Watts::value)),
        row.provenance.to_string(),
        optional(row.achieved_clock.map(Hertz::value)),
    ];
    fields.extend(row.counts.values().map(optional));
    fields.extend([
        optional(row.temperature_c),
        optional(row.error_over_bound),
        number(row.spec.flops()),
        row.note.clone(),
    ]);
    fields
}

fn missing(path: &Path, header: &StringRecord, column: &str) -> FormatError {
    let there: Vec<&str> = header.iter().collect();
    FormatError::whole(path, format!("the column {column} is missing; its columns are {}", there.join(", ")))
}

/// One record with what errors need.
struct Fields<'a> {
    path: &'a Path,
    line: u64,
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl Fields<'_> {
    fn text(&self, column: &str) -> Result<&str, FormatError> {
        let index = self.header.iter().position(|name| name == column);
        let index = index.ok_or_else(|| missing(self.path, self.header, column))?;
        self.record.get(index).ok_or_else(|| {
            self.error(
                column,
                "",
                format!("the line has {} fields where {} are named", self.record.len(), self.header.len()),
            )
        })
    }

    fn error(&self, column: &str, found: &str, expected: impl Into<String>) -> FormatError {
        FormatError::Field {
            path: self.path.to_owned(),
            line: self.line,
            field: column.to_owned(),
            found: found.to_owned(),
            expected: expected.into(),
        }
    }

    fn parse<T: FromStr>(&self, column: &str, expected: &str) -> Result<T, FormatError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| self.error(column, text, expected))
    }

    fn named<T: FromStr>(&self, column: &str) -> Result<T, FormatError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error: T::Err| self.error(column, text, error.to_string()))
    }

    fn optional(&self, column: &str) -> Result<Option<f64>, FormatError> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.error(column, text, "a finite number is needed there, or nothing where it is unknown")),
        }
    }

    /// A column that older files may lack.
    fn newer(&self, column: &str) -> Result<Option<f64>, FormatError> {
        let known = self.header.iter().any(|name| name == column);
        let since = if SINCE_3.contains(&column) { 3 } else { 2 };
        if !known && self.parse::<u32>("schema_version", "a whole number is needed there")? < since {
            return Ok(None);
        }
        self.optional(column)
    }

    /// All parts of an uncertainty, or none.
    fn budget(&self) -> Result<Option<Budget>, FormatError> {
        let names = ["energy_u_quantisation_j", "energy_u_period_j", "energy_u_gain_j"];
        let [quantisation, period, gain] = [self.newer(names[0])?, self.newer(names[1])?, self.newer(names[2])?];
        match (quantisation, period, gain) {
            (Some(quantisation_j), Some(period_j), Some(gain_j)) => {
                Ok(Some(Budget { quantisation_j, period_j, gain_j }))
            }
            (None, None, None) => Ok(None),
            _ => Err(self.error(names[0], self.text(names[0])?, "the parts of an uncertainty are known together")),
        }
    }

    fn counts(&self) -> Result<Counts, FormatError> {
        let mut values = [None; SINCE_3.len()];
        for (value, column) in values.iter_mut().zip(SINCE_3) {
            *value = self.newer(column)?;
            if value.is_some_and(|value| value < 0.0) {
                return Err(self.error(column, self.text(column)?, "a count is not negative"));
            }
        }
        Ok(Counts::from_values(values))
    }

    fn positive(&self, column: &str) -> Result<f64, FormatError> {
        match self.optional(column)? {
            Some(value) if value > 0.0 => Ok(value),
            _ => Err(self.error(column, self.text(column)?, "a positive number is needed there")),
        }
    }

    fn name(&self, column: &str) -> Result<Option<String>, FormatError> {
        let text = self.text(column)?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn row(&self) -> Result<Row, FormatError> {
        let version: u32 = self.parse("schema_version", "a whole number is needed there")?;
        if version > SCHEMA_VERSION {
            return Err(FormatError::whole(
                self.path,
                format!(
                    "it was written by a newer ergometer (schema {version}, this build reads up to {SCHEMA_VERSION}): \
                     update ergometer"
                ),
            ));
        }
        if version == 0 {
            return Err(self.error("schema_version", "0", "versions begin at 1"));
        }
        let count = "a whole number is needed there";
        let spec = KernelSpec {
            kernel: self.named("kernel")?,
            size: self.named("size")?,
            precision: self.named("precision")?,
        };
        spec.validate().map_err(|error| self.error("size", &spec.size.to_string(), error.to_string()))?;
        let setting = Setting {
            governor: self.name("governor")?,
            epp: self.name("epp")?,
            turbo: match self.text("turbo")? {
                "" => None,
                "true" => Some(true),
                "false" => Some(false),
                other => return Err(self.error("turbo", other, "true, false or nothing is allowed there")),
            },
            cpu_min_hz: self.optional("cpu_min_hz")?.map(Hertz),
            cpu_max_hz: self.optional("cpu_max_hz")?.map(Hertz),
            cpu_cap_w: self.optional("cpu_cap_w")?.map(Watts),
            cpu_cap_short_w: self.newer("cpu_cap_short_w")?.map(Watts),
            gpu_clock_hz: self.optional("gpu_clock_hz")?.map(Hertz),
            gpu_mem_clock_hz: self.optional("gpu_mem_clock_hz")?.map(Hertz),
            gpu_cap_w: self.optional("gpu_cap_w")?.map(Watts),
        };
        let energy = self.optional("energy_j")?.map(Joules);
        let provenance: Provenance = self.named("provenance")?;
        if energy.is_some() == (provenance == Provenance::Absent) {
            return Err(self.error(
                "provenance",
                provenance.name(),
                "an energy needs a provenance, and an absent energy is exactly what `absent` says",
            ));
        }
        let component: Component = self.named("component")?;
        Ok(Row {
            manifest_id: self.text("manifest_id")?.to_owned(),
            point_id: self.text("point_id")?.to_owned(),
            block: self.parse("block", count)?,
            order: self.parse("order", count)?,
            repeat: self.parse("repeat", count)?,
            spec,
            executor: self.text("executor")?.to_owned(),
            device: self.text("device")?.to_owned(),
            tier: self.text("tier")?.to_owned(),
            threads: self.parse("threads", count)?,
            setting,
            verdict: self.named("verdict")?,
            component,
            iterations: self.parse("iterations", count)?,
            time: Seconds(self.positive("time_s")?),
            energy,
            energy_u: self.optional("energy_u_j")?.map(Joules),
            budget: self.budget()?,
            provenance,
            achieved_clock: self.optional("achieved_clock_hz")?.map(Hertz),
            counts: self.counts()?,
            temperature_c: self.optional("temperature_c")?,
            error_over_bound: self.optional("error_over_bound")?,
            note: self.text("note")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Precision, Size};
    use crate::measurement::Domain;
    use crate::provenance::Verdict;
    use proptest::prelude::*;

    fn example() -> Row {
        let spec = KernelSpec::new(Kernel::Gemm, Size::square(512), Precision::Bf16).unwrap();
        Row {
            manifest_id: "0123456789abcdef".into(),
            block: 1,
            order: 7,
            repeat: 0,
            setting: Setting { gpu_cap_w: Some(Watts(200.0)), ..Setting::default() },
            verdict: Verdict::Held,
            component: Component::new(Domain::Gpu, 0),
            energy: Some(Joules(0.125)),
            energy_u: Some(Joules(0.001)),
            budget: Some(Budget { quantisation_j: 0.0006, period_j: 0.0008, gain_j: 0.0 }),
            provenance: Provenance::Virtual,
            achieved_clock: Some(Hertz::from_mhz(1005.0)),
            counts: Counts { cycles: Some(1e6), instructions: Some(2.5e6), ..Counts::default() },
            note: "with, comma and \"quotes\"".into(),
            ..Row::timed(spec, "vnode", "vnode-a100", Seconds(0.000_625))
        }
    }

    fn replace(column: &str, value: &str) -> Result<Vec<Row>, FormatError> {
        let mut row = fields(&example());
        row[COLUMNS.iter().position(|c| *c == column).unwrap()] = value.to_owned();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(COLUMNS).unwrap();
        writer.write_record(row).unwrap();
        from_csv(&String::from_utf8(writer.into_inner().unwrap()).unwrap(), Path::new("sweep.csv"))
    }

    #[test]
    fn rows_round_trip() {
        let rows = vec![example(), Row::timed(example().spec, "cpu", "x", Seconds(1.0))];
        assert_eq!(from_csv(&to_csv(&rows), Path::new("x.csv")).unwrap(), rows);
    }

    #[test]
    fn absent_energy_is_empty_never_zero() {
        let text = to_csv(&[Row::timed(example().spec, "cpu", "x", Seconds(1.0))]);
        let line = text.lines().nth(1).unwrap();
        assert!(line.contains(",1,1,,,,,,,absent,"), "{line}");
    }

    #[test]
    fn bad_fields_are_named_with_file_line_and_what_is_allowed() {
        for (column, value, expected) in [
            ("time_s", "", "positive"),
            ("time_s", "-1", "positive"),
            ("time_s", "NaN", "finite"),
            ("energy_j", "inf", "finite"),
            ("kernel", "gem", "gemm, spmv_csr"),
            ("size", "n=3", "not a size of gemm"),
            ("provenance", "absent", "provenance"),
            ("turbo", "maybe", "true, false"),
            ("block", "-1", "whole number"),
            ("energy_u_gain_j", "", "known together"),
            ("cycles", "-5", "not negative"),
        ] {
            let error = replace(column, value).unwrap_err().to_string();
            assert!(error.starts_with("sweep.csv, line 2, field "), "{error}");
            assert!(error.contains(expected), "{column}: {error}");
        }
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let error = replace("schema_version", &(SCHEMA_VERSION + 1).to_string()).unwrap_err().to_string();
        assert!(error.contains("newer ergometer"), "{error}");
    }

    /// The same rows without the columns that `names` gives.
    fn without(text: &str, names: &[&str]) -> String {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let mut writer = csv::Writer::from_writer(Vec::new());
        for record in reader.records().map(Result::unwrap) {
            let kept = COLUMNS.iter().zip(&record).filter(|(name, _)| !names.contains(name));
            writer.write_record(kept.map(|(_, field)| field)).unwrap();
        }
        String::from_utf8(writer.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn files_of_older_versions_are_read_with_what_they_lack_absent() {
        let mut row = example();
        row.setting.cpu_cap_w = Some(Watts(90.0));
        let second = without(&to_csv(std::slice::from_ref(&row)), &SINCE_3).replace("\n3,", "\n2,");
        let first = without(&to_csv(std::slice::from_ref(&row)), &[SINCE_2, SINCE_3].concat()).replace("\n3,", "\n1,");
        let uncounted = Row { counts: Counts::default(), ..row };
        let read = |text: &str| from_csv(text, Path::new("old.csv")).unwrap();
        assert_eq!(read(&second), std::slice::from_ref(&uncounted));
        assert_eq!(read(&first), [Row { budget: None, ..uncounted }]);
        // A file that says that it is newer must have them.
        for column in [SINCE_2[0], SINCE_3[0]] {
            let error =
                from_csv(&without(&to_csv(&[example()]), &[column]), Path::new("x.csv")).unwrap_err().to_string();
            assert!(error.contains(&format!("column {column} is missing")), "{error}");
        }
    }

    #[test]
    fn a_header_of_something_else_is_refused_without_rows_too() {
        let error = from_csv("time,watts\n", Path::new("x.csv")).unwrap_err().to_string();
        assert!(error.contains("schema_version is missing; its columns are time, watts"), "{error}");
        assert_eq!(from_csv(&to_csv(&[]), Path::new("x.csv")).unwrap(), []);
    }

    #[test]
    fn a_missing_column_is_named() {
        let text = to_csv(&[example()]).replacen("verdict", "verdikt", 1);
        let error = from_csv(&text, Path::new("x.csv")).unwrap_err().to_string();
        assert!(error.contains("column verdict is missing"), "{error}");
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "(?s).{0,200}") {
            let _ = from_csv(&text, Path::new("x.csv"));
        }

        #[test]
        fn any_truncation_is_an_error_or_fewer_rows(cut in 0usize..2000) {
            let text = to_csv(&vec![example(); 4]);
            let cut = cut.min(text.len());
            if let Ok(rows) = from_csv(&text[..cut], Path::new("x.csv")) {
                prop_assert!(rows.len() <= 4);
            }
        }
    }
}
