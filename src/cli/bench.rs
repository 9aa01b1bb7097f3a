//! `ergometer bench`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::kernels::{Tier, Topology};
use crate::pipeline::characterise::{self, characterise};
use crate::pipeline::summary::kernels::section;
use crate::pipeline::{Observer, examine};
use crate::record::format::{json, rows};
use crate::record::{Kernel, Precision, Size};
use crate::report::{Characterisation, Energy, Estimate};
use anyhow::Context as _;
use clap::Args;
use std::fmt::Write as _;

/// Options of `ergometer bench`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Kernels: gemm, spmv_csr, spmv_coo, triad, stencil, monte_carlo, dist, or a probe; all by default.
    #[arg(value_name = "KERNEL")]
    kernels: Vec<Kernel>,
    /// Instruction-set tiers, comma separated: scalar, sse, avx2, avx512; scalar and the best by default.
    #[arg(long, value_delimiter = ',', value_name = "TIER")]
    isa: Vec<String>,
    /// Thread counts, comma separated; 1 and all cores by default.
    #[arg(long, value_delimiter = ',', value_name = "N")]
    threads: Vec<usize>,
    /// Number format: f32 or f64.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// One size, such as m=1024,n=1024,k=1024, instead of sizes for the machine's caches.
    #[arg(long)]
    size: Option<Size>,
    /// Repeats per point.
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeats: u32,
    /// Short windows and fewer sizes.
    #[arg(long)]
    quick: bool,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let topology = Topology::detect()?;
    let mut settings = characterise::defaults(&topology, options.quick);
    if !options.kernels.is_empty() {
        // The peaks are measured in the same run, so that shares mean something.
        settings.kernels.retain(|kernel| kernel.is_probe());
        settings.kernels.extend(options.kernels.iter().filter(|kernel| !kernel.is_probe()));
        let probes: Vec<Kernel> = options.kernels.iter().copied().filter(|k| !settings.kernels.contains(k)).collect();
        settings.kernels.extend(probes);
    }
    if !options.isa.is_empty() {
        settings.tiers =
            options.isa.iter().map(|name| name.parse::<Tier>()).collect::<Result<_, _>>().map_err(usage_of)?;
        for tier in &settings.tiers {
            if !tier.is_available() {
                return Err(usage(format!("this CPU has no {tier}; it has {}", available())));
            }
        }
    }
    if !options.threads.is_empty() {
        settings.threads = options.threads;
    }
    if options.repeats == 0 {
        return Err(usage("--repeats 0 would measure nothing"));
    }
    if let Some(size) = options.size {
        let fits = |kernel: &Kernel| crate::record::KernelSpec::new(*kernel, size, options.precision).is_ok();
        if !settings.kernels.iter().any(fits) {
            return Err(usage(format!("the size {size} fits none of the kernels asked for")));
        }
    }
    settings.precision = options.precision;
    settings.size = options.size;
    settings.repeats = options.repeats;
    let doctor = examine::examine();
    let device = doctor.cpu.model.clone().unwrap_or_else(|| "CPU of unknown model".to_owned());
    let folder = context.run_folder("bench")?;
    let manifest = context.manifest("bench", vec![device.clone()], format!("{settings:?}"));
    let watch = Watch::new(context);
    watch.stage("measuring the kernels");
    let outcome = characterise(&settings, &manifest.manifest_id, &device, &topology, None, &watch)?;
    drop(watch);
    json::write(&folder.join("manifest.json"), &manifest)?;
    let file = folder.join("bench.csv");
    rows::write(&file, &outcome.rows)?;
    for skipped in &outcome.skipped {
        context.say(format!("left out: {skipped}"));
    }
    let absent = examine::why_no_energy(&doctor);
    let section = section(&outcome.rows, &device, absent.as_deref().unwrap_or("no sensor covers it"));
    if context.globals.json {
        output::json(&section)?;
    } else {
        output::text(&text(&section).context("the table could not be written")?)?;
        if let Some(reason) = absent {
            output::text(&format!("energy: absent, because {reason}\n"))?;
        }
        let (disturbed, points) = crate::pipeline::summary::kernels::disturbed(&outcome.rows);
        if disturbed > 0 {
            output::text(&format!(
                "caution: other processes took part of the machine during {disturbed} of {points} measurements (column note)\n"
            ))?;
        }
        output::text(&format!("results: {}\n", file.display()))?;
    }
    Ok(Outcome::Done)
}

fn usage_of(error: impl std::fmt::Display) -> anyhow::Error {
    usage(error.to_string())
}

fn available() -> String {
    Tier::available().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The table for a terminal.
fn text(section: &Characterisation) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for peak in &section.peaks {
        let (value, unit) = (cell(peak.value, 1), unit(peak.kind));
        writeln!(text, "peak: {:<22} {:>2} thread(s)  {value} {unit}", peak.name, peak.threads)?;
    }
    writeln!(
        text,
        "{:<12} {:<34} {:<8} {:>3} {:>26} {:>10} {:>9} {:>9}  {:<10} check",
        "kernel", "size", "tier", "thr", "time in us [95 %]", "GFLOP/s", "GB/s", "of roof", "energy"
    )?;
    for row in &section.rows {
        let share =
            section.share_of_peak(row).map_or_else(|| "-".to_owned(), |s| format!("{:.0} %", s.percent.value()));
        let bandwidth = row.gbytes_per_s().map_or_else(|| "-".to_owned(), |rate| format!("{:.2}", rate.value()));
        let energy = row.energy.iter().find_map(|component| match &component.energy {
            Energy::Known { joules, .. } => Some(format!("{:.3e} J", joules.value())),
            Energy::Absent { .. } => None,
        });
        let check = match row.error_over_bound {
            Some(error) if error <= 1.0 => "ok",
            Some(_) => "WRONG",
            None => "-",
        };
        writeln!(
            text,
            "{:<12} {:<34} {:<8} {:>3} {:>26} {:>10.2} {:>9} {:>9}  {:<10} {check}",
            row.spec.kernel,
            row.spec.size,
            row.tier,
            row.threads,
            cell(row.time.scaled(1e6), 2),
            row.gflops().value(),
            bandwidth,
            share,
            energy.unwrap_or_else(|| "absent".to_owned()),
        )?;
    }
    Ok(text)
}

fn cell(estimate: Estimate, digits: usize) -> String {
    match estimate.range() {
        Some((low, high)) => format!("{:.digits$} [{low:.digits$}, {high:.digits$}]", estimate.value()),
        None => format!("{:.digits$} (no interval)", estimate.value()),
    }
}

fn unit(kind: crate::report::PeakKind) -> &'static str {
    match kind {
        crate::report::PeakKind::Arithmetic(_) => "GFLOP/s",
        crate::report::PeakKind::Bandwidth => "GB/s",
    }
}
