//! Chapter 3's claims about techniques, beside what its numbers support. Every number in a sentence is computed.

use super::printed::{Bench, Platform};
use super::recompute::{Comparison, INFERRED_DRAM_W, Summary, comparisons, summary};
use super::signed;
use super::{idle, paradigms};
use ergometer_record::Technique;

/// The closing sentences, one claim each.
pub fn closing() -> Vec<String> {
    let all = comparisons();
    let mut sentences = Vec::new();
    sentences.extend(a100(&all));
    sentences.extend(a100_cause(&all));
    sentences.extend(intel(&all));
    sentences.extend(amd(&all));
    sentences.extend(chosen_on_themselves(&all));
    sentences.extend(time_and_energy());
    sentences.extend(efficiency_breakpoint());
    sentences.extend(sleeping_threads());
    sentences.extend(application_energy());
    sentences
}

fn of(all: &[Comparison], platform: Platform, technique: Technique) -> impl Iterator<Item = &Comparison> {
    all.iter().filter(move |c| c.bench.platform == platform && c.best.technique == technique)
}

fn both(all: &[Comparison], platform: Platform, a: Technique, b: Technique) -> Option<(Summary, Summary)> {
    Some((summary(all, platform, a)?, summary(all, platform, b)?))
}

/// Benchmarks in which `a` gains more than `b` by the powers, and all that have both.
fn wins(all: &[Comparison], platform: Platform, a: Technique, b: Technique) -> (usize, usize) {
    let gain = |bench: &Bench, technique| {
        all.iter().find(|c| *c.bench == *bench && c.best.technique == technique).map(|c| c.recomputed_pct)
    };
    let pairs: Vec<(f64, f64)> =
        of(all, platform, a).filter_map(|c| Some((c.recomputed_pct, gain(c.bench, b)?))).collect();
    (pairs.iter().filter(|(a, b)| a > b).count(), pairs.len())
}

fn a100(all: &[Comparison]) -> Option<String> {
    let (caps, dvfs) = both(all, Platform::Nvidia, Technique::PowerCap, Technique::Dvfs)?;
    let (dvfs_wins, n) = wins(all, Platform::Nvidia, Technique::Dvfs, Technique::PowerCap);
    let idle = of(all, Platform::Nvidia, Technique::PowerCap).filter(|c| c.is_non_binding()).count();
    Some(format!(
        "A100, claimed (3.5.3.2): power capping is the most effective technique, 34 to 42 % less EDP with JAX. By table \
         3.27 it is not: caps gain {} % on average where {} % is printed, DVFS {} % where {} % is printed; DVFS \
         gains more in {dvfs_wins} of {n} benchmarks, and {idle} of the caps lie above what the card draws without them, so \
         that they can't have acted.",
        signed(caps.recomputed_pct),
        signed(caps.printed_pct),
        signed(dvfs.recomputed_pct),
        signed(dvfs.printed_pct),
    ))
}

fn a100_cause(all: &[Comparison]) -> Option<String> {
    let caps = summary(all, Platform::Nvidia, Technique::PowerCap)?;
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let beside = |technique| range(&mut of(all, Platform::Nvidia, technique).filter_map(Comparison::implied_beside_w));
    let (low, high) = beside(Technique::PowerCap);
    let printed = of(all, Platform::Nvidia, Technique::PowerCap).map(|c| c.best.power.other_w + INFERRED_DRAM_W);
    let (beside_low, beside_high) = range(&mut printed.into_iter());
    let dvfs = of(all, Platform::Nvidia, Technique::Dvfs).filter_map(|c| Some(c.best.gain_pct - c.with_dram_pct?));
    let (_, dvfs_largest) = range(&mut dvfs.map(f64::abs));
    Some(format!(
        "A100, the difference: {} of {} gains of caps are off by more than 3 points. They would follow if under a cap \
         {low:.0} to {high:.0} W had been counted beside the card, where host and DRAM are {beside_low:.0} to \
         {beside_high:.0} W. With {INFERRED_DRAM_W} W of DRAM the gains of DVFS follow to within {dvfs_largest:.1} points, so \
         tables and formula are read rightly.",
        caps.flagged, caps.n,
    ))
}

