//! Every fixture machine: what is found, what is missing, what is denied.

use crate::trees::{PACKAGE_RANGE_UJ, Tree};
use ergometer_harness::clock::RealClock;
use ergometer_harness::sensor::energy::{WindowEnergy, WindowError, integrate};
use ergometer_harness::sensor::{Found, Quantity, Reading, Roots, Sensor, SensorError, probe, select};
use ergometer_record::measurement::Domain;
use ergometer_record::{Joules, Seconds};

fn found(all: &[Found]) -> Vec<(String, String)> {
    all.iter().flatten().map(|s| (s.info().component.to_string(), s.info().id.clone())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

fn error<'a>(all: &'a [Found], id: &str) -> &'a SensorError {
    all.iter()
        .filter_map(|f| f.as_ref().err())
        .find(|e| e.to_string().starts_with(id))
        .unwrap_or_else(|| panic!("no error about {id}"))
}

#[test]
fn a_server_has_packages_and_memories_of_two_sockets() {
    let tree = Tree::intel_server();
    let all = probe(&tree.roots());
    assert_eq!(
        found(&all),
        pairs(&[
            ("package:0", "powercap:intel-rapl:0"),
            ("dram:0", "powercap:intel-rapl:0:0"),
            ("package:1", "powercap:intel-rapl:1"),
            ("dram:1", "powercap:intel-rapl:1:0"),
        ])
    );
    let mut sensors: Vec<Box<dyn Sensor>> = all.into_iter().flatten().collect();
    let info = sensors[0].info().clone();
    // The step follows from the range: 2^-14 J; the counter starts again one step above the range.
    assert!((info.resolution - 1.0 / 16_384.0).abs() < 1e-9, "{}", info.resolution);
    assert!((info.wrap.unwrap().0 - 262_143.328_85).abs() < 1e-3);
    assert!((sensors[1].info().resolution - 15.3e-6).abs() < 1e-8);
    assert_eq!(sensors[0].read(&RealClock::new()).unwrap().quantity, Quantity::Energy(Joules(5.0)));
    // It is read anew each time.
    tree.file("sys/class/powercap/intel-rapl:0/energy_uj", "6500000\n");
    assert_eq!(sensors[0].read(&RealClock::new()).unwrap().quantity, Quantity::Energy(Joules(6.5)));
}

#[test]
fn a_client_shows_psys_and_no_package_twice() {
    let tree = Tree::intel_client();
    assert_eq!(
        found(&probe(&tree.roots())),
        pairs(&[
            ("package:0", "powercap:intel-rapl:0"),
            ("core:0", "powercap:intel-rapl:0:0"),
            ("uncore:0", "powercap:intel-rapl:0:1"),
            ("psys:0", "powercap:intel-rapl:1"),
        ])
    );
}

#[test]
fn an_epyc_is_counted_by_perf_and_its_single_core_zones_are_left_out() {
    let tree = Tree::epyc(2);
    let all = probe(&tree.roots());
    assert!(error(&all, "powercap:intel-rapl:0:0").to_string().contains("single core"));
    let mut selection = select(all);
    let ids: Vec<_> = selection.sensors.iter().map(|s| s.info().id.clone()).collect();
    assert_eq!(ids, ["perf:power/energy-pkg/cpu0", "perf:power/energy-pkg/cpu1"]);
    // A count of 2^32 steps of 2^-32 J is one joule.
    let clock = RealClock::new();
    assert_eq!(selection.sensors[0].read(&clock).unwrap().quantity, Quantity::Energy(Joules(1.0)));
    assert_eq!(selection.sensors[1].read(&clock).unwrap().quantity, Quantity::Energy(Joules(2.0)));
}

#[test]
fn a_virtual_machine_has_nothing_and_says_why() {
    let all = probe(&Tree::virtual_machine().roots());
    assert_eq!(found(&all), []);
    for id in ["powercap", "perf:power", "dram:model", "nvml"] {
        assert!(matches!(error(&all, id), SensorError::Missing { .. }), "{id}");
    }
}

#[test]
fn a_masked_container_names_the_exact_command() {
    let tree = Tree::masked_container();
    let all = probe(&tree.roots());
    assert_eq!(found(&all), []);
    let remedy = |id: &str| match error(&all, id) {
        SensorError::NotPermitted { remedy, .. } => remedy.clone(),
        other => panic!("{other}"),
    };
    let file = tree.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    assert_eq!(remedy("powercap:intel-rapl:0 "), format!("sudo chmod a+r {}", file.display()));
    assert_eq!(remedy("perf:power/energy-pkg/cpu0"), "sudo sysctl kernel.perf_event_paranoid=0");
    assert!(error(&all, "perf:power/energy-pkg/cpu0").to_string().contains("paranoid is 2"));
    assert!(remedy("dram:model").starts_with("sudo chmod a+r "));
}

#[test]
fn an_epyc_of_one_socket_is_counted_once() {
    let selection = select(probe(&Tree::epyc(1).roots()));
    let ids = |sensors: &[Box<dyn Sensor>]| sensors.iter().map(|s| s.info().id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&selection.sensors), ["perf:power/energy-pkg/cpu0"]);
    assert_eq!(ids(&selection.witnesses), ["powercap:intel-rapl:0"]);
}

