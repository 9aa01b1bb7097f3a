//! Warm-up: until power and temperature stand still, not for a fixed time.

use super::{Idle, Instruments, Load, MeasureError, Stretch};
use ergometer_record::Seconds;

/// How the warm-up went, and how long a batch to use from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUp {
    /// Executions per batch.
    pub batch: u64,
    /// How long it took.
    pub time: Seconds,
    /// False when power or temperature still moved at the time limit.
    pub steady: bool,
}

impl Instruments<'_> {
    /// Finds a batch size and runs `load` until two stretches in a row agree in power (in time, without sensors) and
    /// temperature.
    pub(crate) fn warm_up(&mut self, load: &mut dyn Load) -> Result<WarmUp, MeasureError> {
        let start = self.clock.now();
        let batch = self.batch(load)?;
        let length = self.warm_stretch();
        let mut last: Option<Stretch> = None;
        loop {
            let stretch = self.stretch(load, batch, length)?;
            let steady = last.as_ref().is_some_and(|last| self.agree(last, &stretch));
            let time = self.clock.now() - start;
            if steady || time.0 >= self.options.longest_warm_up.0 {
                return Ok(WarmUp { batch, time, steady });
            }
            last = Some(stretch);
        }
    }

    /// Long enough that scatter between stretches lies below the tolerance, short enough for a drift to show.
    pub(crate) fn warm_stretch(&self) -> Seconds {
        let by_sensor = self.slowest_period().map_or(0.0, |period| 10.0 * period.0);
        Seconds((self.options.least_time.0 / 4.0).max(by_sensor))
    }

    /// Executions per batch: a batch is an eighth of the slowest sensor's period, but at least 2 ms so that reading
    /// sensors costs nothing; a tenth of the window without sensors.
    fn batch(&self, load: &mut dyn Load) -> Result<u64, MeasureError> {
        let target = match self.slowest_period() {
            Some(period) => (period.0 / 8.0).max(2e-3),
            None => self.options.least_time.0 / 10.0,
        };
        let mut batch = 1u64;
        loop {
            let time = load.run(batch)?.0;
            if time >= target / 2.0 || batch >= 1 << 40 {
                let wanted = batch as f64 * target / time.max(1e-12);
                return Ok(wanted.ceil().clamp(1.0, 1e12) as u64);
            }
            // At most tenfold at once: a first run is often slow, which would make the batch too short.
            let factor = (target / time.max(1e-12)).clamp(2.0, 10.0);
            batch = (batch as f64 * factor).ceil() as u64;
        }
    }

    fn agree(&self, last: &Stretch, new: &Stretch) -> bool {
        let close = |a: f64, b: f64, share: f64| (a - b).abs() <= share * a.abs().max(b.abs());
        let each = |s: &Stretch| s.busy.0 / s.iterations.max(1) as f64;
        let power = match (last.total_power(), new.total_power()) {
            (Some(a), Some(b)) => close(a.0, b.0, self.options.steady_power),
            _ => close(each(last), each(new), 2.0 * self.options.steady_power),
        };
        let temperature = match (last.temperature_c, new.temperature_c) {
            (Some(a), Some(b)) => (a - b).abs() <= self.options.steady_k,
            _ => true,
        };
        power && temperature
    }

    /// An idle window of at least `time`.
    pub(crate) fn idle(&mut self, time: Seconds) -> Result<Stretch, MeasureError> {
        let mut load = Idle(self.clock);
        // Often enough to begin and end on a tick, rarely enough that reading wakes nobody up.
        let batch = self.slowest_period().map_or(20.0, |period| (period.0 * 1e3 / 8.0).clamp(1.0, 20.0));
        self.stretch(&mut load, batch as u64, time)
    }

    /// One window, after the warm-up that chose `batch`.
    pub(crate) fn window(&mut self, load: &mut dyn Load, batch: u64) -> Result<Stretch, MeasureError> {
        let length = self.window_time();
        self.stretch(load, batch, length)
    }
}
