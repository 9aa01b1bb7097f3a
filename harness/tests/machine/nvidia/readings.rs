//! What the sensors say of cards whose power is known.

use super::*;
use ergometer_harness::doctor;
use ergometer_harness::meter::Meter;
use ergometer_harness::sensor::agreement::{CrossCheck, Finding};
use ergometer_harness::sensor::nvml::{Card, Sharing, of_card};
use ergometer_harness::sensor::{Found, Quantity, SensorError, Throttle, probe, select};
use ergometer_harness::vnode::{self, Pace, Vnode};
use ergometer_harness::window::{self, Rig, StopRule};
use ergometer_record::measurement::{Domain, f32_spec};
use ergometer_record::{Component, Hertz, Joules, Kernel, Provenance, Size, Watts};

/// 50 W, then 250 W from 1 s on, then 120 W from 2.35 s on.
const STEPS: &str = "0 50000\n1000 250000\n2350 120000\n";

/// Its energy from `from` to `to`, in joules, by the areas of the three steps.
fn energy(from: f64, to: f64) -> f64 {
    let step = |start: f64, end: f64, watts: f64| watts * (to.min(end) - from.max(start)).max(0.0);
    step(0.0, 1.0, 50.0) + step(1.0, 2.35, 250.0) + step(2.35, f64::INFINITY, 120.0)
}

fn ids(found: &[Found]) -> Vec<&str> {
    found.iter().flatten().map(|s| s.info().id.as_str()).filter(|id| id.starts_with("nvml")).collect()
}

fn reasons(found: &[Found]) -> String {
    let errors = found.iter().filter_map(|f| f.as_ref().err()).map(ToString::to_string);
    errors.filter(|text| text.starts_with("nvml")).collect::<Vec<_>>().join("\n")
}

#[test]
fn energies_lie_within_what_the_update_period_allows() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", STEPS);
    driver.set("steps1", "0 80000\n");
    let clock = driver.clock();
    let selection = select(probe(&driver.roots()));
    // The counter is preferred to the power of the same card.
    let chosen: Vec<_> =
        selection.sensors.iter().map(|s| s.info().id.as_str()).filter(|s| s.contains("nvml")).collect();
    assert_eq!(chosen, ["nvml:0:energy", "nvml:1:energy"]);
    // Neither end lies on a tick.
    clock.set(330);
    let meter = Meter::new(selection, clock.clone(), Seconds(0.05));
    let window = meter.start("window");
    while clock.ms() < 3080 {
        clock.sleep(Seconds(0.05));
        meter.sample();
    }
    let report = meter.stop(window).unwrap();
    // Each end is at most one tick old, at the power that holds there.
    for (index, exact, largest) in [(0, energy(0.33, 3.08), 0.1 * 120.0), (1, 80.0 * 2.75, 0.1 * 80.0)] {
        let part = report.components.iter().find(|c| c.component == Component::new(Domain::Gpu, index)).unwrap();
        let measured = part.energy_j.unwrap().0;
        assert!((measured - exact).abs() <= largest, "card {index}: {measured} J of {exact} J");
        assert_eq!(part.provenance, Provenance::Counter);
        // The stated uncertainty covers the error: both ends uniform within a tick.
        let u = part.energy_u_j.unwrap().0;
        assert!((measured - exact).abs() <= 3.0 * u, "{measured} +- {u}");
    }
}

#[test]
fn powers_are_the_fields_of_newer_drivers_else_the_old_call() {
    for (without, name, expected_w) in [
        (&[][..], "nvml:0:power_instant", 120.0),
        // Over the last second: 0.35 s at 250 W, 0.65 s at 120 W.
        (&["NO_POWER_FIELDS"][..], "nvml:0:power_usage", 165.5),
    ] {
        let Some(driver) = Driver::build(without) else { return };
        driver.set("steps0", STEPS);
        let clock = driver.clock();
        clock.set(3042);
        let mut sensors = of_card(UUIDS[0], &driver.roots());
        assert_eq!(ids(&sensors), ["nvml:0:energy", name]);
        let Some(Ok(power)) = sensors.last_mut() else { panic!("no power") };
        let reading = power.read(clock.as_ref()).unwrap();
        assert!((reading.time.0 - 3.042).abs() < 1e-9);
        let Quantity::Power(Watts(watts)) = reading.quantity else { panic!("{reading:?}") };
        assert!((watts - expected_w).abs() < 0.01, "{name}: {watts} W");
    }
}

