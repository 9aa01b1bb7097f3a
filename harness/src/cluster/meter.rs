//! Windows that begin and end on all nodes together.

use super::{ClusterError, ClusterReport, NodeReport, Nodes, Ranks, gather_values};
use crate::clock::{Clock, RealClock};
use crate::meter::{self, WindowId, WindowReport};
use crate::sensor::{Roots, Selection, probe, select};
use ergometer_record::Seconds;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sensors under observation on every node: the lowest rank of each node reads them, the others take part in the
/// synchronisation only, so that no joule is counted twice.
///
/// All methods but [`Meter::nodes`] are collective: every rank calls them, in the same order.
///
/// ```
/// use ergometer_harness::cluster::{Meter, threads};
/// use ergometer_harness::meter::DEFAULT_PERIOD;
///
/// // Four ranks on two nodes; in an MPI program: `&MpiRanks::new(&universe.world())` (feature `mpi`).
/// let ranks = threads::ranks(&["a", "a", "b", "b"]);
/// let reports: Vec<_> = std::thread::scope(|scope| {
///     let run = |rank| scope.spawn(move || {
///         let meter = Meter::system(&rank, DEFAULT_PERIOD)?;
///         let window = meter.start("work")?;
///         std::hint::black_box((0..100_000).sum::<u64>());
///         meter.stop(window)
///     });
///     let threads: Vec<_> = ranks.into_iter().map(run).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
/// });
/// let report = reports[0].as_ref().expect("rank 0 has it");
/// assert_eq!(report.nodes.len(), 2);
/// assert!(reports[1..].iter().all(Option::is_none));
/// ```
pub struct Meter<'a> {
    ranks: &'a dyn Ranks,
    nodes: Nodes,
    /// Where this rank measures its node.
    local: Option<Arc<meter::Meter>>,
}

impl std::fmt::Debug for Meter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("nodes", &self.nodes).field("local", &self.local).finish()
    }
}

/// An open window on all nodes.
#[derive(Debug)]
pub struct Window {
    name: String,
    id: Option<WindowId>,
    start_skew: Seconds,
}

impl Window {
    /// The part of it on this node, where this rank measures.
    pub fn id(&self) -> Option<WindowId> {
        self.id
    }
}

/// What a rank has of a closed window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    start_skew_s: Seconds,
    stop_skew_s: Seconds,
    pub(super) window: Option<WindowReport>,
}

impl<'a> Meter<'a> {
    /// The sensors of each node in real time, sampled every `period`.
    ///
    /// # Errors
    /// A rank left.
    pub fn system(ranks: &'a dyn Ranks, period: Seconds) -> Result<Self, ClusterError> {
        Self::new(ranks, || select(probe(&Roots::system())), Arc::new(RealClock::new()), period)
    }

    /// The sensors that `sensors` opens; it is called on measuring ranks only.
    ///
    /// # Errors
    /// A rank left.
    pub fn new(
        ranks: &'a dyn Ranks,
        sensors: impl FnOnce() -> Selection,
        clock: Arc<dyn Clock>,
        period: Seconds,
    ) -> Result<Self, ClusterError> {
        let nodes = Nodes::find(ranks)?;
        let local = nodes.is_leader().then(|| Arc::new(meter::Meter::new(sensors(), clock, period)));
        Ok(Self { ranks, nodes, local })
    }

    /// Who is where.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The sensors of this node, where this rank measures: for windows and samples of one's own.
    pub fn local(&self) -> Option<&Arc<meter::Meter>> {
        self.local.as_ref()
    }

    /// Opens a window on all nodes; no rank returns before every node measures.
    ///
    /// # Errors
    /// A rank left.
    pub fn start(&self, name: impl Into<String>) -> Result<Window, ClusterError> {
        let name = name.into();
        let entered = align(self.ranks)?;
        let id = self.local.as_ref().map(|meter| meter.start(name.clone()));
        // After the first readings, so that they lie within it too.
        let start_skew = since(entered);
        self.ranks.barrier()?;
        Ok(Window { name, id, start_skew })
    }

    /// Closes a window on all nodes once every rank has come; rank 0 has the report.
    ///
    /// # Errors
    /// A rank left; the window of this node is open still when the others could not be waited for.
    pub fn stop(&self, window: Window) -> Result<Option<ClusterReport>, ClusterError> {
        let part = self.close(&window)?;
        self.collect(&window, &part)
    }

    /// The first half of [`Meter::stop`].
    pub(super) fn close(&self, window: &Window) -> Result<Part, ClusterError> {
        let entered = align(self.ranks)?;
        let report = self.local.as_ref().zip(window.id).and_then(|(meter, id)| meter.stop(id));
        Ok(Part { start_skew_s: window.start_skew, stop_skew_s: since(entered), window: report })
    }

    /// The second half.
    pub(super) fn collect(&self, window: &Window, part: &Part) -> Result<Option<ClusterReport>, ClusterError> {
        let Some(parts) = gather_values(self.ranks, part)? else { return Ok(None) };
        let leaders = self.nodes.all.iter().filter_map(|node| Some((node, parts.get(*node.ranks.first()?)?)));
        let (mut start, mut stop, mut nodes) = (Seconds(0.0), Seconds(0.0), Vec::new());
        for (node, part) in leaders {
            start = Seconds(start.0.max(part.start_skew_s.0));
            stop = Seconds(stop.0.max(part.stop_skew_s.0));
            let Some(window) = part.window.clone() else { continue };
            nodes.push(NodeReport { node: node.name.clone(), ranks: node.ranks.clone(), window });
        }
        Ok(Some(ClusterReport::new(window.name.clone(), start, stop, nodes)))
    }
}

/// Brings the ranks together by one barrier and sends them off by a second; when this rank entered the second.
///
/// Nobody leaves a barrier before the last has entered it. So there is an instant, that entry, which lies on every rank
/// between its own entry and its own leaving, and what a rank does next lies at most the time since its own entry after
/// that instant. The greatest such time among the ranks bounds how far their next steps lie apart, without comparing
/// clocks of different machines. The first barrier takes the waiting for late-comers out of it.
fn align(ranks: &dyn Ranks) -> Result<Instant, ClusterError> {
    ranks.barrier()?;
    let entered = Instant::now();
    ranks.barrier()?;
    Ok(entered)
}

fn since(entered: Instant) -> Seconds {
    let elapsed: Duration = entered.elapsed();
    Seconds(elapsed.as_secs_f64())
}
