//! `ergometer bench`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::harness::sensor::facts::FILE;
use crate::harness::table::render::{Render as _, Text};
use crate::kernels::{KernelError, Tier, Topology};
use crate::pipeline::bench::grid::{Absences, Line, people};
use crate::pipeline::characterise::{self, characterise};
use crate::pipeline::device::{self, Device};
use crate::pipeline::summary::kernels::section;
use crate::pipeline::{Observer, examine, sensors};
use crate::record::format::{json, rows};
use crate::record::{Kernel, KernelSpec, Precision, Row, Size};
use crate::report::{Characterisation, Estimate, Origin};
use clap::Args;
use std::path::Path;

/// Options of `ergometer bench`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Kernels: gemm, spmv_csr, spmv_coo, triad, stencil, monte_carlo, dist, or a probe; all by default.
    #[arg(value_name = "KERNEL")]
    kernels: Vec<Kernel>,
    /// cpu, cuda, cuda:INDEX, cuda:GPU-UUID, or a virtual device such as vnode-a100.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// Instruction-set tiers, comma separated: scalar, sse, avx2, avx512; scalar and the best by default.
    #[arg(long, value_delimiter = ',', value_name = "TIER")]
    isa: Vec<String>,
    /// Thread counts, comma separated; 1 and all cores by default.
    #[arg(long, value_delimiter = ',', value_name = "N")]
    threads: Vec<usize>,
    /// Number format: f32 or f64; on a GPU also tf32 and bf16, and all of them by default.
    #[arg(long)]
    precision: Option<Precision>,
    /// One size, such as m=1024,n=1024,k=1024, instead of sizes for the machine's caches.
    #[arg(long)]
    size: Option<Size>,
    /// Repeats per point.
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeats: u32,
    /// Short windows and fewer sizes.
    #[arg(long)]
    quick: bool,
    /// Every tier, threads in powers of two, one size a kernel, and idle windows with sleeping threads: the rows of thesis
    /// tables 3.13 to 3.16, which `ergometer table --layout paradigms` and `--layout idle` print. On the virtual node, which
    /// has one code version, the idle windows.
    #[arg(long)]
    paradigms: bool,
    /// Sizes and lengths of sleep that take seconds each, as in the thesis, instead of sizes for this machine. Hours.
    #[arg(long, conflicts_with_all = ["size", "quick"])]
    thesis_sizes: bool,
    /// One thread a hardware thread instead of one a core.
    #[arg(long, conflicts_with = "threads")]
    smt: bool,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    if options.repeats == 0 {
        return Err(usage("--repeats 0 would measure nothing"));
    }
    if options.device == Device::Cpu { cpu(context, options) } else { other(context, &options) }
}

/// A card or the virtual node.
fn other(context: &Context, options: &Options) -> anyhow::Result<Outcome> {
    if !options.isa.is_empty() || !options.threads.is_empty() || options.smt || options.thesis_sizes {
        return Err(usage("--isa, --threads, --smt and --thesis-sizes are for the CPU"));
    }
    let idle = options.paradigms.then(|| characterise::virtual_idle(options.quick));
    if idle.is_some() && !matches!(options.device, Device::Virtual(_)) {
        return Err(usage("--paradigms is for the CPU and the virtual node: a card has one code version"));
    }
    let mut specs = device::specs(&options.kernels, options.precision)?;
    if let Some(size) = options.size {
        specs = specs.iter().filter_map(|s| KernelSpec::new(s.kernel, size, s.precision).ok()).collect();
        specs.sort();
        specs.dedup();
    }
    if specs.is_empty() {
        return Err(usage("no kernel of the built-in plan has what you asked for (kernel, precision, size)"));
    }
    // Opened before anything is written: a card that is missing leaves no empty folder.
    let state = std::env::temp_dir().join(format!("ergometer-bench-{}.json", std::process::id()));
    let (mut rig, absent) = device::open(&options.device, &state, context.seed())?;
    for reason in &absent {
        context.say(format!("absent: {reason}"));
    }
    let name = rig.executor.device();
    let folder = context.run_folder("bench")?;
    let plan = specs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let manifest = context.manifest("bench", vec![name.clone()], plan);
    let watch = Watch::new(context);
    watch.stage("measuring the kernels");
    let outcome = device::measure(&mut rig, &specs, options.repeats, &manifest.manifest_id, idle.as_ref(), &watch);
    drop(watch);
    let _ = std::fs::remove_file(&state);
    let outcome = outcome?;
    json::write(&folder.join("manifest.json"), &manifest)?;
    sensors::write(&folder, &rig)?;
    let why = absent.first().map_or("no sensor covers it", String::as_str);
    let mut section = section(&outcome.rows, &name, why);
    if matches!(options.device, Device::Virtual(_)) {
        section.origin = Origin::Virtual;
        context.say(format!("{name} is virtual: the results say nothing about real hardware"));
    }
    finish(context, &folder, &outcome.rows, &outcome.skipped, &section, &Absences::default())
}

