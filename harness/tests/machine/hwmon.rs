//! Cards and platforms in hwmon, each laid out as the named driver does.

use crate::trees::Tree;
use ergometer_harness::clock::RealClock;
use ergometer_harness::sensor::{Quantity, Selection, probe, select};
use ergometer_record::{Joules, Provenance, Watts};
use std::os::unix::fs::symlink;

/// Attributes of one hwmon device, on the bus address where one is given.
fn chip(tree: &Tree, number: u32, address: Option<&str>, files: &[(&str, &str)]) {
    let folder = format!("sys/class/hwmon/hwmon{number}");
    for (file, text) in files {
        tree.file(&format!("{folder}/{file}"), format!("{text}\n"));
    }
    if let Some(address) = address {
        let device = tree.path().join("sys/devices").join(address);
        std::fs::create_dir_all(&device).unwrap();
        symlink(device, tree.path().join(&folder).join("device")).unwrap();
    }
}

fn ids(selection: &Selection) -> (Vec<String>, Vec<String>) {
    let of = |sensors: &[Box<dyn ergometer_harness::sensor::Sensor>]| {
        let hwmon = sensors.iter().filter(|s| s.info().id.starts_with("hwmon"));
        hwmon.map(|s| format!("{} {}", s.info().component, s.info().id)).collect()
    };
    (of(&selection.sensors), of(&selection.witnesses))
}

