//! Rows appended as they come, so that a killed sweep goes on where it stopped.
//!
//! Line 1 names the run; then the header of the rows; then, for each finished slot, its rows and a line `#done,<order>`.
//! Rows without their `#done` are a slot that was interrupted: they are dropped and measured again.

use ergometer_record::Row;
use ergometer_record::files::FileError;
use ergometer_record::format::{FormatError, rows};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A journal that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its rows can't be understood.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// It is another run's.
    #[error(
        "{} belongs to another run ({found}, not {asked}): the plan, seed, device or version differs; resume with \
         the same ones, or start anew in another folder", path.display()
    )]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// The run that it names.
        found: String,
        /// The run that was to be resumed.
        asked: String,
    },
    /// There is one already, and resuming was not asked for.
    #[error("{} is there already: give --resume to go on with it, or another folder", path.display())]
    Exists {
        /// The journal.
        path: PathBuf,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    durable: bool,
}

/// What a journal already holds.
#[derive(Debug, Default)]
pub struct Done {
    /// Rows of finished slots, in order of execution.
    pub rows: Vec<Row>,
    /// Which slots are finished.
    pub orders: BTreeSet<u32>,
}

const MARK: &str = "#ergometer-journal,1,";
const DONE: &str = "#done,";

impl Journal {
    /// Opens a journal: a new one, or with `resume` one that may be there. `durable` syncs each slot to disk, for
    /// measurements that can't be repeated for free.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(path: &Path, manifest_id: &str, resume: bool, durable: bool) -> Result<(Self, Done), JournalError> {
        let write = |source| FileError::Write { path: path.to_owned(), source };
        if path.exists() && !resume {
            return Err(JournalError::Exists { path: path.to_owned() });
        }
        let done = if path.exists() { read(path, manifest_id)? } else { Done::default() };
        // Written anew without the torn end; the rename inside keeps the old one until the new one is whole.
        let mut text = format!("{MARK}{manifest_id}\n{}", header());
        for order in &done.orders {
            let of_slot: Vec<Row> = done.rows.iter().filter(|row| row.order == *order).cloned().collect();
            text.push_str(&slot_text(&of_slot, *order));
        }
        ergometer_record::files::write_whole(path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path).map_err(write)?;
        Ok((Self { path: path.to_owned(), file, durable }, done))
    }

    /// Adds a finished slot.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn append(&mut self, rows: &[Row], order: u32) -> Result<(), JournalError> {
        let fail = |source| FileError::Write { path: self.path.clone(), source };
        self.file.write_all(slot_text(rows, order).as_bytes()).map_err(fail)?;
        if self.durable {
            self.file.sync_data().map_err(fail)?;
        }
        Ok(())
    }
}

fn header() -> String {
    rows::to_csv(&[])
}

fn slot_text(of_slot: &[Row], order: u32) -> String {
    let csv = rows::to_csv(of_slot);
    let body = csv.split_once('\n').map_or("", |(_, body)| body);
    format!("{body}{DONE}{order}\n")
}

fn read(path: &Path, manifest_id: &str) -> Result<Done, JournalError> {
    let text = ergometer_record::files::read_text(path)?;
    let mut lines = text.split_inclusive('\n');
    let found = lines.next().and_then(|line| line.trim_end().strip_prefix(MARK)).unwrap_or("no journal").to_owned();
    if found != manifest_id {
        return Err(JournalError::OtherRun { path: path.to_owned(), found, asked: manifest_id.to_owned() });
    }
    let mut done = Done::default();
    let (mut finished, mut open) = (lines.next().unwrap_or_default().to_owned(), String::new());
    // Only what a `#done` line closes counts, and that line itself must be whole.
    for line in lines {
        match line.strip_prefix(DONE).map(|rest| (rest.trim_end().parse(), rest.ends_with('\n'))) {
            Some((Ok(order), true)) => {
                finished.push_str(&std::mem::take(&mut open));
                done.orders.insert(order);
            }
            Some(_) => break,
            None => open.push_str(line),
        }
    }
    if !finished.trim().is_empty() {
        done.rows = rows::from_csv(&finished, path)?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::measurement::f32_spec;
    use ergometer_record::{Kernel, Seconds, Size};

    fn row(order: u32) -> Row {
        let mut row = Row::timed(f32_spec(Kernel::Triad, Size::Vector { n: 64 }), "vnode", "d", Seconds(0.1));
        row.order = order;
        row
    }

    #[test]
    fn a_torn_end_is_dropped_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (mut journal, _) = Journal::open(&path, "id", false, false).unwrap();
        for order in 0..3 {
            journal.append(&[row(order), row(order)], order).unwrap();
        }
        let whole = std::fs::read_to_string(&path).unwrap();
        let head = format!("{MARK}id\n{}", header()).len();
        // Every byte around the marks, every seventh elsewhere: each cut costs a synced write.
        let marks: Vec<usize> = whole.match_indices(DONE).map(|(at, _)| at).collect();
        let near = |cut: usize| marks.iter().any(|mark| cut.abs_diff(*mark) < 10);
        for cut in (head..=whole.len()).filter(|cut| cut % 7 == 0 || near(*cut)) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (_, done) = Journal::open(&path, "id", true, false).unwrap();
            let complete = (0..3).filter(|o| whole[..cut].contains(&format!("{DONE}{o}\n"))).count();
            assert_eq!((done.orders.len(), done.rows.len()), (complete, 2 * complete), "cut at {cut}");
        }
    }

    #[test]
    fn another_runs_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        drop(Journal::open(&path, "one", false, false).unwrap());
        let other = Journal::open(&path, "two", true, false).unwrap_err().to_string();
        assert!(other.contains("belongs to another run (one, not two)"), "{other}");
        let again = Journal::open(&path, "one", false, false).unwrap_err().to_string();
        assert!(again.contains("--resume"), "{again}");
    }
}
