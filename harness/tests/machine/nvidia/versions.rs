use super::Driver;
use ergometer_harness::sensor::nvml::{Versions, versions};
use ergometer_harness::sensor::roots::NvmlSource;

#[test]
fn a_manifest_learns_driver_and_vbios() {
    let Some(driver) = Driver::build(&[]) else { return };
    let found = versions(&driver.roots().nvml);
    let vbios = vec!["92.00.36.00.00".to_owned(), "92.00.36.00.01".to_owned()];
    assert_eq!(found, Some(Versions { driver: Some("550.54.15".into()), vbios }));
    // A card that is lost does not tell; the others do.
    driver.set("lost0", "");
    let found = versions(&driver.roots().nvml).unwrap();
    assert_eq!(found.vbios, ["92.00.36.00.01"]);
    assert_eq!(versions(&NvmlSource::Off), None);
}
