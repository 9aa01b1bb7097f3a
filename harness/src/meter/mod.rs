//! Energy of a stretch of time, per component: sensors read by a thread at a steady period, windows started and stopped
//! by the caller, named, nested or overlapping as they like.
//!
//! What has no sensor, and what a sensor could not say, is absent with its reason. Sensors see whole components: a
//! window holds the energy of the machine *during* what it encloses, not the energy *of* it.
//!
//! ```
//! use ergometer_harness::meter::{DEFAULT_PERIOD, Meter};
//!
//! let meter = Meter::system(DEFAULT_PERIOD);
//! let epoch = meter.start("epoch"); // start and stop, in any order of several windows
//! {
//!     let _scope = meter.scope("forward"); // closes at the end of the block, on `?` and on a panic too
//!     std::hint::black_box((0..100_000).sum::<u64>());
//! }
//! let epoch = meter.stop(epoch).expect("it was open");
//! let forward = meter.take_closed().pop().expect("the scope has ended");
//! assert!(forward.name == "forward" && forward.time_s.0 <= epoch.time_s.0);
//! match epoch.total {
//!     Some(total) => println!("{} during the epoch", total.energy_j),
//!     None => println!("nothing here measures energy: {:?}", epoch.absent),
//! }
//! ```

mod cpu_time;
mod intervals;
mod listener;
pub mod output;
mod report;
pub(crate) mod run;
mod schedule;
mod scope;
mod witness;

pub use intervals::{IntervalRun, run_intervals};
pub use listener::Listener;
pub use output::{OutputError, OutputOptions, Written};
use report::Cost;
pub use report::{Absent, ComponentEnergy, Total, WindowReport};
pub use run::{Exit, RunError, RunOptions, RunReport, run_command};
pub use scope::Scope;

use crate::clock::{Clock, RealClock};
use crate::sensor::agreement::Pair;
use crate::sensor::energy::Accumulator;
use crate::sensor::{Roots, Selection, Sensor, SensorError, probe, select};
use cpu_time::ThreadClock;
use ergometer_record::Seconds;
use schedule::{Schedule, Tick};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use witness::Witness;

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
    /// The sensors that have a witness, compared over this window.
    pairs: Vec<Pair>,
    /// Time spent in reading sensors since the start.
    sampling: Seconds,
    /// The sampling thread's CPU time at the start.
    cpu_start: Option<Seconds>,
}

