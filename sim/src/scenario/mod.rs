//! Scenarios: cluster, workload, load, oracle, noise, preemption and policies, as TOML.
//!
//! - [`mod@file`]: the layout of the file; this module turns it into something that can be run.

pub mod file;

pub use file::ScenarioFile;

use crate::cluster::Cluster;
use crate::cluster::file::{ClusterFile, SCHEMA_VERSION};
use crate::engine::{Costs, Loss, Setup};
use crate::error::SimError;
use crate::input::Input;
use crate::job::file::{Workload, WorkloadFile};
use crate::job::generate::Poisson;
use crate::oracle::constant::Constant;
use crate::oracle::model::{ModelOracle, device_facts};
use crate::oracle::table::Table;
use crate::oracle::{Book, Noise, Oracle};
use crate::policy::{self, Policy};
use crate::preset;
use crate::time::Time;
use ergometer_record::{Watts, files};
use file::{OracleFile, PreemptionFile};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the command line changes in a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Number of seeds.
    pub seeds: Option<u32>,
    /// First seed.
    pub first_seed: Option<u64>,
    /// Simulated time.
    pub horizon_s: Option<f64>,
    /// Arrival rate.
    pub arrival_rate_per_s: Option<f64>,
    /// Decisions at multiples of this.
    pub quantum_s: Option<f64>,
    /// Policies by name instead of the scenario's; those of the scenario keep their options.
    pub policies: Option<Vec<String>>,
    /// Device (built-in name or file) of a GPU type, by the type's name.
    pub devices: BTreeMap<String, String>,
}

/// One policy of a scenario.
#[derive(Debug)]
pub struct Entry {
    /// Name in results; unique.
    pub label: String,
    /// The rule.
    pub policy: Box<dyn Policy>,
    /// Jobs run as their rigid request says.
    pub rigid: bool,
}

impl Entry {
    /// The label, with the thesis' name in brackets: `sjf (thesis: Pollux)`.
    pub fn title(&self) -> String {
        match self.policy.thesis_name() {
            Some(name) => format!("{} (thesis: {name}{})", self.label, if self.rigid { ", rigid" } else { "" }),
            None => self.label.clone(),
        }
    }
}

/// A scenario that can be run.
#[derive(Debug)]
pub struct Scenario {
    /// Name in results.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The machines.
    pub cluster: Cluster,
    /// The jobs.
    pub workload: Workload,
    /// What the oracles say.
    pub book: Book,
    /// Names of the oracles of belief and truth.
    pub oracles: [String; 2],
    /// Arrivals per second.
    pub arrival_rate_per_s: f64,
    /// Simulated time.
    pub horizon: Time,
    /// Decisions at its multiples; zero: none.
    pub quantum: Time,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// How belief and truth differ.
    pub noise: Noise,
    /// What preemption costs.
    pub costs: Costs,
    /// A power to report when exceeded.
    pub report_cap_w: Option<f64>,
    /// The policies; never empty.
    pub policies: Vec<Entry>,
    /// Index of the policy that the others are compared with.
    pub baseline: usize,
}

impl Scenario {
    /// Reads a scenario by its preset name (`thesis`) or its path (ending in `.toml`); paths in it are relative to it.
    ///
    /// # Errors
    /// The file or one that it names can't be read or makes no sense; an oracle can't answer.
    pub fn load(name_or_path: &str, overrides: &Overrides) -> Result<Self, SimError> {
        let (text, base) = read(name_or_path, "scenario", Path::new(""))?;
        Self::parse(&text, name_or_path, &base, overrides)
    }

    /// Reads a scenario's text; `file` names it in errors, `base` is the folder of relative paths.
    ///
    /// # Errors
    /// As [`Scenario::load`].
    pub fn parse(text: &str, file: &str, base: &Path, overrides: &Overrides) -> Result<Self, SimError> {
        let parsed: ScenarioFile = parse_toml(text, file)?;
        check_schema(parsed.schema_version, file)?;
        Resolver { file, base, overrides }.resolve(&parsed)
    }

    /// The arrivals of a seed, the same for every policy.
    pub fn arrivals(&self, seed: u64) -> Poisson {
        let least = self.book.least_seconds_per_sample();
        let times = least.iter().zip(&self.workload.templates).map(|(rate, template)| rate * template.samples);
        Poisson::new(&self.workload, self.arrival_rate_per_s, self.horizon, times.collect(), seed)
    }

    /// The setup of one run.
    pub fn setup<'a>(&'a self, entry: &'a Entry, seed: u64, keep_log: bool) -> Setup<'a> {
        Setup {
            cluster: &self.cluster,
            book: &self.book,
            policy: entry.policy.as_ref(),
            rigid: entry.rigid,
            noise: self.noise,
            seed,
            horizon: Some(self.horizon),
            quantum: self.quantum,
            costs: self.costs,
            report_cap_w: self.report_cap_w,
            keep_log,
        }
    }
}

