//! One row a reading, streamed: a bounded queue between the sampling thread and the thread that writes.

use super::worker::Worker;
use super::{OutputError, Written, csv, is_special, jsonl};
use crate::clock::Clock;
use crate::meter::Listener;
use crate::sensor::{Quantity, Reading, SensorInfo};
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

/// Readings that wait to be written; at 1 kHz and eight sensors that is a second of a disk that does not answer.
const QUEUE: usize = 8192;

/// One reading.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row<'a> {
    /// Time of day in s since 1970, as it was when the file was opened plus the monotonic time since.
    pub(super) unix_s: f64,
    /// Since the file was opened, just before the command starts.
    pub(super) time_s: f64,
    /// Which sensor.
    pub(super) sensor: &'a str,
    /// What it covers.
    pub(super) component: Component,
    /// Where its energies come from.
    pub(super) provenance: Provenance,
    /// A running total as the sensor gives it, with its offset and its wraps; or
    pub(super) energy_j: Option<Joules>,
    /// a power.
    pub(super) power_w: Option<Watts>,
}

/// A format of samples: one file each.
pub(super) trait Format: Send {
    /// Before the first row.
    fn begin(&self, out: &mut dyn Write) -> io::Result<()>;
    /// One row.
    fn row(&self, out: &mut dyn Write, row: &Row<'_>) -> io::Result<()>;
}

enum Message {
    Sensors(Vec<SensorInfo>),
    Reading(usize, Reading),
}

/// The end of the queue that the meter holds.
pub(super) struct Queue {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Listener for Queue {
    fn sensors(&mut self, infos: &[SensorInfo]) {
        // The queue is empty still: this message has a place in it.
        let _ = self.sender.try_send(Message::Sensors(infos.to_vec()));
    }

    fn reading(&mut self, index: usize, reading: Reading) {
        match self.sender.try_send(Message::Reading(index, reading)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Rows written, and why no more.
struct End {
    rows: u64,
    /// Taken out of the queue and not written.
    lost: u64,
    failure: Option<String>,
}

/// A file of samples under way.
pub(super) struct Samples {
    path: PathBuf,
    /// False for pipes and devices, which were there before.
    made: bool,
    lost: Arc<AtomicU64>,
    rows: Arc<AtomicU64>,
    worker: Worker<End>,
}

impl Samples {
    /// Makes the file. A pipe or device is opened by the writing thread, because that can take until somebody reads.
    pub(super) fn open(path: &Path, overwrite: bool, clock: &dyn Clock) -> Result<(Self, Queue), OutputError> {
        let format: Box<dyn Format> = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Box::new(csv::Csv),
            Some("jsonl" | "ndjson") => Box::new(jsonl::JsonLines),
            _ => return Err(OutputError::Ending { path: path.to_owned(), allowed: "NAME.csv or NAME.jsonl" }),
        };
        let made = !is_special(path);
        let file = if made { Some(make(path, overwrite)?) } else { None };
        let origin = Origin {
            clock: clock.now(),
            unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()),
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let (lost, rows) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (to, count) = (path.to_owned(), Arc::clone(&rows));
        let worker = Worker::spawn("samples", move || {
            let mut lost = 0;
            let written = file
                .map_or_else(|| OpenOptions::new().write(true).open(&to), Ok)
                .and_then(|file| write(file, format.as_ref(), &receiver, origin, &count, &mut lost));
            End { rows: count.load(Ordering::Relaxed), lost, failure: written.err().map(|error| error.to_string()) }
        });
        let worker = worker.map_err(|source| OutputError::Make { path: path.to_owned(), source })?;
        Ok((Self { path: path.to_owned(), made, lost: Arc::clone(&lost), rows, worker }, Queue { sender, lost }))
    }

    /// Takes the file away again: there was nothing to measure.
    pub(super) fn discard(self) {
        if self.made {
            // A file that can't be taken away is in nobody's way but its own.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Waits for the rows that are in the queue. The meter must have let go of its end.
    pub(super) fn finish(self) -> Written {
        let busy = || End {
            rows: self.rows.load(Ordering::Relaxed),
            lost: 0,
            failure: Some("what reads it did not take the last rows in time".into()),
        };
        let end = self.worker.finish().unwrap_or_else(busy);
        let lost = self.lost.load(Ordering::Relaxed) + end.lost;
        let slow = || (lost > 0).then(|| "it could not keep up".to_owned());
        Written { path: self.path, count: end.rows, unit: "sample(s)".into(), lost, failure: end.failure.or_else(slow) }
    }
}

fn make(path: &Path, overwrite: bool) -> Result<File, OutputError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => OutputError::Exists { path: path.to_owned() },
        _ => OutputError::Make { path: path.to_owned(), source },
    })
}

/// The same instant on the clock of the readings and as a time of day.
#[derive(Debug, Clone, Copy)]
struct Origin {
    clock: Seconds,
    unix: f64,
}

/// Writes until the queue is let go of; what is there is flushed whenever the queue runs empty, so that a reader who
/// follows the file sees it.
fn write(
    file: File,
    format: &dyn Format,
    queue: &Receiver<Message>,
    origin: Origin,
    rows: &AtomicU64,
    lost: &mut u64,
) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    let mut sensors: Vec<SensorInfo> = Vec::new();
    let mut unflushed = 0;
    let mut step = |message: Option<Message>, unflushed: &mut u64| -> io::Result<()> {
        match message {
            Some(Message::Sensors(infos)) => {
                sensors = infos;
                format.begin(&mut out)
            }
            Some(Message::Reading(index, reading)) => {
                *unflushed += 1;
                sensors.get(index).map_or(Ok(()), |info| format.row(&mut out, &row(info, reading, origin)))
            }
            None => {
                out.flush()?;
                rows.fetch_add(std::mem::take(unflushed), Ordering::Relaxed);
                Ok(())
            }
        }
    };
    loop {
        let (message, ends) = match queue.try_recv() {
            Ok(message) => (Some(message), false),
            Err(TryRecvError::Empty) => {
                step(None, &mut unflushed).inspect_err(|_| *lost += unflushed)?;
                match queue.recv() {
                    Ok(message) => (Some(message), false),
                    Err(_) => return Ok(()),
                }
            }
            Err(TryRecvError::Disconnected) => (None, true),
        };
        step(message, &mut unflushed).inspect_err(|_| *lost += unflushed)?;
        if ends {
            return Ok(());
        }
    }
}

fn row(info: &SensorInfo, reading: Reading, origin: Origin) -> Row<'_> {
    let since = (reading.time - origin.clock).0;
    let (energy_j, power_w) = match reading.quantity {
        Quantity::Energy(energy) => (Some(energy), None),
        Quantity::Power(power) => (None, Some(power)),
    };
    Row {
        unix_s: origin.unix + since,
        time_s: since,
        sensor: &info.id,
        component: info.component,
        provenance: info.provenance,
        energy_j,
        power_w,
    }
}
