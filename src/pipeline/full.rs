//! The whole loop: `ergometer pipeline`.
//!
//! Every stage writes its results into the run's folder, whole or not at all, and reads what an earlier, interrupted
//! run of the same folder has already written there.

use super::summary::{self, findings};
use super::{Observer, calibrate, characterise, examine, simulate, sweep};
use crate::harness::doctor::Doctor;
use crate::harness::sweep::Plan;
use crate::harness::vnode::Pace;
use crate::kernels::Topology;
use crate::model::calibrate::Calibration;
use crate::model::validate::Recovery;
use crate::record::Manifest;
use crate::record::format::{json, rows};
use crate::record::{Row, files};
use crate::report::{FileEntry, Finding, Footer, ManifestEntry, Origin, Report, Scenario, Statement};
use crate::sim::scenario::Overrides;
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Simulated seeds per policy, as thesis 5.5.1.
pub const SEEDS: u32 = 10;

/// What the caller decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of everything random.
    pub seed: u64,
    /// Short windows, few sizes and blocks: a first look in seconds.
    pub quick: bool,
    /// Sweep this machine's own settings instead of the virtual node's.
    pub allow_control: bool,
    /// Simulated seeds per policy.
    pub seeds: u32,
}

/// What the loop gave: the report, and the ten lines.
#[derive(Debug)]
pub struct Outcome {
    /// Everything that the HTML file shows.
    pub report: Report,
}

/// The names of the files in a run's folder.
pub mod names {
    /// What could be measured and controlled.
    pub const DOCTOR: &str = "doctor.json";
    /// Characterisation rows.
    pub const BENCH: &str = "bench.csv";
    /// Sweep rows.
    pub const SWEEP: &str = "sweep.csv";
    /// The EDP table.
    pub const TABLE: &str = "table.md";
    /// Calibration of this machine's CPU.
    pub const CPU: &str = "calibration-cpu.json";
    /// Calibration from the sweep.
    pub const SWEPT: &str = "calibration-sweep.json";
    /// Recovered parameters beside the virtual node's.
    pub const RECOVERY: &str = "recovery.json";
    /// The device files.
    pub const DEVICES: &str = "devices";
    /// The training jobs.
    pub const WORKLOADS: &str = "workloads.json";
    /// Everything that the report shows, as JSON.
    pub const REPORT: &str = "report.json";
    /// The manifest.
    pub const MANIFEST: &str = "manifest.json";
}

struct Run<'a> {
    folder: &'a Path,
    options: &'a Options,
    observer: &'a dyn Observer,
    manifest: &'a Manifest,
}

/// What the sweep left for the stages after it.
struct Swept {
    rows: Vec<Row>,
    truth: Option<crate::harness::vnode::Truth>,
    sections: Vec<crate::report::Sweep>,
}

/// The text that decides what a pipeline does: part of its identity.
pub fn plan_text(options: &Options) -> anyhow::Result<String> {
    Ok(format!("quick = {}\nseeds = {}\n{}", options.quick, options.seeds, plan(options)?.text))
}

/// The devices that the numbers come from: part of its identity.
///
/// # Errors
/// The built-in plan can't be read, which would be a defect.
pub fn devices(options: &Options) -> anyhow::Result<Vec<String>> {
    let mut devices = vec![examine::cpu_model(&examine::examine())];
    if !options.allow_control {
        devices.extend(plan(options)?.devices);
    }
    Ok(devices)
}

fn plan(options: &Options) -> anyhow::Result<Plan> {
    let mut plan = Plan::load("pipeline")?;
    plan.seed = options.seed;
    if options.quick {
        plan.blocks = 3;
    }
    Ok(plan)
}

