//! The DRAM model of equations 4.1 and 4.2 and its DMI tables.

use crate::trees::Tree;
use ergometer_harness::clock::RealClock;
use ergometer_harness::sensor::dram::{self, Dimm, Profile, dimms, share_in_use};
use ergometer_harness::sensor::{Quantity, Sensor, probe};
use ergometer_record::{Provenance, Watts};
use proptest::prelude::*;

/// A structure of type 17 (SMBIOS 3.0, DSP0134 7.18): 40 bytes and two strings.
fn memory_device(size: u16, extended_mib: u32) -> Vec<u8> {
    let mut bytes = vec![0u8; 40];
    bytes[0] = 17;
    bytes[1] = 40;
    bytes[0x0C..0x0E].copy_from_slice(&size.to_le_bytes());
    bytes[0x12] = 26;
    bytes[0x1C..0x20].copy_from_slice(&extended_mib.to_le_bytes());
    bytes.extend(b"DIMM 0\0BANK 0\0\0");
    bytes
}

/// BIOS information without strings, then the given structures, then the end.
pub(crate) fn table(structures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0, 6, 0, 0, 1, 2, 0, 0];
    structures.iter().for_each(|s| bytes.extend(s));
    bytes.extend([127, 4, 9, 9, 0, 0]);
    bytes
}

#[test]
fn populated_slots_only_each_with_its_own_size() {
    let table = table(&[
        memory_device(16 * 1024, 0),      // 16 GiB in MiB
        memory_device(0, 0),              // empty
        memory_device(0x7FFF, 64 * 1024), // too large for the field
        memory_device(0xFFFF, 0),         // unknown
        memory_device(0x8000 | 512, 0),   // 512 KiB
    ]);
    let sizes: Vec<f64> = dimms(&table).iter().map(|d| d.gib).collect();
    assert_eq!(sizes, [16.0, 64.0, 512.0 / 1024.0 / 1024.0]);
}

#[test]
fn firmware_flash_and_persistent_memory_are_no_dram() {
    let mut flash = memory_device(16, 0);
    flash[0x12] = 0x09;
    let mut optane = memory_device(0x7FFF, 128 * 1024);
    optane[0x12] = 0x1F;
    let found = dimms(&table(&[flash, memory_device(0x7FFF, 32 * 1024), optane]));
    assert_eq!(found, [Dimm { gib: 32.0, technology: 26 }]);
}

fn ddr4(gib: f64) -> Dimm {
    Dimm { gib, technology: 26 }
}

#[test]
fn the_tiers_are_the_thesis_ones() {
    let base_power = |gib| Profile::Thesis.base_power(&ddr4(gib)).unwrap();
    for (gib, watts) in [(16.0, 4.0), (32.0, 5.0), (64.0, 6.0), (128.0, 8.0), (256.0, 10.0)] {
        assert_eq!(base_power(gib), Watts(watts));
    }
    assert_eq!((base_power(8.0), base_power(48.0), base_power(512.0)), (Watts(4.0), Watts(5.0), Watts(10.0)));
    for (share, factor) in
        [(0.0, 0.30), (0.049, 0.30), (0.05, 0.60), (0.2, 0.70), (0.3, 0.75), (0.5, 0.80), (1.0, 0.80)]
    {
        assert_eq!(Profile::Thesis.use_factor(share), factor, "{share}");
    }
}

#[test]
fn ea2p_has_tiers_of_its_own() {
    // ram.py of EA2P 1.0.1.
    let base_power = |gib, technology| Profile::Ea2p.base_power(&Dimm { gib, technology });
    for (gib, watts) in [(16.0, 4.0), (32.0, 5.0), (64.0, 6.0), (128.0, 8.0), (256.0, 10.0), (8.0, 10.0)] {
        assert_eq!((base_power(gib, 26), base_power(gib, 34)), (Some(Watts(watts)), Some(Watts(watts))));
    }
    assert_eq!((base_power(16.0, 24), base_power(16.0, 0x21)), (Some(Watts(4.5)), None));
    for (share, factor) in
        [(0.0, 0.35), (0.05, 0.35), (0.1, 0.65), (0.2, 0.70), (0.25, 0.70), (0.5, 0.75), (0.7, 0.80), (0.71, 0.85)]
    {
        assert_eq!(Profile::Ea2p.use_factor(share), factor, "{share}");
    }
    assert_eq!(Profile::Ea2p.power(&[ddr4(16.0), Dimm { gib: 16.0, technology: 0x21 }], 0.1), None);
}

