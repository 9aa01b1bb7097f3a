//! Sensors against their witnesses: fixture trees whose counters advance with a clock, and the virtual node.

use crate::trees::Tree;
use ergometer_harness::clock::Clock;
use ergometer_harness::doctor::{cross_check, examine};
use ergometer_harness::meter::Meter;
use ergometer_harness::sensor::agreement::{CrossCheck, Finding, Pair};
use ergometer_harness::sensor::facts::SensorsFile;
use ergometer_harness::sensor::{Quantity, Reading, SensorInfo, probe, select};
use ergometer_harness::vnode::{self, Pace, Physics, Vnode};
use ergometer_harness::window::{Options, Rig, StopRule, characterise};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, KernelSpec, Provenance, Seconds, Watts};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

/// A server whose package counters advance while somebody sleeps, each way to them by its own power.
struct Running {
    tree: Tree,
    time_s: Mutex<f64>,
    /// Watts by powercap and by perf.
    powers: (f64, f64),
}

impl Running {
    fn new(powers: (f64, f64)) -> Arc<Self> {
        let tree = Tree::intel_server();
        tree.pmu("0,2", &[("energy-pkg", "0x02")]);
        let running = Self { tree, time_s: Mutex::new(0.0), powers };
        running.write(0.0);
        Arc::new(running)
    }

    fn write(&self, time_s: f64) {
        for (socket, cpu) in [(0, 0), (1, 2)] {
            let microjoules = 5e6 + self.powers.0 * time_s * 1e6;
            let zone = format!("sys/class/powercap/intel-rapl:{socket}/energy_uj");
            self.tree.file(&zone, format!("{microjoules:.0}\n"));
            // The PMU counts 2^-32 J.
            let count = self.powers.1 * time_s * 2f64.powi(32);
            self.tree.file(&format!("perf/energy-pkg-cpu{cpu}"), format!("{count:.0}\n"));
        }
    }
}

impl Clock for Running {
    fn now(&self) -> Seconds {
        Seconds(*self.time_s.lock().unwrap())
    }
    fn sleep(&self, time: Seconds) {
        let mut now = self.time_s.lock().unwrap();
        *now += time.0;
        self.write(*now);
    }
    fn is_virtual(&self) -> bool {
        true
    }
}

fn checked(powers: (f64, f64)) -> Vec<ergometer_harness::sensor::agreement::Agreement> {
    let clock = Running::new(powers);
    let mut selection = select(probe(&clock.tree.roots()));
    let ids: Vec<_> = selection.witnesses.iter().map(|w| w.info().id.clone()).collect();
    assert_eq!(ids, ["powercap:intel-rapl:0", "powercap:intel-rapl:1"]);
    CrossCheck::new(selection.witnesses).run(&mut selection.sensors, clock.as_ref(), Seconds(2.0))
}

#[test]
fn perf_and_powercap_of_one_package_agree_to_the_step_of_their_register() {
    let agreements = checked((80.0, 80.0));
    assert_eq!(agreements.len(), 2);
    for agreement in agreements {
        assert_eq!(agreement.finding, Finding::Agrees, "{agreement}");
        let (ratio, u) = (agreement.ratio.unwrap(), agreement.ratio_u.unwrap());
        // They share a register, so that its 2 % of gain drop out and a thousandth would show.
        assert!((ratio - 1.0).abs() < 1e-3 && u < 5e-3, "{agreement}");
        assert!(agreement.span_s.0 >= 0.2);
    }
}

#[test]
fn a_unit_that_is_misread_shows() {
    // The DRAM unit of Xeon E5 taken for the package's: a factor of 4.
    for (powers, expected) in [((80.0, 20.0), 0.25), ((80.0, 82.0), 1.025)] {
        let agreement = &checked(powers)[0];
        assert_eq!(agreement.finding, Finding::Disagrees, "{agreement}");
        assert!((agreement.ratio.unwrap() / expected - 1.0).abs() < 1e-3, "{agreement}");
        assert!(agreement.to_string().contains("DISAGREE"));
    }
}

