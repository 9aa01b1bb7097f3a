//! A sweep on several nodes: each measures the same plan, slot by slot together; rank 0 collects the rows.

use super::Observer;
use super::sweep::Target;
use crate::harness::cluster::socket::{JOIN, SocketRanks};
use crate::harness::cluster::{Gate, Launch, NodeId, Nodes, Ranks};
use crate::harness::sweep::Outcome;
use crate::record::format::rows;
use anyhow::{Context as _, anyhow, bail};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One rank of a job that sweeps.
#[derive(Debug)]
pub struct Job {
    ranks: Rc<SocketRanks>,
    gate: Rc<Gate>,
    nodes: Nodes,
    /// Set when all are to end.
    stopped: Arc<AtomicBool>,
}

impl Job {
    /// Finds the other ranks.
    ///
    /// # Errors
    /// They did not find one another.
    pub fn join(launch: &Launch, rendezvous: Option<&Path>) -> anyhow::Result<Self> {
        let folder = rendezvous.map_or_else(|| launch.default_folder(), Path::to_owned);
        let ranks = Rc::new(SocketRanks::join(launch, &folder, NodeId::here(None), JOIN)?);
        let nodes = Nodes::find(ranks.as_ref())?;
        let gate = Rc::new(Gate::new(ranks.clone()));
        Ok(Self { ranks, gate, nodes, stopped: Arc::default() })
    }

    /// True for the rank of each node that sweeps.
    pub fn measures(&self) -> bool {
        self.nodes.is_leader()
    }

    /// What tells this node from the others: added to the seed of a virtual device, so that two of them are not one.
    pub fn number(&self) -> u64 {
        self.nodes.mine as u64
    }

    /// The folder of the whole sweep, which rank 0 makes and tells, and that of this node in it.
    ///
    /// # Errors
    /// A folder can't be made, or a rank left.
    pub fn folders(&self, make: impl FnOnce() -> anyhow::Result<PathBuf>) -> anyhow::Result<(PathBuf, PathBuf)> {
        let made = if self.ranks.rank() == 0 {
            let made = make().and_then(|folder| Ok(std::path::absolute(folder)?));
            made.inspect_err(|error| self.ranks.abort(&error.to_string()))?.to_string_lossy().into_owned()
        } else {
            String::new()
        };
        let told = self.ranks.broadcast(made.as_bytes())?;
        let folder = PathBuf::from(String::from_utf8_lossy(&told).into_owned());
        let own = folder.join(self.nodes.here().name.replace(['/', ' '], "_"));
        std::fs::create_dir_all(&own).with_context(|| format!("could not make the folder {}", own.display()))?;
        Ok((folder, own))
    }

    /// Lets every slot of the target's sweep wait for the other nodes.
    pub fn couple(&self, target: &mut Target) {
        let (gate, stopped) = (Rc::clone(&self.gate), Arc::clone(&self.stopped));
        let mut before = target.rig.rest.take();
        target.rig.rest = Some(Box::new(move |order| {
            if let Some(rest) = &mut before {
                rest(order);
            }
            gate.pass(order);
            stopped.store(gate.stopped().is_some(), Ordering::SeqCst);
        }));
    }

    /// An observer whose stage ends when the others end.
    pub fn watch<'a>(&self, inner: &'a dyn Observer) -> Coupled<'a> {
        Coupled { inner, stopped: Arc::clone(&self.stopped) }
    }

    /// For the ranks that measure nothing: waits for the others.
    ///
    /// # Errors
    /// They ended before they were done.
    pub fn follow(&self) -> anyhow::Result<()> {
        self.gate.follow().map_err(|reason| anyhow!("the sweep ended on all nodes: {reason}"))?;
        self.ranks.gather(&[])?;
        Ok(())
    }

    /// Waits for all. Rank 0 gets the outcome with the rows of all nodes, the device of each carrying its node; the others
    /// get `None`.
    ///
    /// # Errors
    /// This node or another failed, or a rank left; every node has put its settings back and kept its rows.
    pub fn collect(&self, result: anyhow::Result<Outcome>) -> anyhow::Result<Option<Outcome>> {
        let failure = result.as_ref().err().map(|error| format!("{error:#}"));
        let elsewhere = self.gate.finish(failure).err();
        let mut outcome = match (result, elsewhere) {
            (Ok(outcome), None) => outcome,
            (Err(error), _) if !self.stopped.load(Ordering::SeqCst) => return Err(error),
            (_, reason) => bail!(
                "the sweep ended on all nodes: {}",
                reason.unwrap_or_else(|| "one of them could not go on".to_owned())
            ),
        };
        let node = &self.nodes.here().name;
        let mut own = outcome.rows.clone();
        own.iter_mut().for_each(|row| row.device = format!("{node}/{}", row.device));
        let Some(parts) = self.ranks.gather(rows::to_csv(&own).as_bytes())? else { return Ok(None) };
        let mut all = Vec::new();
        for (rank, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            let text = std::str::from_utf8(part).with_context(|| format!("the rows of rank {rank}"))?;
            all.extend(rows::from_csv(text, Path::new(&format!("the rows of rank {rank}")))?);
        }
        outcome.rows = all;
        Ok(Some(outcome))
    }
}

/// See [`Job::watch`].
pub struct Coupled<'a> {
    inner: &'a dyn Observer,
    stopped: Arc<AtomicBool>,
}

impl std::fmt::Debug for Coupled<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coupled").field("stopped", &self.stopped).finish_non_exhaustive()
    }
}

impl Observer for Coupled<'_> {
    fn stage(&self, name: &str) {
        self.inner.stage(name);
    }
    fn progress(&self, done: u64, total: u64, message: &str) {
        self.inner.progress(done, total, message);
    }
    fn interrupted(&self) -> bool {
        self.inner.interrupted() || self.stopped.load(Ordering::SeqCst)
    }
    fn remark(&self, text: &str) {
        self.inner.remark(text);
    }
}
