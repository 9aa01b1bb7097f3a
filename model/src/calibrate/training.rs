//! Training measurements: a CSV file with one training run a row.
//!
//! ```csv
//! network,batch,gpus,precision,accumulation,setting,step_time_s,power_w
//! bert-base,32,1,bf16,1,baseline,0.101,331
//! resnet50,256,4,f32,1,gpu_cap=250W,0.224,960
//! ```
//!
//! `batch` is per GPU and pass, `step_time_s` the wall time of one optimiser step, `power_w` the mean power of all GPUs
//! of the job together. `accumulation` (1), `setting` (baseline), `power_w`, and the arguments `sequence`, `image` and
//! `classes` (the preset's own) may be left out as columns or left empty; other columns are refused.

use crate::step::RunConfig;
use crate::workload::{Workload, WorkloadError, open, options_for};
use ergometer_record::{Hertz, Precision, Seconds, Setting, Watts, files};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One measured training run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPoint {
    /// What was trained.
    pub work: Workload,
    /// How.
    pub run: RunConfig,
    /// Wall time of one optimiser step.
    pub time: Seconds,
    /// Mean power of all GPUs of the job together; absent where it was not measured.
    pub power: Option<Watts>,
    /// Line of the file.
    pub line: u64,
}

/// A training file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// A column is missing or unknown.
    #[error("{}: {problem}; the columns are {}", path.display(), COLUMNS.join(", "))]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A row that is no CSV.
    #[error("{}, line {line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What the reader found.
        problem: String,
    },
    /// A field that can't be read.
    #[error("{}, line {line}: {field} is {found:?}, but {expected} is needed", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// A network that can't be built with these arguments.
    #[error("{}, line {line}: {source}", path.display())]
    Workload {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Why.
        source: WorkloadError,
    },
}

const COLUMNS: [&str; 11] = [
    "network",
    "batch",
    "gpus",
    "precision",
    "accumulation",
    "setting",
    "step_time_s",
    "power_w",
    "sequence",
    "image",
    "classes",
];

const NEEDED: [&str; 5] = ["network", "batch", "gpus", "precision", "step_time_s"];

/// Reads a file of training measurements.
///
/// # Errors
/// The file, a column, a field or a network, with file, line and field.
pub fn read(path: &Path) -> Result<Vec<TrainingPoint>, TrainingError> {
    parse(&files::read_text(path)?, path)
}

/// Reads training measurements from text; `path` stands in the errors.
///
/// # Errors
/// As [`read`], without those of the file.
pub fn parse(text: &str, path: &Path) -> Result<Vec<TrainingPoint>, TrainingError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = |problem: String| TrainingError::Header { path: path.to_owned(), problem };
    let columns = reader.headers().map_err(|error| header(error.to_string()))?.clone();
    if let Some(unknown) = columns.iter().find(|column| !COLUMNS.contains(column)) {
        return Err(header(format!("the column {unknown:?} is not known")));
    }
    if let Some(missing) = NEEDED.iter().find(|needed| !columns.iter().any(|column| column == **needed)) {
        return Err(header(format!("the column {missing} is missing")));
    }
    let mut points = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| TrainingError::Row {
            path: path.to_owned(),
            line: error.position().map_or(0, csv::Position::line),
            problem: error.to_string(),
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        points.push(Fields { path, line, columns: &columns, record: &record }.point()?);
    }
    Ok(points)
}

