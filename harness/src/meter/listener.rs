//! Whoever wants the readings themselves.

use crate::sensor::{Reading, SensorInfo};

/// Is told every reading of a [`super::Meter`] as it is taken, in order of time a sensor.
///
/// The calls are made between two readings: a listener that waits for anything delays the next one. Readings that
/// failed are counted in the reports and not told.
pub trait Listener: Send {
    /// Once, before the first reading: what the sensors are. Readings name them by their index here.
    fn sensors(&mut self, infos: &[SensorInfo]);
    /// The sensor at `index` was read.
    fn reading(&mut self, index: usize, reading: Reading);
}