#[test]
fn a_symbol_that_the_driver_lacks_is_missing_and_the_power_takes_its_place() {
    let Some(driver) = Driver::build(&["NO_ENERGY_COUNTER"]) else { return };
    let found = probe(&driver.roots());
    assert_eq!(ids(&found), ["nvml:0:power_instant", "nvml:1:power_instant"]);
    assert!(reasons(&found).contains("nvml:0:energy is not available here: this card has none"), "{}", reasons(&found));
    let selection = select(found);
    let card = selection.sensors.iter().find(|s| s.info().component.domain == Domain::Gpu).unwrap();
    assert_eq!(card.info().provenance, Provenance::Integrated);
}

#[test]
fn a_card_that_is_lost_on_the_way_is_an_error_and_the_other_goes_on() {
    let Some(driver) = Driver::build(&[]) else { return };
    for card in ["steps0", "steps1"] {
        driver.set(card, "0 100000\n");
    }
    let clock = driver.clock();
    let mut selection = select(probe(&driver.roots()));
    driver.set("lost0", "");
    let mut read = |index| {
        selection
            .sensors
            .iter_mut()
            .find(|s| s.info().component.index == index && s.info().component.domain == Domain::Gpu)
            .unwrap()
            .read(clock.as_ref())
    };
    let error = read(0).unwrap_err();
    assert!(matches!(&error, SensorError::Failed { reason, .. } if reason.contains("fell off the bus")), "{error}");
    assert_eq!(read(1).unwrap().quantity, Quantity::Energy(Joules(7e6)));
    // A later look sees one card, under the number that it had, and why the other is not there.
    let found = probe(&driver.roots());
    assert_eq!(ids(&found), ["nvml:1:energy", "nvml:1:power_instant"]);
    assert!(reasons(&found).contains("nvml:0 failed"), "{}", reasons(&found));
    assert!(Card::open(UUIDS[0], &driver.roots()).is_err());
    // A window that loses its card has no energy for it, and not the half of one.
    driver.remove("lost0");
    let meter = Meter::new(select(probe(&driver.roots())), clock.clone(), Seconds(0.1));
    let window = meter.start("window");
    clock.sleep(Seconds(1.0));
    meter.sample();
    driver.set("lost0", "");
    clock.sleep(Seconds(1.0));
    let report = meter.stop(window).unwrap();
    let energies: Vec<_> =
        report.components.iter().filter(|c| c.component.domain == Domain::Gpu).map(|c| c.energy_j).collect();
    assert_eq!(energies, [None, Some(Joules(200.0))]);
}

#[test]
fn a_card_tells_temperature_clock_and_what_holds_it_back() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", "0 300000\n");
    driver.clock().set(2000);
    let card = Card::open(UUIDS[0], &driver.roots()).unwrap();
    assert_eq!((card.index().unwrap(), card.temperature_c()), (0, Some(60.0)));
    assert_eq!(card.sm_clock(), Some(Hertz::from_mhz(1410.0)));
    assert_eq!(card.highest_power_limit(), Some(Watts(400.0)));
    assert_eq!(card.held_back_by(), Some(vec![Throttle::PowerLimit]));
    let idle = Card::open(UUIDS[1], &driver.roots()).unwrap();
    // Idling is a reason for a low clock too, and nothing that holds back.
    assert_eq!(idle.held_back_by(), Some(vec![]));
    let text = doctor::examine(&driver.roots()).to_string();
    assert!(text.contains("A100") && text.contains("held back right now by the power limit"), "{text}");
}

#[test]
fn a_card_is_looked_at_once_and_says_what_it_offers() {
    for (without, features, power) in [
        (&[][..], "energy counter, instant power, average power, power by the old call", (Some(250.0), Some(245.0))),
        (&["NO_POWER_FIELDS"][..], "energy counter, power by the old call", (None, None)),
        (&["NO_ENERGY_COUNTER"][..], "instant power, average power, power by the old call", (Some(250.0), Some(245.0))),
    ] {
        let Some(driver) = Driver::build(without) else { return };
        driver.set("steps0", "0 200000\n1100 250000\n");
        driver.clock().set(2000);
        let card = Card::open(UUIDS[0], &driver.roots()).unwrap();
        assert_eq!(card.features().to_string(), features);
        let state = card.state().unwrap();
        assert_eq!((state.power_instant, state.power_average), (power.0.map(Watts), power.1.map(Watts)), "{without:?}");
        let clocks = (state.sm_clock.unwrap().mhz(), state.memory_clock.unwrap().mhz());
        assert_eq!((clocks, state.temperature_c), ((1410.0, 1215.0), Some(54.0)));
        assert_eq!((state.busy, state.memory_busy, state.power_limit), (Some(0.97), Some(0.40), Some(Watts(300.0))));
        assert_eq!(state.held_back_by, Some(vec![]));
        driver.set("lost0", "");
        assert!(card.state().unwrap_err().to_string().contains("fell off the bus"));
    }
}

