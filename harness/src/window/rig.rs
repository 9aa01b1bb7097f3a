//! One device with everything that measures and controls it.

use super::{Instruments, Options, ThrottleReader};
use crate::clock::{Clock, RealClock};
use crate::counter::CounterReader;
use crate::executor::Executor;
use crate::executor::cuda::CudaExecutor;
use crate::executor::vnode::VnodeExecutor;
use crate::knob::{self, Knob};
use crate::sensor::agreement::CrossCheck;
use crate::sensor::{Roots, Selection, Sensor, nvml, select};
use crate::vnode::{Vnode, VnodeError};
use std::sync::Arc;

/// Reads a temperature in degrees Celsius; `None` where it is unknown.
pub type Thermometer = Box<dyn FnMut() -> Option<f64>>;
/// What happens before the n-th point: a real device may cool down, the virtual one comes to idle equilibrium.
pub type Rest = Box<dyn FnMut(u64)>;

/// A device under test: what runs, what measures, what controls, and the time by which all of that goes.
pub struct Rig {
    /// Runs the kernels.
    pub executor: Box<dyn Executor>,
    /// At most one sensor a component (see [`crate::sensor::select()`]); none at all gives times without energies.
    pub sensors: Vec<Box<dyn Sensor>>,
    /// The second sensors of these components, compared with the first ones during the first windows.
    pub check: CrossCheck,
    /// What may be set; empty without `--allow-control`.
    pub knobs: Vec<Box<dyn Knob>>,
    /// The clock that stamps the readings.
    pub clock: Arc<dyn Clock>,
    /// Temperature of the device that works, where it can be read.
    pub thermometer: Option<Thermometer>,
    /// What holds that device back, where it tells.
    pub throttle: Option<ThrottleReader>,
    /// Performance counters of what runs the kernels, where there are any.
    pub counters: Option<CounterReader>,
    /// Called with the number of each point before it.
    pub rest: Option<Rest>,
    /// Highest power that the device can draw, in W, where it is known: an upper bound for estimates.
    pub power_bound_w: Option<f64>,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig")
            .field("executor", &self.executor.name())
            .field("device", &self.executor.device())
            .field("sensors", &self.sensors.iter().map(|s| s.info().id.as_str()).collect::<Vec<_>>())
            .field("knobs", &self.knobs.iter().map(|k| k.id()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Rig {
    /// A rig in real time without knobs, thermometer, counters and rests.
    pub fn new(executor: Box<dyn Executor>, selection: Selection) -> Self {
        Self {
            executor,
            sensors: selection.sensors,
            check: CrossCheck::new(selection.witnesses),
            knobs: Vec::new(),
            clock: Arc::new(RealClock::new()),
            thermometer: None,
            throttle: None,
            counters: None,
            rest: None,
            power_bound_w: None,
        }
    }

    /// A virtual device with its sensors (one a component), its levers and its clock.
    ///
    /// # Errors
    /// The state file vanished or broke.
    pub fn vnode(vnode: &Vnode) -> Result<Self, VnodeError> {
        let selection = select(vnode.sensors().into_iter().map(Ok).collect());
        let [hot, held, resting] = [(); 3].map(|()| vnode.node().clone());
        Ok(Self {
            executor: Box::new(VnodeExecutor::new(vnode)),
            sensors: selection.sensors,
            check: CrossCheck::new(selection.witnesses),
            knobs: vnode.knobs()?,
            clock: vnode.clock(),
            thermometer: Some(Box::new(move || Some(hot.temperature_c()))),
            throttle: Some(Box::new(move || Some(held.held_back_by()))),
            counters: None,
            rest: Some(Box::new(move |order| resting.rest(order))),
            power_bound_w: Some(vnode.node().physics().cap.max_w),
        })
    }

    /// An NVIDIA card with its sensors, knobs and thermometer, which are those of the same card by its UUID; and why
    /// what is missing is missing. The knobs are writable as far as `roots` permit.
    pub fn cuda(executor: CudaExecutor, roots: &Roots) -> (Self, Vec<String>) {
        let uuid = executor.uuid().to_owned();
        let selection = select(nvml::of_card(&uuid, roots));
        let mut absent: Vec<String> = selection.absent.iter().map(ToString::to_string).collect();
        let mut rig = Self::new(Box::new(executor), selection);
        for found in knob::nvml::of_card(&uuid, roots) {
            match found {
                Ok(knob) => rig.knobs.push(knob),
                Err(error) => absent.push(error.to_string()),
            }
        }
        if let Ok(card) = nvml::Card::open(&uuid, roots) {
            rig.watch(card);
        }
        (rig, absent)
    }

    /// Reads temperature, throttle reasons and the bound of power from a card.
    pub fn watch(&mut self, card: nvml::Card) {
        self.power_bound_w = card.highest_power_limit().map(|limit| limit.0);
        let hot = card.clone();
        self.thermometer = Some(Box::new(move || hot.temperature_c()));
        self.throttle = Some(Box::new(move || card.held_back_by()));
    }

    /// The parts that a measurement reads.
    pub fn instruments<'a>(&'a mut self, options: &'a Options) -> Instruments<'a> {
        Instruments {
            sensors: &mut self.sensors,
            check: &mut self.check,
            clock: self.clock.as_ref(),
            thermometer: self.thermometer.as_mut(),
            throttle: self.throttle.as_mut(),
            counters: self.counters.as_mut(),
            options,
        }
    }
}
