//! Power limit and locked clocks under a lease.

use super::*;
use ergometer_harness::knob::{self, Allowed, Knob, KnobError, Lever, Permission, nvml::of_card};
use ergometer_harness::lease::{self, Lease, LeaseError, LeaseOptions, Outcome};
use ergometer_record::{Hertz, Setting, Watts};

fn options(driver: &Driver) -> LeaseOptions {
    let roots = driver.roots().with_permission(Permission::AllowControl);
    LeaseOptions { state_dir: driver.path().join("state"), roots, guardian: None, holder: "test".into() }
}

fn knobs(driver: &Driver) -> Vec<Box<dyn Knob>> {
    let roots = driver.roots().with_permission(Permission::AllowControl);
    of_card(UUIDS[0], &roots).into_iter().collect::<Result<_, _>>().unwrap()
}

fn capped(watts: f64) -> Setting {
    Setting { gpu_cap_w: Some(Watts(watts)), ..Setting::default() }
}

fn locked(mhz: f64) -> Setting {
    Setting { gpu_clock_hz: Some(Hertz::from_mhz(mhz)), ..Setting::default() }
}

#[test]
fn a_card_says_what_it_accepts() {
    let Some(driver) = Driver::build(&[]) else { return };
    let found = knobs(&driver);
    let allowed = |lever| found.iter().find(|k| k.lever() == lever).unwrap().allowed().unwrap();
    assert_eq!(allowed(Lever::GpuCap), Allowed::Range { min: 100e3, max: 400e3, step: None, unit: "mW" });
    assert_eq!(allowed(Lever::GpuClock), Allowed::List(["210", "600", "1005", "1410"].map(String::from).to_vec()));
    assert_eq!(allowed(Lever::GpuMemClock), Allowed::List(["810", "1215"].map(String::from).to_vec()));
    // Both cards, three knobs each, each found again by its id.
    let all = knob::probe(&driver.roots());
    let ids: Vec<_> = all.iter().flatten().map(|k| k.id().to_owned()).collect();
    assert_eq!(ids.len(), 6, "{ids:?}");
    assert!(ids.iter().all(|id| knob::open(id, &driver.roots()).is_ok_and(|k| k.id() == id)));
}

#[test]
fn a_cap_is_written_read_back_and_restored() {
    let Some(driver) = Driver::build(&[]) else { return };
    // Not the driver's default: what is put back is what was found.
    driver.set("limit0", "350000");
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    let applied = lease.apply(&capped(150.0)).unwrap();
    assert_eq!((applied[0].asked.as_str(), applied[0].reads_back()), ("150000", Some(true)));
    assert_eq!(driver.get("limit0").as_deref(), Some("150000"));
    // Outside the card's range nothing is written.
    let error = lease.apply(&capped(450.0)).unwrap_err();
    assert!(error.to_string().contains("100000 to 400000 mW"), "{error}");
    assert_eq!(driver.get("limit0").as_deref(), Some("150000"));
    let report = lease.end();
    let restored = Outcome::Restored { from: "150000".into(), to: "350000".into() };
    assert_eq!(report.entries.iter().map(|e| &e.outcome).collect::<Vec<_>>(), [&restored]);
    assert_eq!(driver.get("limit0").as_deref(), Some("350000"));
    assert_eq!(driver.get("limit1"), None, "the other card was touched");
}

#[test]
fn locked_clocks_can_not_be_read_back_and_are_reset() {
    let Some(driver) = Driver::build(&[]) else { return };
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    let applied = lease.apply(&locked(1005.0)).unwrap();
    assert_eq!(applied[0].reads_back(), None);
    assert_eq!(driver.get("lock0").as_deref(), Some("1005"));
    // A setting that leaves the clock as found unlocks it on the way.
    lease.apply(&capped(200.0)).unwrap();
    assert_eq!(driver.get("lock0"), None);
    lease.apply(&locked(600.0)).unwrap();
    let report = lease.end();
    assert!(report.is_complete() && report.entries.iter().any(|e| e.outcome == Outcome::Reset), "{report}");
    assert_eq!((driver.get("lock0"), driver.get("limit0").as_deref()), (None, Some("300000")));
}

#[test]
fn a_killed_leases_cards_are_restored_from_the_journal() {
    let Some(driver) = Driver::build(&[]) else { return };
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    lease.apply(&capped(150.0)).unwrap();
    lease.apply(&Setting { gpu_clock_hz: Some(Hertz::from_mhz(600.0)), ..capped(150.0) }).unwrap();
    // As a dead process leaves it: what the journal says stands in a file of its own, and nobody holds that.
    let leases = driver.path().join("state/leases");
    let journal = fs::read_dir(&leases).unwrap().next().unwrap().unwrap().path();
    let text = fs::read(&journal).unwrap();
    assert!(lease.end().is_complete());
    fs::write(&journal, text).unwrap();
    driver.set("limit0", "150000");
    driver.set("lock0", "600");
    let report = lease::restore(&driver.path().join("state"), &driver.roots()).unwrap();
    assert!(report.is_complete(), "{report}");
    assert_eq!((driver.get("lock0"), driver.get("limit0").as_deref()), (None, Some("300000")));
}

#[test]
fn a_driver_that_refuses_says_what_allows_it_and_leaves_nothing_to_undo() {
    let Some(driver) = Driver::build(&[]) else { return };
    driver.set("refused", "");
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    for setting in [capped(150.0), locked(600.0)] {
        let error = lease.apply(&setting).unwrap_err();
        let LeaseError::Knob(KnobError::NotPermitted { remedy, .. }) = &error else { panic!("{error}") };
        assert!(remedy.contains("sudo"), "{error}");
    }
    lease.apply(&Setting::default()).unwrap();
    let report = lease.end();
    assert!(report.is_complete() && report.entries.is_empty(), "{report}");
    assert_eq!(fs::read_dir(driver.path().join("state/leases")).unwrap().count(), 0);
}

#[test]
fn a_driver_without_locked_clocks_refuses_them_by_name() {
    let Some(driver) = Driver::build(&["NO_LOCKED_CLOCKS"]) else { return };
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    let error = lease.apply(&locked(600.0)).unwrap_err();
    assert!(matches!(&error, LeaseError::Knob(KnobError::Missing { .. })), "{error}");
    // Its power limit can be set all the same.
    assert_eq!(lease.apply(&capped(200.0)).unwrap().len(), 1);
    let report = lease.end();
    assert!(report.is_complete(), "{report}");
    assert_eq!(driver.get("limit0").as_deref(), Some("300000"));
}

#[test]
fn a_card_that_is_lost_keeps_its_journal_until_it_is_back() {
    let Some(driver) = Driver::build(&[]) else { return };
    let mut lease = Lease::acquire(&options(&driver), knobs(&driver)).unwrap();
    lease.apply(&capped(150.0)).unwrap();
    driver.set("lost0", "");
    let report = lease.end();
    assert!(matches!(report.entries[0].outcome, Outcome::Failed { .. }), "{report}");
    driver.remove("lost0");
    assert!(lease::restore(&driver.path().join("state"), &driver.roots()).unwrap().is_complete());
    assert_eq!(driver.get("limit0").as_deref(), Some("300000"));
}