#[test]
fn one_that_stands_still_is_named_and_nothing_is_concluded() {
    for (powers, name) in [((80.0, 0.0), "perf:power/energy-pkg/cpu0"), ((0.0, 80.0), "powercap:intel-rapl:0")] {
        let agreement = &checked(powers)[0];
        assert_eq!((agreement.finding, agreement.ratio), (Finding::CannotTell, None));
        let reason = agreement.reason.as_deref().unwrap();
        assert!(reason.starts_with(name) && reason.contains("did not advance"), "{reason}");
    }
}

#[test]
fn the_doctor_compares_what_can_be_compared_and_says_so_on_its_page() {
    let clock = Running::new((80.0, 82.0));
    let roots = clock.tree.roots();
    let mut doctor = examine(&roots);
    assert!(doctor.agreements.is_empty() && !doctor.to_string().contains("Cross-checks"));
    doctor.agreements = cross_check(&roots, clock.as_ref());
    let page = doctor.to_string();
    assert!(page.contains("Cross-checks, idle") && page.contains("  NO      package:0: perf"), "{page}");
    // Where there is no second way, no time is spent on looking at the first.
    let before = clock.now();
    assert_eq!(cross_check(&Tree::intel_server().roots(), clock.as_ref()), []);
    assert_eq!(clock.now(), before);
}

#[test]
fn a_window_of_the_meter_is_compared_over_itself() {
    let clock = Running::new((80.0, 80.0));
    let meter = Meter::new(select(probe(&clock.tree.roots())), clock.clone(), Seconds(0.05));
    let window = meter.start("long");
    for _ in 0..200 {
        clock.sleep(Seconds(0.05));
        meter.sample();
    }
    let short = meter.start("short");
    clock.sleep(Seconds(0.015));
    let (short, long) = (meter.stop(short).unwrap(), meter.stop(window).unwrap());
    assert_eq!(long.agreements.len(), 2);
    assert!(long.agreements.iter().all(|a| a.finding == Finding::Agrees && (a.span_s.0 - 10.015).abs() < 1e-6));
    // Fifteen updates of a millisecond are too few, and that is said.
    assert_eq!(short.agreements[0].finding, Finding::CannotTell);
    assert!(short.agreements[0].reason.as_deref().unwrap().contains("20 update periods"), "{short}");
    assert!(long.to_string().contains("they agree"));
}

fn physics(power_gain: f64) -> Physics {
    let mut physics = vnode::preset("a100").unwrap();
    physics.sensors[1].gain = power_gain;
    physics
}

fn measured(physics: &Physics) -> (Rig, usize) {
    let folder = tempfile::tempdir().unwrap();
    let node = Vnode::open(physics, &folder.path().join("state.json"), 3, Pace::Virtual).unwrap();
    let mut rig = Rig::vnode(&node).unwrap();
    let spec: KernelSpec = KernelSpec::new(
        ergometer_record::Kernel::Gemm,
        ergometer_record::Size::square(4096),
        ergometer_record::Precision::F32,
    )
    .unwrap();
    let rows = characterise(&mut rig, &[spec], &Options::default(), StopRule::Fixed(2), &mut |_, _| true).unwrap().rows;
    (rig, rows.len())
}

