//! Tables from results: computed from rows, never stored among them.
//!
//! [`data::gather`] sorts rows by device, workload, setting and block. The layouts of the thesis, one a file: [`nodes`]
//! tables 3.7 to 3.10, [`idle`] 3.13 with the application's part of an energy, [`idle_threads`] 3.14, [`paradigm`] 3.15 and
//! 3.16, [`frameworks`] 3.17, [`edp`] 3.19 to 3.24 ([`foreign`] the same from somebody else's sweep), [`powers`] 3.25 to
//! 3.27. [`front`] shows the Pareto front with the sweet spot and ED2P, [`budget`] where an uncertainty comes from.
//! [`compare`] and [`advise`] answer "did it change" and "what should I set"; [`thesis`] holds the thesis' own tables
//! against one another. [`render`] turns any [`Grid`] into text, Markdown, LaTeX or CSV.

pub mod advise;
pub mod budget;
pub mod compare;
#[cfg(test)]
mod coverage;
pub mod data;
pub mod edp;
pub mod foreign;
pub mod frameworks;
pub mod front;
pub mod gain;
mod grid;
mod heading;
pub mod idle;
pub mod idle_threads;
pub mod nodes;
pub mod paradigm;
mod pareto;
pub mod powers;
pub mod render;
#[cfg(test)]
mod tests;
pub mod thesis;

pub use data::{Accept, gather};
pub use edp::EdpTable;
pub use grid::Grid;
pub use pareto::{least_product, pareto_front};
pub use render::Render;

use ergometer_record::Row;

/// Rows that give no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No energy, or none that was asked for.
    #[error(
        "no kernel has both a baseline and an energy that may stand in this table (left out: {left_out}); virtual and \
         modelled energies stand in tables only when asked for, absent ones never"
    )]
    NothingMeasured {
        /// The provenances that were left out.
        left_out: String,
    },
    /// Nothing to compare within a kernel.
    #[error(
        "no kernel was run with two values of {what}: take them with `ergometer bench --paradigms`, or with lists in --isa \
         or --threads"
    )]
    OneVersion {
        /// The column that should differ.
        what: String,
    },
    /// A foreign workload lacks its baseline.
    #[error("{workload} has no line whose setting is the baseline {baseline:?}: choose another in the mapping")]
    NoBaseline {
        /// The workload.
        workload: String,
        /// The rule in the mapping.
        baseline: String,
    },
    /// `max` and `min` need numbers.
    #[error(
        "{workload}, line {line}: the setting {setting:?} is no number, so the mapping's baseline can't be max or min: \
         name a value"
    )]
    NotANumber {
        /// The workload.
        workload: String,
        /// Its setting.
        setting: String,
        /// Line in the foreign file.
        line: u64,
    },
}

/// The EDP tables of `rows`, one a device.
///
/// # Errors
/// No row has an energy that `accept` allows.
pub fn edp_tables(rows: &[Row], accept: Accept) -> Result<Vec<EdpTable>, TableError> {
    Ok(gather(rows, accept)?.iter().map(edp::table).collect())
}

impl EdpTable {
    /// The table in a format: the thesis' layout for people, one line a cell for programs.
    pub fn render(&self, format: &dyn Render) -> String {
        format.render(&if format.for_programs() { self.flat_grid() } else { self.grid() })
    }
}
