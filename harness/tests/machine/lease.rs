//! The lease over file-backed knobs: every kill point, the guardian, `restore`, and other people's changes.
//!
//! Tests that kill re-execute this test executable: [`measuring_process`] and [`guardian_process`] do nothing unless
//! they are started by one of them.

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

/// The files behind the knobs and what they hold before.
const BEFORE: [(&str, &str); 3] = [
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "3600000"),
    ("sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw", "135000000"),
];

/// What the measuring process writes, in order. The first knob is written twice.
const WRITES: [(&str, &str); 4] =
    [(GOVERNOR, "powersave"), (MAX, "2000000"), (CAP, "90000000"), (GOVERNOR, "ondemand")];

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
    [GOVERNOR, MAX, CAP].iter().map(|id| open(id, &roots(folder)).unwrap()).collect()
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

/// Every point, as often as the process passes it.
fn kill_points() -> Vec<String> {
    Point::ALL
        .iter()
        .flat_map(|point| {
            // Three knobs are put back; four writes are made.
            let passages = if *point == Point::DuringRestore { 3 } else { WRITES.len() };
            (1..=passages).map(move |n| format!("{}:{n}", point.name()))
        })
        .collect()
}

#[test]
fn the_guardian_restores_after_sigkill_at_every_point() {
    for point in kill_points() {
        let tree = Tree::intel_server();
        let output = run(&tree, "guarded", Some(&point));
        assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{point}: the process was not killed");
        assert_as_before(&tree, &point);
    }
}

#[test]
fn restore_undoes_a_power_cut_at_every_point() {
    let mut changed = 0;
    for point in kill_points() {
        let tree = Tree::intel_server();
        let output = run(&tree, "alone", Some(&point));
        assert_eq!(output.status.signal(), Some(libc::SIGKILL), "{point}");
        changed += BEFORE.iter().filter(|(file, value)| tree.text(file) != *value).count();
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert!(report.is_complete(), "{point}: {report}");
        assert_as_before(&tree, &point);
        // Harmless to repeat.
        assert_eq!(lease::restore(&tree.path().join("state"), &tree.roots()).unwrap(), RestoreReport::default());
    }
    // Otherwise there would have been nothing to restore, and the test would show nothing.
    assert!(changed > 20, "{changed}");
}

#[test]
fn a_restoration_that_is_killed_itself_is_finished_by_the_next() {
    for n in 1..=3 {
        let tree = Tree::intel_server();
        assert!(run(&tree, "alone", Some("during-restore:1")).status.signal().is_some());
        let killed = run(&tree, "restore", Some(&format!("during-restore:{n}")));
        assert_eq!(killed.status.signal(), Some(libc::SIGKILL), "{n}");
        assert!(run(&tree, "restore", None).status.success());
        assert_as_before(&tree, "two killed restorations");
    }
}

#[test]
fn a_normal_end_and_a_panic_restore() {
    let tree = Tree::intel_server();
    let normal = run(&tree, "guarded", None);
    assert!(normal.status.success(), "{}", String::from_utf8_lossy(&normal.stderr));
    assert_as_before(&tree, "a normal end");
    assert!(!run(&tree, "panic", None).status.success());
    assert_as_before(&tree, "a panic");
}

fn hold(tree: &Tree) -> Child {
    let mut command = child(tree, "wait", None);
    // A process group of its own, as a shell gives to a job.
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    child
}

fn end(mut child: Child) -> std::process::ExitStatus {
    let status = child.wait().unwrap();
    // The guardian holds standard error until it is done.
    child.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    status
}

#[test]
fn interrupt_and_termination_restore_and_tell_the_shell() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let tree = Tree::intel_server();
        let held = hold(&tree);
        assert_eq!(tree.text(BEFORE[1].0), "2000000");
        // SAFETY: kill takes two integers; the process is our own child and not yet reaped.
        unsafe { libc::kill(held.id() as libc::pid_t, signal) };
        assert_eq!(end(held).code(), Some(128 + signal));
        assert_as_before(&tree, "a signal");
    }
}

#[test]
fn killing_the_whole_process_group_does_not_reach_the_guardian() {
    let tree = Tree::intel_server();
    let held = hold(&tree);
    // SAFETY: kill takes two integers; a negative one names the group that our unreaped child leads.
    unsafe { libc::kill(-(held.id() as libc::pid_t), libc::SIGKILL) };
    assert_eq!(end(held).signal(), Some(libc::SIGKILL));
    assert_as_before(&tree, "SIGKILL to the group");
}

#[test]
fn two_leases_never_share_a_device_and_a_live_one_is_left_alone() {
    let tree = Tree::intel_server();
    let mut first = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    first.set(MAX, "2000000").unwrap();
    let refused =
        Lease::acquire(&options(tree.path(), false), vec![open(CAP, &roots(tree.path())).unwrap()]).unwrap_err();
    assert!(matches!(&refused, LeaseError::Busy { device, .. } if device == "cpu"), "{refused}");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert_eq!((report.entries.len(), report.alive.len()), (0, 1));
    assert_eq!(tree.text(BEFORE[1].0), "2000000");
    drop(first);
    assert_as_before(&tree, "dropping the lease");
    Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
}