/// Writes the rows and prints the table.
fn finish(
    context: &Context,
    folder: &Path,
    measured: &[Row],
    skipped: &[String],
    section: &Characterisation,
    absences: &Absences,
) -> anyhow::Result<Outcome> {
    let file = folder.join("bench.csv");
    rows::write(&file, measured)?;
    for skipped in skipped {
        context.say(format!("left out: {skipped}"));
    }
    if context.globals.json {
        output::json(section)?;
        return Ok(Outcome::Done);
    }
    let mut text = text(section, absences);
    for tier in Tier::ALL.iter().filter(|tier| measured.iter().any(|row| row.tier == tier.name())) {
        if let Some(caveat) = tier.caveat() {
            text.push_str(&format!("caution: the tier {tier} is {caveat}\n"));
        }
    }
    let (disturbed, points) = crate::pipeline::summary::kernels::disturbed(measured);
    if disturbed > 0 {
        text.push_str(&format!(
            "caution: other processes took part of the machine during {disturbed} of {points} measurements (column note)\n"
        ));
    }
    text.push_str(&format!("results: {}\n", file.display()));
    let first = measured.first().map_or(0, |row| row.threads);
    if measured.iter().any(|row| row.threads != first) {
        text.push_str(&format!("next: ergometer table --layout paradigms {} (or idle, frameworks)\n", file.display()));
    }
    output::text(&text)?;
    Ok(Outcome::Done)
}

fn cpu(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let topology = Topology::detect()?;
    let mut settings = if options.paradigms {
        characterise::paradigms(&topology, options.quick, options.smt)
    } else {
        characterise::defaults(&topology, options.quick, options.smt)
    };
    if options.paradigms && !options.kernels.is_empty() {
        settings.kernels.clone_from(&options.kernels);
    } else if !options.kernels.is_empty() {
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
                return Err(usage(KernelError::TierUnavailable { tier: *tier }.to_string()));
            }
        }
    }
    if !options.threads.is_empty() {
        settings.threads = options.threads;
    }
    let precision = options.precision.unwrap_or(Precision::F32);
    if let Some(size) = options.size {
        let fits = |kernel: &Kernel| KernelSpec::new(*kernel, size, precision).is_ok();
        if !settings.kernels.iter().any(fits) {
            return Err(usage(format!("the size {size} fits none of the kernels asked for")));
        }
    }
    settings.precision = precision;
    settings.size = options.size;
    settings.repeats = options.repeats;
    settings.thesis_sizes = options.thesis_sizes;
    let doctor = examine::examine();
    let device = examine::cpu_model(&doctor);
    let folder = context.run_folder("bench")?;
    let manifest = context.manifest("bench", vec![device.clone()], format!("{settings:?}"));
    let watch = Watch::new(context);
    watch.stage("measuring the kernels");
    let outcome = characterise(&settings, &manifest.manifest_id, &device, &topology, None, &watch)?;
    drop(watch);
    json::write(&folder.join("manifest.json"), &manifest)?;
    if let Some(sensors) = &outcome.sensors {
        json::write(&folder.join(FILE), sensors)?;
    }
    let absent = examine::why_no_energy(&doctor);
    let section = section(&outcome.rows, &device, absent.as_deref().unwrap_or("no sensor covers it"));
    let absences = Absences::of(absent, &outcome.uncounted);
    finish(context, &folder, &outcome.rows, &outcome.skipped, &section, &absences)
}

fn usage_of(error: impl std::fmt::Display) -> anyhow::Error {
    usage(error.to_string())
}

/// The table for a terminal.
fn text(section: &Characterisation, absences: &Absences) -> String {
    let mut text = String::new();
    for peak in &section.peaks {
        let (value, unit) = (cell(peak.value, 1), unit(peak.kind));
        text.push_str(&format!("peak: {:<22} {:>2} thread(s)  {value} {unit}\n", peak.name, peak.threads));
    }
    let lines: Vec<Line<'_>> = section.rows.iter().map(|row| Line { class: None, row, section }).collect();
    text + &Text.render(&people(&section.device, &lines, absences))
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
