//! Policies against a baseline: means with t-intervals, and paired differences seed by seed.

use super::{PolicyHead, Results};
use crate::metrics::Metrics;
use ergometer_record::Interval;
use ergometer_record::stats::{mean, paired_difference, paired_ratio, t_interval};
use serde::Serialize;
use std::fmt::Write as _;

/// Coverage of all intervals.
pub const LEVEL: f64 = 0.95;

/// How a figure is read off a run.
type Read = fn(&Metrics) -> Option<f64>;

/// The figures that policies are compared by: name with unit, and how it is read.
const FIGURES: &[(&str, Read)] = &[
    ("throughput_per_h", |m| Some(m.throughput_per_h)),
    ("energy_total_kwh", |m| Some(m.total_j / 3.6e6)),
    ("energy_jobs_kwh", |m| Some(m.jobs_j / 3.6e6)),
    ("energy_idle_kwh", |m| Some(m.idle_j / 3.6e6)),
    ("energy_host_kwh", |m| Some(m.host_j / 3.6e6)),
    ("energy_per_job_kwh", |m| m.energy_per_job_j.map(|energy| energy / 3.6e6)),
    ("jct_mean_s", |m| m.jct_mean_s),
    ("jct_p99_s", |m| m.jct_p99_s),
    ("wait_mean_s", |m| m.wait_mean_s),
    ("edp_js", |m| m.edp_js),
    ("utilisation", |m| Some(m.utilisation)),
    ("power_peak_w", |m| Some(m.peak_w)),
    ("over_cap_ws", |m| m.over_cap_ws),
    ("deadline_miss_rate", |m| m.deadline_miss_rate),
    ("jain_jct", |m| m.jain_jct),
    ("waiting_at_end", |m| Some(m.waiting_at_end as f64)),
    ("preemptions", |m| Some(m.preemptions as f64)),
];

/// One figure of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Name with unit.
    pub name: &'static str,
    /// Mean over the seeds that have a value; `None` if none has.
    pub mean: Option<f64>,
    /// Its t-interval; `None` with fewer than two values.
    pub interval: Option<Interval>,
    /// This policy less the baseline, paired by seed, over the seeds where both have a value; `None` for the baseline.
    pub difference: Option<Interval>,
    /// This policy over the baseline, paired; `None` for the baseline and where a value is not positive.
    pub ratio: Option<Interval>,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySummary {
    /// Label, title, options and load.
    #[serde(flatten)]
    pub head: PolicyHead,
    /// Its figures.
    pub figures: Vec<Figure>,
}

impl PolicySummary {
    /// A figure by its name.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// An experiment in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the scenario.
    pub scenario: String,
    /// Label of the policy that the others are compared with.
    pub baseline: String,
    /// GPU types whose device model was calibrated on the virtual node.
    pub virtual_hardware: Vec<String>,
    /// Seeds per policy.
    pub seeds: usize,
    /// The policies in order.
    pub policies: Vec<PolicySummary>,
}

impl Results {
    /// Means, intervals and paired differences.
    pub fn summary(&self) -> Summary {
        let runs = |label: &str| -> Vec<(u64, &Metrics)> {
            self.rows.iter().filter(|row| row.policy == label).map(|row| (row.seed, &row.metrics)).collect()
        };
        let base = runs(&self.baseline);
        let policies = self
            .policies
            .iter()
            .map(|head| {
                let own = runs(&head.label);
                let is_baseline = head.label == self.baseline;
                let figures = FIGURES.iter().map(|(name, of)| figure(name, *of, &own, &base, is_baseline)).collect();
                PolicySummary { head: head.clone(), figures }
            })
            .collect();
        Summary {
            scenario: self.scenario.clone(),
            baseline: self.baseline.clone(),
            virtual_hardware: self.virtual_hardware.clone(),
            seeds: base.len(),
            policies,
        }
    }
}

fn figure(
    name: &'static str,
    of: Read,
    own: &[(u64, &Metrics)],
    base: &[(u64, &Metrics)],
    is_baseline: bool,
) -> Figure {
    let values: Vec<f64> = own.iter().filter_map(|(_, metrics)| of(metrics)).collect();
    // Both lists are in the order of seeds: every policy runs on every seed.
    let pairs: Vec<(f64, f64)> = own
        .iter()
        .zip(base)
        .filter(|((a, _), (b, _))| a == b)
        .filter_map(|((_, own), (_, base))| Some((of(base)?, of(own)?)))
        .collect();
    let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let paired = !is_baseline;
    Figure {
        name,
        mean: mean(&values),
        interval: t_interval(&values, LEVEL),
        difference: paired.then(|| paired_difference(&before, &after, LEVEL)).flatten(),
        ratio: paired.then(|| paired_ratio(&before, &after, LEVEL, 1)).flatten(),
    }
}

impl Summary {
    /// The throughput-energy table for people: means with intervals, paired differences to the baseline, and the load.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{}: {} seeds, 95 % intervals, differences paired by seed with {}\n",
            self.scenario, self.seeds, self.baseline
        );
        let _ = writeln!(
            text,
            "{:<34} {:>20} {:>22} {:>25} {:>10} {:>10} {:>8} {:>6}",
            "policy", "jobs/h", "kWh (idle, host incl.)", "kWh difference", "JCT mean s", "JCT p99 s", "missed", "load"
        );
        for policy in &self.policies {
            let of = |name: &str| policy.figure(name);
            let mean = |name: &str, digits: usize| {
                of(name).and_then(|figure| figure.mean).map_or_else(|| "-".into(), |mean| format!("{mean:.digits$}"))
            };
            let interval = |name: &str| match of(name).map(|figure| (figure.interval, figure.mean)) {
                Some((Some(interval), _)) => format!("{interval:.1}"),
                Some((None, Some(mean))) => format!("{mean:.1}"),
                _ => "-".into(),
            };
            let difference = match of("energy_total_kwh").and_then(|figure| figure.ratio) {
                Some(ratio) => {
                    let percent = ratio.map(|x| 100.0 * (x - 1.0));
                    format!("{:+.1} % [{:+.1}, {:+.1}]", percent.estimate, percent.low, percent.high)
                }
                None if policy.head.label == self.baseline => "baseline".into(),
                None => "-".into(),
            };
            let _ = writeln!(
                text,
                "{:<34} {:>20} {:>22} {:>25} {:>10} {:>10} {:>8} {:>6.2}",
                policy.head.title,
                interval("throughput_per_h"),
                interval("energy_total_kwh"),
                difference,
                mean("jct_mean_s", 0),
                mean("jct_p99_s", 0),
                mean("deadline_miss_rate", 3),
                policy.head.offered_load,
            );
        }
        if self.policies.iter().any(|policy| !policy.head.can_be_stable()) {
            text.push_str(
                "load above 1: queues grow without bound, and completion times depend on the simulated time\n",
            );
        }
        if !self.virtual_hardware.is_empty() {
            let names = self.virtual_hardware.join(", ");
            let _ =
                writeln!(text, "virtual: the device of {names} was calibrated on the virtual node, not on hardware");
        }
        text
    }
}
