//! The report: one self-contained HTML file with inline SVG, readable on a phone, in dark mode, printed, and without
//! scripts or a network.
//!
//! A [`Report`] is plain data that a pipeline fills; each section is one file that turns its data into HTML through
//! the [`Section`] trait, and each kind of plot is one file under `plot/`. Nothing here measures or decides: numbers
//! come with their intervals, their units and their [`Origin`], and what is absent stays absent.

mod calibration;
mod doctor;
mod kernels;
mod provenance;
mod simulation;
mod sweep;
mod value;

pub use calibration::{Calibration, ErrorRow, Parameter, Prediction, Quantity};
pub use doctor::{Check, Doctor, State};
pub use kernels::{Characterisation, ComponentEnergy, KernelRow, Peak, PeakKind};
pub use provenance::{FileEntry, Footer, ManifestEntry, Statement};
pub use simulation::{Metric, PolicyRow, Scenario};
pub use sweep::{Gain, IdleModel, Sweep, SweepPoint, SweptKernel};
pub use value::{Energy, Estimate, Origin};

use ergometer_record::files::FileError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that a report shows. Empty sections are left out and named as such in the last one.
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
    /// Where its numbers come from.
    pub origin: Origin,
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
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] FileError),
}
