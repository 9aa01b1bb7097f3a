//! The DRAM model of the thesis: equations 4.1 and 4.2. Always `modelled`, and only of use where no memory is measured.
//!
//! P = sum over populated slots of P_base(size of the DIMM) x mem_use(share of memory in use), integrated over real
//! times (eq. 4.2 multiplies by the nominal interval instead). The DIMMs come from the machine's DMI tables in sysfs,
//! which `dmidecode` reads too. The tiers are a [`Profile`], which the sensor's id names (`dram:model:thesis`).

mod dmi;
mod profile;

pub use dmi::{Dimm, dimms};
pub use profile::{Profile, VARIABLE};

use super::roots::{is_refusal, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Provenance, Seconds};
use std::path::PathBuf;

/// Standard uncertainty of the model, as a share. The thesis compares it with a RAPL DRAM domain on one machine
/// (figure 4.1); for others nothing is known but the spread of the factors, hence a quarter.
pub const MODEL_U: f64 = 0.25;

/// The share of memory in use, from `/proc/meminfo`: 1 - MemAvailable / MemTotal. The thesis takes the profiled
/// process' share; the DIMMs serve the whole machine.
pub fn share_in_use(meminfo: &str) -> Option<f64> {
    let field = |name: &str| -> Option<f64> {
        let line = meminfo.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let (total, available) = (field("MemTotal:")?, field("MemAvailable:")?);
    (total > 0.0).then(|| (1.0 - available / total).clamp(0.0, 1.0))
}

struct DramModel {
    info: SensorInfo,
    profile: Profile,
    dimms: Vec<Dimm>,
    meminfo: PathBuf,
}

/// The model of this machine's DIMMs by the profile that the environment names.
pub(crate) fn probe(roots: &Roots) -> Found {
    match std::env::var(VARIABLE) {
        Ok(name) => match name.parse() {
            Ok(profile) => open(roots, profile),
            Err(error) => Err(SensorError::Failed { id: "dram:model".into(), reason: format!("{VARIABLE}: {error}") }),
        },
        Err(_) => open(roots, Profile::default()),
    }
}

/// The model of the DIMMs of a machine.
///
/// # Errors
/// The firmware lists no module, only root may see the list, or the profile does not know a module's technology.
pub fn open(roots: &Roots, profile: Profile) -> Found {
    let id = format!("dram:model:{profile}");
    let path = roots.sys.join("firmware/dmi/tables/DMI");
    let table = std::fs::read(&path).map_err(|error| {
        if is_refusal(&error) {
            SensorError::NotPermitted {
                id: id.clone(),
                reason: format!("{} is readable by root only", path.display()),
                remedy: format!("sudo chmod a+r {}", path.display()),
            }
        } else {
            SensorError::Missing {
                id: id.clone(),
                reason: format!(
                    "there is no {} that lists the memory slots (usual in containers and small virtual machines)",
                    path.display()
                ),
            }
        }
    })?;
    let dimms = dimms(&table);
    if dimms.is_empty() {
        return Err(SensorError::Missing { id, reason: format!("{} lists no populated memory slot", path.display()) });
    }
    if let Some(unknown) = dimms.iter().find(|dimm| profile.base_power(dimm).is_none()) {
        let reason = format!(
            "the profile {profile} has no power for a module of SMBIOS memory type {}; try {VARIABLE}=thesis",
            unknown.technology
        );
        return Err(SensorError::Missing { id, reason });
    }
    let mut model = DramModel {
        profile,
        info: SensorInfo {
            id,
            component: Component::new(Domain::Dram, 0),
            provenance: Provenance::Modelled,
            // Computed at each reading.
            period: Seconds(0.0),
            resolution: 0.0,
            wrap: None,
            gain_u: MODEL_U,
            characterised: None,
        },
        dimms,
        meminfo: roots.proc.join("meminfo"),
    };
    model.read(&crate::clock::RealClock::new())?;
    Ok(Box::new(model))
}

impl Sensor for DramModel {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let failed = |reason: String| SensorError::Failed { id: self.info.id.clone(), reason };
        let text = read_trimmed(&self.meminfo).map_err(|e| failed(format!("{}: {e}", self.meminfo.display())))?;
        let share = share_in_use(&text)
            .ok_or_else(|| failed(format!("{} lacks MemTotal or MemAvailable", self.meminfo.display())))?;
        let power = self.profile.power(&self.dimms, share).ok_or_else(|| failed("a module is not known".into()))?;
        Ok(Reading { time: clock.now(), quantity: Quantity::Power(power) })
    }
}
