//! What can be wrong with a request, found before any pointer is touched.

use crate::pool::PoolError;
use crate::tier::Tier;
use ergometer_record::KernelSpec;
use ergometer_record::kernel::SpecError;

/// A kernel that could not be prepared or run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// The specification contradicts itself.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The pool refused, or a worker panicked.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The CPU, or the architecture that this program was built for, lacks the tier.
    #[error("this CPU has no {tier} tier; it has {has}: choose one of these, or leave the choice to ergometer", has = Tier::list_available())]
    TierUnavailable {
        /// The tier asked for.
        tier: Tier,
    },
    /// The CPU kernels have no such variant.
    #[error("the CPU kernels can't run {spec}: {reason}")]
    Unsupported {
        /// What was asked.
        spec: KernelSpec,
        /// Why not, and what to ask for instead.
        reason: String,
    },
    /// The operands would not fit the memory that is free.
    #[error(
        "{spec} needs {needed} bytes of operands, but {available} bytes are available (a tenth is kept free): give a smaller size"
    )]
    Memory {
        /// What was asked.
        spec: KernelSpec,
        /// Bytes of all operands.
        needed: u64,
        /// Bytes available, from `MemAvailable` and the control group's limit.
        available: u64,
    },
    /// The system refused an allocation.
    #[error("the system refused {bytes} bytes of memory ({reason}): give a smaller size or free some memory")]
    Allocation {
        /// Bytes asked for.
        bytes: u64,
        /// What the system said.
        reason: String,
    },
    /// A slice is shorter or longer than the extents say.
    #[error("{what} has {found} elements where {expected} are needed: pass a slice of that length")]
    Length {
        /// Which operand.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A row of a matrix would overlap the next one.
    #[error("the leading dimension {found} of {what} is less than its {columns} columns: rows would overlap")]
    LeadingDimension {
        /// Which matrix.
        what: &'static str,
        /// Columns of the matrix.
        columns: usize,
        /// The leading dimension given.
        found: usize,
    },
    /// The product of the extents does not fit an address.
    #[error("the extents of {what} overflow an address: give smaller extents")]
    Overflow {
        /// Which operand.
        what: &'static str,
    },
    /// A sparse matrix whose row pointer goes down, or does not span the entries.
    #[error(
        "row pointer {index} is {found}, where a value from {least} to {most} is needed: the row pointer must start at 0, never go down, and end at the number of entries"
    )]
    RowPointer {
        /// Position in the row pointer.
        index: usize,
        /// Value there.
        found: u64,
        /// Least allowed value.
        least: u64,
        /// Greatest allowed value.
        most: u64,
    },
    /// A column or row index outside the matrix.
    #[error("{what} index {found} of entry {entry} is outside the matrix, which has {limit}: indices count from 0")]
    Index {
        /// `row` or `column`.
        what: &'static str,
        /// Position of the entry.
        entry: usize,
        /// Index found.
        found: u32,
        /// Number of rows or columns.
        limit: usize,
    },
    /// Coordinate entries that are not sorted by row.
    #[error("entry {entry} is of row {found} after an entry of row {before}: sort the entries by row")]
    Unsorted {
        /// Position of the entry.
        entry: usize,
        /// Its row.
        found: u32,
        /// The row of the entry before.
        before: u32,
    },
}