#[test]
fn the_warm_up_of_the_first_kernel_compares_a_card_s_counter_with_its_power() {
    let (rig, rows) = measured(&physics(1.0));
    let file = SensorsFile::of(&rig);
    let ids = |facts: &[ergometer_harness::sensor::facts::SensorFacts]| {
        facts.iter().map(|s| s.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!((ids(&file.sensors), ids(&file.witnesses)), (vec!["vnode:energy".into()], vec!["vnode:power".into()]));
    let [agreement] = file.agreements.as_slice() else { panic!("{:?}", file.agreements) };
    assert_eq!(agreement.finding, Finding::Agrees, "{agreement}");
    // Twenty periods of a tenth of a second, and not the whole measurement.
    assert!((2.0..3.0).contains(&agreement.span_s.0), "{agreement}");
    // The witness gives no row of its own.
    assert_eq!(rows, 2);
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<SensorsFile>(&text).unwrap(), file);
}

#[test]
fn a_power_that_is_ten_percent_high_disagrees_with_the_counter() {
    let (rig, _) = measured(&physics(1.10));
    let agreement = &rig.check.agreements()[0];
    assert_eq!(agreement.finding, Finding::Disagrees, "{agreement}");
    assert!((agreement.ratio.unwrap() * 1.10 - 1.0).abs() < 0.03, "{agreement}");
}

#[test]
fn witnesses_change_no_row() {
    let rows = |with: bool| {
        let folder = tempfile::tempdir().unwrap();
        let node = Vnode::open(&physics(1.0), &folder.path().join("state.json"), 3, Pace::Virtual).unwrap();
        let mut rig = Rig::vnode(&node).unwrap();
        if !with {
            rig.check = CrossCheck::default();
        }
        let size = ergometer_record::Size::square(1024);
        let spec = KernelSpec::new(ergometer_record::Kernel::Gemm, size, ergometer_record::Precision::F32).unwrap();
        assert!(!rig.executor.name().is_empty());
        characterise(&mut rig, &[spec], &Options::default(), StopRule::Fixed(3), &mut |_, _| true).unwrap().rows
    };
    assert_eq!(rows(true), rows(false));
}

fn info(id: &str, period: f64, resolution: f64, gain_u: f64) -> SensorInfo {
    SensorInfo {
        id: id.into(),
        component: Component::new(Domain::Gpu, 0),
        provenance: Provenance::Counter,
        period: Seconds(period),
        resolution,
        wrap: None,
        gain_u,
        characterised: None,
    }
}

#[test]
fn a_load_that_changes_between_samples_concludes_nothing() {
    // 100 ms at 50 W, 100 ms at 350 W, and a power that looks at one of the two by chance of its phase: 350 W always.
    let mut pair = Pair::new(&info("counter", 0.1, 1e-3, 0.02), &info("power", 0.1, 1e-3, 0.02));
    for step in 0..60u32 {
        let time = Seconds(f64::from(step) * 0.1);
        let energy = 200.0 * time.0 + if step % 2 == 1 { -15.0 } else { 0.0 };
        pair.push(Reading { time, quantity: Quantity::Energy(Joules(1e4 + energy)) });
        let seen = if step % 2 == 0 { 50.0 } else { 350.0 };
        pair.push_witness(Reading { time, quantity: Quantity::Power(Watts(seen)) });
    }
    let agreement = pair.agreement();
    // Successive differences of 300 W give 300 / sqrt(2 x 59) = 28 W, 14 % of the mean.
    assert_eq!(agreement.finding, Finding::CannotTell, "{agreement}");
    assert!(agreement.reason.as_deref().unwrap().contains("steady load"), "{agreement}");
}

#[test]
fn a_counter_that_was_reset_on_the_way_concludes_nothing() {
    let mut pair = Pair::new(&info("counter", 0.1, 1e-3, 0.02), &info("power", 0.1, 1e-3, 0.02));
    for step in 0..60u32 {
        let time = Seconds(f64::from(step) * 0.1);
        let total = if step < 30 { 1e6 + 20.0 * f64::from(step) } else { 20.0 * f64::from(step - 30) };
        pair.push(Reading { time, quantity: Quantity::Energy(Joules(total)) });
        pair.push_witness(Reading { time, quantity: Quantity::Power(Watts(200.0)) });
    }
    let agreement = pair.agreement();
    assert_eq!(agreement.finding, Finding::CannotTell);
    assert!(agreement.reason.as_deref().unwrap().contains("was reset"), "{agreement}");
}

proptest! {
    // The verdict turns exactly where the ratio leaves twice the uncertainty of the stated gains.
    #[test]
    fn the_verdict_is_the_stated_gain_s(gain in 0.7f64..1.4, u in 0.005f64..0.08, watts in 5.0f64..700.0) {
        let mut pair = Pair::new(&info("a", 0.01, 1e-6, u), &info("b", 0.01, 1e-6, u));
        for step in 0..400u32 {
            let time = Seconds(f64::from(step) * 0.01);
            pair.push(Reading { time, quantity: Quantity::Energy(Joules(gain * watts * time.0)) });
            pair.push_witness(Reading { time, quantity: Quantity::Power(Watts(watts)) });
        }
        let agreement = pair.agreement();
        let limit = 2.0 * u * 2f64.sqrt();
        prop_assert!((agreement.ratio.unwrap() - gain).abs() < 1e-6);
        if gain.ln().abs() < 0.98 * limit {
            prop_assert_eq!(agreement.finding, Finding::Agrees);
        } else if gain.ln().abs() > 1.05 * limit {
            prop_assert_eq!(agreement.finding, Finding::Disagrees);
        }
    }
}
