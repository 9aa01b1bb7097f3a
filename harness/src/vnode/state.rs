//! The state file: where a virtual device keeps its settings, outside every process, as hardware does.

use super::VnodeError;
use super::physics::Physics;
use crate::lease::failpoint::{self, Point};
use ergometer_record::files;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// State files written by this process.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// How often this process has written a state file: while it stands, only another process can have changed one.
pub(super) fn writes() -> u64 {
    WRITES.load(Ordering::Acquire)
}

/// What is set on the virtual device. Absent means the device's own default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Locked graphics clock, in Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_clock_hz: Option<f64>,
    /// GPU power limit, in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_cap_w: Option<f64>,
    /// Upper bound of the CPU clock, in Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_max_hz: Option<f64>,
    /// CPU package power limit, in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cap_w: Option<f64>,
    /// CPU package power limit over a short time, in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cap_short_w: Option<f64>,
    /// CPU frequency governor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
}

/// The content of a state file: enough to open the device's knobs again without the process that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Layout of this file.
    pub version: u32,
    /// What is set now.
    pub settings: Settings,
    /// The device.
    pub physics: Physics,
}

impl State {
    /// The layout that this build writes.
    pub const VERSION: u32 = 1;

    /// Reads a state file.
    ///
    /// # Errors
    /// It can't be read, is no state file, was written by a newer build, or describes no device.
    pub fn read(path: &Path) -> Result<Self, VnodeError> {
        let bad = |reason: String| VnodeError::State { path: path.to_owned(), reason };
        let text = files::read_text(path)?;
        let state: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if state.version != Self::VERSION {
            return Err(bad(format!("it has version {}, this build reads {}", state.version, Self::VERSION)));
        }
        state.physics.validate().map_err(bad)?;
        Ok(state)
    }

    /// Writes the state so that a reader sees the old one or the new one. No fsync: what it stands for, the registers
    /// of a device, survives the death of a process and not the loss of power.
    ///
    /// # Errors
    /// The folder can't be written to.
    pub fn write(&self, path: &Path) -> Result<(), VnodeError> {
        let fail = |source| VnodeError::File(files::FileError::Write { path: path.to_owned(), source });
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| VnodeError::State { path: path.to_owned(), reason: error.to_string() })?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(fail)?;
        let mut file = tempfile::Builder::new().prefix(".vnode-").tempfile_in(folder).map_err(fail)?;
        file.write_all(text.as_bytes()).map_err(fail)?;
        failpoint::pass(Point::DuringWrite);
        file.persist(path).map_err(|error| fail(error.error))?;
        WRITES.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The clock limit and power cap that the settings amount to, in Hz and W.
    pub fn limits(&self) -> (f64, f64) {
        let (physics, settings) = (&self.physics, &self.settings);
        let obeys = |lever: &str| !physics.faults.ignores.iter().any(|name| name == lever);
        let governor = settings.governor.as_ref().filter(|_| obeys("governor"));
        let share = governor.and_then(|name| physics.governors.get(name)).copied().unwrap_or(1.0);
        let clock = [
            settings.gpu_clock_hz.filter(|_| obeys("gpu_clock")),
            settings.cpu_max_hz.filter(|_| obeys("cpu_max")),
            Some(physics.clock.max_hz * share),
        ];
        // Whatever lasts is held below both limits of a package.
        let cap = [
            settings.gpu_cap_w.filter(|_| obeys("gpu_cap")),
            settings.cpu_cap_w.filter(|_| obeys("cpu_cap")),
            settings.cpu_cap_short_w.filter(|_| obeys("cpu_cap_short")),
        ];
        (
            clock.into_iter().flatten().fold(physics.clock.max_hz, f64::min).max(physics.clock.min_hz),
            cap.into_iter().flatten().fold(physics.cap.max_w, f64::min),
        )
    }
}
