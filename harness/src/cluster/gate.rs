//! Keeps the sweeps of several nodes at the same slot, and ends them together.

use super::{ClusterError, Ranks, gather_values};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;

/// What a rank says in a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Says {
    /// It is ready for this slot.
    Ready(u64),
    /// It has no slot left.
    Done,
    /// It measures nothing.
    Follows,
    /// It can't go on.
    Failed(String),
}

/// What rank 0 decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Go {
    /// Whoever is ready for this slot begins it; whoever is ahead waits.
    On(u64),
    /// Nobody has a slot left.
    Over,
    /// Everybody ends.
    Stop(String),
}

/// A gate before every slot of a sweep. Each rank calls [`Gate::pass`] before each of its slots and [`Gate::finish`] at its
/// end; ranks that measure nothing call [`Gate::follow`].
///
/// Nodes need not have the same slots: one that was resumed further back, or whose intervals are not narrow yet, catches up
/// while the others wait.
pub struct Gate {
    ranks: Rc<dyn Ranks>,
    stopped: RefCell<Option<String>>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("rank", &self.ranks.rank()).field("stopped", &self.stopped).finish()
    }
}

impl Gate {
    /// For the ranks of a job.
    pub fn new(ranks: Rc<dyn Ranks>) -> Self {
        Self { ranks, stopped: RefCell::new(None) }
    }

    /// Why all sweeps end; `None` as long as they do not.
    pub fn stopped(&self) -> Option<String> {
        self.stopped.borrow().clone()
    }

    /// Waits until every node has come to slot `order` or has passed it. Returns at once when all are to end: see
    /// [`Gate::stopped`].
    pub fn pass(&self, order: u64) {
        while self.stopped().is_none() {
            if self.round(&Says::Ready(order)) == Some(Go::On(order)) {
                return;
            }
        }
    }

    /// This node is done, or has failed for a reason; waits until all are done.
    ///
    /// # Errors
    /// Why they all ended before they were done.
    pub fn finish(&self, failure: Option<String>) -> Result<(), String> {
        let says = failure.map_or(Says::Done, Says::Failed);
        self.last(&says)
    }

    /// Waits until all are done, and measures nothing.
    ///
    /// # Errors
    /// Why they all ended before they were done.
    pub fn follow(&self) -> Result<(), String> {
        self.last(&Says::Follows)
    }

    fn last(&self, says: &Says) -> Result<(), String> {
        loop {
            if let Some(reason) = self.stopped() {
                return Err(reason);
            }
            if self.round(says) == Some(Go::Over) {
                return Ok(());
            }
        }
    }

    /// One round; `None` when it was the last because all are to end.
    fn round(&self, says: &Says) -> Option<Go> {
        match self.decide(says) {
            Ok(Go::Stop(reason)) => {
                self.stopped.replace(Some(reason));
                None
            }
            Ok(go) => Some(go),
            Err(error) => {
                self.stopped.replace(Some(error.to_string()));
                None
            }
        }
    }

    fn decide(&self, says: &Says) -> Result<Go, ClusterError> {
        let garbled = |error: serde_json::Error| ClusterError::Garbled { rank: 0, reason: error.to_string() };
        let decision = match gather_values(self.ranks.as_ref(), says)? {
            Some(said) => serde_json::to_vec(&decision(&said)).map_err(garbled)?,
            None => Vec::new(),
        };
        serde_json::from_slice(&self.ranks.broadcast(&decision)?).map_err(garbled)
    }
}

fn decision(said: &[Says]) -> Go {
    let failed = said.iter().enumerate().find_map(|(rank, says)| match says {
        Says::Failed(reason) => Some(Go::Stop(format!("rank {rank}: {reason}"))),
        _ => None,
    });
    let next = said.iter().filter_map(|says| if let Says::Ready(order) = says { Some(*order) } else { None }).min();
    failed.unwrap_or(next.map_or(Go::Over, Go::On))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::threads;
    use std::sync::Mutex;

    /// What happened, in order: slot and rank; and how each rank ended.
    type Story = (Vec<(u64, usize)>, Vec<Result<(), String>>);

    /// Runs ranks with these slots each (`None` follows; a rank ends with its failure, if any).
    fn run(slots: &[(Option<&[u64]>, Option<&str>)]) -> Story {
        let names: Vec<String> = (0..slots.len()).map(|rank| format!("n{rank}")).collect();
        let ranks = threads::ranks(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let log = Mutex::new(Vec::new());
        let ends = std::thread::scope(|scope| {
            let sweep = |(rank, (orders, failure)): (threads::ThreadRank, &(Option<&[u64]>, Option<&str>))| {
                let (orders, failure, log) = (orders.map(<[u64]>::to_vec), failure.map(str::to_owned), &log);
                scope.spawn(move || {
                    let me = rank.rank();
                    let gate = Gate::new(Rc::new(rank));
                    let Some(orders) = orders else { return gate.follow() };
                    for order in orders {
                        gate.pass(order);
                        if gate.stopped().is_some() {
                            break;
                        }
                        log.lock().unwrap().push((order, me));
                    }
                    gate.finish(failure)
                })
            };
            let threads: Vec<_> = ranks.into_iter().zip(slots).map(sweep).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        (log.into_inner().unwrap(), ends)
    }

    #[test]
    fn no_node_is_ahead_of_another() {
        // Rank 1 was resumed at slot 2, rank 3 needs more blocks than the others, rank 2 measures nothing.
        let (log, ends) =
            run(&[(Some(&[0, 1, 2, 3]), None), (Some(&[2, 3]), None), (None, None), (Some(&[0, 1, 2, 3, 4, 5]), None)]);
        let orders: Vec<u64> = log.iter().map(|(order, _)| *order).collect();
        assert!(orders.is_sorted(), "{log:?}");
        assert_eq!(log.len(), 12);
        assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    }

    #[test]
    fn when_one_fails_all_end_and_know_why() {
        let (log, ends) = run(&[(Some(&[0, 1, 2, 3]), None), (None, None), (Some(&[0, 1]), Some("the fan stopped"))]);
        assert!(log.iter().all(|(order, _)| *order <= 1), "{log:?}");
        for end in ends {
            assert_eq!(end.unwrap_err(), "rank 2: the fan stopped");
        }
    }
}
