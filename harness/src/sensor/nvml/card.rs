//! The state of one card: temperature, clocks, and what holds it back.

use super::features::Features;
use super::reading_error;
use super::session::Session;
use super::state::CardState;
use crate::sensor::{Roots, SensorError, Throttle};
use ergometer_record::{Hertz, Watts};
use nvml_wrapper::Device;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;

/// NVIDIA's names of what keeps a card below the clock asked for. Idle is none of them.
const REASONS: [(ThrottleReasons, Throttle); 6] = [
    (ThrottleReasons::SW_POWER_CAP, Throttle::PowerLimit),
    (ThrottleReasons::HW_SLOWDOWN, Throttle::Hardware),
    (ThrottleReasons::SYNC_BOOST, Throttle::SyncBoost),
    (ThrottleReasons::SW_THERMAL_SLOWDOWN, Throttle::DriverTemperature),
    (ThrottleReasons::HW_THERMAL_SLOWDOWN, Throttle::HardwareTemperature),
    (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, Throttle::PowerBrake),
];

/// One NVIDIA card.
#[derive(Debug, Clone)]
pub struct Card {
    session: Session,
    uuid: String,
    features: Features,
}

impl Card {
    /// The card with this UUID (`GPU-…`, as CUDA and `nvidia-smi -L` give it).
    ///
    /// # Errors
    /// There is no NVML, or no such card.
    pub fn open(uuid: &str, roots: &Roots) -> Result<Self, SensorError> {
        let session = Session::open(&roots.nvml)?;
        let features = session
            .ask(uuid, |device| Ok(Features::of(device)))
            .map_err(|error| reading_error(&format!("nvml:{uuid}"), &error))?;
        Ok(Self { session, uuid: uuid.to_owned(), features })
    }

    /// What it offers, as found when it was opened.
    pub fn features(&self) -> Features {
        self.features
    }

    /// Everything that it tells of this moment.
    ///
    /// # Errors
    /// The card does not answer.
    pub fn state(&self) -> Result<CardState, SensorError> {
        self.ask(|device| device.index().map(|_| CardState::of(device)))
            .map_err(|error| reading_error(&format!("nvml:{}", self.uuid), &error))
    }

    /// Its number in NVML's list, which is in the order of PCI addresses and may differ from CUDA's.
    ///
    /// # Errors
    /// The card does not answer.
    pub fn index(&self) -> Result<u32, SensorError> {
        self.ask(|device| device.index()).map_err(|error| reading_error(&format!("nvml:{}", self.uuid), &error))
    }

    /// Die temperature, in degrees Celsius; `None` where the card does not tell.
    pub fn temperature_c(&self) -> Option<f64> {
        self.ask(|device| device.temperature(TemperatureSensor::Gpu)).ok().map(f64::from)
    }

    /// The present SM clock.
    pub fn sm_clock(&self) -> Option<Hertz> {
        self.ask(|device| device.clock_info(Clock::SM)).ok().map(|mhz| Hertz::from_mhz(f64::from(mhz)))
    }

    /// The highest power limit that it accepts.
    pub fn highest_power_limit(&self) -> Option<Watts> {
        let limits = self.ask(|device| device.power_management_limit_constraints()).ok()?;
        Some(Watts(f64::from(limits.max_limit) * 1e-3))
    }

    /// What keeps it below the clock asked for right now; empty when nothing does, `None` where it does not tell.
    pub fn held_back_by(&self) -> Option<Vec<Throttle>> {
        self.ask(held_back_by).ok()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    fn ask<T>(&self, question: impl Fn(&Device<'_>) -> Result<T, NvmlError>) -> Result<T, NvmlError> {
        self.session.ask(&self.uuid, question)
    }
}

/// What keeps `device` below the clock asked for.
pub(crate) fn held_back_by(device: &Device<'_>) -> Result<Vec<Throttle>, NvmlError> {
    let active = device.current_throttle_reasons()?;
    Ok(REASONS.iter().filter(|(reason, _)| active.contains(*reason)).map(|(_, reason)| *reason).collect())
}