/// One row with its place.
struct Fields<'a> {
    path: &'a Path,
    line: u64,
    columns: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Fields<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        let place = self.columns.iter().position(|column| column == field)?;
        self.record.get(place).filter(|text| !text.is_empty())
    }

    fn wrong(&self, field: &'static str, expected: impl Into<String>) -> TrainingError {
        let found = self.text(field).unwrap_or("").to_owned();
        TrainingError::Field { path: self.path.to_owned(), line: self.line, field, found, expected: expected.into() }
    }

    fn number<T: FromStr>(
        &self,
        field: &'static str,
        expected: &str,
        fits: fn(&T) -> bool,
    ) -> Result<Option<T>, TrainingError> {
        match self.text(field).map(str::parse::<T>) {
            None => Ok(None),
            Some(Ok(value)) if fits(&value) => Ok(Some(value)),
            Some(_) => Err(self.wrong(field, expected)),
        }
    }

    fn point(&self) -> Result<TrainingPoint, TrainingError> {
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        let (whole, number) = ("a whole number from 1", "a positive number");
        let count = |field| self.number::<u32>(field, whole, |value| *value > 0);
        let extent = |field| self.number::<u64>(field, whole, |value| *value > 0);
        let network = self.text("network").ok_or_else(|| self.wrong("network", "a preset or a layer file"))?;
        let precision: Precision = match self.text("precision").map(str::parse) {
            Some(Ok(precision)) => precision,
            _ => return Err(self.wrong("precision", format!("one of {}", Precision::ALL.map(|p| p.name()).join(", ")))),
        };
        let workload = |source| TrainingError::Workload { path: self.path.to_owned(), line: self.line, source };
        let mut options = options_for(network).map_err(workload)?;
        options.precision = precision;
        options.batch = extent("batch")?.ok_or_else(|| self.wrong("batch", whole))?;
        options.sequence = extent("sequence")?.unwrap_or(options.sequence);
        options.image = extent("image")?.unwrap_or(options.image);
        options.classes = extent("classes")?.unwrap_or(options.classes);
        let time = self.number::<f64>("step_time_s", number, positive)?;
        Ok(TrainingPoint {
            work: open(network, &options).map_err(workload)?,
            run: RunConfig {
                gpus: count("gpus")?.ok_or_else(|| self.wrong("gpus", whole))?,
                accumulation: count("accumulation")?.unwrap_or(1),
                setting: self.setting()?,
            },
            time: Seconds(time.ok_or_else(|| self.wrong("step_time_s", number))?),
            power: self.number::<f64>("power_w", number, positive)?.map(Watts),
            line: self.line,
        })
    }

    /// The label of a GPU's setting, as [`Setting`] prints it.
    fn setting(&self) -> Result<Setting, TrainingError> {
        let mut setting = Setting::default();
        let Some(label) = self.text("setting").filter(|label| *label != "baseline") else { return Ok(setting) };
        for part in label.split('+') {
            let value = |text: &str, unit: &str| {
                text.strip_suffix(unit).and_then(|t| t.parse::<f64>().ok()).filter(|v| v.is_finite() && *v > 0.0)
            };
            let known = part.split_once('=').and_then(|(key, text)| match key {
                "gpu_clock" => value(text, "MHz").map(|mhz| setting.gpu_clock_hz = Some(Hertz::from_mhz(mhz))),
                "gpu_mem" => value(text, "MHz").map(|mhz| setting.gpu_mem_clock_hz = Some(Hertz::from_mhz(mhz))),
                "gpu_cap" => value(text, "W").map(|watts| setting.gpu_cap_w = Some(Watts(watts))),
                _ => None,
            });
            if known.is_none() {
                return Err(self
                    .wrong("setting", "baseline, or gpu_clock=1005MHz, gpu_mem=877MHz and gpu_cap=250W joined by +"));
            }
        }
        Ok(setting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<TrainingPoint>, String> {
        parse(text, Path::new("steps.csv")).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_become_runs() {
        let points = read(
            "network,batch,gpus,precision,accumulation,setting,step_time_s,power_w,image\n\
             vgg16, 8,4,bf16,2,gpu_cap=200W+gpu_clock=1005MHz,0.5,900,32\n\
             vgg16,8,1,f32,,,0.25,,\n",
        )
        .unwrap();
        let (first, second) = (&points[0], &points[1]);
        assert_eq!((first.run.gpus, first.run.accumulation, first.line), (4, 2, 2));
        assert_eq!(first.run.setting.to_string(), "gpu_clock=1005MHz+gpu_cap=200W");
        assert_eq!((first.work.name.as_str(), first.work.batch), ("vgg16/32", 8));
        assert_eq!((second.work.name.as_str(), second.power, second.run.accumulation), ("vgg16/224", None, 1));
    }

    #[test]
    fn errors_name_file_line_and_field() {
        let good = "network,batch,gpus,precision,setting,step_time_s,power_w\nvgg16,8,1,f32,baseline,0.5,200\n";
        assert!(read(good).is_ok());
        for (from, to, expected) in [
            ("batch,", "bach,", "steps.csv: the column \"bach\" is not known"),
            ("gpus,", "image,", "the column gpus is missing"),
            ("vgg16,", "lenet,", "line 2: "),
            (",8,", ",0,", "line 2: batch is \"0\", but a whole number from 1"),
            (",8,", ",-8,", "batch is \"-8\""),
            (",8,", ",,", "batch is \"\""),
            ("f32", "fp32", "precision is \"fp32\", but one of f64, f32"),
            ("baseline", "cap=4", "setting is \"cap=4\""),
            ("0.5", "nan", "step_time_s is \"nan\", but a positive number"),
            ("0.5", "-1", "step_time_s is \"-1\""),
            ("200", "inf", "power_w is \"inf\""),
            ("200", "200,1", "line 2"),
        ] {
            let error = read(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with("steps.csv") && error.contains(expected), "{from} -> {to}: {error}");
        }
    }
}
