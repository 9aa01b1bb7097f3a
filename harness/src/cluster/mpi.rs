//! Ranks of an MPI communicator, for programs that measure themselves (feature `mpi`; tested with Debian's Open MPI).
//!
//! All calls to MPI are made by the thread that calls the methods of [`Ranks`]: the sampling thread makes none, so that
//! `MPI_THREAD_FUNNELED` is enough.

/// The crate whose communicators are taken here, in the version that fits.
pub use ::mpi as rsmpi;

use super::{ClusterError, NodeId, Ranks};
use ::mpi::Count;
use ::mpi::datatype::PartitionMut;
use ::mpi::traits::{Communicator, CommunicatorCollectives, Root};

/// The ranks of `communicator`. Which nodes they are on is told by `MPI_Get_processor_name`, or by
/// [`super::NODE_NAME_VARIABLE`].
#[derive(Debug)]
pub struct MpiRanks<'a, C: Communicator> {
    communicator: &'a C,
    node: NodeId,
}

impl<'a, C: Communicator> MpiRanks<'a, C> {
    /// Of a communicator, usually `universe.world()`.
    pub fn new(communicator: &'a C) -> Self {
        Self { communicator, node: NodeId::here(::mpi::environment::processor_name().ok()) }
    }
}

impl<C: Communicator> Ranks for MpiRanks<'_, C> {
    fn rank(&self) -> usize {
        usize::try_from(self.communicator.rank()).unwrap_or_default()
    }

    fn size(&self) -> usize {
        usize::try_from(self.communicator.size()).unwrap_or(1)
    }

    fn node(&self) -> NodeId {
        self.node.clone()
    }

    fn barrier(&self) -> Result<(), ClusterError> {
        self.communicator.barrier();
        Ok(())
    }

    fn gather(&self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ClusterError> {
        let too_long = |_| ClusterError::Garbled { rank: self.rank(), reason: "over 2 GiB at once".into() };
        let root = self.communicator.process_at_rank(0);
        let length = Count::try_from(bytes.len()).map_err(too_long)?;
        if self.rank() != 0 {
            root.gather_into(&length);
            root.gather_varcount_into(bytes);
            return Ok(None);
        }
        let mut lengths: Vec<Count> = vec![0; self.size()];
        root.gather_into_root(&length, &mut lengths[..]);
        let mut total: Count = 0;
        let mut starts = Vec::with_capacity(lengths.len());
        for length in &lengths {
            starts.push(total);
            total = total
                .checked_add(*length)
                .ok_or_else(|| ClusterError::Garbled { rank: 0, reason: "over 2 GiB at once".into() })?;
        }
        let mut all = vec![0_u8; total.unsigned_abs() as usize];
        let mut parts = PartitionMut::new(&mut all[..], &lengths[..], &starts[..]);
        root.gather_varcount_into_root(bytes, &mut parts);
        let part = |(start, length): (&Count, &Count)| {
            let start = start.unsigned_abs() as usize;
            all[start..start + length.unsigned_abs() as usize].to_vec()
        };
        Ok(Some(starts.iter().zip(&lengths).map(part).collect()))
    }

    fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>, ClusterError> {
        let root = self.communicator.process_at_rank(0);
        let mut length = bytes.len() as u64;
        root.broadcast_into(&mut length);
        let mut buffer = if self.rank() == 0 { bytes.to_vec() } else { vec![0; length as usize] };
        root.broadcast_into(&mut buffer[..]);
        Ok(buffer)
    }

    /// Ends every process of the communicator with exit code 1, which is all that MPI has for this.
    fn abort(&self, reason: &str) {
        tracing::error!("rank {} ends the job: {reason}", self.rank());
        self.communicator.abort(1);
    }
}