#[test]
fn slices_and_virtual_gpus_say_what_is_shared_and_what_is_absent() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("mig0", "");
    let found = probe(&driver.roots());
    // The whole card is measured, and that it is the whole card is said.
    assert_eq!(ids(&found).len(), 4);
    assert!(reasons(&found).contains("nvml:0:own share is not available here: MIG is on"), "{}", reasons(&found));
    assert!(!reasons(&found).contains("nvml:1:own share"));
    assert_eq!(Card::open(UUIDS[0], &driver.roots()).unwrap().features().sharing, Sharing::Slices);
    assert!(doctor::examine(&driver.roots()).to_string().contains("MIG is on"));
    driver.remove("mig0");
    driver.set("vgpu", "");
    let found = probe(&driver.roots());
    assert_eq!(ids(&found), [""; 0]);
    for part in ["nvml:0:energy is not", "nvml:1:power is not", "virtual GPU", "measure on the host"] {
        assert!(reasons(&found).contains(part), "{part}: {}", reasons(&found));
    }
}

#[test]
fn rows_say_what_held_their_card_back() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", "0 100000\n");
    driver.clock().set(2000);
    // The kernels are virtual; what watches over them is the card.
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("vnode.json");
    let vnode = Vnode::open(&vnode::preset("a100").unwrap(), &state, 1, Pace::Virtual).unwrap();
    let mut rig = Rig::vnode(&vnode).unwrap();
    rig.watch(Card::open(UUIDS[0], &driver.roots()).unwrap());
    assert_eq!(rig.power_bound_w, Some(400.0));
    let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1 << 26 });
    let mut note = || {
        let options = window::Options::quick();
        let result = window::characterise(&mut rig, &[spec], &options, StopRule::Fixed(1), &mut |_, _| true).unwrap();
        (result.rows[0].note.clone(), result.rows[0].temperature_c)
    };
    assert!(!note().0.contains("held back"));
    // nvmlClocksThrottleReasonHwThermalSlowdown and nvmlClocksThrottleReasonHwPowerBrakeSlowdown.
    driver.set("reasons0", "192");
    let (text, celsius) = note();
    assert!(text.contains("held back by the temperature (hardware) (") && text.contains("power brake"), "{text}");
    assert_eq!(celsius, Some(40.0));
    // A card that stops answering is not taken for one that runs freely.
    driver.set("lost0", "");
    let (text, celsius) = note();
    assert!(!text.contains("held back") && celsius.is_none(), "{text}");
}

/// Plays a program that is started with CUDA_VISIBLE_DEVICES, which is read from the environment of the process.
#[test]
fn looking_process() {
    let Some(library) = std::env::var_os("ERGOMETER_TEST_NVML") else { return };
    let mut roots = Roots::fixture("/nonexistent".as_ref());
    roots.nvml = NvmlSource::Library(library.into());
    let sensors = probe(&roots);
    let knobs = ergometer_harness::knob::probe(&roots);
    let ids: Vec<_> =
        knobs.iter().flatten().map(|k| k.id().to_owned()).filter(|id| id.ends_with("power_limit")).collect();
    println!("sensors {}\nknobs {}\nreasons {}", ids_of(&sensors), ids.join(" "), reasons(&sensors));
}

fn ids_of(found: &[Found]) -> String {
    ids(found).into_iter().filter(|id| id.ends_with("energy")).collect::<Vec<_>>().join(" ")
}