/// Parses TOML; the error carries file, line and key.
pub(crate) fn parse_toml<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, SimError> {
    toml::from_str(text)
        .map_err(|error| SimError::Parse { file: file.to_owned(), problem: error.to_string().trim_end().to_owned() })
}

/// Refuses the layouts of newer versions, and what never was one.
pub(crate) fn check_schema(found: u32, file: &str) -> Result<(), SimError> {
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let expected = format!("this version reads {SCHEMA_VERSION}; a newer file needs a newer ergometer");
    Err(SimError::value(file, "schema_version", found, expected))
}

/// Text of a preset or a file, and the folder that its relative paths refer to.
fn read(name_or_path: &str, kind: &'static str, base: &Path) -> Result<(String, PathBuf), SimError> {
    if !name_or_path.ends_with(".toml") {
        return Ok((preset::text(kind, name_or_path)?.to_owned(), base.to_owned()));
    }
    let path = base.join(name_or_path);
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok((files::read_text(&path)?, folder))
}

struct Resolver<'a> {
    file: &'a str,
    base: &'a Path,
    overrides: &'a Overrides,
}

impl Resolver<'_> {
    fn resolve(&self, parsed: &ScenarioFile) -> Result<Scenario, SimError> {
        let cluster = self.cluster(&parsed.cluster)?;
        let (text, _) = read(&parsed.workload, "workload", self.base)?;
        let workload = WorkloadFile::parse(&text, &parsed.workload)?.resolve(&parsed.workload)?;
        let rate = self.overrides.arrival_rate_per_s.unwrap_or(parsed.arrival_rate_per_s.value);
        let rate = self.positive("arrival_rate_per_s", rate)?;
        let horizon_s = self.positive("horizon_s", self.overrides.horizon_s.unwrap_or(parsed.horizon_s.value))?;
        if horizon_s > 1e10 || rate * horizon_s > 1e8 {
            let expected = "at most 10^10 s and 10^8 expected jobs can be simulated";
            return Err(SimError::value(self.file, "horizon_s", horizon_s, expected));
        }
        let quantum_s = self.overrides.quantum_s.or(parsed.quantum_s.as_ref().map(|input| input.value));
        let quantum_s = quantum_s.map(|quantum| self.positive("quantum_s", quantum)).transpose()?;
        let belief = self.oracle(&parsed.oracle, "oracle", &cluster)?;
        let truth = parsed.truth.as_ref().map(|truth| self.oracle(truth, "truth", &cluster)).transpose()?;
        let truth = truth.as_deref().unwrap_or(belief.as_ref());
        let book = Book::new(&cluster, &workload.templates, belief.as_ref(), truth)?;
        let noise = self.noise(parsed)?;
        let costs = self.costs(parsed.preemption.as_ref())?;
        let policies = self.policies(parsed, &book, &workload)?;
        let baseline = match &parsed.baseline {
            // The baseline may have been left out on the command line.
            Some(label) => match policies.iter().position(|entry| entry.label == *label) {
                Some(index) => index,
                None if self.overrides.policies.is_some() => 0,
                None => return Err(SimError::unknown("policy", label, policies.iter().map(|e| e.label.as_str()))),
            },
            None => 0,
        };
        let seeds = self.overrides.seeds.unwrap_or(parsed.seeds.value);
        if !(1..=1_000_000).contains(&seeds) {
            return Err(SimError::value(self.file, "seeds", seeds, "1 to 1,000,000 seeds are allowed"));
        }
        let first = self.overrides.first_seed.or(parsed.first_seed).unwrap_or(1);
        let report_cap_w =
            parsed.report_cap_w.as_ref().map(|cap| self.positive("report_cap_w", cap.value)).transpose()?;
        Ok(Scenario {
            name: parsed.name.clone(),
            description: parsed.description.clone().unwrap_or_default(),
            oracles: [belief.name(), truth.name()],
            cluster,
            workload,
            book,
            arrival_rate_per_s: rate,
            horizon: Time::from_seconds(horizon_s),
            quantum: quantum_s.map_or(Time::ZERO, Time::from_seconds),
            seeds: (0..u64::from(seeds)).map(|index| first.wrapping_add(index)).collect(),
            noise,
            costs,
            report_cap_w,
            policies,
            baseline,
        })
    }

    fn positive(&self, key: &str, value: f64) -> Result<f64, SimError> {
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(SimError::value(self.file, key, value, "a positive finite number is needed"))
        }
    }

    fn not_negative(&self, key: &str, input: Option<&Input<f64>>) -> Result<f64, SimError> {
        match input.map_or(0.0, |input| input.value) {
            value if value.is_finite() && value >= 0.0 => Ok(value),
            value => Err(SimError::value(self.file, key, value, "a number that is not negative is needed")),
        }
    }

    fn cluster(&self, name: &str) -> Result<Cluster, SimError> {
        let (text, folder) = read(name, "cluster", self.base)?;
        let mut parsed = ClusterFile::parse(&text, name)?;
        for hardware in &mut parsed.hardware {
            // A device file that the cluster names is relative to the cluster; one of the command line is as given.
            if let Some(device) = hardware.device.as_mut().filter(|device| device.ends_with(".toml")) {
                *device = folder.join(&*device).display().to_string();
            }
            if let Some(device) = self.overrides.devices.get(&hardware.name) {
                hardware.device = Some(device.clone());
            }
        }
        for asked in self.overrides.devices.keys() {
            let known: Vec<&str> = parsed.hardware.iter().map(|hardware| hardware.name.as_str()).collect();
            if !known.contains(&asked.as_str()) {
                return Err(SimError::unknown("hardware type", asked, known));
            }
        }
        parsed.resolve(name, &device_facts)
    }

    fn oracle(&self, oracle: &OracleFile, key: &str, cluster: &Cluster) -> Result<Box<dyn Oracle>, SimError> {
        Ok(match oracle {
            OracleFile::Model { model } => Box::new(ModelOracle::for_cluster(cluster, model)?),
            OracleFile::Table { file } => Box::new(Table::read(&self.base.join(file))?),
            OracleFile::Constant { samples_per_s, power_per_gpu_w, exponent } => {
                let exponent = exponent.as_ref().map_or(1.0, |exponent| exponent.value);
                if !(0.0..=1.0).contains(&exponent) {
                    let expected = "a scaling exponent between 0 and 1 is needed";
                    return Err(SimError::value(self.file, format!("{key}.exponent"), exponent, expected));
                }
                let rate = self.positive(&format!("{key}.samples_per_s"), samples_per_s.value)?;
                let power = self.positive(&format!("{key}.power_per_gpu_w"), power_per_gpu_w.value)?;
                Box::new(Constant { samples_per_s: rate, power_per_gpu: Watts(power), exponent })
            }
        })
    }

    fn noise(&self, parsed: &ScenarioFile) -> Result<Noise, SimError> {
        let Some(noise) = &parsed.noise else { return Ok(Noise::NONE) };
        for (key, value) in [("noise.time", noise.time.value), ("noise.power", noise.power.value)] {
            if !(0.0..1.0).contains(&value) {
                return Err(SimError::value(self.file, key, value, "a half width from 0 to below 1 is needed"));
            }
        }
        let (time, power) = (noise.time.value, noise.power.value);
        Ok(Noise { time, power, on: noise.on.value, clamp_to_tdp: noise.clamp_to_tdp.value })
    }

    fn costs(&self, parsed: Option<&PreemptionFile>) -> Result<Costs, SimError> {
        let Some(parsed) = parsed else { return Ok(Costs::default()) };
        let restart_s = self.not_negative("preemption.restart_s", parsed.restart_s.as_ref())?;
        let loss = match parsed.loss.value.as_str() {
            "last-iteration" => Loss::LastIteration,
            "all" => Loss::All,
            "last-checkpoint" => Loss::LastCheckpoint {
                period_s: self
                    .positive("preemption.period_s", parsed.period_s.as_ref().map_or(0.0, |input| input.value))?,
                save_s: self.not_negative("preemption.save_s", parsed.save_s.as_ref())?,
            },
            other => return Err(SimError::unknown("loss", other, ["last-iteration", "last-checkpoint", "all"])),
        };
        Ok(Costs { loss, restart_s })
    }

    fn policies(&self, parsed: &ScenarioFile, book: &Book, workload: &Workload) -> Result<Vec<Entry>, SimError> {
        let mut wanted = parsed.policies.clone();
        if let Some(names) = &self.overrides.policies {
            wanted = names
                .iter()
                .map(|name| {
                    let known = parsed.policies.iter().find(|entry| entry.label() == name || entry.name == *name);
                    known.cloned().unwrap_or_else(|| file::PolicyFile::named(name))
                })
                .collect();
        }
        if wanted.is_empty() {
            return Err(SimError::value(self.file, "policies", 0, "at least one policy is needed"));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for entry in &wanted {
            let policy = policy::build(&entry.name, &entry.options)?;
            let label = entry.label().to_owned();
            if entries.iter().any(|other| other.label == label) {
                let expected = "each label may stand once; give one of them a `label` of its own";
                return Err(SimError::value(self.file, "policies.label", label, expected));
            }
            for (index, template) in (0u16..).zip(&workload.templates) {
                let id = crate::job::TemplateId(index);
                if book.allowed(id, entry.rigid, policy.uses_settings()).is_empty() {
                    let name = &template.name;
                    let problem = format!("{label} is rigid, and job {name} has no `rigid_gpus` that fits the cluster");
                    return Err(SimError::Policy { policy: entry.name.clone(), problem });
                }
            }
            entries.push(Entry { label, policy, rigid: entry.rigid });
        }
        Ok(entries)
    }
}
