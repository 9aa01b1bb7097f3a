//! The DRAM model beside a measured domain, over memory and sensors whose energies are known.

use ergometer_harness::clock::Clock;
use ergometer_harness::footprint::{FootprintError, Memory, Sensors, Step, compare};
use ergometer_harness::sensor::{Quantity, Reading, Sensor, SensorError, SensorInfo};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use std::sync::{Arc, Mutex};

const GIB: u64 = 1 << 30;
/// Bytes per second that the memory streams, and joules per byte that it takes beside 2 W of idling.
const RATE: f64 = 8e9;
const J_PER_BYTE: f64 = 1e-10;

/// Time, bytes in use and bytes streamed of a machine.
#[derive(Default)]
struct State {
    now_s: f64,
    used: u64,
    streamed: f64,
}

#[derive(Clone, Default)]
struct Machine(Arc<Mutex<State>>);

impl Clock for Machine {
    fn now(&self) -> Seconds {
        Seconds(self.0.lock().unwrap().now_s)
    }
    fn sleep(&self, time: Seconds) {
        self.0.lock().unwrap().now_s += time.0;
    }
    fn is_virtual(&self) -> bool {
        true
    }
}

impl Memory for Machine {
    fn resize(&mut self, bytes: u64) -> Result<(), FootprintError> {
        self.0.lock().unwrap().used = bytes;
        Ok(())
    }
    fn stream(&mut self) -> u64 {
        let mut state = self.0.lock().unwrap();
        let bytes = state.used.min(GIB / 4);
        state.streamed += bytes as f64;
        state.now_s += bytes as f64 / RATE;
        bytes
    }
}

struct Dram {
    info: SensorInfo,
    machine: Machine,
}

impl Dram {
    fn sensor(machine: &Machine, index: u32, provenance: Provenance) -> Box<dyn Sensor> {
        let info = SensorInfo {
            id: format!("dram:{index}"),
            component: Component::new(Domain::Dram, index),
            provenance,
            period: Seconds(0.001),
            resolution: 1e-6,
            wrap: None,
            gain_u: 0.1,
            characterised: None,
        };
        Box::new(Self { info, machine: machine.clone() })
    }
}

impl Sensor for Dram {
    fn info(&self) -> &SensorInfo {
        &self.info
    }
    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let time = clock.now();
        let state = self.machine.0.lock().unwrap();
        let quantity = if self.info.provenance == Provenance::Modelled {
            // 10 W from 4 GiB on, 5 W below: the model goes by use, not by traffic.
            Quantity::Power(Watts(if state.used >= 4 * GIB { 10.0 } else { 5.0 }))
        } else {
            Quantity::Energy(Joules(2.0 * state.now_s + J_PER_BYTE * state.streamed))
        };
        Ok(Reading { time, quantity })
    }
}

fn sensors(machine: &Machine, packages: u32) -> Sensors {
    Sensors {
        model: Ok(Dram::sensor(machine, 0, Provenance::Modelled)),
        measured: (0..packages).map(|i| Dram::sensor(machine, i, Provenance::Counter)).collect(),
    }
}

#[test]
fn energies_of_a_pass_are_those_of_the_machine() {
    let machine = Machine::default();
    let sizes = [GIB, 2 * GIB, 4 * GIB, 8 * GIB];
    let clock = machine.clone();
    let mut memory = machine.clone();
    let steps = compare(&mut sensors(&machine, 2), &mut memory, &clock, &sizes, Seconds(0.5), &mut |_| true).unwrap();
    assert_eq!(steps.len(), 4);
    for step in &steps {
        let bytes = step.footprint_bytes as f64;
        let time = bytes / RATE;
        assert!((step.time_s.0 / time - 1.0).abs() < 1e-9 && step.passes * time >= 0.5, "{step:?}");
        let model = if step.footprint_bytes >= 4 * GIB { 10.0 } else { 5.0 } * time;
        let (modelled, u) = step.modelled.clone().unwrap();
        assert!((modelled.0 / model - 1.0).abs() < 1e-9 && u.0 >= 0.1 * model, "{step:?}");
        // Both packages saw the same.
        let (measured, _) = step.measured.clone().unwrap();
        assert!((measured.0 / (2.0 * (2.0 * time + J_PER_BYTE * bytes)) - 1.0).abs() < 1e-6, "{step:?}");
    }
    // The memory is given back.
    assert_eq!(machine.0.lock().unwrap().used, 0);
}

#[test]
fn without_a_domain_the_model_stands_alone_and_says_why() {
    let machine = Machine::default();
    let mut watched = sensors(&machine, 0);
    let mut memory = machine.clone();
    let steps = compare(&mut watched, &mut memory, &machine, &[GIB], Seconds(0.2), &mut |_| true).unwrap();
    assert!(steps[0].modelled.is_ok());
    assert!(steps[0].measured.as_ref().unwrap_err().contains("no DRAM domain"));
    let json = serde_json::to_string(&steps).unwrap();
    assert!(json.contains(r#""measured":{"reason":"no DRAM"#) && json.contains(r#""modelled":{"energy_j":"#), "{json}");
    assert_eq!(serde_json::from_str::<Vec<Step>>(&json).unwrap(), steps);
    watched.model = Err(SensorError::Missing { id: "dram:model".into(), reason: "no table of modules".into() });
    let steps = compare(&mut watched, &mut memory, &machine, &[GIB], Seconds(0.2), &mut |_| true).unwrap();
    assert!(steps[0].modelled.as_ref().unwrap_err().contains("no table of modules"));
}

#[test]
fn stopping_gives_the_steps_so_far() {
    let machine = Machine::default();
    let mut memory = machine.clone();
    let go_on = &mut |bytes| bytes < 2 * GIB;
    let steps =
        compare(&mut sensors(&machine, 1), &mut memory, &machine, &[GIB, 2 * GIB], Seconds(0.2), go_on).unwrap();
    assert_eq!(steps.len(), 1);
}