/// Runs the loop in `folder`.
///
/// # Errors
/// A stage fails, a file can't be written, or the user stopped; what was finished is in the folder.
pub fn run(folder: &Path, manifest: &Manifest, options: &Options, observer: &dyn Observer) -> anyhow::Result<Outcome> {
    let run = Run { folder, options, observer, manifest };
    json::write(&run.path(names::MANIFEST), manifest)?;

    observer.stage("examining this machine");
    let topology = Topology::detect().context("this machine's processors could not be examined")?;
    let doctor = examine::examine();
    json::write(&run.path(names::DOCTOR), &doctor)?;
    let absent = examine::why_no_energy(&doctor);

    observer.stage("measuring the kernels on this CPU");
    let bench = run.characterise(&doctor, &topology)?;

    observer.stage(if options.allow_control {
        "sweeping this CPU's settings"
    } else {
        "sweeping the virtual node's settings"
    });
    let swept = run.sweep(&doctor)?;

    observer.stage("calibrating device models");
    let cpu = calibrate::cpu(&bench, &doctor, &topology, options.seed)?;
    let (device, recovery) = run.calibrate(&swept)?;
    run.save(&cpu, names::CPU)?;
    run.save(&device, names::SWEPT)?;

    observer.stage("simulating a cluster with the calibrated device");
    let scenarios = run.simulate(&device)?;

    let why = absent.as_deref().unwrap_or("no sensor covers it");
    let kernels = summary::kernels::section(&bench, &examine::device(&doctor), why);
    let calibrations = vec![
        summary::calibration::section("this CPU", &cpu, None, cpu_notes(&cpu, absent.as_deref())),
        summary::calibration::section(device.device.title(), &device, recovery.as_ref(), Vec::new()),
    ];
    let mut headline = findings::kernels(&kernels, summary::kernels::disturbed(&bench));
    headline.push(findings::energy(absent.as_deref()));
    headline.extend(swept.sections.iter().filter_map(findings::sweep));
    headline.extend(calibrations.iter().filter_map(findings::calibration));
    headline.extend(recovery.as_ref().and_then(recovered));
    headline.extend(scenarios.iter().filter_map(findings::simulation));
    let mut report = Report {
        title: "ergometer: the loop on this machine".to_owned(),
        generated_utc: manifest.circumstances.get("utc").cloned().unwrap_or_default(),
        command: command(options),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        headline,
        doctor: Some(examine::section(&doctor)),
        kernels: vec![kernels],
        sweeps: swept.sections,
        calibrations,
        scenarios,
        footer: Footer::default(),
    };
    report.footer = run.footer(&report, absent.as_deref());
    json::write(&run.path(names::REPORT), &report)?;
    Ok(Outcome { report })
}

