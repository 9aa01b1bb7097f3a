//! One sensor a component with a second one as its witness, and sums that count no joule twice.

use super::{Found, Sensor, SensorError, SensorInfo};
use ergometer_record::measurement::outermost;
use ergometer_record::{Component, Joules, Provenance};

/// The sensors to read and the reasons for those that are not there.
#[derive(Default)]
pub struct Selection {
    /// At most one a component.
    pub sensors: Vec<Box<dyn Sensor>>,
    /// A second way to the joules of some of these components, at most one each. Never read for results: an
    /// [`agreement`](super::agreement) compares the two.
    pub witnesses: Vec<Box<dyn Sensor>>,
    /// Why others are missing.
    pub absent: Vec<SensorError>,
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids = |sensors: &[Box<dyn Sensor>]| sensors.iter().map(|s| s.info().id.clone()).collect::<Vec<_>>();
        f.debug_struct("Selection")
            .field("sensors", &ids(&self.sensors))
            .field("witnesses", &ids(&self.witnesses))
            .field("absent", &self.absent)
            .finish()
    }
}

impl Selection {
    /// Keeps the sensors and witnesses that `wanted` says, such as those of one device.
    pub fn retain(&mut self, wanted: impl Fn(&SensorInfo) -> bool) {
        self.sensors.retain(|sensor| wanted(sensor.info()));
        self.witnesses.retain(|sensor| wanted(sensor.info()));
    }
}

/// Preference among sensors of one component: counters before integrated powers before models.
fn rank(provenance: Provenance) -> u8 {
    match provenance {
        Provenance::Counter => 0,
        Provenance::Integrated => 1,
        Provenance::Virtual => 2,
        Provenance::Modelled => 3,
        Provenance::Absent => 4,
    }
}

/// Keeps the best sensor of each component; of equals the first (`perf` comes before `powercap`). The next best of the
/// component becomes its witness. A model of the memory is dropped as soon as any memory is measured, and is no witness.
pub fn select(found: Vec<Found>) -> Selection {
    let mut selection = Selection::default();
    let mut candidates: Vec<Box<dyn Sensor>> = Vec::new();
    for item in found {
        match item {
            Ok(sensor) => candidates.push(sensor),
            Err(error) => selection.absent.push(error),
        }
    }
    candidates.sort_by_key(|s| rank(s.info().provenance));
    for sensor in candidates {
        let info = sensor.info();
        let modelled = info.provenance == Provenance::Modelled;
        let covers = |kept: &SensorInfo| kept.component == info.component;
        let measured = |kept: &SensorInfo| modelled && kept.component.domain == info.component.domain;
        if !selection.sensors.iter().any(|kept| covers(kept.info()) || measured(kept.info())) {
            selection.sensors.push(sensor);
        } else if !modelled && !selection.witnesses.iter().any(|kept| covers(kept.info())) {
            selection.witnesses.push(sensor);
        }
    }
    selection.sensors.sort_by_key(|s| s.info().component);
    selection.witnesses.sort_by_key(|s| s.info().component);
    selection
}

