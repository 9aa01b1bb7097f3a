//! Settings of the hardware that can be changed: one file each.
//!
//! A knob does four things: say what is allowed, read, write, reset. It never decides and never remembers: holding and
//! restoring belong to the lease, which is also why every knob can be opened again from its id alone.

pub mod cpufreq;
pub mod file;
pub mod hwmon;
pub mod nvml;
pub mod permission;
pub mod powercap;
pub mod registry;
pub mod turbo;

pub use permission::Permission;
pub use registry::{Found, encode, open, probe};

/// The values that a knob accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Allowed {
    /// These, as they are written.
    List(Vec<String>),
    /// Numbers between two bounds, in the knob's own unit.
    Range {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Granularity, where the hardware states one.
        step: Option<f64>,
        /// Unit, such as `W` or `Hz`.
        unit: &'static str,
    },
}

impl Allowed {
    /// Whether `value` would be accepted.
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Self::List(values) => values.iter().any(|v| v == value),
            Self::Range { min, max, .. } => value.parse::<f64>().is_ok_and(|x| x.is_finite() && *min <= x && x <= *max),
        }
    }
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::List(values) => write!(f, "{}", values.join(", ")),
            Self::Range { min, max, unit, .. } => write!(f, "{min} to {max} {unit}"),
        }
    }
}

/// A knob that could not be found, read or written; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KnobError {
    /// It is not there.
    #[error("{id} is not available here: {reason}")]
    Missing {
        /// Which knob.
        id: String,
        /// Why.
        reason: String,
    },
    /// It is there and may not be changed.
    #[error("{id} may not be changed: {reason}; to allow it: {remedy}")]
    NotPermitted {
        /// Which knob.
        id: String,
        /// What the system said.
        reason: String,
        /// The exact command.
        remedy: String,
    },
    /// The value is not one that the hardware accepts.
    #[error("{id} does not accept {value:?}: allowed is {allowed}")]
    NotAllowed {
        /// Which knob.
        id: String,
        /// The value asked for.
        value: String,
        /// What is accepted.
        allowed: Allowed,
    },
    /// The hardware or its driver refused or failed.
    #[error("{id} failed: {reason}")]
    Failed {
        /// Which knob.
        id: String,
        /// What happened.
        reason: String,
    },
}

/// Which field of a [`ergometer_record::Setting`] a knob realises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lever {
    /// `governor`.
    Governor,
    /// `epp`.
    Epp,
    /// `turbo`.
    Turbo,
    /// `cpu_min_hz`.
    CpuMin,
    /// `cpu_max_hz`.
    CpuMax,
    /// `cpu_cap_w`.
    CpuCap,
    /// `cpu_cap_short_w`.
    CpuCapShort,
    /// The flag that puts the long-term limit into force; set where `cpu_cap_w` is.
    CpuCapEnable,
    /// `gpu_clock_hz`.
    GpuClock,
    /// `gpu_mem_clock_hz`.
    GpuMemClock,
    /// `gpu_cap_w`.
    GpuCap,
}

impl Lever {
    /// The name that it has in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Governor => "governor",
            Self::Epp => "epp",
            Self::Turbo => "turbo",
            Self::CpuMin => "cpu_min",
            Self::CpuMax => "cpu_max",
            Self::CpuCap => "cpu_cap",
            Self::CpuCapShort => "cpu_cap_short",
            Self::CpuCapEnable => "cpu_cap_enable",
            Self::GpuClock => "gpu_clock",
            Self::GpuMemClock => "gpu_mem",
            Self::GpuCap => "gpu_cap",
        }
    }
}

/// Another limit of the same power, which binds where it is lower.
#[derive(Debug, Clone, PartialEq)]
pub struct Rival {
    /// What it is, with its article: `the MMIO long-term limit`.
    pub name: String,
    /// Its present value, in W.
    pub watts: f64,
}

/// One setting of one device. Values are text as the hardware's own interface writes them, in the unit that
/// [`Allowed`] states.
pub trait Knob: Send {
    /// A stable name from which the knob can be opened again after a crash, such as `cpufreq:cpu0:scaling_max_freq`,
    /// `nvml:GPU-….:power_limit` or `vnode:<state file>:gpu_cap`.
    fn id(&self) -> &str;
    /// The field of a setting that it realises.
    fn lever(&self) -> Lever;
    /// The values that the hardware accepts.
    ///
    /// # Errors
    /// The hardware does not say, or vanished.
    fn allowed(&self) -> Result<Allowed, KnobError>;
    /// The present value; `None` where the hardware can't tell (NVML's locked clocks).
    ///
    /// # Errors
    /// The hardware vanished or answered nonsense.
    fn read(&self) -> Result<Option<String>, KnobError>;
    /// Sets a value.
    ///
    /// # Errors
    /// Not permitted, not allowed, refused.
    fn write(&mut self, value: &str) -> Result<(), KnobError>;
    /// Returns to the driver's default: the restoration of a knob whose old value can't be read.
    ///
    /// # Errors
    /// As [`Knob::write`].
    fn reset(&mut self) -> Result<(), KnobError>;
    /// The other limits that the hardware obeys beside this one, as they are now; none where there are none.
    fn rivals(&self) -> Vec<Rival> {
        Vec::new()
    }
    /// The file behind it, for those that are one: what decides who may write it.
    fn file(&self) -> Option<&std::path::Path> {
        None
    }
}
