//! NVIDIA's power limit (mW) and locked clocks (MHz), by NVML. Cards are named by UUID, which no reordering changes.
//!
//! Locked clocks can't be read back: [`Knob::read`] gives `None` and restoring them means [`Knob::reset`], which also
//! undoes a lock that somebody else had set before.

use super::registry::Found;
use super::{Allowed, Knob, KnobError, Lever, permission, permission::Permission};
use crate::sensor::nvml::{load, visible_cards};
use crate::sensor::{Roots, SensorError};
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::sync::Arc;

const LEVERS: [(&str, Lever); 3] =
    [("power_limit", Lever::GpuCap), ("gpu_clock", Lever::GpuClock), ("mem_clock", Lever::GpuMemClock)];

struct NvmlKnob {
    id: String,
    uuid: String,
    lever: Lever,
    nvml: Arc<Nvml>,
    permission: Permission,
}

/// Every card's knobs; one reason where there is no library, driver or card.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let nvml = match load(&roots.nvml) {
        Ok(nvml) => nvml,
        Err(error) => return vec![Err(absent("nvml", &error))],
    };
    let count = nvml.device_count().unwrap_or(0);
    let visible = match visible_cards(&nvml, count) {
        Ok(visible) => visible,
        Err(reason) => return vec![Err(KnobError::Missing { id: "nvml".into(), reason })],
    };
    let mut found = Vec::new();
    for (index, visible) in (0..count).zip(visible) {
        if !visible {
            let reason = "CUDA_VISIBLE_DEVICES hides this card".into();
            found.push(Err(KnobError::Missing { id: format!("nvml:{index}"), reason }));
            continue;
        }
        match nvml.device_by_index(index).and_then(|device| device.uuid()) {
            Ok(uuid) => found.extend(of_card(&uuid, roots)),
            Err(error) => found.push(Err(failure(&format!("nvml:{index}"), &error))),
        }
    }
    if found.is_empty() {
        found.push(Err(KnobError::Missing { id: "nvml".into(), reason: "the NVIDIA driver lists no card".into() }));
    }
    found
}

/// The knobs of the card with this UUID.
pub fn of_card(uuid: &str, roots: &Roots) -> Vec<Found> {
    LEVERS.iter().map(|(name, _)| open(&format!("nvml:{uuid}:{name}"), roots)).collect()
}

/// Opens `nvml:GPU-…:power_limit`, `:gpu_clock` or `:mem_clock`.
pub(crate) fn open(id: &str, roots: &Roots) -> Found {
    let parts = id.strip_prefix("nvml:").and_then(|rest| rest.rsplit_once(':'));
    let lever = parts.and_then(|(_, what)| LEVERS.iter().find(|(name, _)| *name == what));
    let (Some((uuid, _)), Some((_, lever))) = (parts, lever) else {
        return Err(KnobError::Missing { id: id.to_owned(), reason: "it is no NVML knob that ergometer knows".into() });
    };
    let nvml = load(&roots.nvml).map_err(|error| absent(id, &error))?;
    let knob = NvmlKnob { id: id.to_owned(), uuid: uuid.to_owned(), lever: *lever, nvml, permission: roots.permission };
    knob.allowed()?;
    Ok(Box::new(knob))
}

fn absent(id: &str, error: &SensorError) -> KnobError {
    let id = id.to_owned();
    match error {
        SensorError::NotPermitted { reason, remedy, .. } => {
            KnobError::NotPermitted { id, reason: reason.clone(), remedy: remedy.clone() }
        }
        SensorError::Missing { reason, .. } | SensorError::Failed { reason, .. } => {
            KnobError::Missing { id, reason: reason.clone() }
        }
    }
}

fn failure(id: &str, error: &NvmlError) -> KnobError {
    let id = id.to_owned();
    match error {
        NvmlError::NoPermission => KnobError::NotPermitted {
            id,
            reason: "the NVIDIA driver lets root alone change it".into(),
            remedy: "run ergometer as root: sudo ergometer … --allow-control".into(),
        },
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) => {
            KnobError::Missing { id, reason: format!("this card or driver does not have it ({error})") }
        }
        _ => KnobError::Failed { id, reason: error.to_string() },
    }
}

impl NvmlKnob {
    fn with<T>(&self, action: impl FnOnce(&mut Device<'_>) -> Result<T, NvmlError>) -> Result<T, KnobError> {
        self.nvml
            .device_by_uuid(self.uuid.as_str())
            .and_then(|mut device| action(&mut device))
            .map_err(|error| failure(&self.id, &error))
    }

    fn number(&self, value: &str) -> Result<u32, KnobError> {
        value.parse().map_err(|_| KnobError::Failed {
            id: self.id.clone(),
            reason: format!("{value:?} is no whole number of its unit"),
        })
    }
}

impl Knob for NvmlKnob {
    fn id(&self) -> &str {
        &self.id
    }

    fn lever(&self) -> Lever {
        self.lever
    }

    fn allowed(&self) -> Result<Allowed, KnobError> {
        let texts = |mut clocks: Vec<u32>| {
            clocks.sort_unstable();
            clocks.dedup();
            Allowed::List(clocks.iter().map(u32::to_string).collect())
        };
        self.with(|device| match self.lever {
            Lever::GpuMemClock => device.supported_memory_clocks().map(texts),
            Lever::GpuClock => {
                let memory = device.supported_memory_clocks()?.into_iter().max().ok_or(NvmlError::NotSupported)?;
                device.supported_graphics_clocks(memory).map(texts)
            }
            _ => device.power_management_limit_constraints().map(|c| Allowed::Range {
                min: f64::from(c.min_limit),
                max: f64::from(c.max_limit),
                step: None,
                unit: "mW",
            }),
        })
    }

    fn read(&self) -> Result<Option<String>, KnobError> {
        match self.lever {
            Lever::GpuCap => self.with(|device| device.power_management_limit()).map(|mw| Some(mw.to_string())),
            _ => Ok(None),
        }
    }

    fn write(&mut self, value: &str) -> Result<(), KnobError> {
        permission::check(&self.id, self.permission)?;
        let number = self.number(value)?;
        self.with(|device| match self.lever {
            Lever::GpuClock => device.set_gpu_locked_clocks(GpuLockedClocksSetting::Numeric {
                min_clock_mhz: number,
                max_clock_mhz: number,
            }),
            Lever::GpuMemClock => device.set_mem_locked_clocks(number, number),
            _ => device.set_power_management_limit(number),
        })
    }

    fn reset(&mut self) -> Result<(), KnobError> {
        permission::check(&self.id, self.permission)?;
        self.with(|device| match self.lever {
            Lever::GpuClock => device.reset_gpu_locked_clocks(),
            Lever::GpuMemClock => device.reset_mem_locked_clocks(),
            _ => {
                let default = device.power_management_limit_default()?;
                device.set_power_management_limit(default)
            }
        })
    }
}
