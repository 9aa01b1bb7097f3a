//! Files that are written while a window is open: samples as CSV or JSON Lines, and metrics for Prometheus.
//!
//! They are written by threads of their own. A full disk, a reader that closed its pipe or does not read costs the file,
//! never the measurement: what was lost is counted and told once, at the end.

mod csv;
mod jsonl;
pub mod prometheus;
mod samples;
mod worker;

use super::{Meter, WindowId, WindowReport};
use crate::clock::Clock;
use prometheus::Metrics;
use samples::Samples;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which files to write.
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// One row a reading; the ending says the format, `.csv` or `.jsonl`.
    pub samples: Option<PathBuf>,
    /// Metrics for node_exporter's textfile collector; ends in `.prom`.
    pub prometheus: Option<PathBuf>,
    /// Replace files that are in the way.
    pub overwrite: bool,
}

/// A file that is refused before anything runs.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Its name does not say what it is.
    #[error("{} has no ending that says its format: name it {allowed}", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Something else is there.
    #[error("{} exists and is not replaced without --force", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Several nodes would write the same file.
    #[error("{} would be written by several nodes: put {{node}} into its name", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
    },
    /// It can't be made.
    #[error("{} could not be made: {source}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OutputError {
    /// True when another name or option mends it.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Make { .. })
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Which file.
    pub path: PathBuf,
    /// What was written: rows, or versions of the whole.
    pub count: u64,
    /// The unit of `count` and `lost`.
    pub unit: String,
    /// What was not, because the file failed or could not keep up.
    pub lost: u64,
    /// Why.
    pub failure: Option<String>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {}", self.count, self.unit, self.path.display())?;
        if self.lost > 0 {
            write!(f, ", {} lost", self.lost)?;
        }
        match &self.failure {
            Some(failure) => write!(f, ": {failure} (the measurement went on without it)"),
            None => Ok(()),
        }
    }
}

/// The files of one window.
pub(crate) struct Outputs {
    samples: Option<Samples>,
    metrics: Option<Metrics>,
    meter: Arc<Meter>,
}

impl Outputs {
    /// Makes the files, and lets `meter` tell its readings to the one that wants them.
    pub(crate) fn open(options: &OutputOptions, meter: &Arc<Meter>, clock: &dyn Clock) -> Result<Self, OutputError> {
        let metrics = options.prometheus.as_deref().map(|path| Metrics::new(path, options.overwrite)).transpose()?;
        let samples = options
            .samples
            .as_deref()
            .map(|path| {
                let (samples, listener) = Samples::open(path, options.overwrite, clock)?;
                meter.listen(Box::new(listener));
                Ok(samples)
            })
            .transpose()?;
        Ok(Self { samples, metrics, meter: Arc::clone(meter) })
    }

    /// Keeps the metrics up to date while the window is open.
    pub(crate) fn follow(&self, window: WindowId) {
        if let Some(metrics) = &self.metrics {
            metrics.follow(Arc::clone(&self.meter), window);
        }
    }

    /// Takes back what was made for a command that did not start.
    pub(crate) fn discard(self, meter: &Meter) {
        meter.stop_listening();
        self.samples.into_iter().for_each(Samples::discard);
    }

    /// Writes what is still to be written, with patience for a few seconds.
    pub(crate) fn finish(self, meter: &Meter, report: &WindowReport) -> Vec<Written> {
        meter.stop_listening();
        self.samples.map(Samples::finish).into_iter().chain(self.metrics.map(|m| m.finish(report))).collect()
    }
}

/// True when `path` is something that is written to but not made: a pipe, a device.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
