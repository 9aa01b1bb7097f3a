//! `ergometer sweep`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::harness::cluster::Launch;
use crate::harness::lease;
use crate::harness::sweep::{Plan, dry_run};
use crate::harness::vnode::Pace;
use crate::pipeline::device::Device;
use crate::pipeline::nodes::Job;
use crate::pipeline::sweep::{self, Places, Target};
use crate::pipeline::{Interrupted, Observer, examine};
use crate::record::format::{json, rows};
use crate::record::stats::human_time;
use crate::record::{Manifest, Seconds, files};
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Options of `ergometer sweep`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A plan file, or a built-in plan: pipeline, table-3.18.
    #[arg(value_name = "PLAN")]
    plan: Option<String>,
    /// Print every point with an estimate of time and energy; run and set nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on with an interrupted or killed sweep, in its folder.
    #[arg(long, value_name = "FOLDER")]
    resume: Option<PathBuf>,
    /// Virtual device to sweep: a100, h100 or xeon; the plan's first otherwise.
    #[arg(long, value_name = "NAME")]
    vnode: Option<String>,
    /// With --allow-control, what to sweep: cpu, cuda, cuda:INDEX or cuda:GPU-UUID.
    #[arg(long, default_value = "cpu", conflicts_with = "vnode")]
    device: Device,
    /// Whether the virtual device takes as long as a real one would.
    #[arg(long, value_enum, default_value_t = PaceOption::Virtual)]
    pace: PaceOption,
    /// Under mpirun or srun: the folder, seen by all nodes, in which the ranks find one another.
    #[arg(long, value_name = "DIR")]
    rendezvous: Option<PathBuf>,
    /// Under mpirun or srun: this rank sweeps by itself.
    #[arg(long)]
    alone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PaceOption {
    /// Its clock is virtual: a ten-minute sweep takes seconds.
    Virtual,
    /// In real time.
    Real,
}

