//! `ergometer report`.

use super::context::{Context, Outcome};
use super::output;
use crate::pipeline::full::names;
use crate::record::format::json;
use crate::report::{self, Report};
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;

/// Options of `ergometer report`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder of a run of the pipeline, such as runs/20260301T120000Z-pipeline.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "report/index.html", value_name = "FILE")]
    report: PathBuf,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let file = options.results.join(names::REPORT);
    let data: Report = json::read(&file)
        .with_context(|| format!("{} is no finished run of `ergometer pipeline`", options.results.display()))?;
    if context.globals.force {
        report::overwrite(&options.report, &data)?;
    } else {
        report::write(&options.report, &data)?;
    }
    if context.globals.json {
        output::json(&data)?
    } else {
        output::text(&format!("{}\n", options.report.display()))?
    }
    Ok(Outcome::Done)
}
