//! The kernels by size class, tier and threads: time by criterion, share of the roofline of the same run, joules where a
//! sensor exists, counters where the machine has them.
//!
//! `cargo bench --bench kernels -- --quick` takes about a minute on two cores, without `--quick` it measures some 450 points
//! of a second each. Words such as `gemm` or `stencil/f32/DRAM/avx512/t1` select; `--help` lists the rest. At the end: a
//! table a kernel, and in `target/criterion/kernels/` the same as `kernels.csv`, every sample as `rows.csv`, and bandwidth,
//! volume and power against threads as SVG (thesis figures 3.4 and 3.5).

mod measure;

use clap::Parser;
use ergometer::harness::counter;
use ergometer::harness::sensor::Roots;
use ergometer::harness::table::render::{Csv, Render, Text};
use ergometer::kernels::{Pool, Tier, Topology};
use ergometer::pipeline::bench::grid::{Absences, Line, people, programs};
use ergometer::pipeline::bench::{Effort, Plan, SizeClass};
use ergometer::pipeline::{examine, figures};
use ergometer::record::format::rows;
use ergometer::record::{Kernel, Precision, files};
use measure::Measured;
use std::path::PathBuf;

/// Time, GFLOP/s, GB/s, share of the roofline, joules and counters of the CPU kernels.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measure only points whose name contains one of these words.
    words: Vec<String>,
    /// f32 in L2 and memory, scalar and the best tier, short samples.
    #[arg(long)]
    quick: bool,
    /// Size classes, comma separated: L1, L2, L3, DRAM.
    #[arg(long, value_delimiter = ',')]
    class: Vec<SizeClass>,
    /// Instruction-set tiers, comma separated: scalar, sse, avx2, avx512.
    #[arg(long, value_delimiter = ',')]
    isa: Vec<String>,
    /// Thread counts, comma separated.
    #[arg(long, value_delimiter = ',')]
    threads: Vec<usize>,
    /// Number formats, comma separated: f32, f64.
    #[arg(long, value_delimiter = ',')]
    precision: Vec<Precision>,
    /// Folder for tables, rows and figures.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Keep this run's times under a name, for `--baseline`.
    #[arg(long, value_name = "NAME")]
    save_baseline: Option<String>,
    /// Compare the times with those kept under a name.
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    if let Err(error) = run(&arguments) {
        eprintln!("no bench: {error:#}");
        std::process::exit(1);
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let topology = Topology::detect()?;
    let plan = plan(arguments, &topology)?;
    let (points, mut left_out) = plan.points(&topology);
    anyhow::ensure!(!points.is_empty(), "no point has a name with one of {}", arguments.words.join(", "));
    let doctor = examine::examine();
    let device = examine::cpu_model(&doctor);
    let roots = Roots::system();
    let mut uncounted = Vec::new();
    let mut criterion =
        measure::criterion(plan.effort, arguments.save_baseline.as_deref(), arguments.baseline.as_deref());
    let mut measured = Measured::default();
    for &threads in &plan.threads {
        let pool = std::sync::Arc::new(Pool::new(&topology, Some(threads))?);
        let opened = counter::open(&pool, &roots);
        uncounted = opened.absent;
        let mut bench = measure::Bench::new(&pool, &device, &roots, opened.reader, plan.effort);
        for point in points.iter().filter(|point| point.threads == threads) {
            match bench.point(&mut criterion, point) {
                Ok(more) => measured.add(point, more),
                Err(error) => left_out.push(format!("{point}: {error}")),
            }
        }
    }
    criterion.final_summary();
    let absences = Absences::of(examine::why_no_energy(&doctor), &uncounted);
    show(arguments, &measured, &device, &absences, &left_out)
}

/// What the options leave of the plan.
fn plan(arguments: &Arguments, topology: &Topology) -> anyhow::Result<Plan> {
    let effort = if arguments.quick { Effort::Quick } else { Effort::Full };
    let mut plan = Plan { words: arguments.words.clone(), ..Plan::of(effort, topology) };
    for class in &arguments.class {
        anyhow::ensure!(class.bytes(topology).is_some(), "this machine has no {class}");
    }
    let tiers: Vec<Tier> = arguments.isa.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    if let Some(tier) = tiers.iter().find(|tier| !tier.is_available()) {
        anyhow::bail!("{}", ergometer::kernels::KernelError::TierUnavailable { tier: *tier });
    }
    if !arguments.class.is_empty() {
        plan.classes.clone_from(&arguments.class);
    }
    if !tiers.is_empty() {
        plan.tiers = tiers;
    }
    if !arguments.threads.is_empty() {
        plan.threads.clone_from(&arguments.threads);
    }
    if !arguments.precision.is_empty() {
        plan.precisions.clone_from(&arguments.precision);
    }
    Ok(plan)
}

/// Tables on standard output, the same and the figures as files.
fn show(
    arguments: &Arguments,
    measured: &Measured,
    device: &str,
    absences: &Absences,
    left_out: &[String],
) -> anyhow::Result<()> {
    let sections = measured.sections(device, absences.energy.as_deref().unwrap_or("no sensor covers it"));
    let mut all = Vec::new();
    for kernel in Kernel::ALL {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (class, section) in &sections {
            let of = section.rows.iter().filter(|row| row.spec.kernel == kernel);
            lines.extend(of.map(|row| Line { class: Some(*class), row, section }));
        }
        if !lines.is_empty() {
            println!("{}", Text.render(&people(&format!("{kernel} on {device}"), &lines, &Absences::default())));
        }
        all.extend(lines);
    }
    absences.notes().iter().for_each(|note| println!("{note}"));
    left_out.iter().for_each(|left_out| println!("left out: {left_out}"));
    let folder = arguments.out.clone().unwrap_or_else(default_folder);
    std::fs::create_dir_all(&folder)?;
    let table = folder.join("kernels.csv");
    files::write_whole(&table, Csv.render(&programs(&all)).as_bytes())?;
    let samples = folder.join("rows.csv");
    rows::write(&samples, &measured.rows())?;
    let mut written = vec![table, samples];
    for (class, section) in &sections {
        written.extend(figures::of_threads(section, &folder, &class.to_string().to_lowercase())?);
    }
    written.iter().for_each(|path| println!("written: {}", path.display()));
    Ok(())
}

/// Where criterion keeps its own files.
fn default_folder() -> PathBuf {
    let criterion = std::env::var_os("CRITERION_HOME").map(PathBuf::from);
    let target = || PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    criterion.unwrap_or_else(|| target().join("criterion")).join("kernels")
}
