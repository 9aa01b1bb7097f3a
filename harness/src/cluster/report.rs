//! What all nodes together measured.

use super::NodeRow;
use crate::meter::{Total, WindowReport};
use crate::table::nodes;
use crate::table::render::{Render, Text};
use ergometer_record::stats::human_time;
use ergometer_record::{Joules, Seconds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One node's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its name.
    pub node: String,
    /// The ranks on it; the first one measured.
    pub ranks: Vec<usize>,
    /// What it measured.
    pub window: WindowReport,
}

/// A window on all nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// The caller's name for it.
    pub name: String,
    /// The first readings of any two nodes lie at most this far apart.
    pub start_skew_s: Seconds,
    /// And the last ones.
    pub stop_skew_s: Seconds,
    /// One a node.
    pub nodes: Vec<NodeReport>,
    /// The sum of the nodes' measured totals; `None` when a node has none, because a sum with a hole is no sum.
    pub total: Option<Total>,
}

impl ClusterReport {
    pub(super) fn new(name: String, start_skew_s: Seconds, stop_skew_s: Seconds, nodes: Vec<NodeReport>) -> Self {
        let totals: Option<Vec<Total>> = nodes.iter().map(|node| node.window.total).collect();
        // Uncertainties add as if fully correlated: sensors of one make share their gain error.
        let total = totals.filter(|totals| !totals.is_empty()).map(|totals| Total {
            energy_j: Joules(totals.iter().map(|total| total.energy_j.0).sum()),
            energy_u_j: Joules(totals.iter().map(|total| total.energy_u_j.0).sum()),
        });
        Self { name, start_skew_s, stop_skew_s, nodes, total }
    }

    /// One row a node and component, as files hold them.
    pub fn rows(&self) -> Vec<NodeRow> {
        self.nodes.iter().flat_map(|node| NodeRow::of(&self.name, node)).collect()
    }
}

impl fmt::Display for ClusterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for grid in nodes::tables(&self.rows()) {
            write!(f, "{}", Text.render(&grid))?;
        }
        match &self.total {
            Some(total) => writeln!(
                f,
                "total {:.3} J +- {:.3} J on {} node(s): measured, contained domains and shared nodes counted once",
                total.energy_j.0,
                total.energy_u_j.0,
                self.nodes.len()
            )?,
            None => writeln!(f, "total absent: not every node measures energy")?,
        }
        for node in &self.nodes {
            for agreement in &node.window.agreements {
                writeln!(f, "cross-check on {}: {agreement}", node.node)?;
            }
        }
        // What many nodes lack for the same reason is said once.
        let mut absent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for node in &self.nodes {
            for sensor in &node.window.absent {
                absent.entry(&sensor.reason).or_default().push(&node.node);
            }
        }
        for (reason, nodes) in absent {
            writeln!(f, "no sensor on {}: {reason}", nodes.join(", "))?;
        }
        let share = self.nodes.iter().map(|node| node.window.sampling_share).fold(0.0, f64::max);
        write!(
            f,
            "the nodes began within {} of one another and ended within {}; reading the sensors took at most {:.2} % of \
             one core a node",
            human_time(self.start_skew_s),
            human_time(self.stop_skew_s),
            100.0 * share
        )
    }
}
