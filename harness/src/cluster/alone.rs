//! One rank.

use super::{ClusterError, NodeId, Ranks};

/// A single process on a single node.
#[derive(Debug, Clone)]
pub struct Alone(NodeId);

impl Alone {
    /// On `node`.
    pub fn new(node: NodeId) -> Self {
        Self(node)
    }
}

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        1
    }
    fn node(&self) -> NodeId {
        self.0.clone()
    }
    fn barrier(&self) -> Result<(), ClusterError> {
        Ok(())
    }
    fn gather(&self, bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ClusterError> {
        Ok(Some(vec![bytes.to_vec()]))
    }
    fn broadcast(&self, bytes: &[u8]) -> Result<Vec<u8>, ClusterError> {
        Ok(bytes.to_vec())
    }
    fn abort(&self, _: &str) {}
}
