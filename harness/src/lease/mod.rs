//! Settings are held by a lease and put back on every way out (DESIGN 3.5).
//!
//! Before a knob is written its old value is in a journal on the disk. The lease restores when it is dropped, which
//! covers normal exit, errors and panics; SIGINT and SIGTERM are a flag that loops poll ([`interrupt`]); a [`guardian`]
//! process restores after SIGKILL; [`restore()`] after a power cut. A lock file a device keeps two leases apart.

pub mod failpoint;
pub mod guardian;
pub mod interrupt;
pub mod journal;
mod locks;
mod restore;
mod state_dir;

pub use guardian::GuardianCommand;
pub use restore::{Entry, Outcome, RestoreReport, Source, restore};
pub use state_dir::state_dir;

use crate::knob::{self, Knob, KnobError, Lever, registry};
use crate::sensor::Roots;
use ergometer_record::Setting;
use failpoint::Point;
use guardian::Guardian;
use journal::{Change, Event, Journal};
use locks::DeviceLock;
use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lease that could not be taken, used or ended; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// No folder for journals is known.
    #[error(
        "no folder for journals is known, because HOME is not set: set ERGOMETER_STATE_DIR to a folder that you may write to"
    )]
    NoStateDir,
    /// A journal could not be written, so nothing was changed.
    #[error("the journal {} could not be used: {source}; nothing is changed without one: set ERGOMETER_STATE_DIR to a folder that you may write to", path.display())]
    Journal {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A journal that can't be understood.
    #[error("the journal {} can't be understood: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A lock file failed.
    #[error("the lock {} could not be used: {source}; set ERGOMETER_STATE_DIR to a folder that you may write to", path.display())]
    Lock {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another lease has the device.
    #[error("{device} is in use by another measurement ({holder}): wait for its end, or stop it")]
    Busy {
        /// Which device.
        device: String,
        /// Who has it.
        holder: String,
    },
    /// A killed lease left settings behind: what would be found is not the machine's own state.
    #[error("a killed measurement left {} changed: run `ergometer restore` first", knobs.join(", "))]
    Leftover {
        /// The knobs.
        knobs: Vec<String>,
    },
    /// No guardian, no lease.
    #[error("the guardian {} could not be started: {reason}", program.display())]
    Guardian {
        /// Its program.
        program: PathBuf,
        /// Why.
        reason: String,
    },
    /// The lease does not hold such a knob.
    #[error("this lease does not hold {id}")]
    NotHeld {
        /// Which knob.
        id: String,
    },
    /// A knob failed.
    #[error(transparent)]
    Knob(#[from] KnobError),
}

/// How to take a lease.
#[derive(Debug, Clone)]
pub struct LeaseOptions {
    /// Folder of journals, and of the locks of virtual devices; see [`state_dir`].
    pub state_dir: PathBuf,
    /// Where the guardian finds the knobs again, and where the locks of real devices are.
    pub roots: Roots,
    /// How to start the guardian; `None` goes without, for tests and for embedding programs that restore themselves.
    pub guardian: Option<GuardianCommand>,
    /// What to call the holder in messages, such as the command line.
    pub holder: String,
}

impl LeaseOptions {
    /// The usual options, with a guardian.
    ///
    /// # Errors
    /// No folder for journals is known.
    pub fn new(roots: Roots, holder: impl Into<String>) -> Result<Self, LeaseError> {
        Ok(Self { state_dir: state_dir()?, roots, guardian: Some(GuardianCommand::default()), holder: holder.into() })
    }
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which knob.
    pub knob: String,
    /// What was asked for.
    pub asked: String,
    /// What reads back; `None` where the hardware can't tell.
    pub now: Option<String>,
}

impl Applied {
    /// Whether the value reads back as asked; `None` where the hardware can't tell. Whether it *acts* is for the sweep
    /// to see.
    pub fn reads_back(&self) -> Option<bool> {
        self.now.as_ref().map(|now| *now == self.asked)
    }
}

struct Held {
    knob: Box<dyn Knob>,
    change: Option<Change>,
}

/// Knobs held for a measurement. Dropping it restores them.
pub struct Lease {
    held: Vec<Held>,
    /// Knobs in the order of their first write.
    order: Vec<usize>,
    journal: Option<Journal>,
    writes: u32,
    guardian: Option<Guardian>,
    locks: Vec<DeviceLock>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.held.iter().map(|h| h.knob.id()).collect();
        f.debug_struct("Lease").field("knobs", &ids).field("journal", &self.journal).finish_non_exhaustive()
    }
}

impl Lease {
    /// Takes the devices of `knobs`, starts the journal and the guardian. Nothing is written yet.
    ///
    /// # Errors
    /// A device is in use, a killed lease left one changed, or journal or guardian can't be had.
    pub fn acquire(options: &LeaseOptions, knobs: Vec<Box<dyn Knob>>) -> Result<Self, LeaseError> {
        let mut devices: Vec<String> = knobs.iter().map(|k| registry::device(k.id()).to_owned()).collect();
        devices.sort_unstable();
        devices.dedup();
        let locks = devices
            .iter()
            .map(|device| {
                locks::take(&options.state_dir, &options.roots, device, &options.holder, Duration::from_millis(500))
            })
            .collect::<Result<Vec<_>, _>>()?;
        refuse_leftovers(&options.state_dir, &devices)?;
        let journal = Journal::create(&options.state_dir, &options.holder, &options.roots)?;
        let guardian =
            match options.guardian.as_ref().map(|command| Guardian::start(command, journal.path())).transpose() {
                Ok(guardian) => guardian,
                Err(error) => {
                    // Nothing was written under it; should even this fail, the next restoration deletes it.
                    let _ = journal.remove();
                    return Err(error);
                }
            };
        let held = knobs.into_iter().map(|knob| Held { knob, change: None }).collect();
        Ok(Self { held, order: Vec::new(), journal: Some(journal), writes: 0, guardian, locks })
    }

    /// What the user must know of this lease, in sentences: devices that other users' measurements do not see locked.
    pub fn caveats(&self) -> impl Iterator<Item = &str> {
        self.locks.iter().filter_map(|lock| lock.caveat.as_deref())
    }

    /// The knobs held.
    pub fn knobs(&self) -> impl Iterator<Item = &dyn Knob> {
        self.held.iter().map(|held| held.knob.as_ref())
    }

    /// Writes one knob and reads it back.
    ///
    /// # Errors
    /// The lease does not hold it, the journal can't be written (then the knob is untouched), or the knob refuses.
    pub fn set(&mut self, id: &str, value: &str) -> Result<Applied, LeaseError> {
        let index =
            self.held.iter().position(|h| h.knob.id() == id).ok_or(LeaseError::NotHeld { id: id.to_owned() })?;
        self.set_at(index, value)
    }

    fn set_at(&mut self, index: usize, value: &str) -> Result<Applied, LeaseError> {
        let Some(held) = self.held.get_mut(index) else { return Err(LeaseError::NotHeld { id: index.to_string() }) };
        let Some(journal) = &mut self.journal else {
            return Err(LeaseError::NotHeld { id: held.knob.id().to_owned() });
        };
        let allowed = held.knob.allowed()?;
        let id = held.knob.id().to_owned();
        let old = match &held.change {
            Some(change) => change.old.clone(),
            None => held.knob.read()?,
        };
        if !allowed.accepts(value) && old.as_deref() != Some(value) {
            return Err(KnobError::NotAllowed { id, value: value.to_owned(), allowed }.into());
        }
        self.writes += 1;
        let n = self.writes;
        let before = held.change.clone();
        let mut change = before.clone().unwrap_or_else(|| Change::new(id.clone(), old.clone()));
        let new = value.to_owned();
        journal.append(&Event::Write { n, knob: id.clone(), old, new: new.clone(), time: journal::now() })?;
        if before.is_none() || !change.tells(value) {
            journal.sync()?;
        }
        failpoint::pass(Point::AfterJournal);
        change.begin(value);
        let change = held.change.insert(change);
        if before.is_none() {
            self.order.push(index);
        }
        failpoint::pass(Point::BeforeWrite);
        if let Err(error) = held.knob.write(value) {
            if untouched(held.knob.as_ref(), change, before.as_ref(), &error) {
                // So that nobody tries to put back what can't be written.
                let event = match &before {
                    Some(before) => Event::Wrote { n, now: before.ours.last().cloned() },
                    None => Event::Restored { knob: id },
                };
                journal.append(&event)?;
                if before.is_none() {
                    self.order.retain(|known| *known != index);
                }
                held.change = before;
            }
            return Err(error.into());
        }
        failpoint::pass(Point::AfterWrite);
        let now = held.knob.read()?;
        let told = now.as_ref().is_none_or(|now| change.tells(now));
        change.settle(now.as_deref());
        journal.append(&Event::Wrote { n, now: now.clone() })?;
        if !told {
            // Clipped: after a power cut this value could not be told from somebody else's.
            journal.sync()?;
        }
        Ok(Applied { knob: id, asked: new, now })
    }

    /// Realises a setting: writes every knob whose field it names, and puts back those that it leaves as found.
    ///
    /// # Errors
    /// As [`Lease::set`]; [`LeaseError::NotHeld`] when a field has no knob in this lease. Knobs written before the
    /// error stay written until the lease ends.
    pub fn apply(&mut self, setting: &Setting) -> Result<Vec<Applied>, LeaseError> {
        for lever in registry::levers(setting) {
            if !self.held.iter().any(|held| held.knob.lever() == lever) {
                return Err(LeaseError::NotHeld { id: format!("a knob for {lever:?}, which {setting} asks for") });
            }
        }
        let mut wanted = Vec::new();
        let mut as_found = Vec::new();
        for (index, held) in self.held.iter().enumerate() {
            match knob::encode(held.knob.as_ref(), setting)? {
                // A flag that stands as it is needed is nobody's change.
                Some(value)
                    if held.knob.lever() == Lever::CpuCapEnable
                        && held.change.is_none()
                        && held.knob.read()?.as_ref() == Some(&value) => {}
                Some(value) => wanted.push((index, value)),
                None if held.change.is_some() => as_found.push(index),
                None => {}
            }
        }
        // First back to the machine as found, newest change first, then the new values: a lower bound must not meet
        // yesterday's upper one.
        as_found.sort_by_key(|index| Reverse(self.order.iter().position(|known| known == index)));
        as_found.into_iter().try_for_each(|index| self.put_back(index))?;
        self.raise_before(&mut wanted)?;
        wanted.into_iter().map(|(index, value)| self.set_at(index, &value)).collect()
    }

    /// The kernel never lets a lower bound pass the upper one: where the new lower bound lies above the present upper one,
    /// the upper bounds go first.
    fn raise_before(&self, wanted: &mut [(usize, String)]) -> Result<(), LeaseError> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
        let lever = |index: usize| self.held.get(index).map(|held| held.knob.lever());
        let mut highest = f64::INFINITY;
        for held in self.held.iter().filter(|held| held.knob.lever() == Lever::CpuMax) {
            highest = highest.min(number(held.knob.read()?.as_deref()).unwrap_or(f64::INFINITY));
        }
        let crosses = |(index, value): &(usize, String)| {
            lever(*index) == Some(Lever::CpuMin) && number(Some(value)).is_some_and(|low| low > highest)
        };
        if wanted.iter().any(crosses) {
            wanted.sort_by_key(|(index, _)| lever(*index) != Some(Lever::CpuMax));
        }
        Ok(())
    }

    fn put_back(&mut self, index: usize) -> Result<(), LeaseError> {
        let Some(held) = self.held.get_mut(index) else { return Ok(()) };
        let Some(change) = &held.change else { return Ok(()) };
        match change.old.clone() {
            Some(old) if change.settled && change.ours == [old.as_str()] => Ok(()),
            Some(old) => self.set_at(index, &old).map(|_| ()),
            None => Ok(held.knob.reset()?),
        }
    }

    /// Ends the lease and says what became of each knob.
    pub fn end(mut self) -> RestoreReport {
        self.restore_now()
    }

    fn restore_now(&mut self) -> RestoreReport {
        let Some(journal) = self.journal.take() else { return RestoreReport::default() };
        let changes: Vec<Change> = self.order.iter().filter_map(|&i| self.held.get(i)?.change.clone()).collect();
        let held = &mut self.held;
        let report = restore::restore_journal(journal, &changes, &[], |change| {
            match held.iter_mut().find(|h| h.knob.id() == change.knob) {
                Some(held) => restore::undo(held.knob.as_mut(), change, restore::Boot::Same),
                None => Outcome::Failed { reason: "the lease does not hold it any more".into() },
            }
        });
        self.order.clear();
        // The guardian tries once more what failed, for which it needs the devices. Nobody else gets them meanwhile:
        // a journal that is still there refuses new leases.
        self.locks.clear();
        self.guardian = None;
        report
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let report = self.restore_now();
        for entry in &report.entries {
            match entry.outcome {
                Outcome::Restored { .. } | Outcome::AlreadyBack { .. } | Outcome::Reset => {
                    tracing::debug!("{entry}");
                }
                _ => tracing::warn!("{entry}"),
            }
        }
        report.problems.iter().for_each(|problem| tracing::error!("{problem}"));
    }
}

/// Whether a write that ended with `error` left the knob as it was `before` the write. A knob that can't be read is
/// believed when it says that the write is not permitted, not accepted or not possible here.
fn untouched(knob: &dyn Knob, change: &Change, before: Option<&Change>, error: &KnobError) -> bool {
    let stood = before.map_or(change.old.as_ref(), |before| before.ours.last());
    match knob.read() {
        Ok(Some(now)) => Some(&now) == stood,
        Ok(None) | Err(_) => !matches!(error, KnobError::Failed { .. }),
    }
}

/// Refuses to start from the leftovers of a killed lease, whose values are not the machine's own.
fn refuse_leftovers(state_dir: &Path, devices: &[String]) -> Result<(), LeaseError> {
    let mut knobs = Vec::new();
    for path in journal::list(state_dir)? {
        let Some(dead) = Journal::take_over(&path, false)? else { continue };
        let contents = dead.contents()?;
        let ours = |id: &str| devices.iter().any(|device| device == registry::device(id));
        knobs.extend(contents.changes.into_iter().map(|c| c.knob).filter(|id| ours(id)));
    }
    if knobs.is_empty() { Ok(()) } else { Err(LeaseError::Leftover { knobs }) }
}
