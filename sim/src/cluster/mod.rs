//! The machines: typed GPUs in nodes.
//!
//! - [`mod@file`]: clusters as TOML;
//! - [`free`]: which GPUs are free, and node-aware placement.

pub mod file;
pub mod free;

pub use free::{Allocation, Free, Reach};

use ergometer_record::{Setting, Watts};

/// Index of a hardware type in [`Cluster::hardware`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareId(pub u16);

/// Index of a node in [`Cluster::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A type of GPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// Name in scenario and results: `a100`.
    pub name: String,
    /// Device model behind it: a built-in name or a file; what the model oracle asks. `None`: only a table knows it.
    pub device: Option<String>,
    /// That model was calibrated on the virtual node: what it says is no statement about real hardware.
    pub is_virtual: bool,
    /// Thermal design power of one GPU: the clamp of noisy power (5.3.2.3).
    pub tdp: Watts,
    /// Power of one GPU that no job holds.
    pub idle: Watts,
    /// Settings that a policy with the fourth axis may choose from; the first is always the baseline.
    pub settings: Vec<Setting>,
}

/// A host with GPUs of one type, at most 64.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name in logs.
    pub name: String,
    /// Type of its GPUs.
    pub hardware: HardwareId,
    /// How many GPUs.
    pub gpus: u32,
    /// Power of the host without its GPUs, always drawn.
    pub host: Watts,
    /// Further host power for each GPU that a job holds (input pipeline, fans).
    pub host_per_busy_gpu: Watts,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Name in results.
    pub name: String,
    /// Types of GPU.
    pub hardware: Vec<Hardware>,
    /// Hosts.
    pub nodes: Vec<Node>,
    /// Jobs may span nodes, and then take this factor longer (at least 1). `None`: a job stays in one node.
    pub span_slowdown: Option<f64>,
}

impl Cluster {
    /// All GPUs.
    pub fn gpus(&self) -> u32 {
        self.nodes.iter().map(|node| node.gpus).sum()
    }

    /// GPUs of one type.
    pub fn gpus_of(&self, hardware: HardwareId) -> u32 {
        self.nodes.iter().filter(|node| node.hardware == hardware).map(|node| node.gpus).sum()
    }

    /// A type by its index. Indices come from this cluster, so that a foreign one is a defect, not an input error.
    pub fn hardware(&self, id: HardwareId) -> &Hardware {
        &self.hardware[usize::from(id.0)]
    }

    /// A type by its name.
    pub fn hardware_named(&self, name: &str) -> Option<HardwareId> {
        let index = self.hardware.iter().position(|hardware| hardware.name == name)?;
        u16::try_from(index).ok().map(HardwareId)
    }

    /// Indices of all types.
    pub fn hardware_ids(&self) -> impl Iterator<Item = HardwareId> + use<> {
        (0..self.hardware.len() as u16).map(HardwareId)
    }

    /// Power with every GPU idle, hosts included.
    pub fn idle_power(&self) -> Watts {
        self.nodes.iter().map(|node| node.host + self.hardware(node.hardware).idle * f64::from(node.gpus)).sum()
    }
}
