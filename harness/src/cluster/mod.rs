//! Several machines measured as one: ranks find their node, one rank a node measures, starts and stops lie together, and
//! rank 0 adds up (table 3.7 of the thesis).
//!
//! Ranks come from one of four places behind the trait [`Ranks`]: an MPI communicator of the program that measures itself
//! (`cluster::mpi`, feature `mpi`), the launcher's environment and sockets ([`socket`], for `mpirun ergometer run -- CMD`),
//! threads of one process ([`threads`], for tests), or there is one only ([`Alone`]).
//!
//! The wrapper does not use MPI on purpose: what people profile are MPI programs, MPI may be initialised once a
//! rank, and the rank belongs to the program. So the command's `MPI_Init` finds its launcher untouched, with any MPI, and
//! the default build needs none.

mod alone;
mod gate;
pub mod launcher;
mod meter;
#[cfg(feature = "mpi")]
pub mod mpi;
mod nodes;
mod report;
pub mod rows;
mod run;
pub mod socket;
pub mod threads;

pub use alone::Alone;
pub use gate::Gate;
pub use launcher::Launch;
pub use meter::{Meter, Window};
pub use nodes::{NODE_NAME_VARIABLE, Node, NodeId, Nodes};
pub use report::{ClusterReport, NodeReport};
pub use rows::NodeRow;
pub use run::{ClusterRun, NODE_PLACEHOLDER, Outcome, RankEnd, RankError, RankRun, run_command};

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// Ranks that can't work together, or no longer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// The ranks did not find one another.
    #[error(
        "rank {rank} of {size} ({launcher}) did not find the others within {seconds} s: {reason}. They meet through a file \
         in {}: name a folder that every node sees with --rendezvous, or measure each rank by itself with --alone",
        folder.display()
    )]
    NotJoined {
        /// This rank.
        rank: usize,
        /// Of how many.
        size: usize,
        /// What started them.
        launcher: &'static str,
        /// How long they tried.
        seconds: u64,
        /// What was missing.
        reason: String,
        /// Where they meet.
        folder: PathBuf,
    },
    /// One left before its time.
    #[error("rank {rank} left early: {reason}")]
    Lost {
        /// Which one; what was seen of it is all that is known.
        rank: usize,
        /// Why, as far as it is known.
        reason: String,
    },
    /// They do not understand one another.
    #[error("rank {rank} sent what can't be understood ({reason}): every node needs the same version of ergometer")]
    Garbled {
        /// The rank.
        rank: usize,
        /// What is wrong.
        reason: String,
    },
}

/// What ranks can do together. All methods but the first three are collective: every rank calls the same ones in the same
/// order, and each call waits for as many others as it must.
pub trait Ranks {
    /// This rank, from 0.
    fn rank(&self) -> usize;
    /// How many there are.
    fn size(&self) -> usize;
    /// The machine that this rank runs on.
    fn node(&self) -> NodeId;
    /// Returns when every rank has called it.
    ///
    /// # Errors
    /// A rank left.
    fn barrier(&self) -> Result<(), ClusterError>;
    /// Gives rank 0 everybody's bytes in the order of ranks, and the others `None`.
    ///
    /// # Errors
    /// A rank left.
    fn gather(&self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ClusterError>;
    /// Gives everybody the bytes of rank 0.
    ///
    /// # Errors
    /// A rank left.
    fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>, ClusterError>;
    /// Leaves: the others' present or next call fails with `reason`. Not collective.
    fn abort(&self, reason: &str);
}

/// [`Ranks::gather`] of values.
fn gather_values<T: Serialize + DeserializeOwned>(
    ranks: &dyn Ranks,
    value: &T,
) -> Result<Option<Vec<T>>, ClusterError> {
    let garbled = |rank, error: serde_json::Error| ClusterError::Garbled { rank, reason: error.to_string() };
    let bytes = serde_json::to_vec(value).map_err(|error| garbled(ranks.rank(), error))?;
    let Some(parts) = ranks.gather(&bytes)? else { return Ok(None) };
    let values =
        parts.iter().enumerate().map(|(rank, part)| serde_json::from_slice(part).map_err(|e| garbled(rank, e)));
    values.collect::<Result<Vec<T>, _>>().map(Some)
}
