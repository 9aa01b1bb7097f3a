//! Knobs of fixture machines: allowed values, ids that open them again, permission.

use crate::trees::Tree;
use ergometer_harness::knob::{Allowed, KnobError, Lever, Permission, encode, open, probe, turbo};
use ergometer_record::{Hertz, Setting, Watts};

fn ids(tree: &Tree) -> Vec<String> {
    probe(&tree.roots()).iter().flatten().map(|k| k.id().to_owned()).collect()
}

fn allowing(tree: &Tree) -> ergometer_harness::sensor::Roots {
    tree.roots().with_permission(Permission::AllowControl)
}

#[test]
fn a_client_offers_every_kind_of_knob() {
    let tree = Tree::intel_client();
    let of_policy = |n: u32| {
        ["scaling_governor", "scaling_min_freq", "scaling_max_freq", "energy_performance_preference"]
            .map(|file| format!("cpufreq:policy{n}:{file}"))
    };
    let expected = [
        of_policy(0).to_vec(),
        of_policy(1).to_vec(),
        vec!["turbo:intel_pstate:no_turbo".into()],
        ["constraint_0_power_limit_uw", "constraint_1_power_limit_uw", "enabled"]
            .map(|file| format!("powercap:intel-rapl:0:{file}"))
            .to_vec(),
    ]
    .concat();
    assert_eq!(ids(&tree), expected);
}

#[test]
fn every_knob_opens_again_from_its_id() {
    for tree in [Tree::intel_server(), Tree::intel_client(), Tree::epyc(2), Tree::amdgpu()] {
        let roots = tree.roots();
        for knob in probe(&roots).into_iter().flatten() {
            let again = open(knob.id(), &roots).unwrap();
            assert_eq!((again.lever(), again.read().unwrap()), (knob.lever(), knob.read().unwrap()));
            assert_eq!(again.allowed().unwrap(), knob.allowed().unwrap());
        }
    }
}

#[test]
fn hostile_and_unknown_ids_open_nothing() {
    let tree = Tree::intel_server();
    for id in [
        "",
        "cpufreq",
        "cpufreq:policy0",
        "cpufreq:policy0:../../../../etc/passwd",
        "cpufreq:policy0/../policy1:scaling_governor",
        "cpufreq:policy9:scaling_governor",
        "cpufreq:policy0:scaling_governor:x",
        "turbo:x",
        "powercap:intel-rapl:0:energy_uj",
        "powercap:../intel-rapl:0:constraint_0_power_limit_uw",
        "powercap:intel-rapl:0:constraint_2_power_limit_uw",
        "powercap:intel-rapl:0:name",
        "hwmon:nowhere:power1_cap",
        "nvml:GPU-1:power_limit",
        "vnode:/nowhere/state.toml:gpu_cap",
        "toaster:0",
    ] {
        assert!(open(id, &tree.roots()).is_err(), "{id}");
    }
}

#[test]
fn allowed_values_come_from_the_hardware() {
    let tree = Tree::intel_server();
    let roots = tree.roots();
    let governor = open("cpufreq:policy0:scaling_governor", &roots).unwrap().allowed().unwrap();
    assert!(governor.accepts("ondemand") && !governor.accepts("turbo"));
    let clock = open("cpufreq:policy0:scaling_max_freq", &roots).unwrap().allowed().unwrap();
    assert_eq!(clock, Allowed::Range { min: 800_000.0, max: 3_600_000.0, step: None, unit: "kHz" });
    let cap = open("powercap:intel-rapl:1:constraint_0_power_limit_uw", &roots).unwrap().allowed().unwrap();
    assert!(cap.accepts("135000000") && !cap.accepts("136000000"));
}

#[test]
fn reset_goes_to_the_drivers_default_or_says_that_there_is_none() {
    let tree = Tree::amdgpu();
    let roots = allowing(&tree);
    let write_then_reset = |id: &str, value: &str| -> Result<Option<String>, KnobError> {
        let mut knob = open(id, &roots).unwrap();
        knob.write(value).unwrap();
        assert_eq!(knob.read().unwrap().as_deref(), Some(value));
        knob.reset()?;
        knob.read()
    };
    assert_eq!(write_then_reset("hwmon:0000:03:00.0:power1_cap", "150000000").unwrap().as_deref(), Some("203000000"));
    assert_eq!(write_then_reset("cpufreq:policy0:scaling_max_freq", "2000000").unwrap().as_deref(), Some("3600000"));
    assert_eq!(write_then_reset(turbo::BOOST, "0").unwrap().as_deref(), Some("1"));
    assert!(matches!(write_then_reset("cpufreq:policy0:scaling_governor", "powersave"), Err(KnobError::Failed { .. })));
}

