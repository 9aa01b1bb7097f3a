//! Windows over sensors whose energy is known in closed form, and the profiler over commands.

use crate::trees::Tree;
use ergometer_harness::clock::Clock;
use ergometer_harness::meter::{Exit, Listener, Meter, RunError, RunOptions, WindowReport, run_command};
use ergometer_harness::sensor::{Quantity, Reading, Selection, Sensor, SensorError, SensorInfo};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use std::ffi::OsString;
use std::sync::{Arc, Mutex};

/// A clock that moves when told.
struct Manual(Mutex<f64>);

impl Clock for Manual {
    fn now(&self) -> Seconds {
        Seconds(*self.0.lock().unwrap())
    }
    fn sleep(&self, time: Seconds) {
        *self.0.lock().unwrap() += time.0;
    }
    fn is_virtual(&self) -> bool {
        true
    }
}

/// Reports a function of time, and fails inside an interval.
struct Function {
    info: SensorInfo,
    value: fn(f64) -> Quantity,
    fails: std::ops::Range<f64>,
}

impl Sensor for Function {
    fn info(&self) -> &SensorInfo {
        &self.info
    }
    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let time = clock.now();
        if self.fails.contains(&time.0) {
            return Err(SensorError::Failed { id: self.info.id.clone(), reason: "the driver is away".into() });
        }
        Ok(Reading { time, quantity: (self.value)(time.0) })
    }
}

fn sensor(domain: Domain, value: fn(f64) -> Quantity, fails: std::ops::Range<f64>) -> Box<dyn Sensor> {
    let provenance = match value(0.0) {
        Quantity::Energy(_) => Provenance::Counter,
        Quantity::Power(_) => Provenance::Integrated,
    };
    Box::new(Function {
        info: SensorInfo {
            id: domain.name().into(),
            component: Component::new(domain, 0),
            provenance,
            period: Seconds(0.001),
            resolution: 1e-6,
            wrap: None,
            gain_u: 0.01,
            characterised: None,
        },
        value,
        fails,
    })
}

/// A package at 50 W, its cores at 30 W, a card whose power is 20 t W.
fn meter(fails: std::ops::Range<f64>) -> (Meter, Arc<Manual>) {
    let sensors = vec![
        sensor(Domain::Package, |t| Quantity::Energy(Joules(50.0 * t)), 0.0..0.0),
        sensor(Domain::Core, |t| Quantity::Energy(Joules(30.0 * t)), 0.0..0.0),
        sensor(Domain::Gpu, |t| Quantity::Power(Watts(20.0 * t)), fails),
    ];
    let clock = Arc::new(Manual(Mutex::new(0.0)));
    let absent = vec![SensorError::Missing { id: "dram:model".into(), reason: "no table".into() }];
    (Meter::new(Selection { sensors, witnesses: Vec::new(), absent }, clock.clone(), Seconds(0.1)), clock)
}

fn run(meter: &Meter, clock: &Manual, seconds: usize) {
    for _ in 0..10 * seconds {
        clock.sleep(Seconds(0.1));
        meter.sample();
    }
}

#[test]
fn nested_windows_each_have_their_own_energy() {
    let (meter, clock) = meter(0.0..0.0);
    let outer = meter.start("outer");
    run(&meter, &clock, 2);
    let inner = meter.start("inner");
    run(&meter, &clock, 3);
    let inner = meter.stop(inner).unwrap();
    run(&meter, &clock, 1);
    let outer = meter.stop(outer).unwrap();
    let energy = |report: &ergometer_harness::meter::WindowReport, d| {
        report.component(Component::new(d, 0)).unwrap().energy_j.unwrap().0
    };
    // The card: 10 t^2 between the bounds.
    assert!((energy(&outer, Domain::Gpu) - 360.0).abs() < 1e-6 && (energy(&inner, Domain::Gpu) - 210.0).abs() < 1e-6);
    assert!((energy(&outer, Domain::Package) - 300.0).abs() < 1e-6);
    assert!((energy(&inner, Domain::Core) - 90.0).abs() < 1e-6);
    // Cores are part of the package.
    assert!((outer.total.unwrap().energy_j.0 - 660.0).abs() < 1e-6);
    assert!((outer.time_s.0 - 6.0).abs() < 1e-9);
    let card = outer.component(Component::new(Domain::Gpu, 0)).unwrap();
    assert!((card.mean_w.unwrap().0 - 60.0).abs() < 1e-6 && (card.peak_w.unwrap().0 - 120.0).abs() < 1e-6);
    // Both windows read at their ends, and the inner one's readings serve the outer one too.
    assert_eq!((card.provenance, card.readings), (Provenance::Integrated, 64));
    assert!(outer.absent[0].reason.contains("no table"));
}

