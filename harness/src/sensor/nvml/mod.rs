//! NVIDIA cards through NVML, which is loaded when asked for: a machine without it says so.
//!
//! Source: NVIDIA, *NVML API reference*: `nvmlDeviceGetTotalEnergyConsumption` (mJ since the driver was loaded, Volta
//! and later), field values `NVML_FI_DEV_POWER_INSTANT` and `NVML_FI_DEV_POWER_AVERAGE` (mW),
//! `nvmlDeviceGetPowerUsage`. What the power readings see of the truth: Yang et al., *Part-time Power Measurements:
//! nvidia-smi's Lack of Attention*, SC 2024.

mod card;
mod features;
mod session;
mod state;
mod versions;
mod visible;

pub use card::Card;
pub use features::{Features, Sharing};
pub use state::CardState;
pub use versions::{Versions, versions};
pub(crate) use visible::visible_cards;

use super::roots::NvmlSource;
use super::{Found, Quantity, Reading, Roots, Sensor, SensorError, SensorInfo};
use crate::characterise::store;
use crate::clock::Clock;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{NVML_FI_DEV_POWER_AVERAGE, NVML_FI_DEV_POWER_INSTANT};
use nvml_wrapper::{Device, Nvml};
use session::Session;
use std::sync::Arc;

/// Counter and power readings change ten times a second on data-centre cards (Yang et al., table 2).
const PERIOD: Seconds = Seconds(0.1);
/// NVIDIA states 5 % either way; taken as uniform.
const GAIN_HALF_WIDTH: f64 = 0.05;

/// Loads NVML and initialises it.
///
/// # Errors
/// There is no library, no driver or no permission, each in words of its own.
pub fn load(source: &NvmlSource) -> Result<Arc<Nvml>, SensorError> {
    let result = match source {
        NvmlSource::Off => {
            return Err(SensorError::Missing { id: "nvml".into(), reason: "NVML was not asked for".into() });
        }
        NvmlSource::System => Nvml::init(),
        NvmlSource::Library(path) => Nvml::builder().lib_path(path.as_os_str()).init(),
    };
    result.map(Arc::new).map_err(|error| load_error(&error))
}

fn load_error(error: &NvmlError) -> SensorError {
    let id = "nvml".to_owned();
    let missing = |reason: &str| SensorError::Missing { id: id.clone(), reason: reason.to_owned() };
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => missing(
            "the library libnvidia-ml.so.1 was not found: no NVIDIA driver is installed, or the container was started \
             without it (docker run --gpus all …)",
        ),
        NvmlError::DriverNotLoaded => missing(
            "the library is there and the NVIDIA driver is not loaded: no card, or `sudo modprobe nvidia` is needed",
        ),
        NvmlError::LibRmVersionMismatch => {
            missing("library and loaded driver are of different versions: the driver was updated; reboot")
        }
        NvmlError::NoPermission => SensorError::NotPermitted {
            id,
            reason: "NVML may not talk to the driver".into(),
            remedy: "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*".into(),
        },
        other => SensorError::Failed { id, reason: other.to_string() },
    }
}

/// How a card is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Counter,
    /// Average over the last second or so; the field of newer drivers.
    Average,
    /// The present draw; the field of newer drivers.
    Instant,
    /// What older drivers have: average or instant by generation.
    Usage,
}

struct NvmlSensor {
    info: SensorInfo,
    uuid: String,
    source: Source,
    session: Session,
}

/// Each card's total energy counter where it has one, and its power.
pub(crate) fn probe(roots: &Roots) -> Vec<Found> {
    let opened = Session::open(&roots.nvml);
    let (session, nvml) = match opened.and_then(|s| s.nvml().map(|n| (s, n)).map_err(|e| load_error(&e))) {
        Ok(pair) => pair,
        Err(error) => return vec![Err(error)],
    };
    let count = match nvml.device_count() {
        Ok(0) => {
            return vec![Err(SensorError::Missing {
                id: "nvml".into(),
                reason: "library and driver are there, and list no card".into(),
            })];
        }
        Ok(count) => count,
        Err(error) => return vec![Err(load_error(&error))],
    };
    let visible = match visible_cards(&nvml, count) {
        Ok(visible) => visible,
        Err(reason) => return vec![Err(SensorError::Missing { id: "nvml".into(), reason })],
    };
    (0..count)
        .zip(visible)
        .flat_map(|(index, visible)| {
            if visible {
                return sensors(&session, &nvml, index);
            }
            let reason = "CUDA_VISIBLE_DEVICES hides this card".into();
            vec![Err(SensorError::Missing { id: format!("nvml:{index}"), reason })]
        })
        .collect()
}

