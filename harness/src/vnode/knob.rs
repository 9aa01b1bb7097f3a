//! The virtual device's levers. They know nothing but the state file, so that any process can open them again.

use super::VnodeError;
use super::physics::Kind;
use super::state::State;
use crate::knob::{Allowed, Knob, KnobError, Lever, Rival};
use std::path::{Path, PathBuf};

/// The levers of a virtual device by the names that stand in knob ids.
const LEVERS: [(&str, Lever, Kind); 6] = [
    ("gpu_clock", Lever::GpuClock, Kind::Gpu),
    ("gpu_cap", Lever::GpuCap, Kind::Gpu),
    ("cpu_max", Lever::CpuMax, Kind::Cpu),
    ("cpu_cap", Lever::CpuCap, Kind::Cpu),
    ("cpu_cap_short", Lever::CpuCapShort, Kind::Cpu),
    ("governor", Lever::Governor, Kind::Cpu),
];

/// One lever of a virtual device. Clocks are written in Hz, caps in W, governors by name.
#[derive(Debug)]
pub struct VnodeKnob {
    id: String,
    path: PathBuf,
    name: &'static str,
    lever: Lever,
}

/// Opens a knob from its id, `vnode:<state file>:<lever>`; `None` when the id is not of that form.
///
/// # Errors
/// The state file is missing or broken, or the device has no such lever.
pub fn open_knob(id: &str) -> Option<Result<VnodeKnob, KnobError>> {
    let (path, name) = id.strip_prefix("vnode:")?.rsplit_once(':')?;
    Some(VnodeKnob::open(Path::new(path), name))
}

/// Every lever of the device behind a state file.
///
/// # Errors
/// The state file is missing or broken.
pub fn knobs(state_file: &Path) -> Result<Vec<VnodeKnob>, VnodeError> {
    let kind = State::read(state_file)?.physics.kind;
    Ok(LEVERS
        .iter()
        .filter(|(_, _, of)| *of == kind)
        .map(|&(name, lever, _)| VnodeKnob { id: id(state_file, name), path: state_file.to_owned(), name, lever })
        .collect())
}

fn id(path: &Path, name: &str) -> String {
    format!("vnode:{}:{name}", path.display())
}

impl VnodeKnob {
    fn open(path: &Path, name: &str) -> Result<Self, KnobError> {
        let missing = |reason: String| KnobError::Missing { id: id(path, name), reason };
        let state = State::read(path).map_err(|error| missing(error.to_string()))?;
        LEVERS
            .iter()
            .find(|(known, _, of)| *known == name && *of == state.physics.kind)
            .map(|&(name, lever, _)| Self { id: id(path, name), path: path.to_owned(), name, lever })
            .ok_or_else(|| missing(format!("{} has no lever {name}", state.physics.name)))
    }

    fn state(&self) -> Result<State, KnobError> {
        State::read(&self.path).map_err(|error| self.failed(error))
    }

    fn failed(&self, reason: impl std::fmt::Display) -> KnobError {
        KnobError::Failed { id: self.id.clone(), reason: reason.to_string() }
    }

    fn not_allowed(&self, value: &str, state: &State) -> KnobError {
        KnobError::NotAllowed { id: self.id.clone(), value: value.to_owned(), allowed: self.allowed_by(state) }
    }

    fn allowed_by(&self, state: &State) -> Allowed {
        let (clock, cap) = (&state.physics.clock, &state.physics.cap);
        match self.lever {
            Lever::Governor => Allowed::List(state.physics.governors.keys().cloned().collect()),
            Lever::GpuCap | Lever::CpuCap | Lever::CpuCapShort => {
                Allowed::Range { min: cap.min_w, max: cap.max_w, step: None, unit: "W" }
            }
            _ => Allowed::Range { min: clock.min_hz, max: clock.max_hz, step: Some(clock.step_hz), unit: "Hz" },
        }
    }

    fn store(&self, state: &mut State, value: Option<&str>) -> Result<(), KnobError> {
        if state.physics.faults.refuses.iter().any(|name| name == self.name) {
            return Err(KnobError::NotPermitted {
                id: self.id.clone(),
                reason: "the virtual device was told to refuse this lever".into(),
                remedy: format!("remove {:?} from `faults.refuses` of its physics", self.name),
            });
        }
        let allowed = self.allowed_by(state);
        let number = match value {
            Some(text) if !allowed.accepts(text) => return Err(self.not_allowed(text, state)),
            Some(text) => text.parse::<f64>().ok(),
            None => None,
        };
        let clock = number.map(|hz| state.physics.clock.clip(hz));
        let before = state.settings.clone();
        let settings = &mut state.settings;
        match self.lever {
            Lever::GpuClock => settings.gpu_clock_hz = clock,
            Lever::CpuMax => settings.cpu_max_hz = clock,
            Lever::GpuCap => settings.gpu_cap_w = number,
            Lever::CpuCap => settings.cpu_cap_w = number,
            Lever::CpuCapShort => settings.cpu_cap_short_w = number,
            _ => settings.governor = value.map(str::to_owned),
        }
        if state.settings == before {
            return Ok(());
        }
        state.write(&self.path).map_err(|error| self.failed(error))
    }
}

impl Knob for VnodeKnob {
    fn id(&self) -> &str {
        &self.id
    }

    fn lever(&self) -> Lever {
        self.lever
    }

    fn allowed(&self) -> Result<Allowed, KnobError> {
        Ok(self.allowed_by(&self.state()?))
    }

    fn read(&self) -> Result<Option<String>, KnobError> {
        let state = self.state()?;
        if state.physics.faults.unreadable.iter().any(|name| name == self.name) {
            return Ok(None);
        }
        let (settings, physics) = (&state.settings, &state.physics);
        let default_governor =
            || physics.governors.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| name.clone());
        Ok(match self.lever {
            Lever::GpuClock => Some(settings.gpu_clock_hz.unwrap_or(physics.clock.max_hz).to_string()),
            Lever::CpuMax => Some(settings.cpu_max_hz.unwrap_or(physics.clock.max_hz).to_string()),
            Lever::GpuCap => Some(settings.gpu_cap_w.unwrap_or(physics.cap.max_w).to_string()),
            Lever::CpuCap => Some(settings.cpu_cap_w.unwrap_or(physics.cap.max_w).to_string()),
            Lever::CpuCapShort => Some(settings.cpu_cap_short_w.unwrap_or(physics.cap.max_w).to_string()),
            _ => settings.governor.clone().or_else(default_governor),
        })
    }

    fn write(&mut self, value: &str) -> Result<(), KnobError> {
        let mut state = self.state()?;
        self.store(&mut state, Some(value))
    }

    fn reset(&mut self) -> Result<(), KnobError> {
        let mut state = self.state()?;
        self.store(&mut state, None)
    }

    fn rivals(&self) -> Vec<Rival> {
        let Ok(State { settings, physics, .. }) = State::read(&self.path) else { return Vec::new() };
        let of = |name: &str, watts: Option<f64>| Rival {
            name: format!("the {name} limit"),
            watts: watts.unwrap_or(physics.cap.max_w),
        };
        match self.lever {
            Lever::CpuCap => vec![of("short-term", settings.cpu_cap_short_w)],
            Lever::CpuCapShort => vec![of("long-term", settings.cpu_cap_w)],
            _ => Vec::new(),
        }
    }
}
