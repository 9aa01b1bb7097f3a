//! `ergometer calibrate`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::kernels::Topology;
use crate::model::DeviceModel;
use crate::model::calibrate::Calibration;
use crate::model::validate::ErrorSummary;
use crate::model::validate::data::{self, Dataset};
use crate::pipeline::{Observer, calibrate, examine};
use crate::record::format::{json, rows};
use crate::record::{Row, files};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Options of `ergometer calibrate`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Results of `bench` or `sweep`.
    #[arg(value_name = "RESULTS", required_unless_present = "validate", conflicts_with = "validate")]
    results: Vec<PathBuf>,
    /// Judge the model on data that others measured instead: zeus-caps, perseus-clocks, neusight-operators or
    /// kerneltuner-ridge.
    #[arg(long, value_name = "DATASET")]
    validate: Option<Dataset>,
    /// Folder of that data, with one folder a project; $ERGOMETER_DATA otherwise.
    #[arg(long, value_name = "DIR", requires = "validate")]
    data: Option<PathBuf>,
    /// Description to start from: a built-in device or a file; found by the results' device otherwise.
    #[arg(long, value_name = "DEVICE")]
    start: Option<String>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if let Some(dataset) = options.validate {
        return validate(context, dataset, options.data);
    }
    let mut all: Vec<Row> = Vec::new();
    for file in &options.results {
        all.extend(rows::read(file)?);
    }
    let seed = context.seed();
    let watch = Watch::new(context);
    watch.stage("calibrating");
    let calibration: Calibration = match &options.start {
        Some(device) => calibrate::sweep(&all, &DeviceModel::find(device)?, seed)?,
        None if all.iter().any(|row| row.executor == "cpu") => {
            calibrate::cpu(&all, &examine::examine(), &Topology::detect()?, seed)?
        }
        None => calibrate::sweep(&all, &calibrate::start_for(&all)?, seed)?,
    };
    drop(watch);
    let folder = context.run_folder("calibrate")?;
    json::write(&folder.join("calibration.json"), &calibration)?;
    let file = folder.join(format!("{}.toml", calibration.device.name()));
    files::write_whole(&file, calibration.device.to_toml().as_bytes())?;
    if context.globals.json {
        output::json(&calibration)?;
    } else {
        output::text(&format!("{}device: {}\n", text(&calibration)?, file.display()))?;
    }
    Ok(Outcome::Done)
}

/// The model on published data.
fn validate(context: &Context, dataset: Dataset, folder: Option<PathBuf>) -> anyhow::Result<Outcome> {
    let folder = folder.or_else(|| std::env::var_os("ERGOMETER_DATA").map(PathBuf::from)).ok_or_else(|| {
        usage("name the folder of the published data with --data DIR, or in the environment as ERGOMETER_DATA")
    })?;
    let watch = Watch::new(context);
    watch.stage("fitting what is known and predicting what is held out");
    let report = data::run(dataset, &folder, context.seed())?;
    drop(watch);
    if context.globals.json {
        output::json(&report)?
    } else {
        output::text(&format!("{report}"))?
    }
    Ok(Outcome::Done)
}

/// The calibration for a terminal: held-out errors first, the in-sample error never alone.
fn text(calibration: &Calibration) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let label = if calibration.is_virtual { " (VIRTUAL: about no real hardware)" } else { "" };
    writeln!(text, "{}{label}", calibration.device.title())?;
    let percent = |summary: &Option<ErrorSummary>| match summary {
        Some(ErrorSummary { mape_percent, interval: Some(i), .. }) => {
            format!("{mape_percent:.1} % [{:.1}, {:.1}]", i.low, i.high)
        }
        Some(summary) => format!("{:.1} %", summary.mape_percent),
        None => "-".to_owned(),
    };
    writeln!(
        text,
        "\n{:<22} {:>24} {:>24} {:>24} {:>24}",
        "mean abs. error", "time, held out", "time, one roofline", "power, held out", "power, share of limit"
    )?;
    for fold in &calibration.held_out {
        writeln!(
            text,
            "{:<22} {:>24} {:>24} {:>24} {:>24}",
            format!("one {} left out", fold.held_out.name()),
            percent(&fold.time),
            percent(&fold.baseline_time),
            percent(&fold.power),
            percent(&fold.baseline_power)
        )?;
        if let Some(note) = &fold.note {
            writeln!(text, "  {note}")?;
        }
    }
    writeln!(
        text,
        "{:<22} {:>24} {:>24} {:>24}",
        "in sample",
        percent(&calibration.in_sample_time),
        "",
        percent(&calibration.in_sample_power)
    )?;
    writeln!(text, "\n{:<22} {:>14} {:>10} {:>26}  identified", "parameter", "value", "spread", "prior, 95 %")?;
    for p in calibration.parameters.iter().filter(|p| p.fitted) {
        let (low, high) = p.prior.range();
        let identified = match (&p.identified, &p.would_identify) {
            (true, _) => "yes".to_owned(),
            (false, Some(run)) => format!("no; {run}"),
            (false, None) => "no".to_owned(),
        };
        writeln!(
            text,
            "{:<22} {:>14.5e} {:>9.1}% {:>26}  {identified}",
            p.key,
            p.value,
            100.0 * p.sd_log,
            format!("{low:.3e} to {high:.3e}")
        )?;
    }
    for left_out in &calibration.left_out {
        writeln!(text, "{} rows left out: {}", left_out.rows, left_out.reason)?;
    }
    if !calibration.converged {
        writeln!(text, "The search did not converge: these values are the best point found.")?;
    }
    Ok(text)
}
