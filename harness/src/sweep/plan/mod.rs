//! What to sweep: kernels, sizes, precisions and settings, from a TOML file.
//!
//! Each `[[settings]]` group is the product of its lists; groups follow one another. The baseline (nothing asked for)
//! always belongs to the sweep and need not be written down.

mod document;

use crate::window;
use ergometer_record::files::{self, FileError};
use ergometer_record::kernel::SpecError;
use ergometer_record::{KernelSpec, Seconds, Setting};
use std::path::{Path, PathBuf};

/// The plans that ship with ergometer.
pub const BUILTIN: [(&str, &str); 2] = [
    ("pipeline", include_str!("../../../../plans/pipeline.toml")),
    ("table-3.18", include_str!("../../../../plans/table-3.18.toml")),
];

/// A plan that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No plan of that name ships with ergometer.
    #[error("there is no built-in plan {name:?}: give a file, or one of pipeline, table-3.18")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It is no TOML, or has a key that plans do not have.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A value that is not allowed.
    #[error("{}: {field} is {found}, but {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Which key.
        field: String,
        /// What stood there.
        found: String,
        /// What is allowed, as the end of a sentence.
        expected: String,
    },
    /// A kernel, size and precision that do not fit together.
    #[error("{}: {source}", path.display())]
    Spec {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: SpecError,
    },
}

/// A sweep plan, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Devices that it was written for, as executors name them; the command line may choose another.
    pub devices: Vec<String>,
    /// Seed of the order and of the virtual node.
    pub seed: u64,
    /// Complete blocks: each holds every point once, in its own random order. With [`Self::gain_interval`] the least
    /// number of them.
    pub blocks: u32,
    /// Blocks are added until the 95 % interval of every setting's EDP over the baseline's has a relative half width of at
    /// most the first number, or there are as many blocks as the second says.
    pub gain_interval: Option<(f64, u32)>,
    /// How often a point is repeated within a block.
    pub stop: window::StopRule,
    /// Windows and warm-up.
    pub window: window::Options,
    /// Durations of idle windows before and after, for eq. 3.2.
    pub idle: Vec<Seconds>,
    /// The sweep stops above this temperature.
    pub temperature_limit_c: Option<f64>,
    /// The sweep stops, resumably, after this time on the device's clock.
    pub time_budget: Option<Seconds>,
    /// What to run.
    pub specs: Vec<KernelSpec>,
    /// Groups of settings.
    pub groups: Vec<Group>,
    /// The text that it was read from: part of a run's identity.
    pub text: String,
}

/// Settings for some devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Holds for devices whose name contains this; for all when absent.
    pub device: Option<String>,
    /// The settings, without the baseline.
    pub settings: Vec<Setting>,
}

impl Plan {
    /// Reads a plan file, or a built-in plan when `name` is the name of one and no such file exists.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn load(name: &str) -> Result<Self, PlanError> {
        let path = Path::new(name);
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) if !path.exists() => Self::from_toml(text, Path::new(name)),
            None if !path.exists() && path.extension().is_none() => Err(PlanError::Unknown { name: name.to_owned() }),
            _ => Self::from_toml(&files::read_text(path)?, path),
        }
    }

    /// Reads a plan from text; `path` stands in the errors.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, PlanError> {
        document::read(text, path)
    }

    /// The most blocks.
    pub fn most_blocks(&self) -> u32 {
        self.gain_interval.map_or(self.blocks, |(_, most)| most.max(self.blocks))
    }

    /// The most repeats of a point within a block.
    pub fn most_repeats(&self) -> u32 {
        match self.stop {
            window::StopRule::Fixed(repeats) => repeats,
            window::StopRule::Relative(_, most) => u32::try_from(most).unwrap_or(u32::MAX),
        }
    }

    /// True when the measurement decides how long the sweep lasts, so that its length is known as an upper bound only.
    pub fn is_open(&self) -> bool {
        self.gain_interval.is_some() || matches!(self.stop, window::StopRule::Relative(..))
    }

    /// The settings for a device: the baseline first, each once.
    pub fn settings(&self, device: &str) -> Vec<Setting> {
        let mut settings = vec![Setting::default()];
        let lower = device.to_lowercase();
        let groups = self.groups.iter().filter(|g| g.device.as_ref().is_none_or(|d| lower.contains(&d.to_lowercase())));
        for setting in groups.flat_map(|group| &group.settings) {
            if !settings.contains(setting) {
                settings.push(setting.clone());
            }
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        name = "small"
        devices = ["vnode-a100"]
        seed = 1
        blocks = 2
        [[kernels]]
        kernel = "triad"
        sizes = ["n=1000", "n=2000"]
        precisions = ["f32"]
        [[settings]]
        gpu_clock_mhz = [1410, 1005]
        gpu_cap_w = [200, 300, 400]
        [[settings]]
        device = "xeon"
        governor = ["powersave"]
    "#;

    #[test]
    fn groups_are_products_and_the_baseline_comes_first() {
        let plan = Plan::from_toml(SMALL, Path::new("p.toml")).unwrap();
        let settings = plan.settings("vnode-a100");
        assert_eq!((plan.most_blocks(), plan.most_repeats(), plan.is_open()), (2, 1, false));
        assert_eq!(settings.len(), 1 + 2 * 3);
        assert!(settings[0].is_baseline());
        assert_eq!(settings[1].to_string(), "gpu_clock=1410MHz+gpu_cap=200W");
        assert_eq!(plan.settings("vnode-xeon").len(), 1 + 2 * 3 + 1);
        assert_eq!(plan.specs.len(), 2);
    }

    #[test]
    fn bad_plans_are_refused_by_name_of_file_and_field() {
        for (from, to, expected) in [
            ("blocks = 2", "blocks = 0", "blocks is 0, but 1 to 10000"),
            ("blocks = 2", "block = 2", "block"),
            ("\"n=1000\"", "\"m=3\"", "m=3"),
            ("\"n=1000\"", "\"samples=4\"", "not a size of triad"),
            ("[1410, 1005]", "[-5]", "gpu_clock_mhz is -5"),
            ("[\"vnode-a100\"]", "[]", "at least one device"),
            ("\"f32\"", "\"f31\"", "f31"),
            ("blocks = 2", "blocks = 2\nrepeats = 3\nstop.relative_interval = 0.02", "give one of them"),
            ("blocks = 2", "blocks = 2\nstop.most_repeats = 3", "stop.relative_interval, which is missing"),
            ("blocks = 2", "blocks = 2\nstop = { gain_interval = 0.1, most_blocks = 1 }", "less than blocks"),
            ("blocks = 2", "blocks = 2\nwindow.slope = \"sometimes\"", "sometimes"),
        ] {
            let error = Plan::from_toml(&SMALL.replace(from, to), Path::new("p.toml")).unwrap_err().to_string();
            assert!(error.starts_with("p.toml") && error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn the_built_in_plans_are_plans() {
        for (name, text) in BUILTIN {
            let plan = Plan::from_toml(text, Path::new(name)).unwrap();
            assert_eq!(plan.name, name);
            for device in &plan.devices {
                assert!(plan.settings(device).len() > 5, "{name} {device}");
            }
        }
    }
}