struct Inner {
    sensors: Vec<Box<dyn Sensor>>,
    witnesses: Vec<Witness>,
    windows: Vec<Open>,
    listeners: Vec<Box<dyn Listener>>,
    /// Reports of scopes that have ended.
    closed: Vec<WindowReport>,
    next: u64,
    schedule: Schedule,
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
        let period = Seconds(if period.0.is_finite() { period.0.clamp(1e-4, 3600.0) } else { 1.0 });
        let schedule = Schedule::new(selection.sensors.iter().map(|s| s.info()), period);
        let witnesses = Witness::of(selection.witnesses, &selection.sensors);
        let inner = Inner {
            sensors: selection.sensors,
            witnesses,
            windows: Vec::new(),
            listeners: Vec::new(),
            closed: Vec::new(),
            next: 0,
            schedule,
            stopping: false,
        };
        let is_virtual = clock.is_virtual();
        let shared = Arc::new(Shared { inner: Mutex::new(inner), wake: Condvar::new(), clock });
        let worker = Arc::clone(&shared);
        let thread = (!is_virtual)
            .then(|| std::thread::Builder::new().name("meter".into()).spawn(move || worker.run()))
            .transpose();
        let mut absent: Vec<Absent> = selection.absent.iter().map(Absent::from).collect();
        let thread = thread.unwrap_or_else(|error| {
            // Windows still have their first and last reading; powers are then coarse, counters are not.
            absent.push(Absent { id: "meter".into(), reason: format!("no sampling thread could be started: {error}") });
            None
        });
        Self { shared, thread, absent }
    }

    /// The sensors of this machine in real time, as [`Meter::new`]. Where there are none, windows have a time and the
    /// reasons.
    pub fn system(period: Seconds) -> Self {
        Self::new(select(probe(&Roots::system())), Arc::new(RealClock::new()), period)
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
        let pairs = inner.witnesses.iter().map(|witness| witness.pair(&inner.sensors)).collect();
        let start = self.shared.clock.now();
        let cpu_start = self.cpu_time();
        inner.windows.push(Open { id, name: name.into(), start, tracks, pairs, sampling: Seconds(0.0), cpu_start });
        inner.sample(self.shared.clock.as_ref(), true);
        if let Some(open) = inner.windows.iter_mut().find(|open| open.id == id) {
            for track in &mut open.tracks {
                track.start_failure = track.last_failure.clone();
            }
        }
        drop(inner);
        self.shared.wake.notify_all();
        WindowId(id)
    }

    /// Opens a window that closes with the returned guard.
    pub fn scope(&self, name: impl Into<String>) -> Scope<'_> {
        Scope::new(self, self.start(name))
    }

    /// Tells `listener` every reading from now on.
    pub fn listen(&self, mut listener: Box<dyn Listener>) {
        let mut inner = self.shared.lock();
        listener.sensors(&inner.sensors.iter().map(|sensor| sensor.info().clone()).collect::<Vec<_>>());
        inner.listeners.push(listener);
    }

    /// Lets all listeners go.
    pub fn stop_listening(&self) {
        self.shared.lock().listeners.clear();
    }

    /// CPU time of the sampling thread so far; `None` where there is none.
    fn cpu_time(&self) -> Option<Seconds> {
        ThreadClock::of(self.thread.as_ref()?)?.now()
    }

    /// Reads every sensor now. Needed on a virtual clock only.
    pub fn sample(&self) {
        self.shared.lock().sample(self.shared.clock.as_ref(), false);
    }

    /// An open window as of its latest readings, without a new one; `None` when it is not open.
    pub fn so_far(&self, id: WindowId) -> Option<WindowReport> {
        let inner = self.shared.lock();
        let open = inner.windows.iter().find(|open| open.id == id.0)?;
        Some(inner.report(open, self.shared.clock.now(), self.cpu_time(), &self.absent))
    }

    /// Closes a window with a last reading; `None` when it is not open.
    pub fn stop(&self, id: WindowId) -> Option<WindowReport> {
        let mut inner = self.shared.lock();
        inner.sample(self.shared.clock.as_ref(), true);
        let end = self.shared.clock.now();
        let index = inner.windows.iter().position(|open| open.id == id.0)?;
        let open = inner.windows.remove(index);
        Some(inner.report(&open, end, self.cpu_time(), &self.absent))
    }

    /// The windows of scopes that have ended since the last call, in the order of their ends.
    pub fn take_closed(&self) -> Vec<WindowReport> {
        std::mem::take(&mut self.shared.lock().closed)
    }

    fn keep(&self, report: WindowReport) {
        self.shared.lock().closed.push(report);
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
    fn report(&self, open: &Open, end: Seconds, cpu: Option<Seconds>, absent: &[Absent]) -> WindowReport {
        let components = open
            .tracks
            .iter()
            .zip(&self.sensors)
            .map(|(track, sensor)| ComponentEnergy::new(sensor.info(), &track.finish(), track.failures))
            .collect();
        let cost = Cost { wall: open.sampling, cpu: cpu.zip(open.cpu_start).map(|(now, then)| now - then) };
        let mut report = WindowReport::new(open.name.clone(), end - open.start, cost, components, absent.to_vec());
        report.agreements = open.pairs.iter().map(Pair::agreement).collect();
        report
    }

    /// Reads every sensor; every witness too at the ends of a window, else those whose time has come.
    fn sample(&mut self, clock: &dyn Clock, at_end: bool) {
        let now = clock.now();
        self.sweep(clock, now, None, at_end);
    }

    /// Reads at `begin` the sensors that are due at `tick`, or all of them, and returns the time afterwards.
    fn sweep(&mut self, clock: &dyn Clock, begin: Seconds, tick: Option<Tick>, at_end: bool) -> Seconds {
        for (index, sensor) in self.sensors.iter_mut().enumerate() {
            if tick.is_some_and(|tick| !self.schedule.is_due(index, tick)) {
                continue;
            }
            let reading = sensor.read(clock);
            if let Ok(reading) = &reading {
                self.listeners.iter_mut().for_each(|listener| listener.reading(index, *reading));
            }
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
            if let Some(which) = self.witnesses.iter().position(|witness| witness.sensor == index) {
                let pairs = self.windows.iter_mut().filter_map(|open| open.pairs.get_mut(which));
                witness::push(pairs, &reading, Pair::push, Pair::sensor_failed);
            }
        }
        for (which, witness) in self.witnesses.iter_mut().enumerate() {
            if let Some(reading) = witness.read(clock, at_end) {
                let pairs = self.windows.iter_mut().filter_map(|open| open.pairs.get_mut(which));
                witness::push(pairs, &reading, Pair::push_witness, Pair::witness_failed);
            }
        }
        let end = clock.now();
        let spent = end - begin;
        self.windows.iter_mut().for_each(|open| open.sampling += spent);
        end
    }
}

impl Shared {
    /// The lock; a panic elsewhere leaves readings that are complete, so the data stays usable.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut inner = self.lock();
        while !inner.stopping {
            if inner.windows.is_empty() {
                inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.schedule.restart(self.clock.now());
                continue;
            }
            let mut now = self.clock.now();
            loop {
                let wait = inner.schedule.wait(now);
                if wait.0 > 0.0 {
                    let wait = Duration::from_secs_f64(wait.0);
                    inner = self.wake.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
                    now = self.clock.now();
                }
                // A wake-up before its time is a window that was opened, which has taken its own reading, or the end.
                if inner.stopping || inner.windows.is_empty() {
                    break;
                }
                if inner.schedule.wait(now).0 <= 0.0 {
                    let tick = inner.schedule.take(now);
                    now = inner.sweep(self.clock.as_ref(), now, Some(tick), false);
                }
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
