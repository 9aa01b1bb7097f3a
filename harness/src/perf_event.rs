//! `perf_event_open(2)`, and the terms in which sysfs describes the events of a PMU.
//!
//! Source: the manual page; `Documentation/ABI/testing/sysfs-bus-event_source-devices-events` (`event=0x04,umask=0x03`) and
//! `-format` (`config:8-15`).

use crate::sensor::Roots;
use crate::sensor::roots::{PerfSource, read_trimmed};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// `PERF_FORMAT_TOTAL_TIME_ENABLED` and `PERF_FORMAT_TOTAL_TIME_RUNNING`.
const WITH_TIMES: u64 = 1 | 2;

/// `struct perf_event_attr` as of its first version (64 bytes), which every kernel accepts.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// `PERF_TYPE_HARDWARE` and the like, or the number in a PMU's file `type`.
    pub(crate) kind: u32,
    /// The event's number in that PMU.
    pub(crate) config: u64,
}

/// Where it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Of the calling thread on any processor, in user code only: what an ordinary user may count.
    Thread,
    /// Of everything that runs on one processor.
    Processor(u32),
}

/// Opens an event.
///
/// # Errors
/// What the kernel said.
pub(crate) fn open(event: Event, scope: Scope) -> io::Result<OwnedFd> {
    const EXCLUDE_KERNEL_AND_HYPERVISOR: u64 = 1 << 5 | 1 << 6;
    let Event { kind, config } = event;
    let size = size_of::<Attributes>() as u32;
    let mut attributes = Attributes { kind, size, config, read_format: WITH_TIMES, ..Attributes::default() };
    let (pid, cpu): (libc::pid_t, libc::c_int) = match scope {
        Scope::Processor(cpu) => (-1, cpu as libc::c_int),
        Scope::Thread => {
            attributes.flags = EXCLUDE_KERNEL_AND_HYPERVISOR;
            (0, -1)
        }
    };
    let no_group: libc::c_int = -1;
    let close_on_exec: libc::c_ulong = 8;
    // SAFETY: `attributes` is a live perf_event_attr whose `size` field states its true length, so the kernel reads no
    // byte beyond it; the other arguments are plain integers.
    let fd =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attributes, pid, cpu, no_group, close_on_exec) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so `fd` is a descriptor that nobody else owns yet.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// A running count.
pub(crate) enum Counter {
    /// Of the kernel.
    Event(File),
    /// A fixture's file, read anew each time.
    Fixture(PathBuf),
}

/// A count as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Events.
    pub(crate) value: u64,
    /// For how long they were wanted, in ns; of a thread only while it ran.
    pub(crate) enabled_ns: u64,
    /// For how long of that the hardware had a counter for them.
    pub(crate) running_ns: u64,
}

impl Count {
    /// The events of the whole time, also where several shared a counter; `None` where it was never counted.
    pub(crate) fn scaled(&self) -> Option<f64> {
        (self.running_ns > 0).then(|| self.value as f64 * (self.enabled_ns as f64 / self.running_ns as f64))
    }
}

impl Counter {
    /// Opens `event` under the kernel, or the file `name` of a fixture.
    ///
    /// # Errors
    /// What the kernel said.
    pub(crate) fn open(roots: &Roots, name: &str, event: Event, scope: Scope) -> io::Result<Self> {
        let mut counter = match &roots.perf {
            PerfSource::Kernel => Self::Event(File::from(open(event, scope)?)),
            PerfSource::Fixture(files) => Self::Fixture(files.join(name)),
        };
        counter.read()?;
        Ok(counter)
    }

