//! `ergometer doctor --meter METER.csv --samples SAMPLES.csv`: gain and offset of the sensors against an external meter.

use crate::cli::context::{Context, Outcome, usage};
use crate::cli::output;
use crate::harness::sensor::meter::{calibrate, read_meter, read_samples};
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};

/// Options of the calibration.
#[derive(Debug, Args)]
pub(super) struct MeterOptions {
    /// An external meter's record: a CSV with a column of time (unix_s, time_s, time or timestamp) and one of power
    /// (power_w, watts, power_kw, power_mw). Gives gain and offset of the sensors in --samples.
    #[arg(long, value_name = "METER.csv", requires = "samples")]
    meter: Option<PathBuf>,
    /// The sensors during the same time, as `ergometer run --samples SAMPLES.csv -- CMD` writes them.
    #[arg(long, value_name = "SAMPLES.csv", requires = "meter")]
    samples: Option<PathBuf>,
}

impl MeterOptions {
    /// Both files, or none.
    pub(super) fn files(&self) -> anyhow::Result<Option<(&Path, &Path)>> {
        match (&self.meter, &self.samples) {
            (Some(meter), Some(samples)) => Ok(Some((meter, samples))),
            (None, None) => Ok(None),
            _ => Err(usage("--meter and --samples go together")),
        }
    }
}

pub(super) fn run(context: &Context, (meter, samples): (&Path, &Path)) -> anyhow::Result<Outcome> {
    let (record, sensors) = (read_meter(meter)?, read_samples(samples)?);
    let calibration = calibrate(&record, &sensors, context.seed())
        .with_context(|| format!("{} can't be compared with {}", samples.display(), meter.display()))?;
    if context.globals.json {
        output::json(&calibration)?;
    } else {
        output::text(&format!("{calibration}\n"))?;
    }
    Ok(Outcome::Done)
}
