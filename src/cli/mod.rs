//! The command line: one file a subcommand, each with its options and a `run`.

mod advise;
mod bench;
mod calibrate;
mod compare;
pub mod context;
mod doctor;
mod intervals;
mod memory_model;
mod output;
mod pipeline;
mod predict;
mod profile;
mod progress;
mod report;
mod restore;
mod sensor_character;
mod simulate;
mod sweep;
mod table;
mod workload;

use clap::{Parser, Subcommand};
use context::{Context, Globals, Outcome};
use std::process::ExitCode;

/// Measure, understand, model and optimise the energy of compute hardware.
///
/// Without a subcommand, `ergometer` runs the whole loop on this machine (as `ergometer pipeline`) and ends with
/// report/index.html. Nothing of the hardware is changed unless --allow-control is given.
#[derive(Debug, Parser)]
#[command(name = "ergometer", version, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything below on this machine, in about three minutes; ends with report/index.html.
    Pipeline(pipeline::Options),
    /// What can be measured and controlled here, what can't, and the command that fixes it.
    Doctor(doctor::Options),
    /// Energy of any command, per component: `ergometer run -- make -j8`.
    Run(profile::Options),
    /// Time, GFLOP/s, GB/s and energy of the kernels at the present settings.
    Bench(bench::Options),
    /// Kernels times settings under DVFS, governor and power cap, in randomised blocks.
    Sweep(sweep::Options),
    /// Undo every setting that a killed sweep left behind.
    Restore(restore::Options),
    /// The EDP table of a sweep: text, Markdown, LaTeX or CSV.
    Table(table::Options),
    /// Two results files, paired: joules, time and EDP with intervals.
    Compare(compare::Options),
    /// The setting for a slowdown bound, what it saves, and the command that sets it.
    Advise(advise::Options),
    /// FLOPs, bytes and launches of a network's training step.
    Workload(workload::Options),
    /// Fit a device model to results; prints held-out errors.
    Calibrate(calibrate::Options),
    /// Time, power, energy and EDP of training a network on a device.
    Predict(predict::Options),
    /// Scheduling policies on a scenario, paired over seeds.
    Simulate(simulate::Options),
    /// One self-contained HTML file from a run of the pipeline.
    Report(report::Options),
    /// Watches a sweep and restores its settings when it is killed (started by ergometer itself).
    #[command(name = "__guardian", hide = true)]
    Guardian(restore::GuardianOptions),
}

/// Parses the command line, runs the subcommand, reports errors; the exit code is 0 done, 1 failed, 2 usage, 3 a
/// threshold that the user gave was crossed.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(arguments.globals);
    let command = arguments.command.unwrap_or_else(|| Command::Pipeline(pipeline::Options::default()));
    let result = match command {
        Command::Pipeline(options) => pipeline::run(&context, options),
        Command::Doctor(options) => doctor::run(&context, options),
        Command::Run(options) => profile::run(&context, options),
        Command::Bench(options) => bench::run(&context, options),
        Command::Sweep(options) => sweep::run(&context, options),
        Command::Restore(options) => restore::run(&context, options),
        Command::Table(options) => table::run(&context, options),
        Command::Compare(options) => compare::run(&context, options),
        Command::Advise(options) => advise::run(&context, options),
        Command::Workload(options) => workload::run(&context, options),
        Command::Calibrate(options) => calibrate::run(&context, options),
        Command::Predict(options) => predict::run(&context, options),
        Command::Simulate(options) => simulate::run(&context, options),
        Command::Report(options) => report::run(&context, options),
        Command::Guardian(options) => restore::guardian(options),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Exit(code)) => ExitCode::from(code),
        Ok(Outcome::ThresholdCrossed) => ExitCode::from(3),
        Err(error) => output::error(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn options_have_names_of_their_own_and_rules_that_agree() {
        Arguments::command().debug_assert();
    }
}
