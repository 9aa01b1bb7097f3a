//! Memory to fill and to stream, and how much of it may be taken.

use super::FootprintError;
use crate::sensor::Roots;
use crate::sensor::roots::{read_number, read_trimmed};

/// The smallest footprint: beyond any cache of today's processors but the largest.
const SMALLEST: u64 = 64 << 20;
/// Streamed between two readings of the sensors: long enough that reading costs nothing, far below a counter's wrap.
const CHUNK_WORDS: usize = 1 << 25;

/// Memory of changing size that can be streamed.
pub trait Memory {
    /// Makes it hold so many bytes, all of them written once.
    ///
    /// # Errors
    /// There are not so many.
    fn resize(&mut self, bytes: u64) -> Result<(), FootprintError>;
    /// Reads and writes the next part of it and returns how many bytes that was.
    fn stream(&mut self) -> u64;
}

/// Ordinary memory of this process.
#[derive(Debug, Default)]
pub struct Heap {
    words: Vec<u64>,
    next: usize,
}

impl Memory for Heap {
    fn resize(&mut self, bytes: u64) -> Result<(), FootprintError> {
        let refused = |reason: String| FootprintError::Refused { bytes, reason };
        let words = usize::try_from(bytes / 8).map_err(|error| refused(error.to_string()))?;
        // The old one goes first, so that never both are there.
        self.words = Vec::new();
        self.next = 0;
        self.words.try_reserve_exact(words).map_err(|error| refused(error.to_string()))?;
        // Not zero: pages of zeros need not be there.
        self.words.resize(words, 1);
        Ok(())
    }

    fn stream(&mut self) -> u64 {
        let end = (self.next + CHUNK_WORDS).min(self.words.len());
        let part = self.words.get_mut(self.next..end).unwrap_or_default();
        part.iter_mut().for_each(|word| *word = word.wrapping_mul(3));
        let bytes = 8 * std::hint::black_box(part).len() as u64;
        self.next = if end == self.words.len() { 0 } else { end };
        bytes
    }
}

/// Memory that can be taken without pushing anything else out: MemAvailable, and what the control group leaves.
///
/// # Errors
/// `/proc/meminfo` does not tell.
pub fn available_bytes(roots: &Roots) -> Result<u64, FootprintError> {
    let path = roots.proc.join("meminfo");
    let unknown = |reason: String| FootprintError::Unknown { reason };
    let text = read_trimmed(&path).map_err(|error| unknown(format!("{}: {error}", path.display())))?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    let bytes = kib.ok_or_else(|| unknown(format!("{} has no MemAvailable", path.display())))? * 1024;
    Ok(group_bytes(roots).map_or(bytes, |left| left.min(bytes)))
}

/// What the control group at the root leaves (a container's own; Linux `Documentation/admin-guide/cgroup-v2.rst`).
fn group_bytes(roots: &Roots) -> Option<u64> {
    let group = roots.sys.join("fs/cgroup");
    let left = |limit: &str, used: &str| {
        let limit: u64 = read_number(&group.join(limit)).ok()?;
        Some(limit.saturating_sub(read_number(&group.join(used)).ok()?))
    };
    left("memory.max", "memory.current")
        .or_else(|| left("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
}

/// The largest footprint: `asked`, or a quarter of what is available.
///
/// # Errors
/// More than half of what is available was asked for, or what is available can't be told.
pub fn bound_bytes(asked: Option<u64>, roots: &Roots) -> Result<u64, FootprintError> {
    let available = available_bytes(roots)?;
    match asked {
        Some(asked) if asked > available / 2 => Err(FootprintError::TooMuch { asked, available }),
        Some(asked) => Ok(asked),
        None => Ok(available / 4),
    }
}

/// Doubling footprints up to `most`; one below the smallest is taken as it is.
pub fn sizes(most: u64) -> Vec<u64> {
    let doubling: Vec<u64> = (0..40).map(|i| SMALLEST << i).take_while(|size| *size <= most).collect();
    if doubling.is_empty() && most > 0 { vec![most] } else { doubling }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(meminfo: &str, group: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proc")).unwrap();
        std::fs::create_dir_all(folder.path().join("sys/fs/cgroup")).unwrap();
        std::fs::write(folder.path().join("proc/meminfo"), meminfo).unwrap();
        group
            .iter()
            .for_each(|(name, text)| std::fs::write(folder.path().join("sys/fs/cgroup").join(name), text).unwrap());
        let roots = Roots::fixture(folder.path());
        (folder, roots)
    }

    const MEMINFO: &str = "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n";

    #[test]
    fn a_quarter_is_taken_and_more_than_half_refused() {
        let (_folder, roots) = machine(MEMINFO, &[]);
        assert_eq!(bound_bytes(None, &roots), Ok(2 << 30));
        assert_eq!(bound_bytes(Some(4 << 30), &roots), Ok(4 << 30));
        let error = bound_bytes(Some((4 << 30) + 1), &roots).unwrap_err().to_string();
        assert!(error.contains("--most"), "{error}");
        let (_folder, broken) = machine("MemTotal: 1 kB\n", &[]);
        assert!(bound_bytes(None, &broken).unwrap_err().to_string().contains("MemAvailable"));
    }

    #[test]
    fn a_container_s_limit_counts() {
        let (_folder, roots) = machine(MEMINFO, &[("memory.max", "1073741824\n"), ("memory.current", "536870912\n")]);
        assert_eq!(available_bytes(&roots), Ok(1 << 29));
        let (_folder, unlimited) = machine(MEMINFO, &[("memory.max", "max\n"), ("memory.current", "536870912\n")]);
        assert_eq!(available_bytes(&unlimited), Ok(8 << 30));
    }

    #[test]
    fn footprints_double_up_to_the_bound() {
        assert_eq!(sizes(300 << 20), [64 << 20, 128 << 20, 256 << 20]);
        assert_eq!(sizes(1 << 20), [1 << 20]);
        assert!(sizes(0).is_empty());
    }

    #[test]
    fn all_of_the_heap_is_streamed_in_turn() {
        let mut heap = Heap::default();
        heap.resize(1 << 20).unwrap();
        assert_eq!((heap.stream(), heap.stream()), (1 << 20, 1 << 20));
        assert!(heap.words.iter().all(|word| *word == 9));
        heap.resize(0).unwrap();
        assert_eq!(heap.stream(), 0);
        assert!(matches!(heap.resize(1 << 62), Err(FootprintError::Refused { .. })));
    }
}