    pub(crate) fn read(&mut self) -> io::Result<Count> {
        let [value, enabled_ns, running_ns] = match self {
            Self::Event(file) => {
                let mut words = [[0u8; 8]; 3];
                file.read_exact(words.as_flattened_mut())?;
                words.map(u64::from_ne_bytes)
            }
            Self::Fixture(path) => fixture(&read_trimmed(path)?).ok_or_else(|| {
                let text = format!("{} holds no count, or count, enabled and running time", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?,
        };
        Ok(Count { value, enabled_ns, running_ns })
    }
}

/// A count alone was counted all the time.
fn fixture(text: &str) -> Option<[u64; 3]> {
    let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    match *numbers?.as_slice() {
        [value] => Some([value, 1, 1]),
        [value, enabled, running] => Some([value, enabled, running]),
        _ => None,
    }
}

/// The `config` that `description` (`event=0x04,umask=0x03`) means to the PMU in `folder`; `None` where a term is not
/// understood. A PMU without formats has `event` at the lowest bits.
pub(crate) fn config(folder: &Path, description: &str) -> Option<u64> {
    description.split(',').map(str::trim).filter(|term| !term.is_empty()).try_fold(0, |config, term| {
        let (name, value) = term.split_once('=').unwrap_or((term, "1"));
        let value = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => value.parse().ok()?,
        };
        let format = match read_trimmed(&folder.join("format").join(name)) {
            Ok(format) => format,
            Err(error) if error.kind() == io::ErrorKind::NotFound && name == "event" => "config:0-63".to_owned(),
            Err(_) => return None,
        };
        Some(config | scatter(value, &format)?)
    })
}

/// Puts the bits of `value` where `format` (`config:0-7,21`) says; `None` where there is no room for them, or where they
/// belong to another word than `config`.
fn scatter(mut value: u64, format: &str) -> Option<u64> {
    let mut word = 0;
    for range in format.strip_prefix("config:")?.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
        if first > last || last > 63 {
            return None;
        }
        let mask = u64::MAX >> (63 - (last - first));
        word |= (value & mask) << first;
        value = if last - first == 63 { 0 } else { value >> (last - first + 1) };
    }
    (value == 0).then_some(word)
}

/// What `kernel.perf_event_paranoid` is, as an addition to a sentence.
pub(crate) fn paranoid(roots: &Roots) -> String {
    let level = read_trimmed(&roots.proc.join("sys/kernel/perf_event_paranoid"));
    level.map_or_else(|_| String::new(), |level| format!(" (kernel.perf_event_paranoid is {level})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terms_go_where_the_formats_say() {
        let dir = tempfile::tempdir().unwrap();
        // Without formats, as the `power` PMU of old kernels.
        assert_eq!(config(dir.path(), "event=0x02"), Some(2));
        assert_eq!(config(dir.path(), "event=0x02,umask=0x01"), None);
        std::fs::create_dir(dir.path().join("format")).unwrap();
        for (name, text) in
            [("event", "config:0-7"), ("umask", "config:8-15"), ("edge", "config:18"), ("x", "config1:0-5")]
        {
            std::fs::write(dir.path().join("format").join(name), text).unwrap();
        }
        assert_eq!(config(dir.path(), "event=0x04,umask=0x03"), Some(0x304));
        assert_eq!(config(dir.path(), "event=4,edge"), Some(0x4_0004));
        assert_eq!(config(dir.path(), "event=0x104"), None, "nine bits in eight");
        assert_eq!(config(dir.path(), "event=1,x=1"), None, "another word");
        assert_eq!(config(dir.path(), "event=?"), None);
    }

    #[test]
    fn split_fields_take_the_low_bits_first() {
        // AMD's event select: bits 0-7 and 32-35.
        assert_eq!(scatter(0x164, "config:0-7,32-35"), Some(0x1_0000_0064));
        assert_eq!(scatter(u64::MAX, "config:0-63"), Some(u64::MAX));
        assert_eq!(scatter(1, "config:7-0"), None);
    }

    #[test]
    fn a_shared_counter_is_scaled_and_one_that_never_ran_is_unknown() {
        let count = |enabled_ns, running_ns| Count { value: 10, enabled_ns, running_ns }.scaled();
        assert_eq!((count(8, 8), count(8, 2), count(8, 0)), (Some(10.0), Some(40.0), None));
        assert_eq!(
            (fixture("7"), fixture("7 4 2"), fixture("7 4"), fixture("x")),
            (Some([7, 1, 1]), Some([7, 4, 2]), None, None)
        );
    }

    proptest! {
        #[test]
        fn no_description_panics(text in ".{0,40}", format in "config:[-,0-9]{0,12}") {
            let _ = config(Path::new("/nonexistent"), &text);
            let _ = scatter(5, &format);
        }
    }
}