/// What a resumed sweep must know of how it was started.
#[derive(serde::Serialize, serde::Deserialize)]
struct Start {
    plan: String,
    plan_name: String,
    vnode: Option<String>,
    seed: u64,
    /// The pace of each part of the sweep: one entry a start or resumption.
    #[serde(default)]
    paces: Vec<String>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let real = context.globals.allow_control;
    if !real && options.device != Device::Cpu {
        return Err(usage("--device names real hardware, whose settings are changed only with --allow-control"));
    }
    if real && options.vnode.is_some() {
        return Err(usage(
            "--vnode names a virtual device and --allow-control asks for the real one: give one of them",
        ));
    }
    let resumed = options.resume.as_deref().map(read_start).transpose()?;
    let (plan, vnode) = match (&resumed, &options.plan) {
        (Some(start), None) => (Plan::from_toml(&start.plan, Path::new(&start.plan_name))?, start.vnode.clone()),
        (Some(_), Some(_)) => return Err(usage("--resume knows its plan: leave PLAN out")),
        (None, Some(name)) => (Plan::load(name)?, options.vnode.clone()),
        (None, None) => return Err(usage("give a plan: a file, or one of pipeline, table-3.18")),
    };
    let mut plan = plan;
    if let Some(seed) = resumed.as_ref().map(|start| start.seed).or(context.globals.seed) {
        plan.seed = seed;
    }
    let doctor = examine::examine();
    let preset = vnode.or_else(|| plan.devices.iter().find(|device| device.starts_with("vnode-")).cloned());
    let preset = match (real, preset) {
        (true, _) => None,
        (false, Some(preset)) => Some(if preset.starts_with("vnode-") { preset } else { format!("vnode-{preset}") }),
        (false, None) => return Err(usage("the plan names no virtual device: choose one with --vnode")),
    };
    let launch = Launch::from_environment().filter(|_| !options.alone);
    if let Some(preset) = preset.as_ref().filter(|_| launch.as_ref().is_none_or(|launch| launch.rank == 0)) {
        context.say(format!(
            "{preset} is virtual: nothing of this machine is changed, and the results say nothing about real hardware"
        ));
    }
    let cpu = examine::cpu_model(&doctor);
    let open = |state_file: &Path, seed: u64| -> anyhow::Result<Target> {
        match &preset {
            Some(preset) => {
                let pace = if options.pace == PaceOption::Real { Pace::Real } else { Pace::Virtual };
                sweep::virtual_target(preset, state_file, seed, pace)
            }
            None => match &options.device {
                Device::Cuda(selector) => sweep::card_target(selector),
                Device::Cpu => sweep::real_target(&cpu),
                Device::Virtual(name) => Err(usage(format!("{name} is virtual: name it with --vnode"))),
            },
        }
    };
    if options.dry_run {
        let scratch = std::env::temp_dir().join(format!("ergometer-dry-run-{}.json", std::process::id()));
        let result = open(&scratch, plan.seed).and_then(|mut target| preview(context, &plan, &mut target));
        let _ = std::fs::remove_file(&scratch);
        return result;
    }
    let make = || options.resume.clone().map_or_else(|| context.run_folder("sweep"), Ok);
    let job = launch.map(|launch| Job::join(&launch, options.rendezvous.as_deref())).transpose()?;
    // On several nodes each has a folder in that of the whole.
    let (whole, folder) = match &job {
        Some(job) => job.folders(make)?,
        None => make().map(|folder| (folder.clone(), folder))?,
    };
    if let Some(job) = job.as_ref().filter(|job| !job.measures()) {
        job.follow()?;
        return Ok(Outcome::Done);
    }
    let mut paces = resumed.as_ref().map_or_else(Vec::new, |start| start.paces.clone());
    paces.push(if real || options.pace == PaceOption::Real { "real" } else { "virtual" }.to_owned());
    let start = Start {
        plan: plan.text.clone(),
        plan_name: plan.name.clone(),
        vnode: preset.clone(),
        seed: plan.seed,
        paces: paces.clone(),
    };
    let number = job.as_ref().map_or(0, Job::number);
    let mut target = open(&folder.join("vnode-state.json"), plan.seed.wrapping_add(number))?;
    let device = preset.clone().unwrap_or_else(|| target.rig.executor.device());
    let mut manifest = context.manifest("sweep", vec![device], plan.text.clone());
    manifest.identity.seed = plan.seed;
    // Rows do not tell by which clock they were taken: where the sweep changed its pace on the way, this does.
    manifest.circumstances.insert("pace".to_owned(), paces.join(", then after a resumption "));
    manifest = Manifest::new(manifest.identity, manifest.circumstances);
    json::write(&folder.join("start.json"), &start)?;
    if number == 0 {
        // By which `--resume` knows the folder of the whole.
        json::write(&whole.join("start.json"), &start)?;
    }
    json::write(&folder.join("manifest.json"), &manifest)?;
    let places = Places { journal: folder.join("sweep.journal"), state_dir: lease::state_dir()? };
    let watch = Watch::new(context);
    watch.stage("sweeping");
    let result = match &job {
        Some(job) => {
            job.couple(&mut target);
            let result = sweep::run(&plan, &mut target, &manifest.manifest_id, &places, &job.watch(&watch));
            job.collect(result)
        }
        None => sweep::run(&plan, &mut target, &manifest.manifest_id, &places, &watch).map(Some),
    };
    drop(watch);
    let outcome = match result {
        Err(error) if error.is::<Interrupted>() => {
            bail!("{error}; go on with: ergometer sweep --resume {}", whole.display())
        }
        other => other?,
    };
    // Rank 0 of several has the rows of all.
    let Some(outcome) = outcome else { return Ok(Outcome::Done) };
    for caveat in &outcome.caveats {
        context.say(caveat);
    }
    if let Some(report) = outcome.restored.as_ref().filter(|report| !report.entries.is_empty()) {
        context.say(format!("settings put back at the end:\n{report}"));
    }
    let file = whole.join("sweep.csv");
    rows::write(&file, &outcome.rows)?;
    if let Some(truth) = &target.truth {
        json::write(&folder.join("truth.json"), truth)?;
    }
    for skipped in &outcome.skipped {
        let what = |name: Option<String>| name.unwrap_or_else(|| "everything".to_owned());
        let (spec, setting) = (skipped.spec.map(|s| s.to_string()), skipped.setting.as_ref().map(ToString::to_string));
        context.say(format!("left out: {} at {}: {}", what(spec), what(setting), skipped.reason));
    }
    if context.globals.json {
        output::json(&serde_json::json!({
            "results": file, "rows": outcome.rows.len(), "left_out": outcome.skipped.len(),
            "device": target.rig.executor.device(), "virtual": target.truth.is_some(),
        }))?;
    } else {
        output::text(&format!(
            "{} rows in {}\nnext: ergometer table {}\n",
            outcome.rows.len(),
            file.display(),
            file.display()
        ))?;
    }
    Ok(Outcome::Done)
}

