//! Every fixture machine: what is found, what is missing, what is denied.

use crate::trees::Tree;
use ergometer_harness::clock::RealClock;
use ergometer_harness::sensor::{Found, Quantity, Roots, Sensor, SensorError, probe, select};
use ergometer_record::{Joules, Provenance, Watts};

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
    let tree = Tree::epyc();
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
fn a_radeon_reports_power_and_a_disk_is_none_of_our_business() {
    let tree = Tree::amdgpu();
    let mut sensors: Vec<_> = probe(&tree.roots()).into_iter().flatten().collect();
    let card = sensors.iter_mut().find(|s| s.info().component.to_string() == "gpu:0").unwrap();
    assert_eq!(card.info().id, "hwmon:amdgpu:0000:03:00.0:power1_average");
    assert_eq!(card.info().provenance, Provenance::Integrated);
    assert_eq!(card.read(&RealClock::new()).unwrap().quantity, Quantity::Power(Watts(31.0)));
    assert!(!sensors.iter().any(|s| s.info().id.contains("nvme")));
}

#[test]
fn a_grace_counts_its_parts_once() {
    // `power_meter` with power1_oem_info: NVIDIA, Grace Performance Tuning Guide, "Power and Thermal Management".
    let tree = Tree::virtual_machine();
    for (n, words) in [
        (1, "Module Power Socket 0"),
        (2, "Grace Power Socket 0"),
        (3, "CPU Power Socket 0"),
        (4, "SysIO Power Socket 0"),
    ] {
        tree.file(&format!("sys/class/hwmon/hwmon{n}/name"), "power_meter\n");
        tree.file(&format!("sys/class/hwmon/hwmon{n}/power1_average"), "100000000\n");
        tree.file(&format!("sys/class/hwmon/hwmon{n}/power1_average_interval"), "50\n");
        tree.file(&format!("sys/class/hwmon/hwmon{n}/power1_oem_info"), format!("{words}\n"));
    }
    let all = probe(&tree.roots());
    let components: Vec<_> = found(&all).into_iter().map(|(component, _)| component).collect();
    assert_eq!(components, ["psys:0", "package:0"]);
    assert!((all.iter().flatten().next().unwrap().info().period.0 - 0.05).abs() < 1e-12);
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
