//! `ergometer run --intervals 0.001,0.01,0.1 -- CMD`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::harness::meter::{RunOptions, run_intervals};
use crate::harness::table::render::{Render, Text};
use crate::pipeline::intervals::{energy_plot, grid, table, time_plot};
use crate::record::Seconds;
use clap::Args;
use std::ffi::OsString;

/// Options that belong to the study of the sampling interval.
#[derive(Debug, Args)]
pub(super) struct IntervalFlags {
    /// Run the command once at each of these sampling intervals, in seconds, in random order (thesis figure 3.3); with
    /// --out, tables and plots are written there.
    #[arg(long, value_delimiter = ',', value_name = "S,…", conflicts_with_all = ["period", "samples", "prometheus", "nodes"])]
    pub(super) intervals: Vec<f64>,
    /// Runs at each interval.
    #[arg(long, default_value_t = 1, value_name = "N", requires = "intervals")]
    repeat: u32,
}

pub(super) fn run(context: &Context, flags: &IntervalFlags, command: &[OsString]) -> anyhow::Result<Outcome> {
    if let Some(bad) = flags.intervals.iter().find(|s| !(1e-3..=1e3).contains(*s)) {
        return Err(usage(format!("--intervals {bad} is not between 0.001 s and 1000 s")));
    }
    if flags.repeat == 0 {
        return Err(usage("--repeat 0 would measure nothing"));
    }
    let mut intervals: Vec<Seconds> = flags.intervals.iter().map(|s| Seconds(*s)).collect();
    intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
    intervals.dedup();
    let folder = context.globals.out.is_some().then(|| context.run_folder("intervals")).transpose()?;
    let mut say = |interval: Seconds, order: u32, total: u32| {
        context.say(format!("run {} of {total}, every {} s", order + 1, interval.0));
        true
    };
    let options = RunOptions::default();
    let runs = run_intervals(command, &intervals, flags.repeat, context.seed(), &options, &mut say)?;
    if let Some(folder) = &folder {
        let plots = [("energy", energy_plot(&runs)), ("time", time_plot(&runs))];
        output::study(folder, "intervals", &table(&runs), &plots)?;
        context.say(format!("written to {}", folder.display()));
    }
    output::beside_command(context.globals.json, &runs, Text.render(&grid(&runs)))?;
    Ok(match runs.last().map(|run| run.exit.code()) {
        Some(0) | None => Outcome::Done,
        Some(code) => {
            context.say("the command failed, and was not run again");
            Outcome::Exit(u8::try_from(code).unwrap_or(1))
        }
    })
}
