//! Validation on published measurements: errors of held-out settings and devices beside what needs no model.
//!
//! The data are not shipped. [`run`] reads a folder of them and gives a table that can be written as JSON or printed.

mod interpolation;
mod kerneltuner;
mod neusight;
mod perseus;
mod product;
mod table;
#[cfg(test)]
mod tests;
mod zeus;

use crate::response::ResponseError;
use crate::validate::ErrorSummary;
use ergometer_record::provenance::UnknownName;
use ergometer_record::{Interval, files};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A published data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Zeus (You et al. 2023): training under power limits on V100, A40 and RTX 6000.
    ZeusCaps,
    /// Perseus (Chung et al. 2024): stages of GPT-3 175B at locked clocks on A100 SXM and A40.
    PerseusClocks,
    /// NeuSight (Lee et al. 2025): FP32 matrix products on five GPUs, one of them unknown.
    NeusightOperators,
    /// Kernel Tuner (Schoonhoven et al. 2022): one FP32 kernel at locked clocks, for the ridge frequency.
    KerneltunerRidge,
}

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ZeusCaps, Self::PerseusClocks, Self::NeusightOperators, Self::KerneltunerRidge];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeusCaps => "zeus-caps",
            Self::PerseusClocks => "perseus-clocks",
            Self::NeusightOperators => "neusight-operators",
            Self::KerneltunerRidge => "kerneltuner-ridge",
        }
    }
}

impl FromStr for Dataset {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|set| set.name() == s);
        found.ok_or_else(|| UnknownName::new(s, Self::ALL.map(Self::name)))
    }
}

/// What a row judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Finding {
    /// Errors on held-out points.
    Error {
        /// `time` or `power`, or an operation with what was known of the device.
        quantity: String,
        /// Of the model.
        model: ErrorSummary,
        /// What needs no model: monotone interpolation, or a roofline with one efficiency.
        baseline_name: String,
        /// Its error, with the same points known.
        baseline: ErrorSummary,
        /// What was aimed at, in percent.
        target_percent: Option<f64>,
    },
    /// A frequency beside a published one.
    Ridge {
        /// Found, in MHz, with its 95 % interval.
        found_mhz: Interval,
        /// Published, in MHz.
        published_mhz: Option<f64>,
        /// What was aimed at, in percent of the published one.
        target_percent: Option<f64>,
    },
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataRow {
    /// The device.
    pub device: String,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The table of one data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Which.
    pub dataset: Dataset,
    /// What was known and what was held out.
    pub question: String,
    /// The rows.
    pub rows: Vec<DataRow>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

impl DataRow {
    /// Whether the target was met; `None` where there was none.
    pub fn met(&self) -> Option<bool> {
        match &self.finding {
            Finding::Error { model, target_percent, .. } => target_percent.map(|target| model.mape_percent <= target),
            Finding::Ridge { found_mhz, published_mhz, target_percent } => {
                let (published, target) = published_mhz.zip(*target_percent)?;
                Some(100.0 * (found_mhz.estimate / published - 1.0).abs() <= target)
            }
        }
    }
}

impl fmt::Display for DataReport {
    /// A plain table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.dataset.name(), self.question)?;
        for row in &self.rows {
            let verdict = match row.met() {
                Some(true) => "met",
                Some(false) => "missed",
                None => "no target",
            };
            match &row.finding {
                Finding::Error { quantity, model, baseline_name, baseline, target_percent } => {
                    let target = target_percent.map_or(String::from("none"), |t| format!("{t} %"));
                    writeln!(
                        f,
                        "  {:10} {quantity:18} {:6.2} % over {:4} points in {:3} groups; {baseline_name} {:6.2} %; target {target}: {verdict}",
                        row.device, model.mape_percent, model.points, model.groups, baseline.mape_percent,
                    )?;
                }
                Finding::Ridge { found_mhz, published_mhz, .. } => {
                    let published = published_mhz.map_or(String::from("none"), |mhz| format!("{mhz} MHz"));
                    writeln!(
                        f,
                        "  {:10} ridge {:.0} MHz (95 %: {:.0} to {:.0}); published {published}: {verdict}",
                        row.device, found_mhz.estimate, found_mhz.low, found_mhz.high,
                    )?;
                }
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

/// Data that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file is not there or can't be read.
    #[error("{0}; give the folder that holds the published data (ERGOMETER_DATA)")]
    File(#[from] files::FileError),
    /// A row that can't be read.
    #[error("{}, line {line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Too little in it.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// The fit failed.
    #[error(transparent)]
    Fit(#[from] ResponseError),
}

/// The table of a data set. `folder` holds `zeus`, `perseus`, `neusight` and `kerneltuner`; `seed` is that of the bootstrap.
///
/// # Errors
/// A file that is missing or malformed, a fit that fails.
pub fn run(dataset: Dataset, folder: &Path, seed: u64) -> Result<DataReport, DataError> {
    match dataset {
        Dataset::ZeusCaps => zeus::caps(&folder.join("zeus"), seed),
        Dataset::PerseusClocks => perseus::clocks(&folder.join("perseus"), seed),
        Dataset::NeusightOperators => neusight::operators(&folder.join("neusight"), seed),
        Dataset::KerneltunerRidge => kerneltuner::ridge(&folder.join("kerneltuner")),
    }
}
