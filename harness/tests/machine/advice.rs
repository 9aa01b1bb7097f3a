//! The commands that `advise` prints, run by a shell on machines made of files.

use crate::trees::Tree;
use ergometer_harness::table::advise::commands;
use ergometer_record::{Setting, Watts};
use std::process::Command;

/// Runs the commands for `setting` on `tree`, as the owner of its files.
fn follow(tree: &Tree, setting: &Setting) {
    for command in commands(setting) {
        let sys = format!("{}/sys/", tree.path().display());
        let command = command.replace("sudo ", "").replace("/sys/", &sys);
        let output = Command::new("sh").args(["-ec", &command]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && errors.is_empty(), "{command}: {errors}");
    }
}

#[test]
fn turbo_is_set_where_the_machine_has_its_switch() {
    let intel = "sys/devices/system/cpu/intel_pstate/no_turbo";
    let boost = "sys/devices/system/cpu/cpufreq/boost";
    for turbo in [false, true] {
        let setting = Setting { turbo: Some(turbo), ..Setting::default() };
        let (server, epyc) = (Tree::intel_server(), Tree::epyc(2));
        follow(&server, &setting);
        assert_eq!(server.text(intel), if turbo { "0" } else { "1" });
        assert!(!server.path().join(boost).exists());
        follow(&epyc, &setting);
        assert_eq!(epyc.text(boost), if turbo { "1" } else { "0" });
        assert!(!epyc.path().join(intel).exists());
    }
}

#[test]
fn a_package_limit_reaches_every_package_and_nothing_else() {
    let limit = |tree: &Tree, zone: &str| tree.text(&format!("sys/class/powercap/{zone}/constraint_0_power_limit_uw"));
    let capped = |watts| Setting { cpu_cap_w: Some(Watts(watts)), ..Setting::default() };
    let server = Tree::intel_server();
    follow(&server, &capped(90.0));
    assert_eq!(
        (limit(&server, "intel-rapl:0"), limit(&server, "intel-rapl:1")),
        ("90000000".into(), "90000000".into())
    );
    // A memory has no limit here, and none is made.
    assert!(!server.path().join("sys/class/powercap/intel-rapl:0:0/constraint_0_power_limit_uw").exists());
    let client = Tree::intel_client();
    follow(&client, &capped(30.0));
    let limits = ["intel-rapl:0", "intel-rapl:1", "intel-rapl-mmio:0"].map(|zone| limit(&client, zone));
    assert_eq!(limits, ["30000000", "100000000", "45000000"], "package, psys, and the package's second interface");
}