/// The sensors of the card with this UUID, whatever CUDA_VISIBLE_DEVICES says: of a card that CUDA has opened.
pub fn of_card(uuid: &str, roots: &Roots) -> Vec<Found> {
    let opened = Card::open(uuid, roots).and_then(|card| {
        let nvml = card.session().nvml().map_err(|error| load_error(&error))?;
        Ok((card.index()?, nvml, card))
    });
    match opened {
        Ok((index, nvml, card)) => store::apply(sensors(card.session(), &nvml, index), roots),
        Err(error) => vec![Err(error)],
    }
}

fn sensors(session: &Session, nvml: &Nvml, index: u32) -> Vec<Found> {
    let failed = |error: NvmlError| vec![Err(reading_error(&format!("nvml:{index}"), &error))];
    let device = match nvml.device_by_index(index) {
        Ok(device) => device,
        Err(error) => return failed(error),
    };
    let uuid = match device.uuid() {
        Ok(uuid) => uuid,
        Err(error) => return failed(error),
    };
    let features = Features::of(&device);
    let mut found: Vec<Found> = Vec::new();
    match ask(&device, Source::Counter) {
        Ok(_) => found.push(Ok(open(session, index, &uuid, Source::Counter))),
        Err(error) => found.push(Err(reading_error(&format!("nvml:{index}:energy"), &error))),
    }
    match features.power() {
        Some(source) => found.push(Ok(open(session, index, &uuid, source))),
        None => found.push(Err(SensorError::Missing {
            id: format!("nvml:{index}:power"),
            reason: "this card reports no power".into(),
        })),
    }
    if let Some(caveat) = features.sharing.caveat() {
        let id = format!("nvml:{index}:own share");
        found.push(Err(SensorError::Missing { id, reason: caveat.into() }));
    }
    found
}

fn open(session: &Session, index: u32, uuid: &str, source: Source) -> Box<dyn Sensor> {
    let name = match source {
        Source::Counter => "energy",
        Source::Average => "power_average",
        Source::Instant => "power_instant",
        Source::Usage => "power_usage",
    };
    let counter = source == Source::Counter;
    Box::new(NvmlSensor {
        info: SensorInfo {
            id: format!("nvml:{index}:{name}"),
            component: Component::new(Domain::Gpu, index),
            provenance: if counter { Provenance::Counter } else { Provenance::Integrated },
            period: PERIOD,
            resolution: 1e-3,
            wrap: None,
            gain_u: GAIN_HALF_WIDTH / 3f64.sqrt(),
            characterised: None,
        },
        uuid: uuid.to_owned(),
        source,
        session: session.clone(),
    })
}

/// The value in joules or watts.
fn ask(device: &Device<'_>, source: Source) -> Result<f64, NvmlError> {
    let field = |id: u32| -> Result<f64, NvmlError> {
        let sample = device.field_values_for(&[FieldId(id)])?.pop().ok_or(NvmlError::NotSupported)??;
        match sample.value? {
            SampleValue::U32(mw) => Ok(f64::from(mw)),
            SampleValue::U64(mw) => Ok(mw as f64),
            SampleValue::I64(mw) => Ok(mw as f64),
            SampleValue::F64(mw) => Ok(mw),
        }
    };
    let milli = match source {
        Source::Counter => device.total_energy_consumption()? as f64,
        Source::Average => field(NVML_FI_DEV_POWER_AVERAGE)?,
        Source::Instant => field(NVML_FI_DEV_POWER_INSTANT)?,
        Source::Usage => f64::from(device.power_usage()?),
    };
    Ok(milli * 1e-3)
}

fn reading_error(id: &str, error: &NvmlError) -> SensorError {
    let id = id.to_owned();
    match error {
        NvmlError::NotSupported | NvmlError::FailedToLoadSymbol(_) => SensorError::Missing {
            id,
            reason: "this card has none (before Volta, a MIG slice or a virtual GPU)".into(),
        },
        NvmlError::Uninitialized => SensorError::Failed {
            id,
            reason: "the driver was unloaded or reloaded and could not be initialised again; `nvidia-smi` says more"
                .into(),
        },
        NvmlError::GpuLost => SensorError::Failed { id, reason: "the card fell off the bus".into() },
        other => SensorError::Failed { id, reason: other.to_string() },
    }
}

impl Sensor for NvmlSensor {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let value = self
            .session
            .ask(&self.uuid, |device| ask(device, self.source))
            .map_err(|error| reading_error(&self.info.id, &error))?;
        let counter = self.source == Source::Counter;
        let quantity = if counter { Quantity::Energy(Joules(value)) } else { Quantity::Power(Watts(value)) };
        Ok(Reading { time: clock.now(), quantity })
    }
}
