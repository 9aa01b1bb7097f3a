//! Machines made of files. Each follows the layout that the named kernel source creates.

use ergometer_harness::sensor::Roots;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A fixture tree that disappears with its owner.
pub(crate) struct Tree {
    folder: TempDir,
}

/// Range of a 32-bit counter in steps of 2^-14 J, as `drivers/powercap/intel_rapl_common.c` states it.
pub(crate) const PACKAGE_RANGE_UJ: u64 = 262_143_328_850;
/// The same in steps of 15.3 uJ, the fixed DRAM unit of Xeon E5 and later.
pub(crate) const DRAM_RANGE_UJ: u64 = 65_712_999_613;

impl Tree {
    pub(crate) fn new() -> Self {
        // In memory where there is such a place: fixtures are written often, as hardware updates its registers.
        let tree = Self { folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap() };
        fs::create_dir_all(tree.path().join("run/lock")).unwrap();
        tree
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::fixture(self.path())
    }

    pub(crate) fn file(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A file that nobody may read: a folder in its place, because the tests may run as root.
    pub(crate) fn masked(&self, path: &str) {
        let path = self.path().join(path);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(path).unwrap();
    }

    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap().trim().to_owned()
    }

    /// A powercap zone with its long-term and short-term constraints.
    pub(crate) fn zone(&self, zone: &str, name: &str, energy_uj: u64, range_uj: u64, limit_w: Option<u64>) {
        let folder = format!("sys/class/powercap/{zone}");
        self.file(&format!("{folder}/name"), format!("{name}\n"));
        self.file(&format!("{folder}/energy_uj"), format!("{energy_uj}\n"));
        self.file(&format!("{folder}/max_energy_range_uj"), format!("{range_uj}\n"));
        if let Some(watts) = limit_w {
            self.file(&format!("{folder}/enabled"), "1\n");
            for (n, name, factor) in [(0, "long_term", 1), (1, "short_term", 2)] {
                self.file(&format!("{folder}/constraint_{n}_name"), format!("{name}\n"));
                self.file(
                    &format!("{folder}/constraint_{n}_power_limit_uw"),
                    format!("{}\n", watts * factor * 1_000_000),
                );
                self.file(
                    &format!("{folder}/constraint_{n}_max_power_uw"),
                    format!("{}\n", watts * factor * 1_000_000),
                );
            }
        }
    }

    /// A cpufreq policy as `drivers/cpufreq/cpufreq.c` lays it out.
    pub(crate) fn policy(&self, n: u32, driver: &str, governors: &str, epp: bool) {
        let folder = format!("sys/devices/system/cpu/cpufreq/policy{n}");
        for (file, text) in [
            ("scaling_driver", driver),
            ("scaling_available_governors", governors),
            ("scaling_governor", governors.split(' ').next_back().unwrap()),
            ("cpuinfo_min_freq", "800000"),
            ("cpuinfo_max_freq", "3600000"),
            ("scaling_min_freq", "800000"),
            ("scaling_max_freq", "3600000"),
        ] {
            self.file(&format!("{folder}/{file}"), format!("{text}\n"));
        }
        if epp {
            self.file(
                &format!("{folder}/energy_performance_available_preferences"),
                "default performance balance_performance balance_power power\n",
            );
            self.file(&format!("{folder}/energy_performance_preference"), "balance_performance\n");
        }
    }

    fn cpus(&self, vendor: &str, model: &str, flags: &str, packages: &[u32]) {
        let mut text = String::new();
        for (cpu, package) in packages.iter().enumerate() {
            text.push_str(&format!(
                "processor\t: {cpu}\nvendor_id\t: {vendor}\nmodel name\t: {model}\nmicrocode\t: 0xb000040\nphysical id\t: {package}\nflags\t\t: {flags}\n\n"
            ));
            let topology = format!("sys/devices/system/cpu/cpu{cpu}/topology");
            self.file(&format!("{topology}/physical_package_id"), format!("{package}\n"));
            self.file(&format!("{topology}/core_id"), format!("{cpu}\n"));
            self.file(&format!("{topology}/thread_siblings_list"), format!("{cpu}\n"));
            self.file(&format!("{topology}/core_cpus_list"), format!("{cpu}\n"));
        }
        self.file("proc/cpuinfo", text);
        self.file("sys/devices/system/cpu/online", format!("0-{}\n", packages.len() - 1));
        self.file("proc/sys/kernel/osrelease", "6.8.0-40-generic\n");
        self.file("proc/sys/kernel/perf_event_paranoid", "2\n");
        self.file("proc/meminfo", "MemTotal:       1000000 kB\nMemFree:  100 kB\nMemAvailable:    700000 kB\n");
    }

