//! The DRAM model of the thesis: equations 4.1 and 4.2. Always `modelled`, and only of use where no memory is measured.
//!
//! P = sum over populated slots of P_base(size of the DIMM) x mem_use(share of memory in use), integrated over real
//! times (eq. 4.2 multiplies by the nominal interval instead). The DIMMs come from the machine's DMI tables in sysfs
//! (SMBIOS specification DSP0134, structure type 17), which `dmidecode` reads too.

use super::roots::{is_refusal, read_trimmed};
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Provenance, Seconds, Watts};
use std::path::PathBuf;

/// P_base by DIMM size in GiB (thesis 4.2.2, from Crucial's and SK Hynix' data). A size between two tiers takes the
/// lower one's power; one below 16 GiB, which the thesis does not print, that of 16 GiB.
pub const TIERS_W: [(f64, f64); 5] = [(256.0, 10.0), (128.0, 8.0), (64.0, 6.0), (32.0, 5.0), (16.0, 4.0)];

/// mem_use by share of memory in use (thesis 4.2.2): from this share on, this factor.
pub const USE_FACTORS: [(f64, f64); 5] = [(0.50, 0.80), (0.25, 0.75), (0.15, 0.70), (0.05, 0.60), (0.0, 0.30)];

/// Standard uncertainty of the model, as a share. The thesis compares it with a RAPL DRAM domain on one machine
/// (figure 4.1); for others nothing is known but the spread of the factors, hence a quarter.
pub const MODEL_U: f64 = 0.25;

/// A populated memory slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimm {
    /// Size in GiB.
    pub gib: f64,
    /// JEDEC technology as SMBIOS numbers it (24 DDR3, 26 DDR4, 34 DDR5).
    pub technology: u8,
}

/// P_base of one DIMM.
pub fn base_power(gib: f64) -> Watts {
    let tier = TIERS_W.iter().find(|(size, _)| gib >= *size).unwrap_or(&TIERS_W[TIERS_W.len() - 1]);
    Watts(tier.1)
}

/// mem_use for a share of memory in use, from 0 to 1.
pub fn use_factor(share: f64) -> f64 {
    USE_FACTORS.iter().find(|(from, _)| share >= *from).map_or(USE_FACTORS[4].1, |(_, factor)| *factor)
}

/// Equation 4.1, each DIMM with its own size.
pub fn power(dimms: &[Dimm], share: f64) -> Watts {
    dimms.iter().map(|dimm| base_power(dimm.gib)).sum::<Watts>() * use_factor(share)
}

/// The populated slots in a DMI table (`/sys/firmware/dmi/tables/DMI`). Damaged structures end the list.
pub fn dimms(table: &[u8]) -> Vec<Dimm> {
    const MEMORY_DEVICE: u8 = 17;
    const END: u8 = 127;
    let mut found = Vec::new();
    let mut rest = table;
    while let [kind, length, ..] = *rest {
        let length = usize::from(length);
        if length < 4 || length > rest.len() || kind == END {
            break;
        }
        let (structure, after) = rest.split_at(length);
        if kind == MEMORY_DEVICE {
            found.extend(memory_device(structure));
        }
        // The strings of a structure end with two zero bytes.
        let Some(end) = after.windows(2).position(|pair| pair == [0, 0]) else { break };
        rest = &after[end + 2..];
    }
    found
}

fn memory_device(structure: &[u8]) -> Option<Dimm> {
    let word = |at: usize| Some(u16::from_le_bytes(structure.get(at..at + 2)?.try_into().ok()?));
    let gib = match word(0x0C)? {
        // Empty, or of unknown size.
        0 | 0xFFFF => return None,
        // Too large for the field: megabytes in the extended size.
        0x7FFF => f64::from(u32::from_le_bytes(structure.get(0x1C..0x20)?.try_into().ok()?) & 0x7FFF_FFFF) / 1024.0,
        // The top bit says kilobytes instead of megabytes.
        size if size & 0x8000 != 0 => f64::from(size & 0x7FFF) / 1024.0 / 1024.0,
        size => f64::from(size) / 1024.0,
    };
    let technology = structure.get(0x12).copied()?;
    Some(Dimm { gib, technology })
}

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
    dimms: Vec<Dimm>,
    meminfo: PathBuf,
}

/// The model of this machine's DIMMs.
pub(crate) fn probe(roots: &Roots) -> Found {
    let id = "dram:model".to_owned();
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
    let mut model = DramModel {
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
        Ok(Reading { time: clock.now(), quantity: Quantity::Power(power(&self.dimms, share)) })
    }
}
