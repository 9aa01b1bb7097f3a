//! What all subcommands share: global options, the folder and the manifest of a run.

use crate::harness::sensor::{Roots, nvml};
use crate::record::manifest::{Identity, Manifest};
use anyhow::Context as _;
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::macros::format_description;

/// Options that every subcommand takes.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results only: no progress.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Seed of everything random: same seed, same rows. Without it that of the plan or scenario, else 1.
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder to write into, instead of runs/TIME-COMMAND.
    #[arg(long, global = true, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Overwrite what is in the way.
    #[arg(long, global = true)]
    pub force: bool,
    /// Leave host name and command line out of the manifest.
    #[arg(long, global = true)]
    pub anonymise: bool,
    /// Allow changing clocks, governors and power limits of this machine's hardware.
    #[arg(long, global = true)]
    pub allow_control: bool,
}

/// How a subcommand ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Done,
    /// A threshold that the user gave was crossed.
    ThresholdCrossed,
    /// With the exit code of the command that was run.
    Exit(u8),
}

/// The options contradict themselves or the surroundings; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Shorthand for a usage error.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

/// The surroundings of one invocation.
#[derive(Debug)]
pub struct Context {
    /// The global options.
    pub globals: Globals,
}

impl Context {
    /// A context; starts logging to standard error (`ERGOMETER_LOG=debug` for more).
    pub fn new(globals: Globals) -> Self {
        let filter = tracing_subscriber::EnvFilter::try_from_env("ERGOMETER_LOG")
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
        // A second initialisation (tests) keeps the first.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .without_time()
            .with_target(false)
            .try_init();
        Self { globals }
    }

    /// The seed asked for, or 1.
    pub fn seed(&self) -> u64 {
        self.globals.seed.unwrap_or(1)
    }

    /// The folder of this run, made if needed: `--out`, or `runs/UTC-COMMAND`.
    ///
    /// # Errors
    /// It can't be made, or holds files already and `--force` is not given.
    pub fn run_folder(&self, command: &str) -> anyhow::Result<PathBuf> {
        if let Some(out) = &self.globals.out {
            let occupied = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
            if occupied && !self.globals.force {
                return Err(usage(format!(
                    "{} is not empty; nothing is overwritten without --force (or name another folder)",
                    out.display()
                )));
            }
            fs::create_dir_all(out).with_context(|| unwritable(out))?;
            return Ok(out.clone());
        }
        let stamp = OffsetDateTime::now_utc()
            .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
            .context("the clock of this machine gives no date")?;
        let base = Path::new("runs");
        fs::create_dir_all(base).with_context(|| unwritable(base))?;
        // Two runs within one second: the second one gets a number.
        for attempt in 0..1000 {
            let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let folder = base.join(format!("{stamp}-{command}{suffix}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| unwritable(&folder)),
            }
        }
        anyhow::bail!("a thousand runs in one second: {} is full of them", base.display())
    }

    /// The manifest of a run: what must be equal for equal results, and the circumstances.
    pub fn manifest(&self, command: &str, devices: Vec<String>, plan: String) -> Manifest {
        let identity = Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_owned(),
            seed: self.seed(),
            devices,
            plan,
        };
        let mut circumstances = BTreeMap::new();
        let mut note = |name: &str, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                circumstances.insert(name.to_owned(), value);
            }
        };
        let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        note("host", line("/proc/sys/kernel/hostname"));
        note("kernel", line("/proc/sys/kernel/osrelease"));
        note("governor", line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
        note("smt", line("/sys/devices/system/cpu/smt/control"));
        note("microcode", cpuinfo("microcode"));
        note("cpu", cpuinfo("model name"));
        note("git_revision", option_env!("ERGOMETER_REVISION").map(str::to_owned));
        if let Some(versions) = nvml::versions(&Roots::system().nvml) {
            note("driver", versions.driver.map(|driver| format!("NVIDIA {driver}")));
            note("vbios", Some(versions.vbios.join(", ")));
        }
        note("command_line", Some(std::env::args().collect::<Vec<_>>().join(" ")));
        let utc = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        note("utc", OffsetDateTime::now_utc().format(utc).ok());
        let mut manifest = Manifest::new(identity, circumstances);
        if self.globals.anonymise {
            manifest.anonymise();
        }
        manifest
    }

    /// Says something on standard error, unless quiet.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.globals.quiet {
            // Nowhere to complain to when standard error is gone.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}

fn unwritable(path: &Path) -> String {
    format!("could not make the folder {} (choose one that you may write to with --out DIR)", path.display())
}

fn cpuinfo(key: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|name| name.trim() == key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
