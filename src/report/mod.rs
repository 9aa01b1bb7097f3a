//! The report: one self-contained HTML file with inline SVG, readable on a phone, in dark mode, printed, and without
//! scripts or a network.
//!
//! A [`Report`] is plain data that a pipeline fills; each section is one file that turns its data into HTML through
//! the [`Section`] trait, and each kind of plot is one file under `plot/`. Nothing here measures or decides: numbers
//! come with their intervals, their units and their [`Origin`], and what is absent stays absent.

mod calibration;
mod doctor;
mod html;
mod kernels;
mod number;
mod page;
mod plot;
mod provenance;
mod simulation;
mod sweep;
mod value;

pub use calibration::{Calibration, ErrorRow, Parameter, Prediction, Quantity};
pub use doctor::{Check, Doctor, State};
pub use kernels::{Characterisation, ComponentEnergy, KernelRow, Peak, PeakKind, Share};
pub use plot::Plot;
pub use plot::PlotError;
pub use plot::series::{Series, SeriesPlot};
pub use provenance::{FileEntry, Footer, ManifestEntry, Statement};
pub use simulation::{Metric, PolicyRow, Scenario};
pub use sweep::{Figure, Gain, IdleModel, PointPower, Sweep, SweepPoint, SweptKernel};
pub use value::{Energy, Estimate, Origin};

use ergometer_record::files::{self, FileError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// One part of the page, made from plain data. To add one: a file beside these with its data and this trait, a field
/// in [`Report`], and a line in [`Report::sections`].
pub trait Section {
    /// The anchor, unique on the page.
    fn id(&self) -> &'static str;

    /// The heading.
    fn title(&self) -> &'static str;

    /// What stands under the heading.
    ///
    /// # Errors
    /// The plotting library fails.
    fn html(&self) -> Result<String, PlotError>;
}

/// Everything that a report shows. Empty sections are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The title of the page.
    pub title: String,
    /// When it was made, UTC, such as "2026-03-01T12:00:00Z".
    pub generated_utc: String,
    /// The command line that made it.
    pub command: String,
    /// The version of ergometer.
    pub version: String,
    /// What was found, most important first, in about ten sentences.
    pub headline: Vec<Finding>,
    /// What can be measured and controlled.
    pub doctor: Option<Doctor>,
    /// Kernels, per device.
    pub kernels: Vec<Characterisation>,
    /// Sweeps, per device.
    pub sweeps: Vec<Sweep>,
    /// Calibrated device models.
    pub calibrations: Vec<Calibration>,
    /// Simulated clusters.
    pub scenarios: Vec<Scenario>,
    /// Provenance, files, how to repeat it.
    pub footer: Footer,
}

/// One sentence of the summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The sentence, with units and intervals.
    pub text: String,
    /// Where its numbers come from; `None` is a finding about what is absent.
    pub origin: Option<Origin>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file that ergometer did not write stands in the place.
    #[error(
        "{} exists and was not written by ergometer, so it was left alone; write elsewhere with --out, or replace it with --force",
        path.display()
    )]
    NotOurs {
        /// The place.
        path: PathBuf,
    },
    /// The place can't be looked at.
    #[error("could not look at {}, where the report belongs: {source}; choose another folder with --out", path.display())]
    Unreadable {
        /// The place.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A plot failed.
    #[error("the report was not written, because a plot could not be drawn: {0}")]
    Plot(#[from] PlotError),
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] FileError),
}

impl Report {
    /// The sections that have something to show, in order.
    pub fn sections(&self) -> Vec<&dyn Section> {
        let mut sections: Vec<&dyn Section> = Vec::new();
        if let Some(doctor) = &self.doctor {
            sections.push(doctor);
        }
        if !self.kernels.is_empty() {
            sections.push(&self.kernels);
        }
        if !self.sweeps.is_empty() {
            sections.push(&self.sweeps);
        }
        if !self.calibrations.is_empty() {
            sections.push(&self.calibrations);
        }
        if !self.scenarios.is_empty() {
            sections.push(&self.scenarios);
        }
        sections.push(&self.footer);
        sections
    }
}

/// The page as HTML. The same report gives the same bytes.
///
/// # Errors
/// The plotting library fails.
pub fn to_html(report: &Report) -> Result<String, PlotError> {
    page::page(report)
}

/// Writes the report, unless a file that ergometer did not write stands in its place.
///
/// # Errors
/// [`ReportError::NotOurs`] for such a file; otherwise what could not be read, drawn or written.
pub fn write(path: &Path, report: &Report) -> Result<(), ReportError> {
    if may_replace(path)? { overwrite(path, report) } else { Err(ReportError::NotOurs { path: path.to_owned() }) }
}

/// Writes the report whatever stands in its place: what `--force` asks for.
///
/// # Errors
/// What could not be drawn or written.
pub fn overwrite(path: &Path, report: &Report) -> Result<(), ReportError> {
    Ok(files::write_whole(path, to_html(report)?.as_bytes())?)
}

/// True when nothing stands at `path`, or a report that ergometer wrote: one with its generator tag in the head. To be
/// asked before hours of work that end in a report.
///
/// # Errors
/// [`ReportError::Unreadable`] when the place can't be looked at.
pub fn may_replace(path: &Path) -> Result<bool, ReportError> {
    let unreadable = |source| ReportError::Unreadable { path: path.to_owned(), source };
    let kind = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(unreadable(error)),
    };
    // Opening a pipe or a device could wait forever.
    if !kind.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(1024).read_to_end(&mut head)).map_err(unreadable)?;
    Ok(head.windows(page::MARKER.len()).any(|window| window == page::MARKER.as_bytes()))
}

#[cfg(test)]
mod tests;
