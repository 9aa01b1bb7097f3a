//! Which GPUs are free, and node-aware placement: best fit within a node, as few nodes as possible across.

use super::{Cluster, HardwareId, NodeId};

/// Whether a placement stays in one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// In one node.
    Within,
    /// Over several nodes, at the cluster's `span_slowdown`.
    Across,
}

/// GPUs of one job: per node a mask of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocation {
    /// Node and the GPUs in it, bit i for the i-th.
    pub parts: Vec<(NodeId, u64)>,
}

impl Allocation {
    /// How many GPUs.
    pub fn gpus(&self) -> u32 {
        self.parts.iter().map(|(_, mask)| mask.count_ones()).sum()
    }
}

/// The free GPUs of a cluster.
#[derive(Debug, Clone)]
pub struct Free {
    masks: Vec<u64>,
    of: Vec<HardwareId>,
    /// Per type: its nodes, its free GPUs, and the most free GPUs in one node.
    nodes: Vec<Vec<NodeId>>,
    total: Vec<u32>,
    largest: Vec<u32>,
    all: u32,
    span: bool,
}

impl Free {
    /// Everything free.
    pub fn new(cluster: &Cluster) -> Self {
        let masks: Vec<u64> = cluster.nodes.iter().map(|node| full_mask(node.gpus)).collect();
        let of = cluster.nodes.iter().map(|node| node.hardware).collect();
        let nodes: Vec<Vec<NodeId>> = cluster
            .hardware_ids()
            .map(|id| (0u32..).zip(&cluster.nodes).filter(|(_, n)| n.hardware == id).map(|(i, _)| NodeId(i)).collect())
            .collect();
        let total: Vec<u32> = cluster.hardware_ids().map(|id| cluster.gpus_of(id)).collect();
        let all = total.iter().sum();
        let mut free =
            Self { masks, of, largest: vec![0; nodes.len()], nodes, total, all, span: cluster.span_slowdown.is_some() };
        for id in cluster.hardware_ids() {
            free.refresh_largest(id);
        }
        free
    }

    /// Free GPUs of all types.
    pub fn count(&self) -> u32 {
        self.all
    }

    /// Free GPUs of one type.
    pub fn count_of(&self, hardware: HardwareId) -> u32 {
        self.total[usize::from(hardware.0)]
    }

    /// Free GPUs of one node, as a mask.
    pub fn mask(&self, node: NodeId) -> u64 {
        self.masks[node.0 as usize]
    }

    /// Nodes of one type.
    pub fn nodes_of(&self, hardware: HardwareId) -> &[NodeId] {
        &self.nodes[usize::from(hardware.0)]
    }

    /// How `gpus` GPUs of a type could be had now: in one node if any has room, across nodes if that is allowed.
    #[inline]
    pub fn fit(&self, hardware: HardwareId, gpus: u32) -> Option<Reach> {
        let index = usize::from(hardware.0);
        if self.largest[index] >= gpus {
            Some(Reach::Within)
        } else if self.span && self.total[index] >= gpus {
            Some(Reach::Across)
        } else {
            None
        }
    }

    /// Takes `gpus` GPUs of a type: within a node from the one with the fewest free GPUs that suffice (best fit), across
    /// nodes from those with the most first; the lower node and GPU first among equals. `None` if they can't be had.
    pub fn allocate(&mut self, hardware: HardwareId, gpus: u32, reach: Reach) -> Option<Allocation> {
        match reach {
            Reach::Within => {
                let node = self
                    .nodes_of(hardware)
                    .iter()
                    .copied()
                    .filter(|&node| self.mask(node).count_ones() >= gpus)
                    .min_by_key(|&node| self.mask(node).count_ones())?;
                self.allocate_in(node, gpus)
            }
            Reach::Across => {
                if !self.span || self.count_of(hardware) < gpus {
                    return None;
                }
                let mut order: Vec<NodeId> = self.nodes_of(hardware).to_vec();
                order.sort_by_key(|&node| (u32::MAX - self.mask(node).count_ones(), node));
                let mut parts = Vec::new();
                let mut missing = gpus;
                for node in order {
                    let take = missing.min(self.mask(node).count_ones());
                    if take == 0 {
                        break;
                    }
                    parts.push((node, lowest(self.mask(node), take)));
                    missing -= take;
                }
                let allocation = Allocation { parts };
                self.take(&allocation);
                Some(allocation)
            }
        }
    }

