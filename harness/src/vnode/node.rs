//! The virtual device in time: temperature, energy, and the clock that a cap leaves.

use super::physics::{Covers, Operation, Physics, SensorModel, SensorQuantity};
use super::state::{State, writes};
use super::{Pace, VnodeError};
use crate::clock::Clock;
use crate::sensor::Throttle;
use ergometer_record::{Hertz, KernelSpec, Seconds};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest stretch over which power and temperature count as constant.
const STEP_S: f64 = 0.05;
/// Past that sensors may still ask for.
const HISTORY_S: f64 = 5.0;
/// Time between the starts of two points on the virtual clock; no point lasts as long.
const EPOCH_S: f64 = 16_384.0;

/// Keeps the random phase of a point's sensors apart from its other random numbers (the golden ratio in 64 bits).
const PHASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// How late another process' change of the state file may be seen. This process' own are seen at once.
const OTHERS_SEEN: Duration = Duration::from_millis(5);

/// A virtual device shared by its executor, sensors and clock.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    state_path: PathBuf,
    state: State,
    stamp: Option<FileStamp>,
    /// When the state file was last looked at, and how often this process had written one by then.
    looked: Option<(Instant, u64)>,
    seed: u64,
    pace: Pace,
    random: ChaCha8Rng,
    time_s: f64,
    temperature_c: f64,
    /// Since the last rest: (chip, DRAM), in J.
    total_j: (f64, f64),
    /// Where the counters stood at the last rest, in J.
    counter_start_j: f64,
    history: VecDeque<Stretch>,
    time_factor: f64,
    power_factor: f64,
    last: Option<(KernelSpec, f64, Operation)>,
    held_back_by: Vec<Throttle>,
}

/// A stretch of constant power, with the totals at its end.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start_s: f64,
    end_s: f64,
    chip_w: f64,
    dram_w: f64,
    total_j: (f64, f64),
}

impl Stretch {
    fn watts(&self, covers: Covers) -> f64 {
        part((self.chip_w, self.dram_w), covers)
    }

    fn joules(&self, covers: Covers) -> f64 {
        part(self.total_j, covers)
    }
}

fn part((chip, dram): (f64, f64), covers: Covers) -> f64 {
    match covers {
        Covers::Board => chip + dram,
        Covers::Chip => chip,
        Covers::Dram => dram,
    }
}

/// Identifies one version of the state file: every write makes a new inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileStamp(u64, i64, i64);

impl FileStamp {
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|m| Self(m.ino(), m.mtime(), m.mtime_nsec()))
    }
}

