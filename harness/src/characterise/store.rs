//! Characterisations on the disk, one file a device and driver, and their use: a sensor whose device was characterised
//! under the present driver goes by what was found.

use super::{Characterisation, Found, Identity, Kind, LEVEL, identify};
use crate::clock::Clock;
use crate::lease::state_dir;
use crate::sensor::{self, Characterised, Reading, Roots, Sensor, SensorError, SensorInfo};
use ergometer_record::files::{FileError, read_text, write_whole};
use ergometer_record::stats::{Interval, t_quantile};
use ergometer_record::{Provenance, Seconds};
use std::fs;
use std::path::{Path, PathBuf};

/// A file that is no characterisation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content is not one.
    #[error("{} is not a characterisation of sensors: {reason}; `ergometer doctor --characterise` makes a new one", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// `sensors` in the state directory; `None` where there is no state directory.
pub fn folder() -> Option<PathBuf> {
    state_dir().ok().map(|folder| folder.join("sensors"))
}

/// The file of a device under a driver.
pub fn path(folder: &Path, identity: &Identity) -> PathBuf {
    let plain = |text: &str| -> String {
        let dashed: String =
            text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
    };
    folder.join(format!("{}-{}.toml", plain(&identity.device), plain(&identity.driver)))
}

/// Writes a characterisation whole and returns its place.
///
/// # Errors
/// The folder can't be written.
pub fn write(folder: &Path, found: &Characterisation) -> Result<PathBuf, StoreError> {
    let path = path(folder, &Identity { device: found.device.clone(), driver: found.driver.clone() });
    let text = toml::to_string(found)
        .map_err(|error| StoreError::Content { path: path.clone(), reason: error.to_string() })?;
    write_whole(&path, text.as_bytes())?;
    Ok(path)
}

/// Reads one.
///
/// # Errors
/// It can't be read, is of a newer version, or is not one.
pub fn read(path: &Path) -> Result<Characterisation, StoreError> {
    let bad = |reason: String| StoreError::Content { path: path.to_owned(), reason };
    let found: Characterisation = toml::from_str(&read_text(path)?).map_err(|error| bad(error.to_string()))?;
    if found.version > Characterisation::VERSION {
        return Err(bad(format!("its version {} is newer than {}", found.version, Characterisation::VERSION)));
    }
    Ok(found)
}

/// All that are stored; a broken one is said in the log and left out.
fn all(folder: &Path) -> Vec<Characterisation> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    let read = |path: &PathBuf| read(path).inspect_err(|error| tracing::warn!("{error}")).ok();
    files.iter().filter_map(read).collect()
}

/// Lets every sensor go by its characterisation, where `roots` say where such are and one fits.
pub(crate) fn apply(found: Vec<sensor::Found>, roots: &Roots) -> Vec<sensor::Found> {
    let stored = roots.characterised.as_deref().map(all).unwrap_or_default();
    if stored.is_empty() {
        return found;
    }
    let counters: Vec<SensorInfo> = found
        .iter()
        .flatten()
        .map(|sensor| sensor.info().clone())
        .filter(|info| info.provenance == Provenance::Counter)
        .collect();
    let with = |sensor: Box<dyn Sensor>| -> Box<dyn Sensor> {
        let Some(identity) = identify(sensor.info(), roots) else { return sensor };
        match informed(sensor.info(), &identity, &stored, &counters) {
            Some(info) => Box::new(Informed { info, sensor }),
            None => sensor,
        }
    };
    found.into_iter().map(|item| item.map(with)).collect()
}

/// What is known of a sensor with its characterisation; `None` where there is none.
fn informed(
    info: &SensorInfo,
    identity: &Identity,
    stored: &[Characterisation],
    counters: &[SensorInfo],
) -> Option<SensorInfo> {
    let of_device = stored.iter().filter(|c| c.device == identity.device);
    let mut of_sensor: Vec<(&Characterisation, &Found)> = of_device
        .filter_map(|c| Some((c, c.sensors.iter().find(|found| role(&found.sensor) == role(&info.id))?)))
        .collect();
    of_sensor.sort_by(|a, b| a.0.date.cmp(&b.0.date));
    let mut info = info.clone();
    let Some((made, found)) = of_sensor.iter().rev().find(|(c, _)| c.driver == identity.driver) else {
        let (made, _) = of_sensor.last()?;
        let (date, driver) = (made.date.clone(), made.driver.clone());
        info.characterised = Some(Characterised::Stale { date, driver, present: identity.driver.clone() });
        return Some(info);
    };
    if let Some(period) = found.period_s.known() {
        info.period = Seconds(period.estimate);
    }
    if let Some(step) = found.resolution.known() {
        // A text can be finer than the hardware beneath it, whose step is known for some sensors.
        info.resolution = info.resolution.max(step.estimate);
    }
    if let (Kind::Power, Some(gain)) = (found.kind, found.gain.known()) {
        let reference = counters.iter().find(|c| c.component == info.component).map_or(info.gain_u, |c| c.gain_u);
        info.gain_u = gain_u(gain, reference);
    }
    info.characterised = Some(Characterised::Used { date: made.date.clone() });
    Some(info)
}

/// Standard uncertainty of the gain of a power that was compared with a counter: the counter's own, that of the
/// comparison, and the difference found, for which the readings are not corrected.
fn gain_u(gain: &Interval, reference: f64) -> f64 {
    let comparison = (gain.high - gain.low) / 2.0 / t_quantile(LEVEL, (gain.n.max(2) - 1) as f64);
    reference.hypot(comparison).hypot(gain.estimate - 1.0)
}

/// A sensor's name without the number of its card, which may change from boot to boot.
fn role(id: &str) -> &str {
    match id.strip_prefix("nvml:").and_then(|rest| rest.split_once(':')) {
        Some((_, name)) => name,
        None => id,
    }
}

/// A sensor that says of itself what was found out about it.
struct Informed {
    info: SensorInfo,
    sensor: Box<dyn Sensor>,
}

impl Sensor for Informed {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        self.sensor.read(clock)
    }
}