fn first(selection: &mut Selection) -> Quantity {
    selection
        .sensors
        .iter_mut()
        .find(|s| s.info().id.starts_with("hwmon"))
        .unwrap()
        .read(&RealClock::new())
        .unwrap()
        .quantity
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
fn a_newer_radeon_calls_the_same_power_input_and_is_still_one_card() {
    // `amdgpu_hwmon_show_power_avg` and `amdgpu_hwmon_show_power_input` in drivers/gpu/drm/amd/pm/amdgpu_pm.c (Linux 6.6):
    // some chips have one, some the other, and some APUs both.
    for files in [&["power1_input"][..], &["power1_average", "power1_input"][..]] {
        let tree = Tree::virtual_machine();
        let power: Vec<_> = files.iter().map(|file| (*file, "31000000")).collect();
        chip(
            &tree,
            2,
            Some("0000:03:00.0"),
            &[&[("name", "amdgpu"), ("power1_cap", "203000000")][..], &power].concat(),
        );
        let expected = format!("gpu:0 hwmon:amdgpu:0000:03:00.0:{}", files[0]);
        assert_eq!(ids(&select(probe(&tree.roots()))), (vec![expected], vec![]));
    }
}

#[test]
fn an_arc_under_i915_is_one_card_whatever_its_tiles_report() {
    // Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon: the device (name i915) and each gt (name i915_gtN).
    let tree = Tree::virtual_machine();
    let device = [
        ("name", "i915"),
        ("in0_input", "820"),
        ("energy1_input", "123456789"),
        ("power1_max", "190000000"),
        ("power1_rated_max", "190000000"),
        ("power1_max_interval", "28000"),
        ("power1_crit", "332000000"),
    ];
    chip(&tree, 1, Some("0000:03:00.0"), &device);
    chip(&tree, 2, Some("0000:03:00.0"), &[("name", "i915_gt0"), ("energy1_input", "23456789")]);
    let mut selection = select(probe(&tree.roots()));
    assert_eq!(ids(&selection), (vec!["gpu:0 hwmon:i915:0000:03:00.0:energy1_input".into()], vec![]));
    assert_eq!(first(&mut selection), Quantity::Energy(Joules(123.456_789)));
    // The driver extends a 32-bit register only when it is read: the rule for gaps has to know its range.
    assert_eq!(
        selection.sensors.iter().find(|s| s.info().id.contains("i915")).unwrap().info().wrap,
        Some(Joules(262_144.0))
    );
}

#[test]
fn a_card_under_xe_counts_as_a_whole_and_by_its_package_where_nothing_else_is() {
    // Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon: 1 is the card, 2 its package (Linux 6.8).
    let common = [("name", "xe"), ("power2_max", "160000000"), ("power2_rated_max", "160000000"), ("in1_input", "750")];
    let package = ("energy2_input", "55000000");
    let card = [("energy1_input", "90000000"), ("power1_max", "190000000"), ("power1_crit", "300000000"), package];
    for (files, expected, joules) in [(&card[..], "energy1_input", 90.0), (&[package][..], "energy2_input", 55.0)] {
        let tree = Tree::virtual_machine();
        chip(&tree, 4, Some("0000:04:00.0"), &[&common[..], files].concat());
        let mut selection = select(probe(&tree.roots()));
        assert_eq!(ids(&selection), (vec![format!("gpu:0 hwmon:xe:0000:04:00.0:{expected}")], vec![]));
        assert_eq!(first(&mut selection), Quantity::Energy(Joules(joules)));
    }
}

#[test]
fn a_card_with_counter_and_power_is_a_counter_with_a_witness() {
    let tree = Tree::virtual_machine();
    let files = [("name", "xe"), ("energy1_input", "90000000"), ("power1_average", "42000000")];
    chip(&tree, 0, Some("0000:04:00.0"), &files);
    let (sensors, witnesses) = ids(&select(probe(&tree.roots())));
    assert_eq!(sensors, ["gpu:0 hwmon:xe:0000:04:00.0:energy1_input"]);
    assert_eq!(witnesses, ["gpu:0 hwmon:xe:0000:04:00.0:power1_average"]);
}

/// A Grace superchip: `power_meter` with power1_oem_info (NVIDIA, Grace Performance Tuning Guide, "Power and Thermal
/// Management"). drivers/hwmon/acpi_power_meter.c puts the attributes on the ACPI device up to Linux 6.13, and into the
/// hwmon folder after it.
fn grace(older: bool) -> Tree {
    let tree = Tree::virtual_machine();
    let parts = ["Module Power Socket", "Grace Power Socket", "CPU Power Socket", "SysIO Power Socket"];
    // The second socket first: the order of hwmon numbers is that of discovery.
    for (socket, first) in [(1, 0), (0, 4)] {
        for (n, words) in (first..).zip(parts) {
            let words = format!("{words} {socket}");
            let watts = format!("{}", 100_000_000 + 10_000_000 * socket);
            let files = [
                ("name", "power_meter"),
                ("power1_average", watts.as_str()),
                ("power1_average_interval", "50"),
                ("power1_is_battery", "0"),
                ("power1_oem_info", words.as_str()),
            ];
            if older {
                let device = format!("ACPI000D:{n:02x}");
                for (file, text) in files {
                    tree.file(&format!("sys/devices/LNXSYSTM:00/{device}/{file}"), format!("{text}\n"));
                }
                std::fs::create_dir_all(tree.path().join(format!("sys/class/hwmon/hwmon{n}"))).unwrap();
                let target = tree.path().join("sys/devices/LNXSYSTM:00").join(device);
                symlink(target, tree.path().join(format!("sys/class/hwmon/hwmon{n}/device"))).unwrap();
            } else {
                chip(&tree, n, None, &files);
            }
        }
    }
    tree
}

#[test]
fn a_grace_counts_its_parts_once_and_by_its_own_numbers() {
    for older in [true, false] {
        let tree = grace(older);
        let mut sensors: Vec<_> = probe(&tree.roots()).into_iter().flatten().collect();
        let components: Vec<_> = sensors.iter().map(|s| s.info().component.to_string()).collect();
        assert_eq!(components, ["psys:1", "package:1", "psys:0", "package:0"], "older: {older}");
        assert!(sensors.iter().all(|s| (s.info().period.0 - 0.05).abs() < 1e-12));
        assert_eq!(sensors[0].read(&RealClock::new()).unwrap().quantity, Quantity::Power(Watts(110.0)));
        assert_eq!(sensors[3].read(&RealClock::new()).unwrap().quantity, Quantity::Power(Watts(100.0)));
    }
}

#[test]
fn amd_energy_s_sockets_are_packages_and_its_cores_are_left_alone() {
    // drivers/hwmon/amd_energy.c (Linux 5.8 to 5.12): labels Ecore%03u for each core, then Esocket%u.
    let tree = Tree::virtual_machine();
    let mut files = vec![("name", "amd_energy")];
    for (input, label, text, value) in [
        ("energy1_input", "energy1_label", "Ecore000", "1000000"),
        ("energy2_input", "energy2_label", "Ecore001", "2000000"),
        ("energy3_input", "energy3_label", "Esocket0", "70000000"),
        ("energy4_input", "energy4_label", "Esocket1", "80000000"),
    ] {
        files.extend([(input, value), (label, text)]);
    }
    chip(&tree, 5, Some("amd_energy.0"), &files);
    let mut selection = select(probe(&tree.roots()));
    let expected = ["package:0 hwmon:amd_energy:energy3_input", "package:1 hwmon:amd_energy:energy4_input"];
    assert_eq!(ids(&selection).0, expected);
    assert_eq!(first(&mut selection), Quantity::Energy(Joules(70.0)));
    // Beside perf and powercap it is the third way to the same joules, and not read.
    let epyc = Tree::epyc(2);
    chip(&epyc, 5, Some("amd_energy.0"), &files);
    let selection = select(probe(&epyc.roots()));
    assert_eq!(ids(&selection), (vec![], vec![]));
    assert_eq!((selection.sensors.len(), selection.witnesses.len()), (2, 2));
}