/// The sum over the outermost measured components, with its standard uncertainty; `None` when nothing was measured.
/// Modelled and virtual energies stay out (DESIGN 3.1). Uncertainties are added as if fully correlated, because sensors
/// of one make share their gain error.
pub fn measured_total(parts: &[(Component, Provenance, Joules, Joules)]) -> Option<(Joules, Joules)> {
    let measured: Vec<_> = parts.iter().filter(|(_, provenance, ..)| provenance.is_measured()).collect();
    let (mut energy, mut u, mut any) = (Joules(0.0), Joules(0.0), false);
    for (_, _, joules, uncertainty) in outermost(&measured, |part| part.0) {
        energy += *joules;
        u += *uncertainty;
        any = true;
    }
    any.then_some((energy, u))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::sensor::Reading;
    use ergometer_record::Seconds;
    use ergometer_record::measurement::Domain;
    use proptest::prelude::*;

    struct Named(SensorInfo);

    impl Sensor for Named {
        fn info(&self) -> &SensorInfo {
            &self.0
        }
        fn read(&mut self, _: &dyn Clock) -> Result<Reading, SensorError> {
            Err(SensorError::Failed { id: self.0.id.clone(), reason: "never read".into() })
        }
    }

    fn sensor(id: &str, domain: Domain, index: u32, provenance: Provenance) -> Found {
        Ok(Box::new(Named(SensorInfo {
            id: id.into(),
            component: Component::new(domain, index),
            provenance,
            period: Seconds(0.001),
            resolution: 1e-6,
            wrap: None,
            gain_u: 0.0,
            characterised: None,
        })))
    }

    #[test]
    fn one_sensor_a_component_and_no_model_beside_a_measurement() {
        let selection = select(vec![
            sensor("perf:package:0", Domain::Package, 0, Provenance::Counter),
            sensor("powercap:intel-rapl:0", Domain::Package, 0, Provenance::Counter),
            sensor("gpu-power", Domain::Gpu, 0, Provenance::Integrated),
            sensor("gpu-counter", Domain::Gpu, 0, Provenance::Counter),
            sensor("dram-model", Domain::Dram, 0, Provenance::Modelled),
            sensor("powercap:intel-rapl:1:0", Domain::Dram, 1, Provenance::Counter),
            Err(SensorError::Missing { id: "x".into(), reason: "y".into() }),
        ]);
        let ids: Vec<_> = selection.sensors.iter().map(|s| s.info().id.as_str()).collect();
        assert_eq!(ids, ["perf:package:0", "powercap:intel-rapl:1:0", "gpu-counter"]);
        let witnesses: Vec<_> = selection.witnesses.iter().map(|s| s.info().id.as_str()).collect();
        assert_eq!(witnesses, ["powercap:intel-rapl:0", "gpu-power"]);
        assert_eq!(selection.absent.len(), 1);
    }

    #[test]
    fn a_client_total_is_psys_alone() {
        let part = |d, j| (Component::new(d, 0), Provenance::Counter, Joules(j), Joules(0.1));
        let parts = [
            part(Domain::Psys, 100.0),
            part(Domain::Package, 60.0),
            part(Domain::Core, 40.0),
            part(Domain::Uncore, 5.0),
            part(Domain::Gpu, 70.0),
        ];
        let (energy, u) = measured_total(&parts).unwrap();
        assert_eq!(energy, Joules(170.0));
        assert!((u.0 - 0.2).abs() < 1e-12);
    }

    #[test]
    fn models_and_virtual_values_are_no_part_of_a_measured_total() {
        let parts = [
            (Component::new(Domain::Dram, 0), Provenance::Modelled, Joules(9.0), Joules(1.0)),
            (Component::new(Domain::Gpu, 0), Provenance::Virtual, Joules(9.0), Joules(1.0)),
        ];
        assert_eq!(measured_total(&parts), None);
    }

    proptest! {
        // Whatever domains exist, adding a contained one changes nothing, and no order matters.
        #[test]
        fn contained_domains_never_add(order in Just((0u32..8).collect::<Vec<_>>()).prop_shuffle()) {
            let domains = [Domain::Package, Domain::Package, Domain::Core, Domain::Core, Domain::Uncore, Domain::Dram, Domain::Dram, Domain::Gpu];
            let index = [0, 1, 0, 1, 0, 0, 1, 0];
            let parts: Vec<_> = order
                .iter()
                .map(|&i| (Component::new(domains[i as usize], index[i as usize]), Provenance::Counter, Joules(f64::from(1 << i)), Joules(0.0)))
                .collect();
            // Packages 1 + 2, memories 32 + 64, card 128.
            prop_assert_eq!(measured_total(&parts).unwrap().0, Joules(227.0));
        }
    }
}