#[test]
fn a_window_whose_end_was_not_read_has_no_energy_and_says_why() {
    let (meter, clock) = meter(3.95..9.0);
    let window = meter.start("w");
    run(&meter, &clock, 5);
    let report = meter.stop(window).unwrap();
    let card = report.components.iter().find(|c| c.component.domain == Domain::Gpu).unwrap();
    assert_eq!((card.energy_j, card.provenance), (None, Provenance::Absent));
    assert!(card.reason.as_ref().unwrap().contains("the driver is away"));
    assert!(report.to_string().contains("absent"), "{report}");
    assert!((report.total.unwrap().energy_j.0 - 250.0).abs() < 1e-6);
}

#[test]
fn a_failure_on_the_way_is_counted_and_bridged() {
    let (meter, clock) = meter(1.95..2.55);
    let window = meter.start("w");
    run(&meter, &clock, 4);
    let report = meter.stop(window).unwrap();
    let card = report.component(Component::new(Domain::Gpu, 0)).unwrap();
    // The power is linear, so the trapezoid over the hole is exact.
    assert!((card.energy_j.unwrap().0 - 160.0).abs() < 1e-6);
    assert_eq!(card.failed_readings, 6);
}

#[test]
fn a_window_is_stopped_once_and_one_without_time_has_no_energy() {
    let (meter, _clock) = meter(0.0..0.0);
    let window = meter.start("w");
    let report = meter.stop(window).unwrap();
    assert!(report.total.is_none() && report.components.iter().all(|c| c.energy_j.is_none() && c.reason.is_some()));
    assert!(meter.stop(window).is_none());
}

#[test]
fn a_scope_closes_its_window_on_every_way_out() {
    let (meter, clock) = meter(0.0..0.0);
    let failing = || -> Result<(), ()> {
        let _outer = meter.scope("outer");
        run(&meter, &clock, 1);
        let inner = meter.scope("inner");
        run(&meter, &clock, 2);
        assert_eq!(inner.stop().unwrap().name, "inner");
        Err(())
    };
    assert!(failing().is_err());
    let package = |report: &WindowReport| report.component(Component::new(Domain::Package, 0)).unwrap().energy_j;
    let closed = meter.take_closed();
    // The one that was stopped by hand went to the one who stopped it.
    assert_eq!(closed.iter().map(|w| w.name.as_str()).collect::<Vec<_>>(), ["outer"]);
    assert!((package(&closed[0]).unwrap().0 - 150.0).abs() < 1e-6);
    assert!(meter.take_closed().is_empty());
    let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _scope = meter.scope("panics");
        run(&meter, &clock, 1);
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(panicking.is_err());
    let closed = meter.take_closed();
    assert!(closed[0].name == "panics" && (package(&closed[0]).unwrap().0 - 50.0).abs() < 1e-6);
}

