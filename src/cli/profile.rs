//! `ergometer run -- CMD`, alone or as the ranks of `mpirun` and `srun`.

use super::context::{Context, Outcome, usage};
use super::intervals::{self, IntervalFlags};
use super::output;
use crate::harness::cluster::socket::{JOIN, SocketRanks};
use crate::harness::cluster::{self, Alone, Launch, NodeId, Outcome as RankOutcome, RankError, Ranks};
use crate::harness::meter::{Exit, OutputOptions, RunError, RunOptions, run_command};
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
    /// Stream every reading into this file while the command runs: NAME.csv or NAME.jsonl; {node} stands for the node.
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    /// Keep metrics for node_exporter's textfile collector in this file, NAME.prom: every few seconds and at the end.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Write one row a node and component (CSV), for `ergometer table --layout nodes`.
    #[arg(long, value_name = "FILE")]
    nodes: Option<PathBuf>,
    /// Under mpirun or srun: the folder, seen by all nodes, in which the ranks find one another.
    #[arg(long, value_name = "DIR")]
    rendezvous: Option<PathBuf>,
    /// Under mpirun or srun: this rank measures by itself; ranks of one node then count the same joules.
    #[arg(long)]
    alone: bool,
    /// What this node is called.
    #[arg(long, hide = true)]
    node_name: Option<String>,
    #[command(flatten)]
    intervals: IntervalFlags,
    /// The command and its arguments, after `--`.
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if !options.intervals.intervals.is_empty() {
        return intervals::run(context, &options.intervals, &options.command);
    }
    if !(options.period >= 1.0 && options.period <= 1e6) {
        return Err(usage(format!("--period {} is not between 1 ms and 1,000,000 ms", options.period)));
    }
    let outputs = OutputOptions {
        samples: options.samples.clone(),
        prometheus: options.prometheus.clone(),
        overwrite: context.globals.force,
    };
    let settings = RunOptions { period: Seconds(options.period / 1e3), outputs, ..RunOptions::default() };
    let node = options.node_name.clone().map_or_else(|| NodeId::here(None), NodeId::named);
    match Launch::from_environment().filter(|_| !options.alone) {
        Some(launch) => {
            let folder = options.rendezvous.clone().unwrap_or_else(|| launch.default_folder());
            let ranks = SocketRanks::join(&launch, &folder, node, JOIN)?;
            on_nodes(context, &ranks, &options, &settings)
        }
        None if options.nodes.is_some() => on_nodes(context, &Alone::new(node), &options, &settings),
        None => {
            let report = run_command(&options.command, &settings).map_err(refused)?;
            output::beside_command(context.globals.json, &report, &report)?;
            Ok(outcome(report.exit))
        }
    }
}

/// One of several ranks, or the only one.
fn on_nodes(context: &Context, ranks: &dyn Ranks, options: &Options, settings: &RunOptions) -> anyhow::Result<Outcome> {
    if let Some(path) =
        options.nodes.as_ref().filter(|path| ranks.rank() == 0 && path.exists() && !context.globals.force)
    {
        let refusal = format!("{} exists and is not replaced without --force", path.display());
        ranks.abort(&refusal);
        return Err(usage(refusal));
    }
    let run = cluster::run_command(ranks, &options.command, settings).map_err(|error| match error {
        RankError::Run(error) => refused(error),
        RankError::Cluster(error) => error.into(),
    })?;
    match run.outcome {
        RankOutcome::Report(report) => {
            output::beside_command(context.globals.json, &report, &report)?;
            if let Some(path) = &options.nodes {
                cluster::rows::write(path, &report.cluster.rows())?;
            }
        }
        RankOutcome::Told(files) => {
            files.iter().filter(|file| file.failure.is_some()).for_each(|file| context.say(file))
        }
        RankOutcome::Partial { lost, report } => {
            let rank = ranks.rank();
            context.say(format_args!("rank {rank} has no report of all nodes: {lost}"));
            if let Some(report) = report {
                context.say(format_args!("rank {rank}, its own node until then:\n{report}"));
            }
        }
    }
    Ok(outcome(run.exit))
}

fn outcome(exit: Exit) -> Outcome {
    match exit.code() {
        0 => Outcome::Done,
        code => Outcome::Exit(u8::try_from(code).unwrap_or(1)),
    }
}

/// A file name that can't be used is wrong usage.
fn refused(error: RunError) -> anyhow::Error {
    match &error {
        RunError::Output(output) if output.is_usage() => usage(error.to_string()),
        _ => error.into(),
    }
}