#[test]
fn a_setting_is_written_in_each_knobs_own_unit() {
    let setting = Setting {
        governor: Some("performance".into()),
        turbo: Some(false),
        cpu_max_hz: Some(Hertz::from_mhz(2200.0)),
        cpu_cap_w: Some(Watts(90.0)),
        gpu_cap_w: Some(Watts(180.5)),
        ..Setting::default()
    };
    let of = |tree: &Tree, id: &str| encode(open(id, &tree.roots()).unwrap().as_ref(), &setting).unwrap();
    let server = Tree::intel_server();
    assert_eq!(of(&server, "cpufreq:policy0:scaling_governor").as_deref(), Some("performance"));
    assert_eq!(of(&server, "cpufreq:policy0:scaling_max_freq").as_deref(), Some("2200000"));
    assert_eq!(of(&server, "cpufreq:policy0:scaling_min_freq"), None);
    assert_eq!(of(&server, "powercap:intel-rapl:0:constraint_0_power_limit_uw").as_deref(), Some("90000000"));
    // The two turbo files have opposite senses.
    assert_eq!(of(&server, turbo::NO_TURBO).as_deref(), Some("1"));
    let radeon = Tree::amdgpu();
    assert_eq!(of(&radeon, turbo::BOOST).as_deref(), Some("0"));
    assert_eq!(of(&radeon, "hwmon:0000:03:00.0:power1_cap").as_deref(), Some("180500000"));
}

#[test]
fn a_value_that_the_hardware_does_not_accept_is_refused_with_what_is_allowed() {
    let tree = Tree::intel_server();
    let setting = Setting { cpu_cap_w: Some(Watts(500.0)), ..Setting::default() };
    let knob = open("powercap:intel-rapl:0:constraint_0_power_limit_uw", &tree.roots()).unwrap();
    let error = encode(knob.as_ref(), &setting).unwrap_err().to_string();
    assert!(error.contains("500000000") && error.contains("135000000 uW"), "{error}");
}

#[test]
fn both_limits_of_a_package_are_found_by_name_and_know_what_else_binds() {
    let tree = Tree::intel_client();
    // Numbered the other way round, as the driver may.
    for (n, name, limit) in [(0, "short_term", 120), (1, "long_term", 55)] {
        let zone = "sys/class/powercap/intel-rapl:0";
        tree.file(&format!("{zone}/constraint_{n}_name"), format!("{name}\n"));
        tree.file(&format!("{zone}/constraint_{n}_power_limit_uw"), format!("{limit}000000\n"));
    }
    let limit = |n: u32| open(&format!("powercap:intel-rapl:0:constraint_{n}_power_limit_uw"), &tree.roots()).unwrap();
    assert_eq!((limit(0).lever(), limit(1).lever()), (Lever::CpuCapShort, Lever::CpuCap));
    let rivals =
        |n: u32| -> Vec<(String, f64)> { limit(n).rivals().into_iter().map(|r| (r.name, r.watts.round())).collect() };
    let mmio = [("the MMIO long-term limit".to_owned(), 45.0), ("the MMIO short-term limit".to_owned(), 90.0)];
    assert_eq!(rivals(1), [&[("the short-term limit".to_owned(), 120.0)], &mmio[..]].concat());
    assert_eq!(rivals(0), [&[("the long-term limit".to_owned(), 55.0)], &mmio[..]].concat());
    // A long-term limit that is not in force binds nothing.
    tree.file("sys/class/powercap/intel-rapl-mmio:0/enabled", "0\n");
    tree.file("sys/class/powercap/intel-rapl:0/enabled", "0\n");
    assert_eq!(rivals(0), mmio[1..]);
}

#[test]
fn without_permission_nothing_is_written() {
    let tree = Tree::intel_server();
    for found in probe(&tree.roots()) {
        let Ok(mut knob) = found else { continue };
        let before = knob.read().unwrap();
        for result in [knob.write("1"), knob.reset()] {
            let error = result.unwrap_err();
            // A governor has no default, which is said before permission is asked for.
            assert!(matches!(error, KnobError::NotPermitted { .. } | KnobError::Failed { .. }), "{error}");
        }
        assert_eq!(knob.read().unwrap(), before);
    }
    let mut knob = open("cpufreq:policy0:scaling_governor", &tree.roots()).unwrap();
    assert!(knob.write("powersave").unwrap_err().to_string().contains("--allow-control"));
}

#[test]
fn a_vanished_file_is_missing_and_none_is_created() {
    let tree = Tree::intel_server();
    let mut knob = open("cpufreq:policy0:scaling_governor", &allowing(&tree)).unwrap();
    let file = tree.path().join("sys/devices/system/cpu/cpufreq/policy0/scaling_governor");
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(knob.write("powersave"), Err(KnobError::Missing { .. })));
    assert!(!file.exists());
    assert_eq!(knob.lever(), Lever::Governor);
}