    /// Takes `gpus` GPUs of one node, the lowest free ones.
    pub fn allocate_in(&mut self, node: NodeId, gpus: u32) -> Option<Allocation> {
        let mask = self.mask(node);
        (mask.count_ones() >= gpus).then(|| {
            let allocation = Allocation { parts: vec![(node, lowest(mask, gpus))] };
            self.take(&allocation);
            allocation
        })
    }

    /// Gives GPUs back.
    pub fn release(&mut self, allocation: &Allocation) {
        for &(node, mask) in &allocation.parts {
            debug_assert_eq!(self.mask(node) & mask, 0, "released twice");
            self.masks[node.0 as usize] |= mask;
            self.account(node, mask.count_ones(), true);
        }
    }

    /// Takes GPUs that are known to be free.
    pub(crate) fn take(&mut self, allocation: &Allocation) {
        for &(node, mask) in &allocation.parts {
            debug_assert_eq!(self.mask(node) & mask, mask, "taken twice");
            self.masks[node.0 as usize] &= !mask;
            self.account(node, mask.count_ones(), false);
        }
    }

    fn account(&mut self, node: NodeId, gpus: u32, freed: bool) {
        let hardware = self.of[node.0 as usize];
        let index = usize::from(hardware.0);
        if freed {
            self.all += gpus;
            self.total[index] += gpus;
            self.largest[index] = self.largest[index].max(self.mask(node).count_ones());
        } else {
            let was_largest = self.mask(node).count_ones() + gpus == self.largest[index];
            self.all -= gpus;
            self.total[index] -= gpus;
            if was_largest {
                self.refresh_largest(hardware);
            }
        }
    }

    fn refresh_largest(&mut self, hardware: HardwareId) {
        let largest = self.nodes_of(hardware).iter().map(|&node| self.mask(node).count_ones()).max();
        self.largest[usize::from(hardware.0)] = largest.unwrap_or(0);
    }
}

fn full_mask(gpus: u32) -> u64 {
    if gpus >= 64 { u64::MAX } else { (1 << gpus) - 1 }
}

/// The `count` lowest set bits of `mask`.
fn lowest(mask: u64, count: u32) -> u64 {
    let mut rest = mask;
    for _ in 0..count {
        rest &= rest.wrapping_sub(1);
    }
    mask & !rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::file::uniform;

    const TYPE: HardwareId = HardwareId(0);

    #[test]
    fn best_fit_keeps_the_large_hole() {
        let mut free = Free::new(&uniform("x", 2, 8));
        let first = free.allocate(TYPE, 3, Reach::Within).unwrap();
        let second = free.allocate(TYPE, 4, Reach::Within).unwrap();
        assert_eq!(first.parts, [(NodeId(0), 0b111)]);
        assert_eq!(second.parts, [(NodeId(0), 0b111_1000)], "the node with five free, not the empty one");
        assert_eq!(free.fit(TYPE, 8), Some(Reach::Within));
        free.release(&first);
        assert_eq!((free.count(), free.mask(NodeId(0))), (12, 0b1000_0111));
    }

    #[test]
    fn jobs_span_nodes_only_where_allowed() {
        let mut cluster = uniform("x", 3, 4);
        assert_eq!(Free::new(&cluster).fit(TYPE, 5), None);
        cluster.span_slowdown = Some(1.2);
        let mut free = Free::new(&cluster);
        free.allocate(TYPE, 1, Reach::Within).unwrap();
        assert_eq!(free.fit(TYPE, 9), Some(Reach::Across));
        let wide = free.allocate(TYPE, 9, Reach::Across).unwrap();
        assert_eq!(wide.parts, [(NodeId(1), 0b1111), (NodeId(2), 0b1111), (NodeId(0), 0b10)]);
        assert_eq!(free.count(), 2);
        assert_eq!(free.fit(TYPE, 3), None);
    }

    #[test]
    fn sixty_four_gpus_fit_a_mask() {
        let mut free = Free::new(&uniform("x", 1, 64));
        assert_eq!(free.allocate(TYPE, 64, Reach::Within).unwrap().gpus(), 64);
        assert_eq!(free.fit(TYPE, 1), None);
    }
}