#[test]
fn equation_4_1_by_hand() {
    // Sixteen 32 GiB modules (512 GiB, the thesis' Intel-2) at 10 % use: 16 x 5 W x 0.60; by EA2P's factor 0.65.
    let modules = [ddr4(32.0); 16];
    assert!((Profile::Thesis.power(&modules, 0.10).unwrap().0 - 48.0).abs() < 1e-9);
    assert!((Profile::Ea2p.power(&modules, 0.10).unwrap().0 - 52.0).abs() < 1e-9);
}

#[test]
fn the_sensor_is_always_modelled_and_names_its_profile() {
    let tree = Tree::virtual_machine();
    tree.file("sys/firmware/dmi/tables/DMI", table(&[memory_device(16 * 1024, 0), memory_device(16 * 1024, 0)]));
    let mut sensors: Vec<Box<dyn Sensor>> = probe(&tree.roots()).into_iter().flatten().collect();
    assert_eq!((sensors.len(), sensors[0].info().id.as_str()), (1, "dram:model:thesis"));
    // 30 % in use: 2 x 4 W x 0.75, in both profiles.
    sensors.push(dram::open(&tree.roots(), Profile::Ea2p).unwrap());
    assert_eq!(sensors[1].info().id, "dram:model:ea2p");
    for sensor in &mut sensors {
        assert_eq!(sensor.info().provenance, Provenance::Modelled);
        assert_eq!(sensor.read(&RealClock::new()).unwrap().quantity, Quantity::Power(Watts(6.0)));
    }
    let mut hbm = memory_device(16 * 1024, 0);
    hbm[0x12] = 0x21;
    tree.file("sys/firmware/dmi/tables/DMI", table(&[hbm]));
    let error = dram::open(&tree.roots(), Profile::Ea2p).err().unwrap().to_string();
    assert!(error.contains("memory type 33") && error.contains("ERGOMETER_DRAM_PROFILE=thesis"), "{error}");
}

/// Plays a program that is started with the variable, which is read from the environment of the process.
#[test]
fn probing_process() {
    let Some(folder) = std::env::var_os("ERGOMETER_TEST_TREE") else { return };
    let found = probe(&ergometer_harness::sensor::Roots::fixture(folder.as_ref()));
    for sensor in found {
        println!("{}", sensor.map_or_else(|error| error.to_string(), |sensor| sensor.info().id.clone()));
    }
}

#[test]
fn the_profile_is_named_by_the_environment_and_a_wrong_name_is_refused() {
    let tree = Tree::virtual_machine();
    tree.file("sys/firmware/dmi/tables/DMI", table(&[memory_device(16 * 1024, 0)]));
    for (name, expected) in
        [("ea2p", "dram:model:ea2p"), ("thesis", "dram:model:thesis"), ("mine", "thesis, ea2p is allowed")]
    {
        let mut command = std::process::Command::new("/proc/self/exe");
        command.args(["dram::probing_process", "--exact", "--nocapture"]);
        command.env("ERGOMETER_TEST_TREE", tree.path()).env(dram::VARIABLE, name);
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[test]
fn memory_in_use_comes_from_what_is_available() {
    assert_eq!(share_in_use("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 75 kB\n"), Some(0.25));
    assert_eq!(share_in_use("MemTotal: 100 kB\n"), None);
    assert_eq!(share_in_use(""), None);
}

proptest! {
    #[test]
    fn no_table_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        dimms(&bytes);
    }

    // A table cut anywhere lists a beginning of what the whole one lists.
    #[test]
    fn a_cut_table_lists_a_beginning(cut in 0usize..200) {
        let whole = table(&[memory_device(16 * 1024, 0), memory_device(0x7FFF, 32 * 1024), memory_device(0x7FFF, 65_536)]);
        let part = dimms(&whole[..cut.min(whole.len())]);
        prop_assert!(dimms(&whole).starts_with(&part));
    }
}