impl Node {
    pub(super) fn new(state_path: &Path, seed: u64, pace: Pace) -> Result<Self, VnodeError> {
        let stamp = FileStamp::of(state_path);
        let state = State::read(state_path)?;
        let temperature_c = idle_temperature(&state.physics);
        let node = Self {
            inner: Arc::new(Mutex::new(Inner {
                state_path: state_path.to_owned(),
                state,
                stamp,
                looked: None,
                seed,
                pace,
                random: ChaCha8Rng::seed_from_u64(seed),
                time_s: 0.0,
                temperature_c,
                total_j: (0.0, 0.0),
                counter_start_j: 0.0,
                history: VecDeque::new(),
                time_factor: 1.0,
                power_factor: 1.0,
                last: None,
                held_back_by: Vec::new(),
            })),
        };
        node.rest(0);
        Ok(node)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in another thread leaves numbers, not broken invariants.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device's parameters.
    pub fn physics(&self) -> Physics {
        self.lock().state.physics.clone()
    }

    /// Lets the device come to idle equilibrium before the `order`-th point. What follows depends on the seed, on
    /// `order` and on nothing that happened before, so that a resumed sweep ends with the rows of an uninterrupted one.
    pub fn rest(&self, order: u64) {
        let mut inner = self.lock();
        let mut random = ChaCha8Rng::seed_from_u64(inner.seed);
        random.set_stream(order.wrapping_add(1));
        inner.random = random;
        if inner.pace == Pace::Virtual {
            inner.time_s = inner.time_s.max((order + 1) as f64 * EPOCH_S);
            inner.temperature_c = idle_temperature(&inner.state.physics);
        }
        let noise = inner.state.physics.noise;
        inner.time_factor = (noise.time_point * inner.normal()).exp();
        inner.power_factor = (noise.power_point * inner.normal()).exp();
        inner.total_j = (0.0, 0.0);
        inner.counter_start_j = inner.random.random_range(0.0..1e6);
        inner.history.clear();
        inner.held_back_by.clear();
        // An answer that is kept for a quarter of a kelvin belongs to what happened before.
        inner.last = None;
        // Idle past, so that a sensor has something to report at once; and no work begins in step with a sensor's ticks,
        // which would make the error of one window that of all.
        let period_s = inner.state.physics.sensors.iter().map(|sensor| sensor.period_s).fold(0.0, f64::max);
        let phase = ChaCha8Rng::seed_from_u64(inner.seed ^ order.wrapping_mul(PHASE)).random_range(0.0..1.0);
        inner.idle(0.5 + phase * period_s);
    }

    /// Runs `spec` back to back and returns the time that it took and the mean clock.
    ///
    /// # Errors
    /// The state file vanished or no longer describes a device.
    pub fn run(&self, spec: &KernelSpec, iterations: u64) -> Result<(Seconds, Hertz), VnodeError> {
        let mut inner = self.lock();
        inner.reload()?;
        let noise = inner.state.physics.noise;
        let factor = inner.time_factor * (noise.time_batch * inner.normal()).exp();
        let (mut left, mut elapsed_s, mut cycles) = (iterations as f64, 0.0, 0.0);
        while left > 0.0 {
            let operation = inner.operation(spec);
            let each_s = operation.time_s * factor;
            // A stretch ends after STEP_S or with the batch; `left` ends at exactly zero.
            let (step_s, done) =
                if left * each_s <= STEP_S { (left * each_s, left) } else { (STEP_S, STEP_S / each_s) };
            inner.advance(step_s, &operation);
            left -= done;
            elapsed_s += step_s;
            cycles += operation.clock_hz * step_s;
        }
        let clock = if elapsed_s > 0.0 { cycles / elapsed_s } else { 0.0 };
        inner.pause(elapsed_s);
        Ok((Seconds(elapsed_s), Hertz(clock)))
    }

    /// Lets idle time pass.
    pub fn idle(&self, time: Seconds) {
        let mut inner = self.lock();
        inner.idle(time.0);
        inner.pause(time.0);
    }

    /// The die temperature, in degrees Celsius.
    pub fn temperature_c(&self) -> f64 {
        self.lock().temperature_c
    }

    /// What held it back while it last worked.
    pub fn held_back_by(&self) -> Vec<Throttle> {
        self.lock().held_back_by.clone()
    }

    pub(super) fn read(&self, model: &SensorModel) -> (f64, f64) {
        let mut inner = self.lock();
        let now = inner.time_s;
        (now, inner.sense(model, now))
    }
}

fn idle_temperature(physics: &Physics) -> f64 {
    // Leakage makes the balance linear in the temperature: two terms of the fixed point are exact to its curvature.
    let ambient = physics.thermal.ambient_c;
    let idle_w = physics.idle(ambient).watts(Covers::Board);
    ambient
        + idle_w * physics.thermal.resistance_k_per_w
            / (1.0 - physics.power.leakage_w_per_k * physics.thermal.resistance_k_per_w)
}

impl Inner {
    /// A standard normal number (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius: f64 = self.random.random_range(f64::MIN_POSITIVE..1.0);
        let angle: f64 = self.random.random_range(0.0..std::f64::consts::TAU);
        (-2.0 * radius.ln()).sqrt() * angle.cos()
    }

    /// Takes up what any process wrote to the state file.
    fn reload(&mut self) -> Result<(), VnodeError> {
        let written = writes();
        if self.looked.is_some_and(|(at, before)| before == written && at.elapsed() < OTHERS_SEEN) {
            return Ok(());
        }
        self.looked = Some((Instant::now(), written));
        let stamp = FileStamp::of(&self.state_path);
        if stamp != self.stamp || stamp.is_none() {
            self.state.settings = State::read(&self.state_path)?.settings;
            self.stamp = stamp;
            self.last = None;
        }
        Ok(())
    }

