//! Metrics in Prometheus' text exposition format (version 0.0.4), for the textfile collector of node_exporter.
//!
//! The collector reads every file `*.prom` of its folder whenever it is scraped; the file is therefore replaced whole, by
//! rename, every few seconds and at the end. It stays when the run is over: the collector's own
//! `node_textfile_mtime_seconds` tells how old it is. Counters start again at each run, as Prometheus expects of counters.
//! What nothing measured has no line.

use super::worker::Worker;
use super::{OutputError, Written};
use crate::meter::{Meter, WindowId, WindowReport};
use ergometer_record::files;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two versions of the file; scrapes are seldom closer.
const INTERVAL: Duration = Duration::from_secs(5);

/// The first line of every file that we write, by which it is known again.
const FIRST: &str = "# HELP ergometer_energy_joules_total ";

/// What the thread gives in the end.
struct End {
    versions: u64,
    failures: u64,
    failure: Option<String>,
}

/// A metrics file under way.
pub(super) struct Metrics {
    path: PathBuf,
    thread: Mutex<Option<(Sender<WindowReport>, Worker<End>)>>,
}

impl Metrics {
    /// A file to be. One that is there is replaced when it is ours.
    pub(super) fn new(path: &Path, overwrite: bool) -> Result<Self, OutputError> {
        let path = path.to_owned();
        if path.extension().is_none_or(|ending| ending != "prom") {
            return Err(OutputError::Ending { path, allowed: "NAME.prom, which is what the textfile collector reads" });
        }
        match std::fs::read_to_string(&path) {
            Ok(text) if !overwrite && !text.is_empty() && !text.starts_with(FIRST) => {
                return Err(OutputError::Exists { path });
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(OutputError::Make { path, source }),
        }
        Ok(Self { path, thread: Mutex::new(None) })
    }

    /// Writes the state of the window every few seconds from now on.
    pub(super) fn follow(&self, meter: Arc<Meter>, window: WindowId) {
        let (end, ended) = channel();
        let path = self.path.clone();
        let worker = Worker::spawn("prometheus", move || {
            let mut file = Versions { path, before: None, end: End { versions: 0, failures: 0, failure: None } };
            loop {
                match ended.recv_timeout(INTERVAL) {
                    Ok(report) => {
                        file.write(report);
                        return file.end;
                    }
                    Err(RecvTimeoutError::Timeout) => meter.so_far(window).into_iter().for_each(|r| file.write(r)),
                    Err(RecvTimeoutError::Disconnected) => return file.end,
                }
            }
        });
        // Without a thread nothing is written, which `finish` says.
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = worker.ok().map(|worker| (end, worker));
    }

    /// Writes the last version.
    pub(super) fn finish(self, report: &WindowReport) -> Written {
        let thread = self.thread.into_inner().unwrap_or_else(PoisonError::into_inner);
        let end = thread.and_then(|(end, worker)| {
            // A thread that is gone gives nothing, which is said below.
            let _ = end.send(report.clone());
            worker.finish()
        });
        let gone =
            || End { versions: 0, failures: 1, failure: Some("the thread that writes it did not answer".into()) };
        let End { versions, failures, failure } = end.unwrap_or_else(gone);
        Written { path: self.path, count: versions, unit: "version(s) of the metrics".into(), lost: failures, failure }
    }
}

/// The versions of a file so far.
struct Versions {
    path: PathBuf,
    before: Option<WindowReport>,
    end: End,
}

impl Versions {
    fn write(&mut self, report: WindowReport) {
        match files::write_whole(&self.path, render(&report, self.before.as_ref()).as_bytes()) {
            Ok(()) => self.end.versions += 1,
            Err(error) => {
                self.end.failures += 1;
                self.end.failure = Some(error.to_string());
            }
        }
        self.before = Some(report);
    }
}

/// The exposition of a window. Powers are means since the report before, or since the start of the window.
pub fn render(report: &WindowReport, before: Option<&WindowReport>) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, kind: &str, samples: Vec<(String, f64)>| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", escape(help, false));
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let known: Vec<_> = report
        .components
        .iter()
        .filter_map(|component| Some((component, component.energy_j?, labels(component))))
        .collect();
    family(
        "ergometer_energy_joules_total",
        "Energy since the run began. Domains that contain one another (a package its cores) must not be added.",
        "counter",
        known.iter().map(|(_, energy, labels)| (labels.clone(), energy.0)).collect(),
    );
    let power = |component: &crate::meter::ComponentEnergy| {
        let earlier = before.and_then(|report| {
            let same = report.components.iter().find(|c| c.sensor == component.sensor)?;
            Some((same.energy_j?, report.time_s))
        });
        match earlier {
            Some((energy, time)) if report.time_s > time => {
                Some(((component.energy_j? - energy) / (report.time_s - time)).0)
            }
            _ => component.mean_w.map(|mean| mean.0),
        }
    };
    family(
        "ergometer_power_watts",
        "Mean power since the version of this file before.",
        "gauge",
        known.iter().filter_map(|(component, _, labels)| Some((labels.clone(), power(component)?))).collect(),
    );
    family("ergometer_run_seconds", "Time since the run began.", "gauge", vec![(String::new(), report.time_s.0)]);
    text
}

fn labels(component: &crate::meter::ComponentEnergy) -> String {
    format!(
        "{{component=\"{}\",sensor=\"{}\",provenance=\"{}\"}}",
        escape(&component.component.to_string(), true),
        escape(&component.sensor, true),
        escape(component.provenance.name(), true)
    )
}

/// Backslash and line feed are escaped everywhere, quotes in label values only.
fn escape(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}
