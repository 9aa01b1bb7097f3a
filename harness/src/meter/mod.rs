//! Energy of a stretch of time, per component: sensors read by a thread at a steady period, windows started and stopped
//! by the caller, nested as they like.
//!
//! What has no sensor, and what a sensor could not say, is absent with its reason.

mod report;
mod run;

pub use report::{Absent, ComponentEnergy, Total, WindowReport};
pub use run::{Exit, RunError, RunOptions, RunReport, run_command};

use crate::clock::Clock;
use crate::sensor::energy::Accumulator;
use crate::sensor::{Selection, Sensor, SensorError};
use ergometer_record::Seconds;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The usual time between samples: below the update period of cards (100 ms), far below the wrap time of any counter.
pub const DEFAULT_PERIOD: Seconds = Seconds(0.05);

/// Names an open window of a [`Meter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowId(u64);

/// One sensor's part of an open window.
struct Track {
    accumulator: Accumulator,
    /// Why the reading at the start, or the latest one, failed.
    start_failure: Option<String>,
    last_failure: Option<String>,
    failures: u32,
}

struct Open {
    id: u64,
    name: String,
    start: Seconds,
    tracks: Vec<Track>,
    /// Time spent in reading sensors since the start.
    sampling: Seconds,
}

struct Inner {
    sensors: Vec<Box<dyn Sensor>>,
    windows: Vec<Open>,
    next: u64,
    stopping: bool,
}

struct Shared {
    inner: Mutex<Inner>,
    wake: Condvar,
    clock: Arc<dyn Clock>,
}

/// Sensors under observation.
pub struct Meter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    absent: Vec<Absent>,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("sampling", &self.thread.is_some()).field("absent", &self.absent).finish()
    }
}

impl Meter {
    /// Watches the sensors of `selection`, sampling them every `period` while a window is open. On a virtual clock no
    /// thread samples: whoever makes time pass calls [`Meter::sample`].
    pub fn new(selection: Selection, clock: Arc<dyn Clock>, period: Seconds) -> Self {
        let inner = Inner { sensors: selection.sensors, windows: Vec::new(), next: 0, stopping: false };
        let is_virtual = clock.is_virtual();
        let shared = Arc::new(Shared { inner: Mutex::new(inner), wake: Condvar::new(), clock });
        let worker = Arc::clone(&shared);
        let period = Duration::from_secs_f64(if period.0.is_finite() { period.0.clamp(1e-4, 3600.0) } else { 1.0 });
        let thread = (!is_virtual)
            .then(|| std::thread::Builder::new().name("meter".into()).spawn(move || worker.run(period)))
            .transpose();
        let mut absent: Vec<Absent> = selection.absent.iter().map(Absent::from).collect();
        let thread = thread.unwrap_or_else(|error| {
            // Windows still have their first and last reading; powers are then coarse, counters are not.
            absent.push(Absent { id: "meter".into(), reason: format!("no sampling thread could be started: {error}") });
            None
        });
        Self { shared, thread, absent }
    }

    /// The sensors that are not there, and why.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// Opens a window with a reading of every sensor.
    pub fn start(&self, name: impl Into<String>) -> WindowId {
        let mut inner = self.shared.lock();
        let id = inner.next;
        inner.next += 1;
        let tracks = inner.sensors.iter().map(|sensor| Track::new(sensor.info())).collect();
        let start = self.shared.clock.now();
        inner.windows.push(Open { id, name: name.into(), start, tracks, sampling: Seconds(0.0) });
        inner.sample(self.shared.clock.as_ref());
        if let Some(open) = inner.windows.iter_mut().find(|open| open.id == id) {
            for track in &mut open.tracks {
                track.start_failure = track.last_failure.clone();
            }
        }
        drop(inner);
        self.shared.wake.notify_all();
        WindowId(id)
    }

    /// Reads every sensor now. Needed on a virtual clock only.
    pub fn sample(&self) {
        self.shared.lock().sample(self.shared.clock.as_ref());
    }

    /// Closes a window with a last reading; `None` when it is not open.
    pub fn stop(&self, id: WindowId) -> Option<WindowReport> {
        let mut inner = self.shared.lock();
        inner.sample(self.shared.clock.as_ref());
        let end = self.shared.clock.now();
        let index = inner.windows.iter().position(|open| open.id == id.0)?;
        let open = inner.windows.remove(index);
        let components = open
            .tracks
            .iter()
            .zip(&inner.sensors)
            .map(|(track, sensor)| ComponentEnergy::new(sensor.info(), &track.finish(), track.failures))
            .collect();
        Some(WindowReport::new(open.name, end - open.start, open.sampling, components, self.absent.clone()))
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Track {
    fn new(info: &crate::sensor::SensorInfo) -> Self {
        Self { accumulator: Accumulator::new(info), start_failure: None, last_failure: None, failures: 0 }
    }

    /// The energy; a window whose first or last reading failed is not covered, and so has none.
    fn finish(&self) -> Result<crate::sensor::energy::WindowEnergy, String> {
        if let Some(failure) = self.start_failure.as_ref().or(self.last_failure.as_ref()) {
            return Err(failure.clone());
        }
        self.accumulator.finish().map_err(|error| error.to_string())
    }
}

impl Inner {
    fn sample(&mut self, clock: &dyn Clock) {
        let begin = clock.now();
        for (index, sensor) in self.sensors.iter_mut().enumerate() {
            let reading = sensor.read(clock);
            for track in self.windows.iter_mut().filter_map(|open| open.tracks.get_mut(index)) {
                match &reading {
                    Ok(reading) => {
                        track.accumulator.push(*reading);
                        track.last_failure = None;
                    }
                    Err(error) => {
                        track.failures += 1;
                        track.last_failure = Some(error.to_string());
                    }
                }
            }
        }
        let spent = clock.now() - begin;
        self.windows.iter_mut().for_each(|open| open.sampling += spent);
    }
}

impl Shared {
    /// The lock; a panic elsewhere leaves readings that are complete, so the data stays usable.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, period: Duration) {
        let mut inner = self.lock();
        while !inner.stopping {
            if inner.windows.is_empty() {
                inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (guard, waited) = self.wake.wait_timeout(inner, period).unwrap_or_else(PoisonError::into_inner);
            inner = guard;
            // A wake-up before its time is a new window, which has taken its own reading.
            if waited.timed_out() && !inner.stopping {
                inner.sample(self.clock.as_ref());
            }
        }
    }
}

impl From<&SensorError> for Absent {
    fn from(error: &SensorError) -> Self {
        let id = match error {
            SensorError::Missing { id, .. } | SensorError::NotPermitted { id, .. } | SensorError::Failed { id, .. } => {
                id
            }
        };
        Self { id: id.clone(), reason: error.to_string() }
    }
}