#[test]
fn dies_are_counted_one_by_one_and_alike_in_both_ways() {
    let selection = select(probe(&Tree::dies().roots()));
    let of = |sensors: &[Box<dyn Sensor>], domain| {
        let those = sensors.iter().filter(|s| s.info().component.domain == domain);
        those.map(|s| (s.info().component.index, s.info().id.clone())).collect::<Vec<_>>()
    };
    for (domain, event, zone) in [(Domain::Package, "energy-pkg", ""), (Domain::Dram, "energy-ram", ":0")] {
        let perf: Vec<_> = (0..4).map(|n| (n, format!("perf:power/{event}/cpu{n}"))).collect();
        let powercap: Vec<_> = (0..4).map(|n| (n, format!("powercap:intel-rapl:{n}{zone}"))).collect();
        assert_eq!(of(&selection.sensors, domain), perf);
        assert_eq!(of(&selection.witnesses, domain), powercap);
    }
}

#[test]
fn the_package_through_memory_is_listed_as_left_out() {
    let all = probe(&Tree::intel_client().roots());
    let reason = error(&all, "powercap:intel-rapl-mmio:0").to_string();
    assert!(reason.contains("package-0 a second time") && reason.contains("counted once"), "{reason}");
}

/// Reads the sensor whose id begins so, at these times, with these counts in its file.
fn window(tree: &Tree, id: &str, file: &str, points: &[(f64, u64)]) -> Result<WindowEnergy, WindowError> {
    let mut sensors: Vec<_> = probe(&tree.roots()).into_iter().flatten().collect();
    let sensor = sensors.iter_mut().find(|s| s.info().id.starts_with(id)).unwrap();
    let readings: Vec<Reading> = points
        .iter()
        .map(|(time, count)| {
            tree.file(file, format!("{count}\n"));
            Reading { time: Seconds(*time), ..sensor.read(&RealClock::new()).unwrap() }
        })
        .collect();
    integrate(&readings, sensor.info())
}

#[test]
fn wrap_reset_and_gap_are_told_apart_in_both_ways_to_a_package() {
    let powercap = |points: &[(f64, u64)]| {
        let tree = Tree::intel_server();
        window(&tree, "powercap:intel-rapl:0", "sys/class/powercap/intel-rapl:0/energy_uj", points)
    };
    // 262,143.3 J at most 1000 W wrap in 262 s: after half of that nobody knows how often.
    let wrapped = powercap(&[(0.0, PACKAGE_RANGE_UJ - 40_000_000), (1.0, 60_000_000)]).unwrap();
    assert!((wrapped.energy.0 - 100.0).abs() < 1e-3 && wrapped.wraps == 1);
    assert!(powercap(&[(0.0, 0), (130.0, 13_000_000_000)]).is_ok());
    assert!(matches!(powercap(&[(0.0, 0), (132.0, 13_000_000_000)]), Err(WindowError::Gap { .. })));
    assert!(matches!(powercap(&[(0.0, 90_000_000_000), (1.0, 5_000_000)]), Err(WindowError::Reset { .. })));
    // perf counts in 64 bits, and its driver reads the register in time: no gap is too long, nothing wraps.
    let joules = |j: u64| j << 32;
    let perf = |points: &[(f64, u64)]| {
        let tree = Tree::epyc(1);
        window(&tree, "perf:power/energy-pkg", "perf/energy-pkg-cpu0", points)
    };
    let long = perf(&[(0.0, joules(1)), (10_000.0, joules(900_001))]).unwrap();
    assert!((long.energy.0 - 900_000.0).abs() < 1e-6 && long.wraps == 0);
    // Going back is therefore never a wrap, however near the end of 32 bits it happens.
    for from in [5000, 65_535, 262_143] {
        assert!(matches!(perf(&[(0.0, joules(from)), (1.0, joules(3))]), Err(WindowError::Reset { .. })), "{from}");
    }
}

#[test]
fn broken_files_are_named_and_nothing_panics() {
    let tree = Tree::intel_server();
    tree.file("sys/class/powercap/intel-rapl:0/energy_uj", "many\n");
    tree.file("sys/class/powercap/intel-rapl:1/max_energy_range_uj", "");
    tree.file("sys/class/powercap/intel-rapl:1:0/name", "future\n");
    tree.pmu("0", &[("energy-pkg", "2")]);
    tree.file("sys/bus/event_source/devices/power/events/energy-pkg.unit", "Watts\n");
    let all = probe(&tree.roots());
    assert_eq!(found(&all), pairs(&[("dram:0", "powercap:intel-rapl:0:0")]));
    assert!(error(&all, "powercap:intel-rapl:0 ").to_string().contains("\"many\""));
    assert!(error(&all, "powercap:intel-rapl:1:0").to_string().contains("future"));
    assert!(error(&all, "perf:power/energy-pkg/cpu0").to_string().contains("Watts"));
}

#[test]
fn this_machine_is_probed_without_panic_and_every_absence_has_a_reason() {
    for found in probe(&Roots::system()) {
        match found {
            Ok(mut sensor) => assert!(sensor.read(&RealClock::new()).is_ok(), "{:?}", sensor.info()),
            Err(error) => assert!(error.to_string().len() > 20, "{error}"),
        }
    }
}