    /// How the kernel runs now. A quarter of a kelvin moves power by less than the scatter, so that the last answer is
    /// kept that long.
    fn operation(&mut self, spec: &KernelSpec) -> Operation {
        if let Some((known, at_c, operation)) = self.last
            && known == *spec
            && (at_c - self.temperature_c).abs() < 0.25
        {
            return operation;
        }
        let (limit_hz, cap_w) = self.state.limits();
        let thermal_w = self.state.physics.thermal_limit_w(self.temperature_c);
        let operation = self.state.physics.throttle(spec, limit_hz, cap_w.min(thermal_w), self.temperature_c);
        self.held_back_by = match operation.clock_hz < 0.999 * limit_hz {
            true if thermal_w < cap_w => vec![Throttle::HardwareTemperature],
            true => vec![Throttle::PowerLimit],
            false => Vec::new(),
        };
        self.last = Some((*spec, self.temperature_c, operation));
        operation
    }

    fn idle(&mut self, time_s: f64) {
        let mut left = time_s.max(0.0);
        while left > 0.0 {
            let step = left.min(STEP_S);
            let operation = self.state.physics.idle(self.temperature_c);
            self.advance(step, &operation);
            left = if left <= STEP_S { 0.0 } else { left - step };
        }
    }

    fn advance(&mut self, step_s: f64, operation: &Operation) {
        let noise = self.state.physics.noise.power_step;
        let factor = self.power_factor * (1.0 + noise * self.normal()).max(0.1);
        let (chip_w, dram_w) = (operation.chip_w * factor, operation.dram_w * factor);
        self.total_j.0 += chip_w * step_s;
        self.total_j.1 += dram_w * step_s;
        let thermal = self.state.physics.thermal;
        let target = self.state.physics.steady_c(chip_w + dram_w);
        let decay = (-step_s / (thermal.resistance_k_per_w * thermal.capacity_j_per_k)).exp();
        self.temperature_c = target + (self.temperature_c - target) * decay;
        let start_s = self.time_s;
        self.time_s += step_s;
        self.history.push_back(Stretch { start_s, end_s: self.time_s, chip_w, dram_w, total_j: self.total_j });
        while self.history.front().is_some_and(|s| s.end_s < self.time_s - HISTORY_S) {
            self.history.pop_front();
        }
    }

    fn pause(&self, time_s: f64) {
        if self.pace == Pace::Real && time_s > 0.0 {
            std::thread::sleep(std::time::Duration::from_secs_f64(time_s));
        }
    }

    /// True total since the last rest at an earlier time, in J.
    fn total_at(&self, time_s: f64, covers: Covers) -> f64 {
        let stretch = self.history.iter().rev().find(|s| s.start_s <= time_s).or(self.history.front());
        stretch.map_or(0.0, |s| s.joules(covers) - (s.end_s - time_s).max(0.0) * s.watts(covers))
    }

    fn sense(&mut self, model: &SensorModel, now_s: f64) -> f64 {
        let tick_s = (now_s / model.period_s).floor() * model.period_s;
        let quantise = |value: f64| {
            if model.resolution > 0.0 { (value / model.resolution).floor() * model.resolution } else { value }
        };
        match model.quantity {
            SensorQuantity::Energy => {
                let total = self.counter_start_j + model.gain * self.total_at(tick_s, model.covers);
                quantise(model.wrap_j.map_or(total, |wrap| total.rem_euclid(wrap)))
            }
            SensorQuantity::Power => {
                let span = if model.averaging_s > 0.0 { model.averaging_s } else { model.period_s };
                let energy = self.total_at(tick_s, model.covers) - self.total_at(tick_s - span, model.covers);
                // The scatter belongs to the tick, not to the reading: asking twice gives the same answer.
                let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ tick_s.to_bits());
                let scatter: f64 = (0..12).map(|_| random.random_range(0.0..1.0)).sum::<f64>() - 6.0;
                quantise(model.gain * energy / span * (1.0 + model.noise * scatter))
            }
        }
    }
}

/// The node's own time.
#[derive(Debug, Clone)]
pub struct NodeClock {
    node: Node,
    pace: Pace,
}

impl NodeClock {
    pub(super) fn new(node: Node, pace: Pace) -> Self {
        Self { node, pace }
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Seconds {
        Seconds(self.node.lock().time_s)
    }

    fn sleep(&self, time: Seconds) {
        self.node.idle(time);
    }

    fn is_virtual(&self) -> bool {
        self.pace == Pace::Virtual
    }
}
