//! Time, real or virtual.

use ergometer_record::Seconds;
use std::time::{Duration, Instant};

/// A monotonic clock. The virtual node has its own, so that a ten-minute sweep takes milliseconds.
pub trait Clock: Send + Sync {
    /// Time since the clock's origin.
    fn now(&self) -> Seconds;
    /// Waits; on a virtual clock the time simply passes.
    fn sleep(&self, time: Seconds);
    /// True when `now` is not the time of this world.
    fn is_virtual(&self) -> bool;
}

/// CLOCK_MONOTONIC, from when it was made.
#[derive(Debug)]
pub struct RealClock {
    origin: Instant,
}

impl RealClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Seconds {
        Seconds(self.origin.elapsed().as_secs_f64())
    }

    fn sleep(&self, time: Seconds) {
        if time.0 > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(time.0));
        }
    }

    fn is_virtual(&self) -> bool {
        false
    }
}