impl Run<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn characterise(&self, doctor: &Doctor, topology: &Topology) -> anyhow::Result<Vec<Row>> {
        let file = self.path(names::BENCH);
        if file.exists() {
            return Ok(rows::read(&file)?);
        }
        let device = examine::cpu_model(doctor);
        let options = characterise::defaults(topology, self.options.quick, false);
        let parts = self.path("bench");
        let id = &self.manifest.manifest_id;
        let outcome = characterise::characterise(&options, id, &device, topology, Some(&parts), self.observer)?;
        rows::write(&file, &outcome.rows)?;
        Ok(outcome.rows)
    }

    fn sweep(&self, doctor: &Doctor) -> anyhow::Result<Swept> {
        let plan = plan(self.options)?;
        let places = sweep::Places { journal: self.path("sweep.journal"), state_dir: self.path("state") };
        let state_file = self.path("vnode-state.json");
        let mut target = if self.options.allow_control {
            sweep::real_target(&examine::cpu_model(doctor))?
        } else {
            let preset = plan.devices.first().map_or("vnode-a100", String::as_str);
            sweep::virtual_target(preset, &state_file, self.options.seed, Pace::Virtual)?
        };
        let file = self.path(names::SWEEP);
        let rows = if file.exists() {
            rows::read(&file)?
        } else {
            let outcome = sweep::run(&plan, &mut target, &self.manifest.manifest_id, &places, self.observer)?;
            rows::write(&file, &outcome.rows)?;
            outcome.rows
        };
        let tables = crate::harness::table::edp_tables(&rows, crate::harness::table::Accept::ALL)?;
        let format = crate::harness::table::render::format("markdown").context("there is no Markdown renderer")?;
        let text: String = tables.iter().map(|table| table.render(format)).collect();
        files::write_whole(&self.path(names::TABLE), text.as_bytes())?;
        Ok(Swept { sections: summary::sweep::sections(&rows)?, rows, truth: target.truth })
    }

    fn calibrate(&self, swept: &Swept) -> anyhow::Result<(Calibration, Option<Recovery>)> {
        let start = calibrate::start_for(&swept.rows)?;
        let calibration = calibrate::sweep(&swept.rows, &start, self.options.seed)?;
        let recovery =
            swept.truth.as_ref().map(|truth| calibrate::compare_with_truth(truth, &calibration)).transpose()?;
        if let Some(recovery) = &recovery {
            json::write(&self.path(names::RECOVERY), recovery)?;
        }
        Ok((calibration, recovery))
    }

    /// A calibration as JSON, and its device as a file that `predict` and `simulate` read.
    fn save(&self, calibration: &Calibration, name: &str) -> anyhow::Result<()> {
        json::write(&self.path(name), calibration)?;
        Ok(files::write_whole(&self.device_file(calibration), calibration.device.to_toml().as_bytes())?)
    }

    fn device_file(&self, calibration: &Calibration) -> PathBuf {
        self.path(names::DEVICES).join(format!("{}.toml", calibration.device.name()))
    }

    fn simulate(&self, device: &Calibration) -> anyhow::Result<Vec<Scenario>> {
        let file = self.device_file(device);
        let overrides = || Overrides {
            seeds: Some(self.options.seeds),
            first_seed: Some(self.options.seed),
            ..Overrides::default()
        };
        let mut sections = Vec::new();
        for (name, device_file, is_virtual) in
            [("thesis", None, false), ("calibrated", Some(file.as_path()), device.is_virtual)]
        {
            let scenario = simulate::scenario(name, device_file, overrides())?;
            let results = simulate::run(&scenario, self.observer);
            results.write_csv(&self.path(&format!("simulate-{name}.csv")))?;
            let jobs = simulate::workloads(&scenario)?;
            let summaries: BTreeMap<_, _> = jobs.iter().map(|(name, work)| (name.as_str(), work.summary())).collect();
            json::write(&self.path(names::WORKLOADS), &summaries)?;
            sections.push(summary::simulation::section(&scenario, &results, &jobs, is_virtual));
        }
        Ok(sections)
    }

    fn footer(&self, report: &Report, absent: Option<&str>) -> Footer {
        let statement =
            |what: &str, origin, how: &str| Statement { what: what.to_owned(), origin, how: how.to_owned() };
        let swept = report.sweeps.first().map(|sweep| sweep.origin);
        let statements = vec![
            statement(
                "kernel times",
                Some(Origin::Measured),
                "this machine's CPU, each result checked against its reference",
            ),
            match absent {
                Some(reason) => statement("energy of this machine", None, reason),
                None => statement("energy of this machine", Some(Origin::Measured), "the sensors that doctor lists"),
            },
            statement("sweep", swept, "randomised complete blocks; a virtual sweep says nothing about real hardware"),
            statement("calibrated models", swept, "errors are those on data that the fit did not see"),
            statement("simulation", Some(Origin::Modelled), "an oracle from device models, belief and truth apart"),
        ];
        let file = |path: &str, what: &str| FileEntry {
            path: self.folder.join(path).display().to_string(),
            what: what.to_owned(),
        };
        Footer {
            statements,
            manifests: vec![ManifestEntry {
                id: self.manifest.manifest_id.clone(),
                stage: "pipeline".to_owned(),
                seed: self.options.seed,
            }],
            files: vec![
                file(names::MANIFEST, "what was run, on what, with which seed"),
                file(names::DOCTOR, "what can be measured and controlled here"),
                file(names::BENCH, "one row per kernel, repeat and component"),
                file(names::SWEEP, "one row per kernel, setting, block and component"),
                file(names::TABLE, "the EDP table"),
                file(names::DEVICES, "calibrated device models, for `predict` and `simulate`"),
                file(names::CPU, "calibration of this CPU"),
                file(names::SWEPT, "calibration from the sweep"),
                file(names::WORKLOADS, "the training jobs, characterised"),
                file("simulate-thesis.csv", "one row per policy and seed on the thesis' cluster"),
                file("simulate-calibrated.csv", "the same with a node of the calibrated device"),
                file(names::REPORT, "everything that this page shows, as JSON"),
            ],
            reproduce: vec![
                command(self.options),
                format!("ergometer table {}", self.path(names::SWEEP).display()),
                format!("ergometer report {}", self.folder.display()),
            ],
        }
    }
}

/// The command that repeats the run.
fn command(options: &Options) -> String {
    format!(
        "ergometer pipeline --seed {} --seeds {}{}{}",
        options.seed,
        options.seeds,
        if options.quick { " --quick" } else { "" },
        if options.allow_control { " --allow-control" } else { "" }
    )
}

fn cpu_notes(cpu: &Calibration, absent: Option<&str>) -> Vec<String> {
    match absent {
        Some(reason) if cpu.in_sample_power.is_none() => {
            vec![format!("Power parameters are absent, because {reason}.")]
        }
        _ => Vec::new(),
    }
}

fn recovered(recovery: &Recovery) -> Option<Finding> {
    let identified = recovery.quantities.iter().filter(|quantity| quantity.identified).count();
    Some(Finding {
        text: format!(
            "Of the virtual node's true parameters {identified} are identified, with a median error of {:.1} %.",
            recovery.median_identified_percent?
        ),
        origin: Some(Origin::Virtual),
    })
}
