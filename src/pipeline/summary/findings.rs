//! What the loop found, in about ten sentences; the same on the screen and at the head of the report.

use super::sweep::best;
use crate::report::{Calibration, Characterisation, ErrorRow, Estimate, Finding, Origin, Quantity, Scenario, Sweep};

/// A number with its interval, for sentences.
fn number(estimate: Estimate, digits: usize) -> String {
    match estimate.range() {
        Some((low, high)) => format!("{:.digits$} [{low:.digits$}, {high:.digits$}]", estimate.value()),
        None => format!("{:.digits$} (no interval)", estimate.value()),
    }
}

/// The fastest kernels and the peaks they are compared with; `disturbed` of how many points were, see
/// [`super::kernels::disturbed`].
pub fn kernels(section: &Characterisation, disturbed: (usize, usize)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |text: String| findings.push(Finding { text, origin: Some(Origin::Measured) });
    let rate = |row: &crate::report::KernelRow| row.gflops().value();
    let gemm = section.rows.iter().filter(|row| row.spec.kernel == crate::record::Kernel::Gemm);
    if let Some(row) = gemm.max_by(|a, b| rate(a).total_cmp(&rate(b))) {
        let share = section.share_of_peak(row);
        let share = share.map_or_else(String::new, |s| format!(", {} % of the measured peak", number(s.percent, 0)));
        add(format!(
            "GEMM reaches {} GFLOP/s ({}, {} thread(s)){share}.",
            number(row.gflops(), 1),
            row.tier,
            row.threads
        ));
    }
    let triad = section.rows.iter().filter(|row| row.spec.kernel == crate::record::Kernel::Triad);
    // The largest footprint is the one in memory.
    let bytes = |row: &crate::report::KernelRow| row.spec.least_bytes();
    let largest = triad.clone().map(bytes).fold(0.0, f64::max);
    let row = triad.filter(|row| bytes(row) >= largest).max_by(|a, b| rate(a).total_cmp(&rate(b)));
    if let Some((row, bandwidth)) = row.and_then(|row| Some((row, row.gbytes_per_s()?))) {
        let (tier, threads) = (&row.tier, row.threads);
        add(format!("TRIAD in memory reaches {} GB/s ({tier}, {threads} thread(s)).", number(bandwidth, 1)));
    }
    let wrong = section.rows.iter().filter(|row| row.error_over_bound.is_some_and(|e| e > 1.0 || e.is_nan())).count();
    let checked = section.rows.iter().filter(|row| row.error_over_bound.is_some()).count();
    let mut text = if wrong == 0 {
        format!("All {checked} kernel results agree with their references in the same run")
    } else {
        format!("{wrong} of {checked} kernel results DISAGREE with their references: their times are worth nothing")
    };
    let (number_disturbed, points) = disturbed;
    if number_disturbed > 0 {
        text.push_str(&format!(
            "; during {number_disturbed} of {points} measurements other processes took over {:.0} % of a core, so those times are not this machine's own",
            100.0 * crate::pipeline::interference::LIMIT
        ));
    }
    add(text + ".");
    findings
}

/// Where energy comes from, or why there is none.
pub fn energy(why_absent: Option<&str>) -> Finding {
    let text = match why_absent {
        Some(reason) => format!("Energy of this machine is absent, not zero: {reason}."),
        None => "Energy of this machine's components was measured.".to_owned(),
    };
    Finding { text, origin: why_absent.is_none().then_some(Origin::Measured) }
}

/// The best EDP gain of a sweep.
pub fn sweep(section: &Sweep) -> Option<Finding> {
    let (kernel, gain) = best(section)?;
    Some(Finding {
        text: format!(
            "Best EDP gain on {}: {} % for {kernel} at {} ({}), with time changed by {} %.",
            section.device,
            number(gain.edp_gain_pct, 1),
            gain.setting,
            gain.technique,
            number(gain.time_change_pct, 1)
        ),
        origin: Some(section.origin),
    })
}

/// The held-out errors of a calibration, each beside its baseline.
pub fn calibration(section: &Calibration) -> Option<Finding> {
    // Leaving settings out is what a sweep is for; without settings, sizes: the last split that there is.
    let split = &section.errors.iter().rfind(|row| !row.baseline)?.split;
    let rows = |baseline: bool| section.errors.iter().filter(move |r| r.split == *split && r.baseline == baseline);
    let text = |row: &ErrorRow| row.held_out_pct.map(|error| format!("{} %", number(error, 1)));
    let parts: Vec<String> = [Quantity::Time, Quantity::Power]
        .into_iter()
        .filter_map(|quantity| {
            let own = rows(false).find(|row| row.quantity == quantity).and_then(text)?;
            let baseline = rows(true).find(|row| row.quantity == quantity);
            let beside = baseline.and_then(|row| Some(format!(" ({}: {})", row.predictor, text(row)?)));
            Some(format!("{} {own}{}", quantity.name(), beside.unwrap_or_default()))
        })
        .collect();
    Some(Finding {
        text: format!("Model of {}, error with {split}: {}.", section.device, parts.join("; ")),
        origin: Some(section.origin),
    })
}

/// The policy that saves most energy against the reference, and those that schedule just like it.
pub fn simulation(section: &Scenario) -> Option<Finding> {
    let compared = section.policies.iter().filter_map(|policy| Some((policy, policy.energy_kwh.difference?)));
    // Zero on every seed is identity, not a tie, and is said as such.
    let (same, different): (Vec<_>, Vec<_>) =
        compared.partition(|(_, d)| d.estimate == 0.0 && d.low == 0.0 && d.high == 0.0);
    let mut parts = Vec::new();
    if let Some((policy, energy)) = different.iter().min_by(|a, b| a.1.estimate.total_cmp(&b.1.estimate)) {
        let jobs = policy.throughput_per_h.difference?;
        parts.push(format!(
            "{} against {}: {:+.2} kWh [{:+.2}, {:+.2}] of energy, {:+.2} jobs/h [{:+.2}, {:+.2}]",
            policy.policy,
            section.reference,
            energy.estimate,
            energy.low,
            energy.high,
            jobs.estimate,
            jobs.low,
            jobs.high
        ));
    }
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|(policy, _)| policy.policy.as_str()).collect();
        parts.push(format!("{} made the same schedules as {}", names.join(", "), section.reference));
    }
    (!parts.is_empty()).then(|| Finding {
        text: format!("Cluster \"{}\", {} seeds: {}.", section.name, section.seeds, parts.join("; ")),
        origin: Some(section.origin),
    })
}
