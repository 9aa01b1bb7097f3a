//! What a lease does while it is held.

use super::*;

#[test]
fn two_leases_never_share_a_device_and_a_live_one_is_left_alone() {
    let tree = server();
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
    let tree = server();
    run(&tree, "alone", Some("after-write:2"));
    let error = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap_err();
    assert!(error.to_string().contains("ergometer restore"), "{error}");
    lease::restore(&tree.path().join("state"), &tree.roots()).unwrap();
    Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
}

#[test]
fn what_somebody_else_changed_meanwhile_is_left_and_said() {
    let tree = server();
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
fn values_and_fields_without_a_knob_are_refused_before_anything_is_written() {
    let tree = server();
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
    let tree = server();
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

/// What was written to the tree, in order, from the journal that a killed process left.
fn written(tree: &Tree) -> Vec<(String, String)> {
    let journal = std::fs::read_dir(tree.path().join("state/leases")).unwrap().next().unwrap().unwrap().path();
    let lines = std::fs::read_to_string(journal).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events.filter(|e| e["event"] == "write").map(|e| (text(&e, "knob"), text(&e, "new"))).collect()
}

#[test]
fn a_cap_is_put_into_force_after_it_is_set_and_withdrawn_before_it_goes_back() {
    let tree = server();
    let capped = Setting { cpu_cap_w: Some(ergometer_record::Watts(90.0)), ..Setting::default() };
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    let applied = lease.apply(&capped).unwrap();
    assert_eq!(applied.iter().map(|a| a.knob.as_str()).collect::<Vec<_>>(), [CAP, ENABLED]);
    assert_eq!((tree.text(BEFORE[2].0).as_str(), tree.text(BEFORE[4].0).as_str()), ("90000000", "1"));
    // The flag is the long-term limit's: a setting without that one leaves both as found.
    let burst = Setting { cpu_cap_short_w: Some(ergometer_record::Watts(100.0)), ..Setting::default() };
    lease.apply(&burst).unwrap();
    lease.apply(&Setting::default()).unwrap();
    let order = [
        (CAP, "90000000"),
        (ENABLED, "1"),
        (ENABLED, "0"),
        (CAP, "135000000"),
        (SHORT, "100000000"),
        (SHORT, "270000000"),
    ];
    assert_eq!(written(&tree), order.map(|(knob, value)| (knob.to_owned(), value.to_owned())));
    assert!(lease.end().is_complete());
    assert_as_before(&tree, "caps");
}

#[test]
fn a_flag_that_is_set_already_is_nobodys_change() {
    let tree = Tree::intel_server();
    let capped = Setting { cpu_cap_w: Some(ergometer_record::Watts(90.0)), ..Setting::default() };
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs(tree.path())).unwrap();
    assert_eq!(lease.apply(&capped).unwrap().len(), 1);
    assert_eq!(lease.end().entries.iter().map(|e| e.knob.as_str()).collect::<Vec<_>>(), [CAP]);
}

#[test]
fn bounds_never_cross_on_their_way() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let knob = |id, lever, value: &str| -> Box<dyn Knob> {
        Box::new(Scripted { id, lever, value: value.into(), readable: true, fails: None, log: Arc::clone(&log) })
    };
    let tree = server();
    let knobs = vec![knob("x:min", Lever::CpuMin, "100"), knob("x:max", Lever::CpuMax, "900")];
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs).unwrap();
    let fixed = |hz| Setting { cpu_min_hz: Some(Hertz(hz)), cpu_max_hz: Some(Hertz(hz)), ..Setting::default() };
    for hz in [200.0, 800.0, 300.0] {
        lease.apply(&fixed(hz)).unwrap();
    }
    let expected =
        ["x:min = 200", "x:max = 200", "x:max = 800", "x:min = 800", "x:min = 300", "x:max = 300"].map(str::to_owned);
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn the_environment_refuses_every_write_whatever_was_allowed() {
    let tree = server();
    let output = child(&tree, "alone", None).env("ERGOMETER_NO_CONTROL", "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("ERGOMETER_NO_CONTROL"), "{text}");
    assert_as_before(&tree, "a refusal");
}

#[derive(Clone, Copy)]
enum Refusal {
    NotPermitted,
    Failed,
    /// The value is taken, and an error returned all the same.
    HalfDone,
}

/// A knob in memory that writes down what happens to it, and can't be read when it is a lock.
struct Scripted {
    id: &'static str,
    lever: Lever,
    value: String,
    readable: bool,
    fails: Option<Refusal>,
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
        let failed = || Err(KnobError::Failed { id: self.id.into(), reason: "the driver says no".into() });
        match self.fails {
            Some(Refusal::NotPermitted) => {
                let (reason, remedy) = ("root only".into(), "sudo".into());
                return Err(KnobError::NotPermitted { id: self.id.into(), reason, remedy });
            }
            Some(Refusal::Failed) => return failed(),
            Some(Refusal::HalfDone) if value != "100" => {
                self.value = value.to_owned();
                return failed();
            }
            _ => {}
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
    let tree = server();
    let knobs = vec![
        knob("x:a", Lever::GpuCap, true, None),
        knob("x:b", Lever::GpuClock, false, None),
        knob("x:c", Lever::GpuMemClock, true, Some(Refusal::Failed)),
    ];
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs).unwrap();
    assert_eq!(lease.set("x:a", "200").unwrap().reads_back(), Some(true));
    assert_eq!(lease.set("x:b", "300").unwrap().reads_back(), None);
    assert!(lease.set("x:c", "400").unwrap_err().to_string().contains("the driver says no"));
    let report = lease.end();
    assert_eq!(*log.lock().unwrap(), ["x:a = 200", "x:b = 300", "x:b reset", "x:a = 100"]);
    let outcomes: Vec<_> = report.entries.iter().map(|e| e.outcome.clone()).collect();
    assert_eq!(outcomes, [Outcome::Reset, Outcome::Restored { from: "200".into(), to: "100".into() },]);
}

#[test]
fn a_refused_write_leaves_nothing_to_put_back() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let knob = |id, lever, readable, fails| -> Box<dyn Knob> {
        Box::new(Scripted { id, lever, value: "100".into(), readable, fails, log: Arc::clone(&log) })
    };
    let tree = server();
    let knobs = vec![
        knob("x:cap", Lever::GpuCap, true, Some(Refusal::NotPermitted)),
        knob("x:lock", Lever::GpuMemClock, false, Some(Refusal::NotPermitted)),
        knob("x:clock", Lever::CpuMax, true, None),
    ];
    let mut lease = Lease::acquire(&options(tree.path(), false), knobs).unwrap();
    let hz = |hz| Some(Hertz(hz));
    let refused = [
        Setting { gpu_cap_w: Some(ergometer_record::Watts(200.0)), ..Setting::default() },
        Setting { gpu_mem_clock_hz: hz(200.0), ..Setting::default() },
    ];
    for setting in &refused {
        let error = lease.apply(setting).unwrap_err();
        assert!(matches!(error, LeaseError::Knob(KnobError::NotPermitted { .. })), "{error}");
    }
    // What may be set can be set after it, and the machine as found too.
    assert_eq!(lease.apply(&Setting { cpu_max_hz: hz(300.0), ..Setting::default() }).unwrap().len(), 1);
    lease.apply(&Setting::default()).unwrap();
    let report = lease.end();
    assert!(report.is_complete(), "{report}");
    let knobs: Vec<_> = report.entries.iter().map(|e| e.knob.as_str()).collect();
    assert_eq!(knobs, ["x:clock"]);
    assert_eq!(*log.lock().unwrap(), ["x:clock = 300", "x:clock = 100"]);
    assert_eq!(std::fs::read_dir(tree.path().join("state/leases")).unwrap().count(), 0);
}

#[test]
fn an_error_after_the_value_was_taken_is_put_back() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let half = Scripted {
        id: "x:half",
        lever: Lever::CpuMax,
        value: "100".into(),
        readable: true,
        fails: Some(Refusal::HalfDone),
        log: Arc::clone(&log),
    };
    let tree = server();
    let mut lease = Lease::acquire(&options(tree.path(), false), vec![Box::new(half)]).unwrap();
    assert!(lease.set("x:half", "300").is_err());
    let report = lease.end();
    assert_eq!(outcome(&report, "x:half"), &Outcome::Restored { from: "300".into(), to: "100".into() });
}
