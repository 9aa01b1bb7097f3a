//! `ergometer run -- CMD`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::meter::{RunOptions, run_command};
use crate::record::Seconds;
use clap::Args;
use std::ffi::OsString;

/// Options of `ergometer run`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Time between samples, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100.0)]
    period: f64,
    /// The command and its arguments, after `--`.
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if !(options.period >= 1.0 && options.period <= 1e6) {
        return Err(usage(format!("--period {} is not between 1 ms and 1,000,000 ms", options.period)));
    }
    let settings = RunOptions { period: Seconds(options.period / 1e3), ..RunOptions::default() };
    let report = run_command(&options.command, &settings)?;
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
