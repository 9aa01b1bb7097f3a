//! What `cargo bench --bench kernels` measures and how it is shown: kernels by size class, tier and threads.

pub mod grid;
mod plan;
mod size_class;

pub use plan::{Effort, Plan, Point, powers_of_two};
pub use size_class::SizeClass;