#[test]
fn cards_that_cuda_does_not_show_are_neither_read_nor_set() {
    let Some(driver) = Driver::build(&[]) else { return };
    let limit = |card: usize| format!("nvml:{}:power_limit", UUIDS[card]);
    let look = |devices: &str, order: Option<&str>| {
        let mut command = Command::new("/proc/self/exe");
        command.args(["nvidia::readings::looking_process", "--exact", "--nocapture"]);
        command.env("ERGOMETER_TEST_NVML", driver.library()).env("CUDA_VISIBLE_DEVICES", devices);
        match order {
            Some(order) => command.env("CUDA_DEVICE_ORDER", order),
            None => command.env_remove("CUDA_DEVICE_ORDER"),
        };
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for (devices, cards) in
        [("1", vec![1]), ("GPU-aaaaaaaa", vec![0]), (UUIDS[1], vec![1]), ("", vec![]), ("1,0", vec![0, 1])]
    {
        let seen = look(devices, None);
        let sensors: Vec<String> = cards.iter().map(|card| format!("nvml:{card}:energy")).collect();
        let knobs: Vec<String> = cards.iter().map(|card| limit(*card)).collect();
        assert!(
            seen.contains(&format!("sensors {}\nknobs {}\n", sensors.join(" "), knobs.join(" "))),
            "{devices}: {seen}"
        );
        assert_eq!(seen.contains("CUDA_VISIBLE_DEVICES hides this card"), cards.len() < 2, "{devices}: {seen}");
    }
    driver.set("name1", "NVIDIA L4");
    let unlike = look("1", None);
    assert!(unlike.contains("sensors \n") && unlike.contains("CUDA_DEVICE_ORDER=PCI_BUS_ID"), "{unlike}");
    assert!(look("1", Some("PCI_BUS_ID")).contains("sensors nvml:1:energy\n"));
}

#[test]
fn the_counter_is_checked_against_the_integrated_power() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", "0 180000\n");
    driver.set("steps1", "0 80000\n");
    let clock = driver.clock();
    clock.set(1230);
    let mut selection = select(probe(&driver.roots()));
    let mut check = CrossCheck::new(std::mem::take(&mut selection.witnesses));
    let agreements = check.run(&mut selection.sensors, clock.as_ref(), Seconds(3.0));
    let pairs: Vec<_> = agreements.iter().map(|a| (a.sensor.as_str(), a.witness.as_str())).collect();
    assert_eq!(pairs, [("nvml:0:energy", "nvml:0:power_instant"), ("nvml:1:energy", "nvml:1:power_instant")]);
    for agreement in &agreements {
        assert_eq!(agreement.finding, Finding::Agrees, "{agreement}");
        // The counter steps by a tenth of a second: over two seconds that is 5 % at either end.
        assert!((agreement.ratio.unwrap() - 1.0).abs() < 0.05, "{agreement}");
    }
    // A card that scales its power reading, as Yang et al. found: 1.3 times.
    driver.set("power_permille0", "1300");
    let mut selection = select(probe(&driver.roots()));
    let mut check = CrossCheck::new(std::mem::take(&mut selection.witnesses));
    let agreements = check.run(&mut selection.sensors, clock.as_ref(), Seconds(3.0));
    assert_eq!(agreements[0].finding, Finding::Disagrees, "{}", agreements[0]);
    assert!((agreements[0].ratio.unwrap() * 1.3 - 1.0).abs() < 0.05, "{}", agreements[0]);
    assert_eq!(agreements[1].finding, Finding::Agrees, "{}", agreements[1]);
}

#[test]
fn a_driver_that_was_reloaded_is_a_reset_and_the_session_starts_anew() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", "0 100000\n");
    driver.set("steps1", "0 100000\n");
    let clock = driver.clock();
    let selection = select(probe(&driver.roots()));
    let meter = Meter::new(selection, clock.clone(), Seconds(0.1));
    let across = meter.start("across the reload");
    clock.sleep(Seconds(1.0));
    meter.sample();
    // The module is unloaded and loaded: handles of before are void, and the counter begins at zero.
    driver.set("generation", "1");
    driver.set("since_ms", "1000");
    clock.sleep(Seconds(1.0));
    let report = meter.stop(across).unwrap();
    let part = report.components.iter().find(|c| c.component == Component::new(Domain::Gpu, 0)).unwrap();
    assert_eq!((part.energy_j, part.provenance), (None, Provenance::Absent));
    assert!(part.reason.as_deref().unwrap().contains("was reset"), "{part:?}");
    // A window after it is whole again, with the same sensors.
    let after = meter.start("after");
    clock.sleep(Seconds(2.0));
    let report = meter.stop(after).unwrap();
    let part = report.component(Component::new(Domain::Gpu, 0)).unwrap();
    assert_eq!(part.energy_j, Some(Joules(200.0)));
}
