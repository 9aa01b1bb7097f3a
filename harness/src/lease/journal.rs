//! What a lease has changed, on disk before it happens: JSON lines, one file a lease, locked while its lease lives.
//!
//! Every line is handed to the system before the hardware is touched, which is all that SIGKILL asks for. A power cut
//! loses what was not synced, so two things are synced before the write that they announce: the first line of a knob,
//! with its old value, and the first line with a value that the knob has not had under this lease. What a cut can then
//! take are repetitions: the old value and every value that ergometer may have left are still told
//! ([`Change::possible`]), only which of them was the last is not. A sweep of thousands of writes costs one sync for
//! each distinct value.

use super::LeaseError;
use crate::sensor::Roots;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Version of the layout that this build writes; a newer one is refused.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Begin {
        /// Layout.
        version: u32,
        /// Of the process that holds the lease.
        pid: u32,
        /// Of the boot in which it ran; settings of real hardware do not survive a boot.
        boot_id: Option<String>,
        /// RFC 3339, UTC.
        time: String,
        /// What ran.
        command: String,
        /// Where its knobs are, for the guardian.
        roots: Roots,
    },
    /// About to be written.
    Write {
        /// Of this lease, from 1.
        n: u32,
        /// Journal id of the knob.
        knob: String,
        /// Value before the lease's first write to this knob; absent where the hardware can't tell.
        old: Option<String>,
        /// Value asked for.
        new: String,
        /// RFC 3339, UTC.
        time: String,
    },
    /// The hardware took it and reads back as this.
    Wrote {
        /// Of the `Write` line.
        n: u32,
        /// Value read back; differs from the one asked for when the hardware clipped it.
        now: Option<String>,
    },
    /// The knob was put back.
    Restored {
        /// Journal id of the knob.
        knob: String,
    },
}

/// A knob's history in one lease, as restoration needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Journal id.
    pub knob: String,
    /// Value to put back; `None`: reset.
    pub old: Option<String>,
    /// Value asked for last.
    pub asked: String,
    /// Every value that the lease itself can have left there, when no line of the journal was lost.
    pub ours: Vec<String>,
    /// Every value that the knob had under the lease, asked for or read back: what it can have been left at when a
    /// power cut took the last lines.
    pub possible: BTreeSet<String>,
    /// False when the process ended between the last write and its reading back.
    pub settled: bool,
}

impl Change {
    pub(crate) fn new(knob: String, old: Option<String>) -> Self {
        let (asked, ours, possible) = (String::new(), Vec::new(), BTreeSet::new());
        Self { knob, old, asked, ours, possible, settled: true }
    }

    /// Whether a line of the journal already tells that the lease may have left `value`, or that it was there before.
    pub(crate) fn tells(&self, value: &str) -> bool {
        self.possible.contains(value) || self.old.as_deref() == Some(value)
    }

    /// `new` is about to be written. The value before is possible too, until the new one is known to have been taken.
    pub(crate) fn begin(&mut self, new: &str) {
        self.ours.push(new.to_owned());
        self.possible.insert(new.to_owned());
        self.asked = new.to_owned();
        self.settled = false;
    }

    /// The last value asked for was taken and reads back as `now`.
    pub(crate) fn settle(&mut self, now: Option<&str>) {
        let now = now.unwrap_or(&self.asked).to_owned();
        self.possible.insert(now.clone());
        self.ours = vec![now];
        self.settled = true;
    }
}

/// A journal as read from disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Of the process that wrote it.
    pub pid: u32,
    /// Of the boot in which it ran.
    pub boot_id: Option<String>,
    /// When it began, RFC 3339, UTC.
    pub time: String,
    /// What ran.
    pub command: String,
    /// Where its knobs are.
    pub roots: Roots,
    /// Knobs not yet put back, in the order of their first write.
    pub changes: Vec<Change>,
    /// Numbers of lines that can't be understood, from 1. A torn last line is none of them: its write never happened,
    /// or repeats a value that an earlier line tells.
    pub damaged: Vec<usize>,
}

/// Time of day for a journal line.
pub(crate) fn now() -> String {
    let format = time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::now_utc().format(&format).unwrap_or_default()
}

/// The identity of the present boot.
pub(crate) fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

/// An open journal; its lock is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

fn io_error(path: &Path, source: io::Error) -> LeaseError {
    LeaseError::Journal { path: path.to_owned(), source }
}

/// The folder of journals in a state folder.
pub(crate) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("leases")
}

