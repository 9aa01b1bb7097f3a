//! The lease over file-backed knobs: every kill point, the guardian, `restore`, and other people's changes.
//!
//! Tests that kill re-execute this test executable: [`measuring_process`] and [`guardian_process`] do nothing unless
//! they are started by one of them.

mod holding;
mod journals;
mod kills;

use crate::trees::Tree;
use ergometer_harness::knob::{Allowed, Knob, KnobError, Lever, Permission, open};
use ergometer_harness::lease::failpoint::{self, Point};
use ergometer_harness::lease::{
    self, GuardianCommand, Lease, LeaseError, LeaseOptions, Outcome, RestoreReport, guardian, interrupt,
};
use ergometer_harness::sensor::Roots;
use ergometer_record::{Hertz, Setting};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

const GOVERNOR: &str = "cpufreq:policy0:scaling_governor";

const MAX: &str = "cpufreq:policy0:scaling_max_freq";

const CAP: &str = "powercap:intel-rapl:0:constraint_0_power_limit_uw";

const SHORT: &str = "powercap:intel-rapl:0:constraint_1_power_limit_uw";

const ENABLED: &str = "powercap:intel-rapl:0:enabled";

/// The files behind the knobs and what they hold before.
const BEFORE: [(&str, &str); 5] = [
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "3600000"),
    ("sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw", "135000000"),
    ("sys/class/powercap/intel-rapl:0/constraint_1_power_limit_uw", "270000000"),
    ("sys/class/powercap/intel-rapl:0/enabled", "0"),
];

/// What the measuring process writes, in order. The first knob is written twice.
const WRITES: [(&str, &str); 6] = [
    (GOVERNOR, "powersave"),
    (MAX, "2000000"),
    (CAP, "90000000"),
    (GOVERNOR, "ondemand"),
    (SHORT, "120000000"),
    (ENABLED, "1"),
];

/// The same values again, in an order that a later sweep block would have. No line about them is synced.
const AGAIN: [(&str, &str); 4] =
    [(MAX, "2000000"), (GOVERNOR, "powersave"), (GOVERNOR, "ondemand"), (GOVERNOR, "powersave")];

const FOLDER: &str = "ERGOMETER_TEST_FOLDER";

const MODE: &str = "ERGOMETER_TEST_MODE";

fn roots(folder: &Path) -> Roots {
    Roots::fixture(folder).with_permission(Permission::AllowControl)
}

fn options(folder: &Path, guardian: bool) -> LeaseOptions {
    let args = ["lease::guardian_process", "--exact", "--nocapture", guardian::JOURNAL].map(OsString::from).to_vec();
    let guardian = guardian.then(|| GuardianCommand { program: "/proc/self/exe".into(), args });
    LeaseOptions { state_dir: folder.join("state"), roots: roots(folder), guardian, holder: "test".into() }
}

fn knobs(folder: &Path) -> Vec<Box<dyn Knob>> {
    [GOVERNOR, MAX, CAP, SHORT, ENABLED].iter().map(|id| open(id, &roots(folder)).unwrap()).collect()
}

/// Plays the binary's hidden subcommand when started as a guardian.
#[test]
fn guardian_process() {
    let journal = std::env::args_os().next_back().unwrap_or_default();
    if Path::new(&journal).extension().is_some_and(|e| e == "jsonl") {
        std::process::exit(guardian::main(&["--journal".into(), journal]));
    }
}

/// Plays a sweep when started with a folder.
#[test]
fn measuring_process() {
    let (Some(folder), Ok(mode)) = (std::env::var_os(FOLDER), std::env::var(MODE)) else { return };
    let folder = Path::new(&folder);
    if mode == "restore" {
        let report = lease::restore(&folder.join("state"), &Roots::fixture(folder)).unwrap();
        assert!(report.is_complete(), "{report}");
        return;
    }
    let flag = interrupt::flag();
    let mut lease = Lease::acquire(&options(folder, !mode.contains("alone")), knobs(folder)).unwrap();
    for (id, value) in WRITES {
        lease.set(id, value).unwrap();
    }
    if mode.contains("again") {
        for (id, value) in AGAIN {
            lease.set(id, value).unwrap();
        }
    }
    if mode.contains("wait") {
        println!("holding");
        while !flag.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    if mode.contains("panic") {
        panic!("a fault in the middle of a sweep");
    }
    assert!(lease.end().is_complete());
    if let Some(code) = interrupt::exit_code() {
        std::process::exit(code);
    }
}

/// A server whose first package has its limits switched off.
fn server() -> Tree {
    let tree = Tree::intel_server();
    tree.file(BEFORE[4].0, "0\n");
    tree
}

fn child(tree: &Tree, mode: &str, kill_at: Option<&str>) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["lease::measuring_process", "--exact", "--nocapture"])
        .env(FOLDER, tree.path())
        .env(MODE, mode)
        .env_remove("ERGOMETER_NO_CONTROL")
        .stdin(Stdio::null());
    match kill_at {
        Some(point) => command.env(failpoint::VARIABLE, point),
        None => command.env_remove(failpoint::VARIABLE),
    };
    command
}

/// Runs a child to its end, and its guardian's: standard error closes with the last of them.
fn run(tree: &Tree, mode: &str, kill_at: Option<&str>) -> Output {
    child(tree, mode, kill_at).output().unwrap()
}

fn assert_as_before(tree: &Tree, context: &str) {
    for (file, value) in BEFORE {
        assert_eq!(tree.text(file), value, "{file} after {context}");
    }
    let left = std::fs::read_dir(tree.path().join("state/leases")).unwrap().count();
    assert_eq!(left, 0, "journals left after {context}");
}

fn outcome<'a>(report: &'a RestoreReport, knob: &str) -> &'a Outcome {
    &report.entries.iter().find(|e| e.knob == knob).unwrap().outcome
}