#[test]
fn a_window_tells_what_it_holds_so_far_and_stays_open() {
    let (meter, clock) = meter(0.0..0.0);
    let window = meter.start("w");
    run(&meter, &clock, 2);
    let so_far = meter.so_far(window).unwrap();
    assert!((so_far.time_s.0 - 2.0).abs() < 1e-9);
    assert!((so_far.total.unwrap().energy_j.0 - 140.0).abs() < 1e-6, "{so_far}");
    run(&meter, &clock, 2);
    assert!((meter.stop(window).unwrap().total.unwrap().energy_j.0 - 360.0).abs() < 1e-6);
    assert!(meter.so_far(window).is_none());
}

/// Counts readings by sensor.
struct Counting(Arc<Mutex<(Vec<String>, Vec<usize>)>>);

impl Listener for Counting {
    fn sensors(&mut self, infos: &[SensorInfo]) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = infos.iter().map(|info| info.id.clone()).collect();
        inner.1 = vec![0; infos.len()];
    }
    fn reading(&mut self, index: usize, _: Reading) {
        self.0.lock().unwrap().1[index] += 1;
    }
}

#[test]
fn listeners_hear_every_reading_that_succeeded() {
    let (meter, clock) = meter(0.95..1.55);
    let heard = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    meter.listen(Box::new(Counting(heard.clone())));
    let window = meter.start("w");
    run(&meter, &clock, 2);
    let report = meter.stop(window).unwrap();
    meter.stop_listening();
    meter.sample();
    let (ids, counts) = heard.lock().unwrap().clone();
    assert_eq!(ids, ["package", "core", "gpu"]);
    // One at the start, twenty on the way, one at the end; six failed.
    assert_eq!(counts, [22, 22, 16]);
    assert_eq!(report.components.iter().map(|c| c.readings).collect::<Vec<_>>(), counts);
}

fn command(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[test]
fn a_command_is_measured_while_it_runs_and_its_exit_is_passed_on() {
    let tree = Tree::intel_server();
    let options = RunOptions { roots: tree.roots(), ..RunOptions::default() };
    // The command is its own load: it turns the counter of the first package by 50 mJ.
    let counter = tree.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    let script = format!("sleep 0.02; echo 5050000 > '{}'; exit 7", counter.display());
    let report = run_command(&command(&["sh", "-c", &script]), &options).unwrap();
    assert_eq!((report.exit, report.exit.code()), (Exit::Code(7), 7));
    let package = report.window.component(Component::new(Domain::Package, 0)).unwrap();
    assert!((package.energy_j.unwrap().0 - 0.05).abs() < 1e-9, "{:?}", package.energy_j);
    // The other counters stood still: that is no zero.
    let other = report.window.components.iter().find(|c| c.component.to_string() == "package:1").unwrap();
    assert!(other.energy_j.is_none() && other.reason.as_ref().unwrap().contains("did not advance"));
    assert!(report.to_string().contains("during the command"), "{report}");
}

#[test]
fn without_sensors_energy_is_absent_with_reasons() {
    let options = RunOptions { roots: Tree::virtual_machine().roots(), ..RunOptions::default() };
    let report = run_command(&command(&["true"]), &options).unwrap();
    assert_eq!(report.exit, Exit::Code(0));
    assert!(report.window.total.is_none() && report.window.absent.len() >= 4);
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains(r#""total":null"#) && json.contains("powercap"), "{json}");
}

#[test]
fn a_command_ended_by_a_signal_is_told_as_a_shell_would() {
    let options = RunOptions { roots: Tree::virtual_machine().roots(), ..RunOptions::default() };
    let report = run_command(&command(&["sh", "-c", "kill -TERM $$"]), &options).unwrap();
    assert_eq!((report.exit, report.exit.code()), (Exit::Signal(15), 143));
}

#[test]
fn no_command_and_no_program_are_errors_in_words() {
    let options = RunOptions { roots: Tree::virtual_machine().roots(), ..RunOptions::default() };
    assert!(matches!(run_command(&[], &options), Err(RunError::Empty)));
    let error = run_command(&command(&["/no/such/program"]), &options).unwrap_err().to_string();
    assert!(error.contains("/no/such/program"), "{error}");
}
