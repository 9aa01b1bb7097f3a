//! The virtual device's sensors.

use super::node::Node;
use super::physics::{SensorModel, SensorQuantity};
use crate::clock::Clock;
use crate::sensor::{Quantity, Reading, Sensor, SensorError, SensorInfo};
use ergometer_record::{Joules, Provenance, Seconds, Watts};

/// One sensor of a virtual device, with its period, averaging window, resolution, wrap and gain.
#[derive(Debug)]
pub struct VnodeSensor {
    node: Node,
    model: SensorModel,
    info: SensorInfo,
}

impl VnodeSensor {
    pub(super) fn new(node: Node, model: SensorModel) -> Self {
        let info = SensorInfo {
            id: format!("vnode:{}", model.id),
            component: model.component,
            provenance: Provenance::Virtual,
            period: Seconds(model.period_s),
            resolution: model.resolution,
            wrap: model.wrap_j.map(Joules),
            gain_u: model.gain_u,
            characterised: None,
        };
        Self { node, model, info }
    }
}

impl Sensor for VnodeSensor {
    fn info(&self) -> &SensorInfo {
        &self.info
    }

    fn read(&mut self, _clock: &dyn Clock) -> Result<Reading, SensorError> {
        // The node stamps the reading itself: its clock stands still meanwhile.
        let (time, value) = self.node.read(&self.model);
        let quantity = match self.model.quantity {
            SensorQuantity::Energy => Quantity::Energy(Joules(value)),
            SensorQuantity::Power => Quantity::Power(Watts(value)),
        };
        Ok(Reading { time: Seconds(time), quantity })
    }
}
