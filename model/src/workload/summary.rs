//! The table of a workload: one row per class of layer, and the optimiser.

use super::op::{Op, OpClass, Pass};
use super::profile::Workload;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The operations of one class, summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// The class, or `optimizer`.
    pub class: String,
    /// FLOPs of the forward pass.
    pub forward_flops: u64,
    /// FLOPs of the backward pass, or of the update.
    pub backward_flops: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Kernels launched.
    pub launches: u64,
    /// Part of all FLOPs, 0 to 1.
    pub flops_share: f64,
    /// Part of all bytes, 0 to 1.
    pub bytes_share: f64,
}

/// What `ergometer workload` prints: totals and a row per class that occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The network with the arguments that shape it.
    pub name: String,
    /// Samples per GPU and pass.
    pub batch: u64,
    /// Number format.
    pub precision: String,
    /// Values of all parameters.
    pub parameters: u64,
    /// Values of the trained ones.
    pub trainable: u64,
    /// Values of the buffers.
    pub buffers: u64,
    /// Bytes kept from the forward for the backward pass.
    pub activation_bytes: u64,
    /// Matrix-product and convolution FLOPs forward, as `FlopCounterMode` counts.
    pub tensor_flops_forward: u64,
    /// Matrix-product and convolution FLOPs of both passes.
    pub tensor_flops: u64,
    /// One row per class, then the optimiser.
    pub rows: Vec<SummaryRow>,
    /// The sums of the rows.
    pub total: SummaryRow,
}

impl Workload {
    /// The table of this workload: one pass and one update.
    pub fn summary(&self) -> Summary {
        let mut rows: Vec<SummaryRow> = OpClass::ALL.iter().filter_map(|class| self.row(*class)).collect();
        let update = &self.optimizer_work;
        rows.push(SummaryRow {
            class: "optimizer".to_owned(),
            backward_flops: update.flops,
            bytes_read: update.bytes_read,
            bytes_written: update.bytes_written,
            launches: u64::from(update.launches),
            ..SummaryRow::empty("optimizer")
        });
        let mut total = SummaryRow::empty("total");
        for row in &rows {
            total.add(row);
        }
        let flops = |row: &SummaryRow| row.forward_flops as f64 + row.backward_flops as f64;
        let bytes = |row: &SummaryRow| row.bytes_read as f64 + row.bytes_written as f64;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (all_flops, all_bytes) = (flops(&total), bytes(&total));
        for row in rows.iter_mut().chain(std::iter::once(&mut total)) {
            row.flops_share = share(flops(row), all_flops);
            row.bytes_share = share(bytes(row), all_bytes);
        }
        Summary {
            name: self.name.clone(),
            batch: self.batch,
            precision: self.precision.to_string(),
            parameters: self.parameters,
            trainable: self.trainable,
            buffers: self.buffers,
            activation_bytes: self.activation_bytes,
            tensor_flops_forward: self.tensor_flops_forward(),
            tensor_flops: self.tensor_flops(),
            rows,
            total,
        }
    }

    fn row(&self, class: OpClass) -> Option<SummaryRow> {
        let mut row = SummaryRow::empty(class.name());
        let mut found = false;
        for op in self.ops.iter().filter(|op| op.class == class) {
            found = true;
            row.add(&SummaryRow::of(op));
        }
        found.then_some(row)
    }
}

impl SummaryRow {
    fn empty(class: &str) -> Self {
        Self {
            class: class.to_owned(),
            forward_flops: 0,
            backward_flops: 0,
            bytes_read: 0,
            bytes_written: 0,
            launches: 0,
            flops_share: 0.0,
            bytes_share: 0.0,
        }
    }

    fn of(op: &Op) -> Self {
        let flops = op.total_flops();
        let (forward_flops, backward_flops) = if op.pass == Pass::Forward { (flops, 0) } else { (0, flops) };
        Self {
            forward_flops,
            backward_flops,
            bytes_read: op.bytes_read.saturating_mul(op.count),
            bytes_written: op.bytes_written.saturating_mul(op.count),
            launches: op.total_launches(),
            ..Self::empty("")
        }
    }

    fn add(&mut self, other: &Self) {
        self.forward_flops = self.forward_flops.saturating_add(other.forward_flops);
        self.backward_flops = self.backward_flops.saturating_add(other.backward_flops);
        self.bytes_read = self.bytes_read.saturating_add(other.bytes_read);
        self.bytes_written = self.bytes_written.saturating_add(other.bytes_written);
        self.launches = self.launches.saturating_add(other.launches);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, batch {}, {}", self.name, self.batch, self.precision)?;
        writeln!(f, "parameters {} (trained {}), buffers {}", self.parameters, self.trainable, self.buffers)?;
        writeln!(
            f,
            "GEMM and convolution FLOPs: forward {}, forward and backward {}",
            self.tensor_flops_forward, self.tensor_flops
        )?;
        writeln!(f, "kept for the backward pass: {:.3} GB", self.activation_bytes as f64 / 1e9)?;
        writeln!(
            f,
            "{:<13} {:>14} {:>14} {:>10} {:>10} {:>9} {:>7} {:>7}",
            "class", "forward GFLOP", "backward GFLOP", "read GB", "written GB", "launches", "FLOPs", "bytes"
        )?;
        for row in self.rows.iter().chain(std::iter::once(&self.total)) {
            writeln!(
                f,
                "{:<13} {:>14.3} {:>14.3} {:>10.3} {:>10.3} {:>9} {:>6.1}% {:>6.1}%",
                row.class,
                row.forward_flops as f64 / 1e9,
                row.backward_flops as f64 / 1e9,
                row.bytes_read as f64 / 1e9,
                row.bytes_written as f64 / 1e9,
                row.launches,
                100.0 * row.flops_share,
                100.0 * row.bytes_share
            )?;
        }
        Ok(())
    }
}
