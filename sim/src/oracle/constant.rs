//! An oracle with one rate and one power per GPU: the service of closed queueing forms, and of tests.

use super::{Oracle, Prediction, Query};
use crate::error::SimError;
use ergometer_record::{Seconds, Watts};

/// Every GPU does `samples_per_s` and draws `power_per_gpu`; `k` GPUs are `k^exponent` times as fast as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    /// Rate of one GPU.
    pub samples_per_s: f64,
    /// Power of one GPU.
    pub power_per_gpu: Watts,
    /// 1 is perfect scaling, 0 none; doubling k then has efficiency 2^(exponent - 1).
    pub exponent: f64,
}

impl Constant {
    /// Perfect scaling.
    pub fn new(samples_per_s: f64, power_per_gpu: Watts) -> Self {
        Self { samples_per_s, power_per_gpu, exponent: 1.0 }
    }
}

impl Oracle for Constant {
    fn name(&self) -> String {
        "constant".to_owned()
    }

    fn predict(&self, query: &Query<'_>) -> Result<Option<Prediction>, SimError> {
        let k = f64::from(query.gpus);
        let time = Seconds(query.template.samples / (self.samples_per_s * k.powf(self.exponent)));
        Ok(Some(Prediction { time, power: self.power_per_gpu * k }))
    }
}
