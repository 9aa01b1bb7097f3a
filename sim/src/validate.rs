//! An independent check of a schedule, from its log alone: no GPU used twice, jobs start after they are submitted and on
//! hardware that exists, work conserved, energy equal to the integral of the power series.

use crate::cluster::Cluster;
use crate::engine::{Ending, Log, Segment};
use crate::error::SimError;
use crate::metrics::Metrics;
use std::collections::BTreeMap;

/// Relative difference above which two sums are not the same.
const TOLERANCE: f64 = 1e-9;

/// Checks a run's log and figures against each other and against the cluster.
///
/// # Errors
/// The first law that is broken, with job and time.
pub fn validate(cluster: &Cluster, log: &Log, metrics: &Metrics) -> Result<(), SimError> {
    let invalid = |problem: String| Err(SimError::Invalid(problem));
    for segment in &log.segments {
        if let Some(problem) = placement_problem(cluster, log, segment) {
            return invalid(format!("job {} from {}: {problem}", segment.job.0, segment.start));
        }
    }
    no_gpu_twice(log).or_else(invalid)?;
    work_is_conserved(log).or_else(invalid)?;
    counts(log, metrics).or_else(invalid)?;
    energy(cluster, log, metrics).or_else(invalid)
}

fn placement_problem(cluster: &Cluster, log: &Log, segment: &Segment) -> Option<String> {
    let Some(arrival) = log.arrivals.get(segment.job.0 as usize) else { return Some("it never arrived".into()) };
    if segment.start < arrival.time || segment.end < segment.start || segment.end > log.end {
        return Some(format!("it runs to {} but was submitted at {}", segment.end, arrival.time));
    }
    if segment.allocation.gpus() != segment.configuration.gpus {
        return Some(format!("{} GPUs for {}", segment.allocation.gpus(), segment.configuration.gpus));
    }
    for (node, mask) in &segment.allocation.parts {
        let Some(node) = cluster.nodes.get(node.0 as usize) else { return Some("a node that does not exist".into()) };
        if node.hardware != segment.configuration.hardware || 64 - mask.leading_zeros() > node.gpus {
            return Some(format!("GPUs that node {} does not have", node.name));
        }
    }
    (segment.allocation.parts.len() > 1 && cluster.span_slowdown.is_none()).then(|| "it spans nodes".into())
}

/// Sweeps the starts and ends over time, ends first, and keeps a mask per node.
fn no_gpu_twice(log: &Log) -> Result<(), String> {
    let mut edges: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * log.segments.len());
    for (index, segment) in log.segments.iter().enumerate() {
        // A run stopped by the horizon in the instant of its start holds nothing for any time.
        if segment.start < segment.end {
            edges.push((segment.start.0, true, index));
            edges.push((segment.end.0, false, index));
        }
    }
    edges.sort_unstable();
    let mut held: BTreeMap<u32, u64> = BTreeMap::new();
    for (time, starts, index) in edges {
        for (node, mask) in &log.segments[index].allocation.parts {
            let entry = held.entry(node.0).or_default();
            if starts && *entry & mask != 0 {
                let job = log.segments[index].job.0;
                return Err(format!("job {job} starts at {time} ns on GPUs of node {} that are held", node.0));
            }
            *entry = if starts { *entry | mask } else { *entry & !mask };
        }
    }
    Ok(())
}

fn work_is_conserved(log: &Log) -> Result<(), String> {
    let mut runs: BTreeMap<u64, Vec<&Segment>> = BTreeMap::new();
    for segment in &log.segments {
        runs.entry(segment.job.0).or_default().push(segment);
    }
    for (job, segments) in runs {
        let samples = log.arrivals[job as usize].samples;
        let kept: f64 = segments.iter().map(|segment| segment.samples_done - segment.samples_lost).sum();
        let finished = segments.iter().filter(|segment| segment.ending == Ending::Finished).count();
        let in_order =
            segments.windows(2).all(|pair| pair[0].end <= pair[1].start && pair[0].ending == Ending::Preempted);
        if !in_order || finished > 1 {
            return Err(format!("the runs of job {job} overlap or go on after its end"));
        }
        if finished == 1 && (kept - samples).abs() > TOLERANCE * samples {
            return Err(format!("job {job} ended with {kept} of {samples} samples"));
        }
        if kept > samples * (1.0 + TOLERANCE) || kept < -TOLERANCE * samples {
            return Err(format!("job {job} has done {kept} of {samples} samples"));
        }
    }
    Ok(())
}

fn counts(log: &Log, metrics: &Metrics) -> Result<(), String> {
    let finished = log.finished().count() as u64;
    if (log.arrivals.len() as u64, finished) != (metrics.arrived, metrics.finished) {
        return Err(format!("{finished} of {} jobs finished, not as counted", log.arrivals.len()));
    }
    if metrics.arrived != metrics.finished + metrics.running_at_end + metrics.waiting_at_end {
        return Err("jobs that arrived are not all finished, running or waiting".into());
    }
    let sum: f64 = log.finished().map(|(job, end)| end.since(log.arrivals[job.0 as usize].time).seconds()).sum();
    let mean = (finished > 0).then(|| sum / finished as f64);
    match (mean, metrics.jct_mean_s) {
        (None, None) => Ok(()),
        (Some(mean), Some(told)) if close(mean, told) => Ok(()),
        (mean, told) => Err(format!("mean completion time is {mean:?} s by the log and {told:?} s by the figures")),
    }
}

fn energy(cluster: &Cluster, log: &Log, metrics: &Metrics) -> Result<(), String> {
    let mut integral = [0.0; 3];
    for (index, step) in log.power.iter().enumerate() {
        let until = log.power.get(index + 1).map_or(log.end, |next| next.time);
        let seconds = until.since(step.time).seconds();
        for (sum, power) in integral.iter_mut().zip([step.jobs_w, step.idle_w, step.host_w]) {
            *sum += power * seconds;
        }
    }
    // The same three from the segments and the cluster, without the power series.
    let mut jobs = 0.0;
    let mut idle: f64 =
        cluster.nodes.iter().map(|node| cluster.hardware(node.hardware).idle.0 * f64::from(node.gpus)).sum();
    let mut host: f64 = cluster.nodes.iter().map(|node| node.host.0).sum();
    (idle, host) = (idle * log.end.seconds(), host * log.end.seconds());
    for segment in &log.segments {
        let seconds = segment.end.since(segment.start).seconds();
        jobs += segment.power_w * seconds;
        for (node, mask) in &segment.allocation.parts {
            let node = &cluster.nodes[node.0 as usize];
            let gpu_seconds = seconds * f64::from(mask.count_ones());
            idle -= cluster.hardware(node.hardware).idle.0 * gpu_seconds;
            host += node.host_per_busy_gpu.0 * gpu_seconds;
        }
    }
    let told = [metrics.jobs_j, metrics.idle_j, metrics.host_j];
    let scale = metrics.total_j.max(1e-9);
    for (part, (sums, told)) in
        ["jobs", "idle GPUs", "hosts"].iter().zip(integral.iter().zip([jobs, idle, host]).zip(told))
    {
        if (sums.0 - told).abs() > TOLERANCE * scale || (sums.1 - told).abs() > 1e-8 * scale {
            return Err(format!(
                "energy of {part} is {} J by the power series, {} J by the runs and {told} J by the figures",
                sums.0, sums.1
            ));
        }
    }
    Ok(())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1e-9)
}
