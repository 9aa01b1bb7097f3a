//! Where the machine is looked for. A fixture tree in a temporary folder is a machine too.

use crate::characterise::store;
use crate::knob::Permission;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Environment variable with the folder that stands for `/sys`.
pub const SYS_VARIABLE: &str = "ERGOMETER_SYS";

/// Where NVML comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NvmlSource {
    /// `libnvidia-ml.so.1` as the dynamic linker finds it.
    System,
    /// This library file.
    Library(PathBuf),
    /// Not looked for: a fixture tree has no driver.
    Off,
}

/// What opens perf events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerfSource {
    /// The running kernel, by `perf_event_open`.
    Kernel,
    /// Files named `<event>-cpu<N>` with a decimal count in this folder; a folder in a file's place is a refusal.
    Fixture(PathBuf),
}

/// Where sensors, knobs and facts about the machine are read from, and whether knobs may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
    /// NVIDIA's library.
    pub nvml: NvmlSource,
    /// The opener of perf events.
    pub perf: PerfSource,
    /// Folder of the locks of real devices, which every user of the machine sees.
    #[serde(default = "shared_locks")]
    pub locks: PathBuf,
    /// Folder of stored characterisations of sensors ([`crate::characterise::store`]); `None`: sensors go by what is
    /// known of their kind.
    #[serde(default)]
    pub characterised: Option<PathBuf>,
    /// Carried into every knob that is opened from these roots. Not stored: permission is given anew each time.
    #[serde(skip)]
    pub permission: Permission,
}

impl Default for Roots {
    fn default() -> Self {
        Self::system()
    }
}

impl Roots {
    /// This machine, read only. `/sys` is looked for where [`SYS_VARIABLE`] says, as in a container that has the host's
    /// mounted elsewhere because runtimes mask parts of their own.
    pub fn system() -> Self {
        let sys = std::env::var_os(SYS_VARIABLE).filter(|value| !value.is_empty());
        Self {
            sys: sys.unwrap_or_else(|| "/sys".into()).into(),
            proc: "/proc".into(),
            dev: "/dev".into(),
            nvml: NvmlSource::System,
            perf: PerfSource::Kernel,
            locks: shared_locks(),
            characterised: store::folder(),
            permission: Permission::ReadOnly,
        }
    }

    /// A fixture tree: `sys`, `proc`, `dev`, `perf` and `run/lock` below `folder`, and no NVIDIA library.
    pub fn fixture(folder: &Path) -> Self {
        Self {
            sys: folder.join("sys"),
            proc: folder.join("proc"),
            dev: folder.join("dev"),
            nvml: NvmlSource::Off,
            perf: PerfSource::Fixture(folder.join("perf")),
            locks: folder.join("run/lock/ergometer"),
            characterised: None,
            permission: Permission::ReadOnly,
        }
    }

    /// The same roots, whose knobs may be written.
    pub fn with_permission(mut self, permission: Permission) -> Self {
        self.permission = permission;
        self
    }
}

/// `/run/lock` is there and open to everybody on every distribution of today (FHS 3.0: `/run/lock` for lock files).
fn shared_locks() -> PathBuf {
    "/run/lock/ergometer".into()
}

/// A trimmed text file.
///
/// # Errors
/// What the system said.
pub(crate) fn read_trimmed(path: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

/// A file with one number.
///
/// # Errors
/// What the system said, or that it is no number.
pub(crate) fn read_number<T: std::str::FromStr>(path: &Path) -> io::Result<T> {
    let text = read_trimmed(path)?;
    text.parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} holds {text:?}, not a number", path.display()))
    })
}

/// The names in a folder, sorted with their numbers in order (`intel-rapl:2` before `intel-rapl:10`).
///
/// # Errors
/// What the system said.
pub(crate) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by_cached_key(|name| natural_key(name));
    Ok(names)
}

fn natural_key(name: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.len() - rest.trim_start_matches(|c: char| !c.is_ascii_digit()).len();
        let (head, tail) = rest.split_at(text);
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = tail.split_at(digits);
        key.push((head.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    key
}

/// A list such as `0-3,8` as the kernel writes it; what can't be understood is left out.
pub(crate) fn parse_list(text: &str) -> Vec<u32> {
    text.trim()
        .split(',')
        .filter_map(|part| match part.split_once('-') {
            Some((first, last)) => Some(first.trim().parse().ok()?..=last.trim().parse().ok()?),
            None => part.trim().parse().ok().map(|n| n..=n),
        })
        .flatten()
        .collect()
}

/// True when the system refused access. A folder in place of a file stands for a masked file in fixture trees, because
/// tests that run as root can read everything.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_lists_are_expanded() {
        assert_eq!(parse_list("0-3,8\n"), [0, 1, 2, 3, 8]);
        assert_eq!(parse_list("0,18"), [0, 18]);
        assert_eq!(parse_list(""), [] as [u32; 0]);
        assert_eq!(parse_list("x,2"), [2]);
    }

    #[test]
    fn numbers_in_names_sort_as_numbers() {
        let mut names = ["intel-rapl:10", "intel-rapl:2:1", "intel-rapl:2", "intel-rapl"];
        names.sort_by_cached_key(|n| natural_key(n));
        assert_eq!(names, ["intel-rapl", "intel-rapl:2", "intel-rapl:2:1", "intel-rapl:10"]);
    }
}
