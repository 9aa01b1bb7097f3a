//! The examination of every fixture machine.

use crate::trees::Tree;
use ergometer_harness::doctor::{Doctor, Item, Status, examine};
use ergometer_harness::sensor::Roots;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

fn item<'a>(items: &'a [Item], name: &str) -> &'a Item {
    items.iter().find(|i| i.name == name).unwrap_or_else(|| panic!("no {name} in {items:#?}"))
}

#[test]
fn a_server_is_described() {
    let tree = Tree::intel_server();
    let doctor = examine(&tree.roots());
    assert_eq!(doctor.cpu.model.as_deref(), Some("Intel(R) Xeon(R) CPU E5-2698 v4 @ 2.20GHz"));
    assert_eq!((doctor.cpu.sockets, doctor.cpu.cores, doctor.cpu.threads), (Some(2), Some(4), Some(4)));
    assert_eq!(doctor.cpu.isa, ["sse2", "avx", "fma", "avx2"]);
    let lacking = |name: &str| doctor.cpu.tiers.iter().find(|tier| tier.name == name).unwrap().lacking.clone();
    assert_eq!((doctor.cpu.tiers.len(), lacking("scalar")), (4, None));
    if cfg!(target_arch = "x86_64") {
        assert_eq!((lacking("sse"), lacking("avx2")), (None, None));
        assert!(lacking("avx512").unwrap().contains("lacks avx512f"));
    }
    assert!(doctor.to_string().contains("no avx512: "));
    assert_eq!(doctor.cpu.governor.as_deref(), Some("schedutil"));
    assert_eq!(doctor.cpu.microcode.as_deref(), Some("0xb000040"));
    assert_eq!((doctor.virtual_machine, doctor.memory.total_bytes), (false, Some(1_024_000_000)));
    assert!(doctor.measures_energy());
    assert_eq!(item(&doctor.sensors, "package:1").status, Status::Found);
    assert!(item(&doctor.knobs, "cpufreq scaling_max_freq").detail.contains("(4 of them)"));
}

#[test]
fn a_virtual_machine_is_not_told_to_load_drivers_that_cannot_help() {
    let doctor = examine(&Tree::virtual_machine().roots());
    assert!(doctor.virtual_machine && !doctor.measures_energy() && !doctor.controls());
    assert!(doctor.items().all(|i| i.status == Status::Missing && i.fix.is_none()), "{doctor}");
    let page = doctor.to_string();
    assert!(page.contains("No energy can be measured here") && page.contains("virtual node"), "{page}");
}

#[test]
fn a_masked_container_gets_the_exact_commands() {
    let tree = Tree::masked_container();
    let doctor = examine(&tree.roots());
    assert!(!doctor.measures_energy());
    let package = item(&doctor.sensors, "powercap:intel-rapl:0");
    let file = tree.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    assert_eq!(
        (package.status, package.fix.clone()),
        (Status::NotPermitted, Some(format!("sudo chmod a+r {}", file.display())))
    );
    let perf = item(&doctor.sensors, "perf:power/energy-pkg/cpu0");
    assert_eq!(perf.fix.as_deref(), Some("sudo sysctl kernel.perf_event_paranoid=0"));
    assert!(doctor.to_string().contains("fix: sudo sysctl kernel.perf_event_paranoid=0"));
}

#[test]
fn a_real_machine_without_drivers_is_told_which_to_load() {
    let tree = Tree::intel_client();
    std::fs::remove_dir_all(tree.path().join("sys/class/powercap")).unwrap();
    tree.file("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    let doctor = examine(&tree.roots());
    assert_eq!(item(&doctor.sensors, "powercap").fix.as_deref(), Some("sudo modprobe intel_rapl_msr"));
    assert_eq!(item(&doctor.gpus, "NVIDIA").fix.as_deref(), Some("sudo modprobe nvidia"));
}

#[test]
fn the_model_of_the_memory_does_not_count_as_measuring() {
    let tree = Tree::virtual_machine();
    let mut module = vec![0u8; 40];
    (module[0], module[1], module[0x12]) = (17, 40, 26);
    module[0x0C..0x0E].copy_from_slice(&16_384u16.to_le_bytes());
    module.extend([0, 0]);
    tree.file("sys/firmware/dmi/tables/DMI", crate::dram::table(&[module]));
    let doctor = examine(&tree.roots());
    assert_eq!(doctor.memory.dimms_gib, [16.0]);
    assert_eq!(item(&doctor.sensors, "dram:0").status, Status::Found);
    assert!(!doctor.measures_energy(), "{doctor}");
}

#[test]
fn the_page_fits_a_screen_and_the_data_round_trips() {
    for tree in [Tree::intel_server(), Tree::intel_client(), Tree::epyc(2), Tree::virtual_machine(), Tree::amdgpu()] {
        let mut doctor = examine(&tree.roots());
        doctor.nvrtc = Some(Item::missing("NVRTC", "no toolkit", Some("pip install nvidia-cuda-nvrtc-cu12".into())));
        let page = doctor.to_string();
        assert!(page.lines().count() <= 50, "{} lines\n{page}", page.lines().count());
        assert!(page.contains("fix: pip install nvidia-cuda-nvrtc-cu12"));
        let text = serde_json::to_string(&doctor).unwrap();
        assert_eq!(serde_json::from_str::<Doctor>(&text).unwrap(), doctor);
    }
}

fn snapshot(folder: &Path, into: &mut BTreeMap<PathBuf, (Option<Vec<u8>>, SystemTime)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let meta = entry.path().symlink_metadata().unwrap();
        let bytes = meta.is_file().then(|| std::fs::read(entry.path()).unwrap());
        into.insert(entry.path(), (bytes, meta.modified().unwrap()));
        if meta.is_dir() {
            snapshot(&entry.path(), into);
        }
    }
}

#[test]
fn examining_writes_nothing() {
    for tree in [Tree::intel_client(), Tree::masked_container(), Tree::amdgpu()] {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        snapshot(tree.path(), &mut before);
        examine(&tree.roots().with_permission(ergometer_harness::knob::Permission::AllowControl));
        snapshot(tree.path(), &mut after);
        assert_eq!(before, after);
    }
}

#[test]
fn an_empty_root_and_this_machine_are_examined_without_panic() {
    let empty = examine(&Tree::new().roots());
    assert_eq!((empty.cpu.model.as_deref(), empty.memory.total_bytes), (None, None));
    assert!(empty.to_string().contains("unknown"));
    assert!(examine(&Roots::system()).cpu.threads.is_some());
}
