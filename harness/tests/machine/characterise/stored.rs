//! What was stored is used, and what is out of date is said and not used.

use crate::driver::Driver;
use ergometer_harness::characterise::{Characterisation, Estimate, Found, Kind, store};
use ergometer_harness::clock::Clock;
use ergometer_harness::doctor;
use ergometer_harness::meter::Meter;
use ergometer_harness::sensor::{Characterised, SensorInfo, probe, select};
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Interval, Provenance, Seconds};

fn around(estimate: f64, half: f64) -> Estimate {
    Estimate::Known(Interval { estimate, low: estimate - half, high: estimate + half, level: 0.95, n: 8 })
}

fn unknown() -> Estimate {
    Estimate::Unknown { reason: "not asked".into() }
}

/// The first card of the fake driver, characterised under some driver.
fn made(driver: &str, date: &str) -> Characterisation {
    let found = |name: &str, kind, gain| Found {
        sensor: format!("nvml:7:{name}"),
        component: Component::new(Domain::Gpu, 7),
        kind,
        period_s: around(0.0201, 0.0001),
        averaging_s: unknown(),
        resolution: around(0.005, 0.0),
        gain,
    };
    Characterisation {
        version: Characterisation::VERSION,
        date: date.into(),
        device: "NVIDIA A100-SXM4-40GB GPU-aaaaaaaa-0000-4000-8000-000000000000".into(),
        driver: driver.into(),
        sensors: vec![
            found("energy", Kind::Counter, unknown()),
            found("power_instant", Kind::Power, around(0.97, 0.01)),
        ],
    }
}

fn infos(driver: &Driver, folder: &std::path::Path) -> Vec<SensorInfo> {
    let mut roots = driver.roots();
    roots.characterised = Some(folder.to_owned());
    let found = probe(&roots);
    found.iter().flatten().map(|s| s.info().clone()).filter(|i| i.id.starts_with("nvml")).collect()
}

#[test]
fn sensors_go_by_the_characterisation_of_their_card_and_driver() {
    let Some(driver) = Driver::build(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let stored = made("550.54.15", "2026-11-20T12:00:00Z");
    let path = store::write(folder.path(), &stored).unwrap();
    assert_eq!(store::read(&path).unwrap(), stored);
    let infos = infos(&driver, folder.path());
    let of = |id: &str| infos.iter().find(|i| i.id == id).unwrap();
    // The card had another number when it was characterised: its UUID tells.
    for id in ["nvml:0:energy", "nvml:0:power_instant"] {
        assert_eq!((of(id).period, of(id).resolution), (Seconds(0.0201), 0.005));
        assert_eq!(of(id).characterised, Some(Characterised::Used { date: stored.date.clone() }));
    }
    // The counter's own uncertainty, the comparison's (t = 2.365 at 7 degrees of freedom), and the 3 % of difference.
    let expected = (0.05 / 3f64.sqrt()).hypot(0.01 / 2.3646).hypot(0.03);
    assert!((of("nvml:0:power_instant").gain_u - expected).abs() < 1e-6, "{infos:?}");
    assert!((of("nvml:0:energy").gain_u - 0.05 / 3f64.sqrt()).abs() < 1e-12);
    // The other card was never characterised.
    assert_eq!((of("nvml:1:energy").period, &of("nvml:1:energy").characterised), (Seconds(0.1), &None));
}

#[test]
fn one_of_another_driver_is_said_to_be_stale_and_not_used() {
    let Some(driver) = Driver::build(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    store::write(folder.path(), &made("535.54.03", "2026-01-01T00:00:00Z")).unwrap();
    let found = infos(&driver, folder.path());
    let card = found.iter().find(|i| i.id == "nvml:0:energy").unwrap();
    assert_eq!((card.period, card.provenance), (Seconds(0.1), Provenance::Counter));
    let said = card.characterised.as_ref().unwrap();
    assert!(matches!(said, Characterised::Stale { driver, .. } if driver == "535.54.03"));
    assert!(said.to_string().contains("550.54.15") && said.to_string().contains("doctor --characterise"), "{said}");
    // Once there is one for the present driver, the old one is history.
    store::write(folder.path(), &made("550.54.15", "2026-11-20T12:00:00Z")).unwrap();
    assert_eq!(infos(&driver, folder.path()).iter().find(|i| i.id == "nvml:0:energy").unwrap().period, Seconds(0.0201));
}

#[test]
fn results_and_the_doctor_say_so() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("steps0", "0 100000\n");
    let folder = tempfile::tempdir().unwrap();
    let mut roots = driver.roots();
    roots.characterised = Some(folder.path().to_owned());
    let report = || {
        let clock = driver.clock();
        let meter = Meter::new(select(probe(&roots)), clock.clone(), Seconds(0.1));
        let window = meter.start("window");
        clock.sleep(Seconds(2.0));
        meter.stop(window).unwrap().to_string()
    };
    store::write(folder.path(), &made("535.54.03", "2026-01-01T00:00:00Z")).unwrap();
    assert!(report().contains("is for driver 535.54.03, not 550.54.15"), "{}", report());
    store::write(folder.path(), &made("550.54.15", "2026-11-20T12:00:00Z")).unwrap();
    assert!(report().contains("nvml:0:energy, characterised 2026-11-20T12:00:00Z)"), "{}", report());
    let page = doctor::examine(&roots).to_string().replace('\n', " ");
    assert!(page.contains("every 20 ms") && page.contains("2026-11-20T12:00:00Z"), "{page}");
}

#[test]
fn a_broken_file_is_left_out_and_named_when_read() {
    let Some(driver) = Driver::build(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, "version = 1\n").unwrap();
    let error = store::read(&path).unwrap_err().to_string();
    assert!(error.contains("x.toml") && error.contains("date"), "{error}");
    assert_eq!(infos(&driver, folder.path())[0].characterised, None);
    let newer = Characterisation { version: 99, ..made("1", "2026") };
    let path = store::write(folder.path(), &newer).unwrap();
    assert!(store::read(&path).unwrap_err().to_string().contains("newer"));
}
