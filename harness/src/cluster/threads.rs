//! Ranks that are threads of one process.

use super::{ClusterError, NodeId, Ranks};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct State {
    /// What has arrived in this round.
    inbox: Vec<Option<Vec<u8>>>,
    /// Everything of the round before.
    outbox: Arc<Vec<Vec<u8>>>,
    round: u64,
    lost: Option<(usize, String)>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    turn: Condvar,
}

/// One of several threads.
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    size: usize,
    node: NodeId,
    shared: Arc<Shared>,
}

/// As many ranks as there are nodes named: give one to each thread. Ranks of the same name share a node.
pub fn ranks(nodes: &[&str]) -> Vec<ThreadRank> {
    let state = State { inbox: vec![None; nodes.len()], ..State::default() };
    let shared = Arc::new(Shared { state: Mutex::new(state), turn: Condvar::new() });
    let rank = |(rank, name): (usize, &&str)| ThreadRank {
        rank,
        size: nodes.len(),
        node: NodeId::named(*name),
        shared: Arc::clone(&shared),
    };
    nodes.iter().enumerate().map(rank).collect()
}

impl ThreadRank {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody's bytes.
    fn exchange(&self, bytes: &[u8]) -> Result<Arc<Vec<Vec<u8>>>, ClusterError> {
        let mut state = self.lock();
        let round = state.round;
        state.inbox[self.rank] = Some(bytes.to_vec());
        if state.lost.is_none() && state.inbox.iter().all(Option::is_some) {
            let parts = state.inbox.iter_mut().filter_map(Option::take).collect();
            state.outbox = Arc::new(parts);
            state.round += 1;
            self.shared.turn.notify_all();
        }
        while state.round == round {
            if let Some((rank, reason)) = &state.lost {
                return Err(ClusterError::Lost { rank: *rank, reason: reason.clone() });
            }
            state = self.shared.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // The next round can't end before this rank has entered it.
        Ok(Arc::clone(&state.outbox))
    }
}

impl Ranks for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.size
    }
    fn node(&self) -> NodeId {
        self.node.clone()
    }
    fn barrier(&self) -> Result<(), ClusterError> {
        self.exchange(&[]).map(drop)
    }
    fn gather(&self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ClusterError> {
        let parts = self.exchange(bytes)?;
        Ok((self.rank == 0).then(|| parts.to_vec()))
    }
    fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>, ClusterError> {
        Ok(self.exchange(bytes)?[0].clone())
    }
    fn abort(&self, reason: &str) {
        self.lock().lost.get_or_insert_with(|| (self.rank, reason.to_owned()));
        self.shared.turn.notify_all();
    }
}

impl Drop for ThreadRank {
    /// A thread that goes, by a panic too, keeps nobody waiting.
    fn drop(&mut self) {
        self.abort("its thread ended");
    }
}