#[test]
fn leftovers_of_a_killed_lease_refuse_a_new_one() {
    let tree = Tree::intel_server();
    run(&tree, "alone", Some("after-write:2"));
    let error = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap_err();
    assert!(error.to_string().contains("ergometer restore"), "{error}");
    lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
}

fn outcome<'a>(report: &'a RestoreReport, knob: &str) -> &'a Outcome {
    &report.entries.iter().find(|e| e.knob == knob).unwrap().outcome
}

#[test]
fn what_somebody_else_changed_meanwhile_is_left_and_said() {
    let tree = Tree::intel_server();
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    lease.set(MAX, "2000000").unwrap();
    lease.set(CAP, "90000000").unwrap();
    tree.file(BEFORE[1].0, "1500000\n");
    let report = lease.end();
    let expected = Outcome::ChangedElsewhere { found: "1500000".into(), ours: "2000000".into(), old: "3600000".into() };
    assert_eq!(outcome(&report, MAX), &expected);
    assert!(report.to_string().contains("somebody else"), "{report}");
    assert_eq!(tree.text(BEFORE[1].0), "1500000");
    assert_eq!(tree.text(BEFORE[2].0), "135000000");
}

#[test]
fn a_value_clipped_just_before_a_kill_is_put_back_and_said() {
    let tree = Tree::intel_server();
    run(&tree, "alone", Some("after-write:2"));
    // As if the hardware had made 1.9 GHz of the 2.0 that were written.
    tree.file(BEFORE[1].0, "1900000\n");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert!(matches!(outcome(&report, MAX), Outcome::Replaced { found, .. } if found == "1900000"), "{report}");
    assert_eq!(tree.text(BEFORE[1].0), "3600000");
}