    /// The `power` PMU of `arch/x86/events/rapl.c`: counts in steps of 2^-32 J, one processor a package.
    pub(crate) fn pmu(&self, cpumask: &str, events: &[(&str, &str)]) {
        let folder = "sys/bus/event_source/devices/power";
        self.file(&format!("{folder}/type"), "23\n");
        self.file(&format!("{folder}/cpumask"), format!("{cpumask}\n"));
        for (event, code) in events {
            self.file(&format!("{folder}/events/{event}"), format!("event={code}\n"));
            self.file(&format!("{folder}/events/{event}.scale"), "2.3283064365386962890625e-10\n");
            self.file(&format!("{folder}/events/{event}.unit"), "Joules\n");
        }
    }

    /// Two-socket Xeon E5 v4 with DRAM domains, whose unit is fixed at 15.3 uJ (`intel_rapl_common.c`,
    /// `rapl_defaults_hsw_server`).
    pub(crate) fn intel_server() -> Self {
        let tree = Self::new();
        tree.cpus("GenuineIntel", "Intel(R) Xeon(R) CPU E5-2698 v4 @ 2.20GHz", "sse2 avx avx2 fma", &[0, 0, 1, 1]);
        for socket in 0..2 {
            tree.zone(
                &format!("intel-rapl:{socket}"),
                &format!("package-{socket}"),
                5_000_000,
                PACKAGE_RANGE_UJ,
                Some(135),
            );
            tree.zone(&format!("intel-rapl:{socket}:0"), "dram", 1_000_000, DRAM_RANGE_UJ, None);
        }
        // The control type itself is an entry of the class too.
        tree.file("sys/class/powercap/intel-rapl/enabled", "1\n");
        for n in 0..4 {
            tree.policy(n, "intel_cpufreq", "conservative ondemand userspace powersave performance schedutil", false);
        }
        tree.file("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
        tree
    }

    /// A laptop: core, uncore, psys, and the package a second time through MMIO (`drivers/thermal/intel/`
    /// `int340x_thermal/processor_thermal_rapl.c`).
    pub(crate) fn intel_client() -> Self {
        let tree = Self::new();
        tree.cpus("GenuineIntel", "12th Gen Intel(R) Core(TM) i9-12950HX", "sse2 avx avx2 fma", &[0, 0]);
        tree.zone("intel-rapl:0", "package-0", 5_000_000, PACKAGE_RANGE_UJ, Some(55));
        tree.zone("intel-rapl:0:0", "core", 3_000_000, PACKAGE_RANGE_UJ, None);
        tree.zone("intel-rapl:0:1", "uncore", 100_000, PACKAGE_RANGE_UJ, None);
        tree.zone("intel-rapl:1", "psys", 9_000_000, PACKAGE_RANGE_UJ, Some(100));
        tree.zone("intel-rapl-mmio:0", "package-0", 5_000_000, PACKAGE_RANGE_UJ, Some(45));
        for n in 0..2 {
            tree.policy(n, "intel_pstate", "performance powersave", true);
        }
        tree.file("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
        tree
    }

    /// EPYC with this many sockets: packages, and a core zone that counts one core (`drivers/powercap/`
    /// `intel_rapl_common.c` and `intel_rapl_msr.c`, which know AMD since Linux 5.11: package and core, no limits); the PMU
    /// of `arch/x86/events/rapl.c` with `energy-pkg` alone; boost as a switch (`drivers/cpufreq/acpi-cpufreq.c`).
    pub(crate) fn epyc(sockets: u32) -> Self {
        let tree = Self::new();
        let packages: Vec<u32> = (0..sockets).collect();
        tree.cpus("AuthenticAMD", "AMD EPYC 7513 32-Core Processor", "sse2 avx avx2 fma", &packages);
        for socket in 0..sockets {
            tree.zone(&format!("intel-rapl:{socket}"), &format!("package-{socket}"), 7_000_000, 65_532_610_987, None);
            tree.zone(&format!("intel-rapl:{socket}:0"), "core", 10_000, 65_532_610_987, None);
        }
        tree.pmu(&format!("0-{}", sockets - 1), &[("energy-pkg", "0x02")]);
        for cpu in 0..sockets {
            tree.file(&format!("perf/energy-pkg-cpu{cpu}"), format!("{}\n", (u64::from(cpu) + 1) << 32));
        }
        for n in 0..sockets {
            tree.policy(n, "acpi-cpufreq", "conservative ondemand userspace powersave performance schedutil", false);
        }
        tree.file("sys/devices/system/cpu/cpufreq/boost", "1\n");
        tree
    }

    /// Two sockets of two dies each, as Xeon Platinum 9200: one zone a die, named `package-%d-die-%d` by
    /// `rapl_init_domains` of `intel_rapl_common.c`, and one processor a die in the PMU's mask (`rapl_cpu_online`).
    pub(crate) fn dies() -> Self {
        let tree = Self::new();
        tree.cpus("GenuineIntel", "Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz", "sse2 avx avx2 fma", &[0, 0, 1, 1]);
        for (zone, (package, die)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
            let name = format!("package-{package}-die-{die}");
            tree.zone(&format!("intel-rapl:{zone}"), &name, 1_000_000 * (zone as u64 + 1), PACKAGE_RANGE_UJ, Some(175));
            tree.zone(&format!("intel-rapl:{zone}:0"), "dram", 1_000_000, DRAM_RANGE_UJ, None);
        }
        tree.pmu("0-3", &[("energy-pkg", "0x02"), ("energy-ram", "0x03")]);
        for cpu in 0..4u64 {
            tree.file(&format!("perf/energy-pkg-cpu{cpu}"), format!("{}\n", (cpu + 1) << 32));
            tree.file(&format!("perf/energy-ram-cpu{cpu}"), format!("{}\n", 1u64 << 32));
        }
        tree
    }

    /// A virtual machine: nothing but processors (KVM offers no RAPL registers, so that neither driver loads).
    pub(crate) fn virtual_machine() -> Self {
        let tree = Self::new();
        tree.cpus("GenuineIntel", "Intel Xeon Processor (Skylake)", "sse2 avx avx2 fma avx512f hypervisor", &[0]);
        tree
    }

    /// The server from inside a container that may read nothing of it (Docker masks powercap since 2020).
    pub(crate) fn masked_container() -> Self {
        let tree = Self::intel_server();
        for zone in ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl:1:0"] {
            tree.masked(&format!("sys/class/powercap/{zone}/energy_uj"));
        }
        tree.masked("sys/firmware/dmi/tables/DMI");
        tree.pmu("0,2", &[("energy-pkg", "0x02")]);
        tree.masked("perf/energy-pkg-cpu0");
        tree.masked("perf/energy-pkg-cpu2");
        tree
    }

    /// A Radeon as `drivers/gpu/drm/amd/pm/amdgpu_pm.c` shows it in hwmon, beside a disk.
    pub(crate) fn amdgpu() -> Self {
        let tree = Self::epyc(2);
        tree.file("sys/class/hwmon/hwmon0/name", "nvme\n");
        tree.file("sys/class/hwmon/hwmon0/power1_input", "5000000\n");
        let card = "sys/class/hwmon/hwmon3";
        for (file, text) in [
            ("name", "amdgpu"),
            ("power1_average", "31000000"),
            ("power1_cap", "203000000"),
            ("power1_cap_min", "0"),
            ("power1_cap_max", "233000000"),
            ("power1_cap_default", "203000000"),
        ] {
            tree.file(&format!("{card}/{file}"), format!("{text}\n"));
        }
        fs::create_dir_all(tree.path().join("sys/devices/0000:03:00.0")).unwrap();
        std::os::unix::fs::symlink("../../../devices/0000:03:00.0", tree.path().join(card).join("device")).unwrap();
        tree
    }
}
