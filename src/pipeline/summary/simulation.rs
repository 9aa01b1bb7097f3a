//! An experiment as its section.

use crate::model::workload::Workload;
use crate::report::{Estimate, Metric, Origin, PolicyRow, Scenario};
use crate::sim::experiment::{Figure, PolicySummary, Results};
use crate::sim::scenario;

/// The section. `jobs` are the training jobs by name; `is_virtual` when a device of the oracle was calibrated from the
/// virtual node.
pub fn section(
    scenario: &scenario::Scenario,
    results: &Results,
    jobs: &[(String, Workload)],
    is_virtual: bool,
) -> Scenario {
    let summary = results.summary();
    let policies = summary
        .policies
        .iter()
        .filter_map(|policy| {
            Some(PolicyRow {
                policy: policy.head.title.clone(),
                throughput_per_h: metric(policy.figure("throughput_per_h")?, 1.0)?,
                energy_kwh: metric(policy.figure("energy_total_kwh")?, 1.0)?,
                jct_h: policy.figure("jct_mean_s").and_then(|figure| metric(figure, 1.0 / 3600.0)),
                misses_pct: policy.figure("deadline_miss_rate").and_then(|figure| metric(figure, 100.0)),
            })
        })
        .collect();
    let mut notes: Vec<String> = summary.policies.iter().map(load).collect();
    notes.extend(jobs.iter().map(|(name, work)| {
        let gflop = work.tensor_flops() as f64 / work.batch as f64 / 1e9;
        format!(
            "Job {name}: {} in {}, {gflop:.3} GFLOP of GEMM and convolution per sample forward and backward, {} parameters.",
            work.name, work.precision, work.parameters
        )
    }));
    notes.push(format!(
        "The scheduler believes {}; what happens is {}, times noise of +-{:.0} % on time and +-{:.0} % on power.",
        scenario.oracles[0],
        scenario.oracles[1],
        100.0 * scenario.noise.time,
        100.0 * scenario.noise.power
    ));
    notes.push("Energy is that of the whole cluster: jobs, idle cards and hosts.".to_owned());
    Scenario {
        name: scenario.name.clone(),
        description: format!(
            "{} {:.0} simulated hours, {:.1} jobs offered per hour.",
            scenario.description,
            scenario.horizon.seconds() / 3600.0,
            scenario.arrival_rate_per_s * 3600.0
        ),
        origin: if is_virtual { Origin::Virtual } else { Origin::Modelled },
        seeds: summary.seeds,
        reference: summary
            .policies
            .iter()
            .find(|policy| policy.head.label == summary.baseline)
            .map_or_else(|| summary.baseline.clone(), |policy| policy.head.title.clone()),
        policies,
        notes,
    }
}

fn load(policy: &PolicySummary) -> String {
    let waiting = policy.figure("waiting_at_end").and_then(|figure| figure.mean);
    format!(
        "{}: offered load {:.2} of what the cluster can bear{}{}.",
        policy.head.title,
        policy.head.offered_load,
        if policy.head.can_be_stable() { "" } else { ", so queues grow without bound" },
        waiting.map_or_else(String::new, |n| format!("; {n:.1} jobs still waiting at the end"))
    )
}

fn metric(figure: &Figure, scale: f64) -> Option<Metric> {
    let value = match (figure.interval, figure.mean) {
        (Some(interval), _) => Estimate::Interval(interval),
        (None, Some(mean)) => Estimate::Single(mean),
        (None, None) => return None,
    };
    Some(Metric { value: value.scaled(scale), difference: figure.difference.map(|d| d.map(|x| x * scale)) })
}