fn intel(all: &[Comparison]) -> Option<String> {
    let (caps, dvfs) = both(all, Platform::Intel, Technique::PowerCap, Technique::Dvfs)?;
    let (caps_win, n) = wins(all, Platform::Intel, Technique::PowerCap, Technique::Dvfs);
    let in_range =
        of(all, Platform::Intel, Technique::PowerCap).filter(|c| (8.0..=18.5).contains(&c.recomputed_pct)).count();
    let slowest = of(all, Platform::Intel, Technique::Dvfs).map(|c| c.best.time_pct).fold(f64::MIN, f64::max);
    Some(format!(
        "Intel, claimed: power capping is often the better technique, with 8 to 18 % less EDP; DVFS gains more at the cost \
         of 10 to 30 % more time. Printed and recomputed gains agree here; {in_range} of {n} caps gain that much, caps gain \
         more than DVFS in {caps_win} of {n} benchmarks ({} % against {} % on average), and the largest slowdown of DVFS in \
         the tables is {slowest} %.",
        signed(caps.recomputed_pct),
        signed(dvfs.recomputed_pct),
    ))
}

fn amd(all: &[Comparison]) -> Option<String> {
    let (dvfs, governors) = both(all, Platform::Amd, Technique::Dvfs, Technique::Governor)?;
    let (dvfs_wins, n) = wins(all, Platform::Amd, Technique::Dvfs, Technique::Governor);
    let large = of(all, Platform::Amd, Technique::Governor).filter(|c| c.recomputed_pct > 20.0);
    let times: Vec<String> = large.map(|c| signed(c.best.time_pct)).collect();
    Some(format!(
        "AMD, claimed: DVFS dominates, and the largest gains of `powersave` come with a large increase in time. The numbers \
         support the first (DVFS gains more in {dvfs_wins} of {n} benchmarks, {} % against {} % on average) and not the \
         second: those gains cost {} % of time.",
        signed(dvfs.recomputed_pct),
        signed(governors.recomputed_pct),
        times.join(" and "),
    ))
}

fn chosen_on_themselves(all: &[Comparison]) -> Option<String> {
    let worse = all.iter().filter(|c| c.best.gain_pct < 0.0).count();
    Some(format!(
        "Everywhere: each gain is that of the best of several settings, on the runs that chose it, which overstates it; \
         {worse} of {} \"best\" settings are worse than the baseline, which was no candidate there.",
        all.len(),
    ))
}

fn time_and_energy() -> Option<String> {
    let (amd, intel) = (paradigms::time_energy_line(false)?, paradigms::time_energy_line(true)?);
    Some(format!(
        "Tables 3.15 and 3.16, claimed: time and energy are strongly correlated, not always linearly. The numbers support \
         it: log E over log T has R2 {:.3} (AMD) and {:.3} (Intel), with slopes {:.2} and {:.2}: halving the time by \
         vectors or threads leaves {:.0} and {:.0} % of the package's energy, not 50.",
        amd.r2,
        intel.r2,
        amd.slope,
        intel.slope,
        100.0 * 0.5f64.powf(amd.slope),
        100.0 * 0.5f64.powf(intel.slope),
    ))
}

fn efficiency_breakpoint() -> Option<String> {
    let share = |intel, threads| Some(format!("{:.2}", paradigms::energy_follows_time(intel, threads)?));
    let all = |intel| Some(["2", "8", "32"].iter().map(|n| share(intel, n)).collect::<Option<Vec<_>>>()?.join(", "));
    Some(format!(
        "Table 3.16, claimed: the gain of energy follows that of time well up to 8 threads. The numbers do not support it: \
         the gain of E_app over that of time is {} with 2, 8 and 32 threads on AMD and {} on Intel: it falls from the \
         second thread on, without a break.",
        all(false)?,
        all(true)?,
    ))
}

fn sleeping_threads() -> Option<String> {
    let change = |component| {
        let (watts, half) = idle::sleeping_threads_w(component)?;
        Some(format!("{watts:+.1} +- {half:.1} W"))
    };
    Some(format!(
        "Table 3.14, claimed: sleeping OpenMP threads have a marginal impact on idle power. Nearly: 32 threads against one, \
         paired by length, draw {} (AMD), {} (Intel) and {} (Intel's memory) with 95 % intervals from four \
         lengths; the regressions over all threads hide it in their residuals.",
        change(0)?,
        change(1)?,
        change(2)?,
    ))
}

fn application_energy() -> Option<String> {
    let (near, of) = paradigms::constant_power(1, 50.0);
    let too_low = paradigms::apps(1).iter().filter(|app| app.printed_j < app.by_line_j).count();
    let off = paradigms::apps(1).iter().map(|app| 100.0 * (app.printed_j / app.by_line_j - 1.0)).fold(0.0, f64::min);
    Some(format!(
        "Tables 3.15 and 3.16, claimed: E_app is the energy less the idle line (eq. 3.2 to 3.4). On Intel 50.0 W were \
         subtracted in {near} of {of} lines, and other round powers in the rest, where the fitted lines have 48 W and an \
         intercept: {too_low} of the E_app are too low, by up to {:.1} %.",
        -off,
    ))
}
