//! The kernel's files: `Documentation/ABI/stable/sysfs-devices-system-cpu` and `-node`.

use super::{Cache, CacheKind, Cpu, Topology};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Highest CPU number that is believed; Linux supports 8192.
const MOST_CPUS: usize = 1 << 16;

/// A topology that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A file does not have its format.
    #[error("{path} holds {found:?}, where {allowed} is needed: the topology can't be read, give the thread count yourself", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What stood there.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A file exists but can't be read.
    #[error("{path} can't be read ({reason}): check its permissions", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The library hwloc failed.
    #[cfg(feature = "hwlocality")]
    #[error("hwloc could not tell {what} ({reason}): build without the feature `hwlocality` to read sysfs instead")]
    Hwloc {
        /// What was asked.
        what: String,
        /// What the library said.
        reason: String,
    },
    /// The affinity mask excludes every online CPU.
    #[error("the affinity mask {mask} leaves none of the online CPUs {online}: widen it, for example with taskset")]
    NothingUsable {
        /// CPUs of the mask.
        mask: String,
        /// CPUs online.
        online: String,
    },
}

/// The trimmed text of a file; `None` where it does not exist.
fn text(path: &Path) -> Result<Option<String>, TopologyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(TopologyError::Unreadable { path: path.to_owned(), reason: e.to_string() }),
    }
}

fn number(path: &Path) -> Result<Option<u64>, TopologyError> {
    let Some(found) = text(path)? else { return Ok(None) };
    // Virtual machines write -1 where the firmware told nothing.
    if found == "-1" || found.is_empty() {
        return Ok(None);
    }
    let parsed = found.parse();
    parsed.map(Some).map_err(|_| TopologyError::Format { path: path.to_owned(), found, allowed: "a whole number" })
}

/// Reads `0-3,8,10-11`.
pub(super) fn parse_list(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        if first > last || last >= MOST_CPUS {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

fn list(path: &Path) -> Result<Option<Vec<usize>>, TopologyError> {
    let Some(found) = text(path)? else { return Ok(None) };
    let allowed = "a CPU list such as 0-3,8";
    parse_list(&found).map(Some).ok_or(TopologyError::Format { path: path.to_owned(), found, allowed })
}

/// Reads `32K`, `1024K`, `32M`.
fn bytes(path: &Path) -> Result<Option<u64>, TopologyError> {
    let Some(found) = text(path)? else { return Ok(None) };
    let (digits, unit) = match found.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if found.ends_with('K') => (digits, 1 << 10),
        Some(digits) if found.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (found.as_str(), 1u64),
    };
    let value = digits.parse::<u64>().ok().and_then(|v| v.checked_mul(unit));
    value.map(Some).ok_or(TopologyError::Format { path: path.to_owned(), found, allowed: "a size such as 32K" })
}

/// The mask of the calling thread.
fn affinity(root: &Path) -> Result<Option<Vec<usize>>, TopologyError> {
    for name in ["proc/thread-self/status", "proc/self/status"] {
        let path = root.join(name);
        let Some(status) = text(&path)? else { continue };
        let Some(found) = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")) else { continue };
        let allowed = "a CPU list such as 0-3,8 after Cpus_allowed_list:";
        let found = found.trim().to_owned();
        return parse_list(&found).map(Some).ok_or(TopologyError::Format { path, found, allowed });
    }
    Ok(None)
}

pub(super) fn read(root: &Path) -> Result<Topology, TopologyError> {
    let base = root.join("sys/devices/system/cpu");
    let online = match list(&base.join("online"))? {
        Some(cpus) if !cpus.is_empty() => cpus,
        // No sysfs: as many CPUs as the system lets this process use, each a core of its own.
        _ => match affinity(root)? {
            Some(mask) if !mask.is_empty() => mask,
            _ => (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
        },
    };
    let mask = affinity(root)?.unwrap_or_else(|| online.clone());
    let usable: Vec<usize> = online.iter().copied().filter(|c| mask.contains(c)).collect();
    if usable.is_empty() {
        return Err(TopologyError::NothingUsable { mask: format!("{mask:?}"), online: format!("{online:?}") });
    }
    let nodes = nodes(root)?;
    let mut cpus = Vec::with_capacity(usable.len());
    let mut caches: Vec<Cache> = Vec::new();
    for id in usable {
        let dir = base.join(format!("cpu{id}"));
        let socket = number(&dir.join("topology/physical_package_id"))?.map(|s| s as usize);
        let siblings = match list(&dir.join("topology/core_cpus_list"))? {
            Some(list) => Some(list),
            None => list(&dir.join("topology/thread_siblings_list"))?,
        };
        let siblings = siblings.filter(|s| s.contains(&id)).unwrap_or_else(|| vec![id]);
        let node = nodes.iter().find(|(_, cpus)| cpus.contains(&id)).map(|(node, _)| *node);
        cpus.push(Cpu { id, socket, node, siblings });
        for index in 0.. {
            let dir = dir.join(format!("cache/index{index}"));
            let Some(level) = number(&dir.join("level"))? else { break };
            // Capacity unknown (some hypervisors hide it): the cache can't be used for any decision.
            let Some(bytes) = bytes(&dir.join("size"))? else { continue };
            let kind = match text(&dir.join("type"))?.as_deref() {
                Some("Data") => CacheKind::Data,
                Some("Instruction") => CacheKind::Instruction,
                _ => CacheKind::Unified,
            };
            let line_bytes = number(&dir.join("coherency_line_size"))?;
            let shared = list(&dir.join("shared_cpu_list"))?.unwrap_or_else(|| vec![id]);
            let cache = Cache { level: level as u32, kind, bytes, line_bytes, cpus: shared };
            if !caches.contains(&cache) {
                caches.push(cache);
            }
        }
    }
    caches.sort_by_key(|c| c.level);
    Ok(Topology { cpus, caches, online: online.len() })
}

/// NUMA nodes with their CPUs.
fn nodes(root: &Path) -> Result<Vec<(usize, Vec<usize>)>, TopologyError> {
    let base = root.join("sys/devices/system/node");
    let Some(online) = list(&base.join("online"))? else { return Ok(Vec::new()) };
    let mut nodes = Vec::new();
    for node in online {
        if let Some(cpus) = list(&base.join(format!("node{node}/cpulist")))? {
            nodes.push((node, cpus));
        }
    }
    Ok(nodes)
}