fn journal(tree: &Tree) -> std::path::PathBuf {
    std::fs::read_dir(tree.path().join("state/leases")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn after_a_restart_the_machines_own_values_are_left_alone() {
    let tree = Tree::intel_server();
    run(&tree, "alone", Some("during-restore:1"));
    let path = journal(&tree);
    let text = std::fs::read_to_string(&path).unwrap();
    let boot = text.split("\"boot_id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    std::fs::write(&path, text.replace(&boot, "another-boot")).unwrap();
    tree.file(BEFORE[1].0, "3000000\n");
    let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    assert_eq!(outcome(&report, MAX), &Outcome::Rebooted { found: "3000000".into(), old: "3600000".into() });
    // What still holds our value was kept across the restart by somebody, and goes back.
    assert_eq!(tree.text(BEFORE[2].0), "135000000");
}

#[test]
fn a_torn_last_line_is_ignored_and_a_damaged_one_is_told() {
    for (damage, complete) in [("{\"event\":\"write\",\"n\":9,\"kn", true), ("garbage\n", false)] {
        let tree = Tree::intel_server();
        run(&tree, "alone", Some("during-restore:1"));
        let path = journal(&tree);
        let text = std::fs::read_to_string(&path).unwrap() + damage;
        std::fs::write(&path, text).unwrap();
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert_eq!((report.is_complete(), path.exists()), (complete, !complete), "{report}");
        for (file, value) in BEFORE {
            assert_eq!(tree.text(file), value);
        }
    }
}

#[test]
fn a_newer_journal_and_an_empty_one_are_refused_and_kept() {
    for text in ["", "{\"event\":\"begin\",\"version\":99}\n", "not json\n"] {
        let tree = Tree::intel_server();
        let path = tree.file("state/leases/1.jsonl", text);
        let report = lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
        assert!(!report.is_complete() && report.to_string().contains("1.jsonl"), "{report}");
        assert!(path.exists());
    }
}

#[test]
fn a_knob_that_is_gone_keeps_the_journal_until_it_is_back() {
    let tree = Tree::intel_server();
    run(&tree, "alone", Some("during-restore:1"));
    let file = tree.path().join(BEFORE[1].0);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    let state = tree.path().join("state");
    let report = lease::restore(&state, &tree.roots()).unwrap();
    assert!(matches!(outcome(&report, MAX), Outcome::Failed { .. }), "{report}");
    assert_eq!(tree.text(BEFORE[2].0), "135000000");
    std::fs::rename(&away, &file).unwrap();
    assert!(lease::restore(&state, &tree.roots()).unwrap().is_complete());
    assert_as_before(&tree, "the second restoration");
}

#[test]
fn the_journal_is_on_the_disk_before_the_write() {
    let tree = Tree::intel_server();
    run(&tree, "alone", Some("before-write:1"));
    let text = std::fs::read_to_string(journal(&tree)).unwrap();
    assert!(text.contains(r#""old":"schedutil","new":"powersave""#), "{text}");
    assert_eq!(tree.text(BEFORE[0].0), "schedutil");
}

#[test]
fn no_journal_no_write() {
    let tree = Tree::intel_server();
    let nowhere = LeaseOptions { state_dir: "/proc/ergometer".into(), ..options(tree.path(), false) };
    let error = Lease::acquire(&nowhere, knobs(tree.path())).unwrap_err();
    assert!(error.to_string().contains("ERGOMETER_STATE_DIR"), "{error}");
    // A guardian that is none: a program that ends without answering.
    let command = GuardianCommand { program: "/bin/true".into(), args: vec![] };
    let unguarded = LeaseOptions { guardian: Some(command), ..options(tree.path(), false) };
    assert!(matches!(Lease::acquire(&unguarded, knobs(tree.path())), Err(LeaseError::Guardian { .. })));
    assert_as_before(&tree, "a lease that was never taken");
}

#[test]
fn values_and_fields_without_a_knob_are_refused_before_anything_is_written() {
    let tree = Tree::intel_server();
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    assert!(lease.set(MAX, "9000000").unwrap_err().to_string().contains("3600000"));
    assert!(matches!(lease.set("cpufreq:policy1:scaling_max_freq", "1"), Err(LeaseError::NotHeld { .. })));
    let gpu = Setting { gpu_clock_hz: Some(Hertz::from_mhz(1005.0)), ..Setting::default() };
    assert!(matches!(lease.apply(&gpu), Err(LeaseError::NotHeld { .. })));
    assert!(lease.end().entries.is_empty());
    assert_as_before(&tree, "refusals");
}

#[test]
fn a_setting_puts_back_what_it_leaves_as_found() {
    let tree = Tree::intel_server();
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    let slow = Setting { cpu_max_hz: Some(Hertz::from_mhz(1800.0)), ..Setting::default() };
    let applied = lease.apply(&slow).unwrap();
    assert_eq!((applied.len(), applied[0].reads_back()), (1, Some(true)));
    let quiet = Setting { governor: Some("powersave".into()), ..Setting::default() };
    lease.apply(&quiet).unwrap();
    assert_eq!(tree.text(BEFORE[0].0), "powersave");
    assert_eq!(tree.text(BEFORE[1].0), "3600000");
    lease.apply(&Setting::default()).unwrap();
    assert_eq!(tree.text(BEFORE[0].0), "schedutil");
    assert!(lease.end().is_complete());
    assert_as_before(&tree, "three settings");
}

#[test]
fn the_environment_refuses_every_write_whatever_was_allowed() {
    let tree = Tree::intel_server();
    let output = child(&tree, "alone", None).env("ERGOMETER_NO_CONTROL", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("ERGOMETER_NO_CONTROL"), "{text}");
    assert_as_before(&tree, "a refusal");
}

/// A knob in memory that writes down what happens to it, and can't be read when it is a lock.
struct Scripted {
    id: &'static str,
    lever: Lever,
    value: String,
    readable: bool,
    fails: bool,
    log: Arc<Mutex<Vec<String>>>,
}

impl Knob for Scripted {
    fn id(&self) -> &str {
        self.id
    }
    fn lever(&self) -> Lever {
        self.lever
    }
    fn allowed(&self) -> Result<Allowed, KnobError> {
        Ok(Allowed::Range { min: 0.0, max: 1e9, step: None, unit: "Hz" })
    }
    fn read(&self) -> Result<Option<String>, KnobError> {
        Ok(self.readable.then(|| self.value.clone()))
    }
    fn write(&mut self, value: &str) -> Result<(), KnobError> {
        if self.fails {
            return Err(KnobError::Failed { id: self.id.into(), reason: "the driver says no".into() });
        }
        self.log.lock().unwrap().push(format!("{} = {value}", self.id));
        self.value = value.to_owned();
        Ok(())
    }
    fn reset(&mut self) -> Result<(), KnobError> {
        self.log.lock().unwrap().push(format!("{} reset", self.id));
        Ok(())
    }
}

#[test]
fn side_effects_come_in_order_and_what_cannot_be_read_is_reset() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let knob = |id, lever, readable, fails| -> Box<dyn Knob> {
        Box::new(Scripted { id, lever, value: "100".into(), readable, fails, log: Arc::clone(&log) })
    };
    let tree = Tree::intel_server();
    let knobs = vec![
        knob("x:a", Lever::GpuCap, true, false),
        knob("x:b", Lever::GpuClock, false, false),
        knob("x:c", Lever::GpuMemClock, true, true),
    ];
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs).unwrap();
    assert_eq!(lease.set("x:a", "200").unwrap().reads_back(), Some(true));
    assert_eq!(lease.set("x:b", "300").unwrap().reads_back(), None);
    assert!(lease.set("x:c", "400").unwrap_err().to_string().contains("the driver says no"));
    let report = lease.end();
    assert_eq!(*log.lock().unwrap(), ["x:a = 200", "x:b = 300", "x:b reset", "x:a = 100"]);
    let outcomes: Vec<_> = report.entries.iter().map(|e| e.outcome.clone()).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::AlreadyBack { value: "100".into() },
            Outcome::Reset,
            Outcome::Restored { from: "200".into(), to: "100".into() },
        ]
    );
}
