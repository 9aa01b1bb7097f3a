//! The profiler on several nodes: every rank runs its command, one rank a node measures.

use super::{ClusterError, ClusterReport, Meter, Ranks, Window, gather_values, launcher};
use crate::clock::RealClock;
use crate::meter::output::{OutputError, OutputOptions, Outputs, Written};
use crate::meter::run::child::{Child, Ended, Forwarder};
use crate::meter::run::{NOTE, words};
use crate::meter::{Exit, RunError, RunOptions, RunReport};
use crate::sensor::{probe, select};
use ergometer_record::Seconds;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stands in file names for the node that writes them.
pub const NODE_PLACEHOLDER: &str = "{node}";

/// How one rank's command ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RankEnd {
    /// Exit code or signal.
    pub exit: Exit,
    /// Processor time of the command and of those of its children that it waited for.
    pub cpu_time_s: Seconds,
}

/// The energy during a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterRun {
    /// Rank 0's command, as text.
    pub command: Vec<String>,
    /// How the commands ended, by rank.
    pub ranks: Vec<RankEnd>,
    /// What was measured meanwhile.
    pub cluster: ClusterReport,
    /// Files that rank 0's node wrote meanwhile.
    pub outputs: Vec<Written>,
    /// How to read the numbers.
    pub note: String,
}

impl fmt::Display for ClusterRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cluster)?;
        if self.cluster.total.is_some() {
            writeln!(f, "{}", self.note)?;
        }
        for output in &self.outputs {
            writeln!(f, "{output}")?;
        }
        let cpu: f64 = self.ranks.iter().map(|rank| rank.cpu_time_s.0).sum();
        write!(f, "{} rank(s) ended with exit code 0 after {cpu:.2} s of processor time", self.ranks.len())
    }
}

/// What a rank knows in the end.
#[derive(Debug)]
pub enum Outcome {
    /// Rank 0: everything.
    Report(Box<ClusterRun>),
    /// The others: rank 0 has the report. Files of theirs that failed are here.
    Told(Vec<Written>),
    /// The ranks lost one another; what this rank measured of its own node until then.
    Partial {
        /// Who left, and why.
        lost: ClusterError,
        /// Where this rank measures.
        report: Option<Box<RunReport>>,
    },
}

/// A rank's end.
#[derive(Debug)]
pub struct RankRun {
    /// How its command ended.
    pub exit: Exit,
    /// What there is to say.
    pub outcome: Outcome,
}

/// Runs `command` on this rank while every node is measured: no command starts before all nodes measure, and all measure
/// until the last command has ended. Files to write are named with `{node}` where there are several nodes.
///
/// A rank whose command fails does not wait for the others but leaves at once with its exit code, so that the launcher
/// ends the job as it would without the profiler.
///
/// # Errors
/// The ranks did not come together, or a command could not be started; in both cases the job can't run.
pub fn run_command(ranks: &dyn Ranks, command: &[OsString], options: &RunOptions) -> Result<RankRun, RankError> {
    // An error before the start is an error of the job: the others must not wait for it.
    let result = start(ranks, command, options);
    result.inspect_err(|error| ranks.abort(&error.to_string()))
}

/// A rank that could not take part.
#[derive(Debug, thiserror::Error)]
pub enum RankError {
    /// The others.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Its own command.
    #[error(transparent)]
    Run(#[from] RunError),
}

fn start(ranks: &dyn Ranks, command: &[OsString], options: &RunOptions) -> Result<RankRun, RankError> {
    let clock = Arc::new(RealClock::new());
    let meter = Meter::new(ranks, || select(probe(&options.roots)), clock.clone(), options.period)?;
    let files = files(&options.outputs, &meter.nodes().here().name, meter.nodes().all.len()).map_err(RunError::from)?;
    let outputs = meter.local().map(|local| Outputs::open(&files, local, clock.as_ref())).transpose();
    let outputs = outputs.map_err(RunError::from)?;
    let forwarder = Forwarder::new().map_err(RunError::from)?;
    let window = meter.start("command")?;
    if let (Some(outputs), Some(id)) = (&outputs, window.id()) {
        outputs.follow(id);
    }
    let joined: [(&OsStr, &OsStr); 1] = [(launcher::JOINED_VARIABLE.as_ref(), "1".as_ref())];
    let child = match Child::start(command, &joined, &forwarder) {
        Ok(child) => child,
        Err(error) => {
            if let (Some(outputs), Some(local)) = (outputs, meter.local()) {
                outputs.discard(local);
            }
            return Err(error.into());
        }
    };
    let waited = child.wait();
    let ended = child.reap().map_err(RunError::from)?;
    waited.map_err(RunError::from)?;
    // Waiting for the others, this process has no command to pass signals on to: they end it.
    drop(forwarder);
    Ok(RankRun { exit: ended.exit, outcome: end(ranks, command, &meter, window, ended, outputs) })
}

/// The end of a rank whose command has ended.
fn end(
    ranks: &dyn Ranks,
    command: &[OsString],
    meter: &Meter<'_>,
    window: Window,
    ended: Ended,
    outputs: Option<Outputs>,
) -> Outcome {
    let mut outputs = outputs;
    let closed = if ended.exit.code() == 0 {
        meter.close(&window)
    } else {
        let reason = format!("its command {}", ended.exit);
        ranks.abort(&reason);
        Err(ClusterError::Lost { rank: ranks.rank(), reason })
    };
    let rank_end = RankEnd { exit: ended.exit, cpu_time_s: ended.cpu_time };
    let (lost, report) = match closed {
        Ok(part) => {
            let written = match (outputs.take(), meter.local(), &part.window) {
                (Some(outputs), Some(local), Some(report)) => outputs.finish(local, report),
                _ => Vec::new(),
            };
            let gathered =
                meter.collect(&window, &part).and_then(|cluster| Ok((cluster, gather_values(ranks, &rank_end)?)));
            match gathered {
                Ok((Some(cluster), Some(ends))) => {
                    let (command, note) = (words(command), NOTE.to_owned());
                    return Outcome::Report(Box::new(ClusterRun {
                        command,
                        ranks: ends,
                        cluster,
                        outputs: written,
                        note,
                    }));
                }
                Ok(_) => return Outcome::Told(written),
                Err(lost) => (lost, part.window.map(|report| RunReport::new(command, ended, report, written))),
            }
        }
        Err(lost) => {
            let report = meter.local().zip(window.id()).and_then(|(local, id)| {
                let report = local.stop(id)?;
                let written = outputs.take().map(|outputs| outputs.finish(local, &report)).unwrap_or_default();
                Some(RunReport::new(command, ended, report, written))
            });
            (lost, report)
        }
    };
    Outcome::Partial { lost, report: report.map(Box::new) }
}

/// File names of this node.
fn files(options: &OutputOptions, node: &str, nodes: usize) -> Result<OutputOptions, OutputError> {
    let name = |path: &Option<PathBuf>| path.as_deref().map(|path| file(path, node, nodes)).transpose();
    Ok(OutputOptions {
        samples: name(&options.samples)?,
        prometheus: name(&options.prometheus)?,
        overwrite: options.overwrite,
    })
}

fn file(path: &Path, node: &str, nodes: usize) -> Result<PathBuf, OutputError> {
    let text = path.to_string_lossy();
    if text.contains(NODE_PLACEHOLDER) {
        return Ok(text.replace(NODE_PLACEHOLDER, &node.replace(['/', ' '], "_")).into());
    }
    if nodes > 1 { Err(OutputError::Shared { path: path.to_owned() }) } else { Ok(path.to_owned()) }
}