impl Journal {
    /// Starts a journal with its first line on the disk and its lock held.
    pub(crate) fn create(state_dir: &Path, command: &str, roots: &Roots) -> Result<Self, LeaseError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let folder = folder(state_dir);
        fs::create_dir_all(&folder).map_err(|e| io_error(&folder, e))?;
        let stamp = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
        let pid = std::process::id();
        let name = format!("{stamp}-{pid}-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        // Under a name that nobody looks for until it is locked and complete.
        let hidden = folder.join(format!(".{name}"));
        let path = folder.join(format!("{name}.jsonl"));
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&hidden)
            .map_err(|e| io_error(&hidden, e))?;
        file.lock().map_err(|e| io_error(&hidden, e))?;
        let mut journal = Self { file, path: hidden };
        journal.append(&Event::Begin {
            version: VERSION,
            pid,
            boot_id: boot_id(),
            time: now(),
            command: command.to_owned(),
            roots: roots.clone(),
        })?;
        journal.sync()?;
        fs::rename(&journal.path, &path).map_err(|e| io_error(&path, e))?;
        sync_folder(&folder)?;
        journal.path = path;
        Ok(journal)
    }

    /// Takes over a journal whose process has ended; `None` while that process lives, or when the journal is gone.
    pub(crate) fn take_over(path: &Path, wait: bool) -> Result<Option<Self>, LeaseError> {
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(path, error)),
        };
        if wait {
            file.lock().map_err(|e| io_error(path, e))?;
        } else {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(io_error(path, error)),
            }
        }
        // Whoever held the lock before may have finished and deleted the file meanwhile.
        let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        let present = fs::metadata(path).ok().zip(file.metadata().ok()).is_some_and(|(a, b)| same(a, b));
        Ok(present.then(|| Self { file, path: path.to_owned() }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, which survives this process.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), LeaseError> {
        let mut line = serde_json::to_string(event).map_err(|e| io_error(&self.path, e.into()))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|e| io_error(&self.path, e))
    }

    /// Waits until all lines are on the disk, where they survive a power cut.
    pub(crate) fn sync(&mut self) -> Result<(), LeaseError> {
        self.file.sync_data().map_err(|e| io_error(&self.path, e))
    }

    /// Cuts off a last line without an end, so that further lines don't continue it.
    pub(crate) fn drop_torn_end(&mut self) -> Result<(), LeaseError> {
        let bytes = self.bytes()?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole == bytes.len() {
            return Ok(());
        }
        self.file.set_len(whole as u64).map_err(|e| io_error(&self.path, e))
    }

    fn bytes(&self) -> Result<Vec<u8>, LeaseError> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        io::Seek::rewind(&mut file).and_then(|()| file.read_to_end(&mut bytes)).map_err(|e| io_error(&self.path, e))?;
        Ok(bytes)
    }

    /// What it says.
    pub(crate) fn contents(&self) -> Result<Contents, LeaseError> {
        parse(&String::from_utf8_lossy(&self.bytes()?))
            .map_err(|reason| LeaseError::Unreadable { path: self.path.clone(), reason })
    }

    /// Deletes it: nothing is left to restore.
    pub(crate) fn remove(self) -> Result<(), LeaseError> {
        fs::remove_file(&self.path).map_err(|e| io_error(&self.path, e))
    }
}

fn sync_folder(folder: &Path) -> Result<(), LeaseError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_error(folder, e))
}

/// Understands a journal's text.
///
/// # Errors
/// It has no first line, or one of a newer layout; in words.
pub fn parse(text: &str) -> Result<Contents, String> {
    let mut contents: Option<Contents> = None;
    let mut numbers: Vec<(u32, usize)> = Vec::new();
    let mut damaged = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let event = match serde_json::from_str::<Event>(line) {
            Ok(event) => event,
            // Power went before the line was on the disk; see the head of this file.
            Err(_) if !line.ends_with('\n') => continue,
            Err(_) => {
                damaged.push(at + 1);
                continue;
            }
        };
        match (event, &mut contents) {
            (Event::Begin { version, .. }, _) if version > VERSION => {
                return Err(format!(
                    "it is of layout {version}, newer than this ergometer's {VERSION}; use the newer one"
                ));
            }
            (Event::Begin { pid, boot_id, time, command, roots, .. }, None) => {
                let (changes, damaged) = (Vec::new(), Vec::new());
                contents = Some(Contents { pid, boot_id, time, command, roots, changes, damaged });
            }
            (Event::Write { n, knob, old, new, .. }, Some(contents)) => {
                let changes = &mut contents.changes;
                let index = changes.iter().position(|c| c.knob == knob).unwrap_or_else(|| {
                    changes.push(Change::new(knob, old));
                    changes.len() - 1
                });
                let change = &mut changes[index];
                change.begin(&new);
                numbers.push((n, index));
            }
            (Event::Wrote { n, now }, Some(contents)) => {
                let change = numbers.iter().rev().find(|(number, _)| *number == n).map(|(_, index)| *index);
                if let Some(change) = change.and_then(|index| contents.changes.get_mut(index)) {
                    change.settle(now.as_deref());
                }
            }
            (Event::Restored { knob }, Some(contents)) => {
                // Indices of other knobs stay valid because the entry stays until the end.
                if let Some(change) = contents.changes.iter_mut().find(|c| c.knob == knob) {
                    change.ours.clear();
                    change.asked = String::new();
                    change.settled = true;
                }
            }
            (Event::Begin { .. }, Some(_)) | (_, None) => damaged.push(at + 1),
        }
    }
    let mut contents = contents.ok_or("its first line is missing")?;
    contents.changes.retain(|change| !change.ours.is_empty());
    contents.damaged = damaged;
    Ok(contents)
}

/// The journals in a state folder, oldest first.
pub(crate) fn list(state_dir: &Path) -> Result<Vec<PathBuf>, LeaseError> {
    let folder = folder(state_dir);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(&folder, error)),
    };
    let mut paths: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect();
    paths.sort();
    Ok(paths)
}