fn read_start(folder: &Path) -> anyhow::Result<Start> {
    let file = folder.join("start.json");
    let text = files::read_text(&file).with_context(|| format!("{} holds no sweep to go on with", folder.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))
}

/// Prints every point with its estimates.
fn preview(context: &Context, plan: &Plan, target: &mut Target) -> anyhow::Result<Outcome> {
    let estimates = dry_run(plan, &mut target.rig);
    let total: f64 = estimates.iter().map(|e| e.time.0).sum();
    let bound: Option<f64> = estimates.iter().map(|e| e.energy_bound.map(|j| j.0)).sum();
    if context.globals.json {
        let points: Vec<_> = estimates
            .iter()
            .map(|e| {
                serde_json::json!({
                    "order": e.slot.order, "block": e.slot.block, "spec": e.slot.spec.to_string(),
                    "setting": e.slot.setting.to_string(), "time_s": e.time.0,
                    "energy_bound_j": e.energy_bound.map(|j| j.0),
                })
            })
            .collect();
        output::json(&serde_json::json!({ "points": points, "time_s": total, "energy_bound_j": bound }))?;
        return Ok(Outcome::Done);
    }
    let mut text = String::new();
    writeln!(
        text,
        "{:>5} {:>5}  {:<58} {:<36} {:>12} {:>12}",
        "order", "block", "kernel", "setting", "time", "energy"
    )?;
    for e in &estimates {
        let energy = e.energy_bound.map_or_else(|| "unknown".to_owned(), |j| format!("<= {:.0} J", j.0));
        writeln!(
            text,
            "{:>5} {:>5}  {:<58} {:<36} {:>12} {energy:>12}",
            e.slot.order,
            e.slot.block,
            e.slot.spec,
            e.slot.setting,
            human_time(e.time)
        )?;
    }
    let energy = bound.map_or_else(|| "an unknown energy".to_owned(), |j| format!("at most {:.1} kJ", j / 1e3));
    let about = if plan.is_open() { "at most about" } else { "about" };
    writeln!(
        text,
        "{} points, {about} {} on the device's clock, {energy}; nothing was run or set",
        estimates.len(),
        human_time(Seconds(total))
    )?;
    writeln!(
        text,
        "Times are those of warm-up and windows; a kernel that is longer than a window takes longer. Energies are bounds: \
         that time at the power limit asked for, or at the highest that the device accepts{}.",
        if bound.is_none() { "; this device does not say what that is" } else { "" }
    )?;
    if plan.is_open() {
        writeln!(text, "The plan repeats until intervals are narrow enough ([stop]): these are its upper limits.")?;
    }
    output::text(&text)?;
    Ok(Outcome::Done)
}
