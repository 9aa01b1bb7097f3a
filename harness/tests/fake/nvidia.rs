//! An NVIDIA driver whose cards are files ([`driver.c`](driver.c)), compiled by the system's C compiler when a test or a
//! bench runs.

use ergometer_harness::clock::Clock;
use ergometer_harness::sensor::Roots;
use ergometer_harness::sensor::roots::NvmlSource;
use ergometer_record::Seconds;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// The cards' UUIDs.
pub(crate) const UUIDS: [&str; 2] =
    ["GPU-aaaaaaaa-0000-4000-8000-000000000000", "GPU-bbbbbbbb-0000-4000-8000-000000000001"];

/// A driver and its two cards, which disappear with it.
pub(crate) struct Driver {
    folder: TempDir,
}

impl Driver {
    /// Compiles the driver without what `without` names; `None`, having said so, where there is no C compiler.
    pub(crate) fn build(without: &[&str]) -> Option<Self> {
        let driver = Self { folder: tempfile::tempdir().unwrap() };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake/driver.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(driver.library()).arg(source);
        command.args(without.iter().map(|what| format!("-D{what}"))).arg("-ldl");
        match command.output() {
            Ok(output) if output.status.success() => Some(driver),
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                println!("skipped: no C compiler ({}: {error})", compiler.to_string_lossy());
                None
            }
        }
    }

    /// The folder that holds its files.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so")
    }

    /// A machine that has nothing but this driver.
    pub(crate) fn roots(&self) -> Roots {
        let mut roots = Roots::fixture(self.folder.path());
        roots.nvml = NvmlSource::Library(self.library());
        roots
    }

    pub(crate) fn set(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.folder.path().join(file)).unwrap();
    }

    /// What a card holds; `None` where it is as the driver made it.
    pub(crate) fn get(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(file)).ok().map(|text| text.trim().to_owned())
    }

    /// The driver's time as a clock.
    pub(crate) fn clock(&self) -> Arc<DriverClock> {
        let clock = DriverClock { file: self.folder.path().join("now_ms") };
        clock.set(0);
        Arc::new(clock)
    }
}

/// Time that passes in the driver when somebody sleeps.
pub(crate) struct DriverClock {
    file: PathBuf,
}

impl DriverClock {
    pub(crate) fn ms(&self) -> u64 {
        fs::read_to_string(&self.file).unwrap().trim().parse().unwrap()
    }

    pub(crate) fn set(&self, ms: u64) {
        fs::write(&self.file, ms.to_string()).unwrap();
    }
}

impl Clock for DriverClock {
    fn now(&self) -> Seconds {
        Seconds(self.ms() as f64 * 1e-3)
    }

    fn sleep(&self, time: Seconds) {
        self.set(self.ms() + (time.0 * 1e3).round() as u64);
    }

    fn is_virtual(&self) -> bool {
        true
    }
}
