//! Putting settings back: by the lease itself, by the guardian, and by `ergometer restore`.

use super::failpoint::{self, Point};
use super::journal::{self, Change, Event, Journal};
use super::{LeaseError, locks};
use crate::knob::{self, Knob, KnobError, Permission, registry};
use crate::sensor::Roots;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What became of one knob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It held our value and has its old one again.
    Restored {
        /// Our value.
        from: String,
        /// The old one.
        to: String,
    },
    /// It had its old value already.
    AlreadyBack {
        /// The old value.
        value: String,
    },
    /// Its old value was unknown: the driver's default was set.
    Reset,
    /// The process ended between writing and reading back, and a value was found that it did not ask for: most likely
    /// ours, clipped by the hardware. It was replaced by the old one.
    Replaced {
        /// What stood there.
        found: String,
        /// What was asked for.
        asked: String,
        /// The old value, which is there again.
        to: String,
    },
    /// Somebody else changed it meanwhile. It was left alone.
    ChangedElsewhere {
        /// What stands there.
        found: String,
        /// What the lease left.
        ours: String,
        /// What was there before the lease.
        old: String,
    },
    /// The machine was started anew since, which set it to the value found. It was left alone.
    Rebooted {
        /// What stands there.
        found: String,
        /// What was there before the lease.
        old: String,
    },
    /// It could not be put back; the journal is kept.
    Failed {
        /// Why, and what to do.
        reason: String,
    },
}

/// One knob of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Journal id.
    pub knob: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A journal that was worked off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// What held the lease, as it called itself.
    pub holder: String,
    /// When the lease began, RFC 3339, UTC.
    pub begun: String,
    /// How many of the report's entries come from it; those of the first journal stand first.
    pub entries: usize,
    /// True where it could not be worked off completely and so is still there.
    pub kept: bool,
}

/// What a restoration did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// One a knob, in the order in which they were put back.
    pub entries: Vec<Entry>,
    /// The journals that the entries come from, in the same order; none where a lease restores itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journals: Vec<Source>,
    /// Journals of leases whose process lives: nothing of theirs was touched.
    pub alive: Vec<PathBuf>,
    /// Journals that can't be understood, and damaged lines, in words.
    pub problems: Vec<String>,
}

impl RestoreReport {
    /// True when every knob that was changed is accounted for.
    pub fn is_complete(&self) -> bool {
        self.problems.is_empty() && !self.entries.iter().any(|e| matches!(e.outcome, Outcome::Failed { .. }))
    }

    fn absorb(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.journals.extend(other.journals);
        self.alive.extend(other.alive);
        self.problems.extend(other.problems);
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let knob = &self.knob;
        match &self.outcome {
            Outcome::Restored { from, to } => write!(f, "{knob}: {from} -> {to}, as before"),
            Outcome::AlreadyBack { value } => write!(f, "{knob}: {value}, nothing to do"),
            Outcome::Reset => write!(f, "{knob}: reset to the driver's default (its old value can't be read)"),
            Outcome::Replaced { found, asked, to } => write!(
                f,
                "{knob}: found {found} where {asked} had been asked for just before the end; replaced by {to}, as before"
            ),
            Outcome::ChangedElsewhere { found, ours, old } => write!(
                f,
                "{knob}: left at {found}, because somebody else changed it since (ergometer had set {ours}; before that it was {old})"
            ),
            Outcome::Rebooted { found, old } => write!(
                f,
                "{knob}: left at {found}, which ergometer never set and so the machine's restart did (it was {old} before the lease)"
            ),
            Outcome::Failed { reason } => write!(f, "{knob}: NOT restored: {reason}"),
        }
    }
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entries.is_empty() && self.alive.is_empty() && self.problems.is_empty() {
            return write!(f, "nothing to restore");
        }
        let mut lines: Vec<String> = Vec::new();
        let mut entries = self.entries.iter();
        for journal in &self.journals {
            lines.push(format!("{}, begun {}, left {}:", journal.holder, journal.begun, journal.path.display()));
            lines.extend(entries.by_ref().take(journal.entries).map(|entry| format!("  {entry}")));
            if journal.entries == 0 {
                lines.push("  it had changed nothing".into());
            }
        }
        lines.extend(entries.map(Entry::to_string));
        lines.extend(self.alive.iter().map(|p| format!("{}: its process still runs; left alone", p.display())));
        lines.extend(self.problems.iter().cloned());
        if !self.journals.is_empty() {
            let kept = self.journals.iter().filter(|journal| journal.kept).count();
            lines.push(match kept {
                0 => "nothing remains to be restored; what was done is done, and its journals are deleted".into(),
                n => format!("{n} of {} journals remain: the command can be repeated", self.journals.len()),
            });
        }
        write!(f, "{}", lines.join("\n"))
    }
}

/// The boot that a journal's lease ran in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// The present one: its process was killed, and nothing that it wrote to a file is lost.
    Same,
    /// An earlier one: lines that were not synced can be lost, and hardware has mostly set itself anew.
    Other,
    /// The system does not tell: lines can be lost.
    Unknown,
}

