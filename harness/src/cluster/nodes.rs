//! Which ranks share a machine, and which of them measures.

use super::{ClusterError, Ranks, gather_values};
use serde::{Deserialize, Serialize};
use std::fs;

/// Environment variable that names the node of a rank, in place of what the system says.
pub const NODE_NAME_VARIABLE: &str = "ERGOMETER_NODE_NAME";

/// A machine as one of its ranks sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeId {
    /// For people.
    pub name: String,
    /// Equal exactly for ranks under the same kernel: two containers of one machine have two host names, and share the
    /// sensors.
    pub id: String,
}

impl NodeId {
    /// A node that is what its name says.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { id: name.clone(), name }
    }

    /// This machine: [`NODE_NAME_VARIABLE`] where it is set; else `name`, or the host name, told apart from others by the
    /// boot id of its kernel.
    pub fn here(name: Option<String>) -> Self {
        if let Some(named) = std::env::var_os(NODE_NAME_VARIABLE).filter(|name| !name.is_empty()) {
            return Self::named(named.to_string_lossy());
        }
        let line = |path| fs::read_to_string(path).ok().map(|text: String| text.trim().to_owned());
        let name = name.or_else(|| line("/proc/sys/kernel/hostname")).unwrap_or_else(|| "localhost".into());
        match line("/proc/sys/kernel/random/boot_id") {
            Some(id) => Self { name, id },
            None => Self::named(name),
        }
    }
}

/// A machine with its ranks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name; with its first rank where two machines have the same one.
    pub name: String,
    /// In ascending order; the first is the one that measures.
    pub ranks: Vec<usize>,
}

/// All machines, as one rank sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// In the order of their first ranks.
    pub all: Vec<Node>,
    /// The one that this rank is on.
    pub mine: usize,
    /// This rank.
    pub rank: usize,
}

impl Nodes {
    /// Collective: every rank learns where the others are.
    ///
    /// # Errors
    /// A rank left.
    pub fn find(ranks: &dyn Ranks) -> Result<Self, ClusterError> {
        let garbled = |reason: String| ClusterError::Garbled { rank: 0, reason };
        let text = match gather_values(ranks, &ranks.node())? {
            Some(ids) => serde_json::to_vec(&ids).map_err(|error| garbled(error.to_string()))?,
            None => Vec::new(),
        };
        let ids: Vec<NodeId> =
            serde_json::from_slice(&ranks.broadcast(&text)?).map_err(|error| garbled(error.to_string()))?;
        if ids.len() != ranks.size() {
            return Err(garbled(format!("{} nodes for {} ranks", ids.len(), ranks.size())));
        }
        Ok(Self::of(&ids, ranks.rank()))
    }

    /// The nodes of ranks whose machines are `ids`, seen from `rank`.
    fn of(ids: &[NodeId], rank: usize) -> Self {
        let mut all: Vec<(&NodeId, Node)> = Vec::new();
        for (rank, id) in ids.iter().enumerate() {
            match all.iter_mut().find(|(known, _)| known.id == id.id) {
                Some((_, node)) => node.ranks.push(rank),
                None => all.push((id, Node { name: id.name.clone(), ranks: vec![rank] })),
            }
        }
        let ambiguous = |name: &str| all.iter().filter(|(id, _)| id.name == name).count() > 1;
        let all: Vec<Node> = all
            .iter()
            .map(|(_, node)| match ambiguous(&node.name) {
                true => Node { name: format!("{} (rank {})", node.name, node.ranks[0]), ranks: node.ranks.clone() },
                false => node.clone(),
            })
            .collect();
        let mine = all.iter().position(|node| node.ranks.contains(&rank)).unwrap_or_default();
        Self { all, mine, rank }
    }

    /// The machine of this rank.
    pub fn here(&self) -> &Node {
        &self.all[self.mine]
    }

    /// True for the one rank of each node that measures it: the lowest.
    pub fn is_leader(&self) -> bool {
        self.here().ranks.first() == Some(&self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_has_one_leader_whatever_its_ranks_call_it() {
        let id = |name: &str, id: &str| NodeId { name: name.into(), id: id.into() };
        // Two containers on one machine, and another machine that has the first one's name.
        let ids = [id("box", "kernel-1"), id("other", "kernel-1"), id("box", "kernel-2"), id("box", "kernel-1")];
        let seen: Vec<Nodes> = (0..4).map(|rank| Nodes::of(&ids, rank)).collect();
        let names: Vec<_> = seen[0].all.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["box (rank 0)", "box (rank 2)"]);
        assert_eq!(seen[0].all[0].ranks, [0, 1, 3]);
        let leaders: Vec<usize> = (0..4).filter(|rank| seen[*rank].is_leader()).collect();
        assert_eq!(leaders, [0, 2]);
    }
}
