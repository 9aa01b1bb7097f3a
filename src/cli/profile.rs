//! `ergometer run -- CMD`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::meter::{OutputOptions, RunError, RunOptions, run_command};
use crate::record::Seconds;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Options of `ergometer run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Time between samples, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100.0)]
    period: f64,
    /// Stream every reading into this file while the command runs: NAME.csv or NAME.jsonl.
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Keep metrics for node_exporter's textfile collector in this file, NAME.prom: every few seconds and at the end.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// The command and its arguments, after `--`.
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if !(options.period >= 1.0 && options.period <= 1e6) {
        return Err(usage(format!("--period {} is not between 1 ms and 1,000,000 ms", options.period)));
    }
    let outputs =
        OutputOptions { samples: options.samples, prometheus: options.prometheus, overwrite: context.globals.force };
    let settings = RunOptions { period: Seconds(options.period / 1e3), outputs, ..RunOptions::default() };
    let report = run_command(&options.command, &settings).map_err(refused)?;
    // The command has standard output for itself: the energies go to standard error unless asked for as JSON.
    if context.globals.json {
        output::json(&report)?;
    } else {
        context.say(&report);
    }
    Ok(match report.exit.code() {
        0 => Outcome::Done,
        code => Outcome::Exit(u8::try_from(code).unwrap_or(1)),
    })
}

/// A file name that can't be used is wrong usage.
fn refused(error: RunError) -> anyhow::Error {
    match &error {
        RunError::Output(output) if output.is_usage() => usage(error.to_string()),
        _ => error.into(),
    }
}