impl Boot {
    fn of(boot_id: Option<&str>) -> Self {
        match (boot_id, journal::boot_id()) {
            (Some(then), Some(now)) if then == now => Self::Same,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// Puts one knob back, unless somebody else changed it meanwhile.
pub(crate) fn undo(knob: &mut dyn Knob, change: &Change, boot: Boot) -> Outcome {
    match try_undo(knob, change, boot) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed { reason: error.to_string() },
    }
}

fn try_undo(knob: &mut dyn Knob, change: &Change, boot: Boot) -> Result<Outcome, KnobError> {
    let found = knob.read()?;
    let (Some(found), Some(old)) = (found, change.old.clone()) else {
        // Nothing to compare with. After a restart the driver's defaults hold anyway.
        failpoint::pass(Point::DuringRestore);
        knob.reset()?;
        return Ok(Outcome::Reset);
    };
    if found == old {
        return Ok(Outcome::AlreadyBack { value: old });
    }
    // Under the same boot no line of the journal is lost, so that the last ones tell what ergometer left.
    let ours = change.ours.contains(&found) || boot != Boot::Same && change.possible.contains(&found);
    if !ours && boot == Boot::Other {
        return Ok(Outcome::Rebooted { found, old });
    }
    if !ours && change.settled {
        return Ok(Outcome::ChangedElsewhere { found, ours: change.ours.join(" or "), old });
    }
    failpoint::pass(Point::DuringRestore);
    knob.write(&old)?;
    match knob.read()? {
        Some(now) if now != old => Err(KnobError::Failed {
            id: knob.id().to_owned(),
            reason: format!("{old} was written and {now} reads back"),
        }),
        _ if ours => Ok(Outcome::Restored { from: found, to: old }),
        _ => Ok(Outcome::Replaced { found, asked: change.asked.clone(), to: old }),
    }
}

/// Restores what one journal tells, newest change first, and deletes it when nothing failed. The caller holds its lock.
pub(crate) fn restore_journal(
    mut journal: Journal,
    changes: &[Change],
    damaged: &[usize],
    mut undo_one: impl FnMut(&Change) -> Outcome,
) -> RestoreReport {
    let mut report = RestoreReport::default();
    for change in changes.iter().rev() {
        let outcome = undo_one(change);
        if !matches!(outcome, Outcome::Failed { .. }) {
            // If this line is lost, the next restoration finds the old value there: nothing depends on it but knobs
            // that can't be read, which would be reset twice.
            let _ = journal.append(&Event::Restored { knob: change.knob.clone() });
        }
        report.entries.push(Entry { knob: change.knob.clone(), outcome });
    }
    for line in damaged {
        report.problems.push(format!(
            "{}: line {line} can't be understood; check by hand what it changed, then delete the file",
            journal.path().display()
        ));
    }
    if report.is_complete()
        && let Err(error) = journal.remove()
    {
        report.problems.push(error.to_string());
    }
    report
}

/// Opens each knob of a dead lease again and puts it back.
pub(crate) fn restore_dead(
    mut journal: Journal,
    state_dir: &Path,
    roots: Option<&Roots>,
) -> Result<RestoreReport, LeaseError> {
    let contents = journal.contents()?;
    journal.drop_torn_end()?;
    // The journal shows that control was allowed; the environment can still refuse it.
    let roots = roots.unwrap_or(&contents.roots).clone().with_permission(Permission::AllowControl);
    let mut held = Vec::new();
    let mut devices: Vec<&str> = contents.changes.iter().map(|c| registry::device(&c.knob)).collect();
    devices.sort_unstable();
    devices.dedup();
    for device in devices {
        held.push(locks::take(state_dir, &roots, device, "restoring", Duration::from_secs(5))?);
    }
    let boot = Boot::of(contents.boot_id.as_deref());
    let path = journal.path().to_owned();
    let mut report = restore_journal(journal, &contents.changes, &contents.damaged, |change| {
        match knob::open(&change.knob, &roots) {
            Ok(mut knob) => undo(knob.as_mut(), change, boot),
            Err(error) => Outcome::Failed { reason: error.to_string() },
        }
    });
    let (entries, kept) = (report.entries.len(), path.exists());
    report.journals.push(Source { path, holder: contents.command, begun: contents.time, entries, kept });
    Ok(report)
}

/// Undoes every setting that a killed process left behind: the command `ergometer restore`, for when the guardian died
/// too (power cut, container stopped). Leases whose process lives are left alone. Harmless to repeat.
///
/// # Errors
/// The state folder can't be read. What goes wrong with single journals and knobs is in the report.
pub fn restore(state_dir: &Path, roots: &Roots) -> Result<RestoreReport, LeaseError> {
    let mut report = RestoreReport::default();
    // Newest first: of two leases left behind on one knob, the older one knows the value to go back to.
    for path in journal::list(state_dir)?.into_iter().rev() {
        let done = Journal::take_over(&path, false).and_then(|journal| match journal {
            Some(journal) => restore_dead(journal, state_dir, Some(roots)),
            None if path.exists() => Ok(RestoreReport { alive: vec![path.clone()], ..RestoreReport::default() }),
            None => Ok(RestoreReport::default()),
        });
        match done {
            Ok(done) => report.absorb(done),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    Ok(report)
}
