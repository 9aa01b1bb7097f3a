//! What a training step does, counted: operations, bytes, launches and structure, before any device is named.
//!
//! A network is composed of typed [`layer`]s whose shapes are derived and checked; each layer writes its forward and
//! backward operations into a [`Workload`]. Devices and models read only the [`Workload`] (thesis section 4.3.4).
//!
//! - [`layer`] and [`block`]: what networks are composed of; [`recorder`]: where they leave their operations;
//! - [`op`]: one operation: unit, shape, FLOPs, bytes, launches, working set;
//! - [`profile`]: the whole of one pass over one batch, and its totals;
//! - [`optimizer`]: the update after the pass (equations 4.4 and 4.5);
//! - [`features`]: the structural averages of equation 4.6;
//! - [`preset`]: seven published networks with arguments; [`toml_net`]: own networks as layer files;
//!   [`onnx`]: own networks as exported graphs.
//!
//! ```
//! use ergometer_model::workload::{Unit, preset};
//!
//! let mut options = preset::default_options("vit-b16").expect("a preset");
//! (options.batch, options.classes) = (256, 10);
//! let work = preset::build("vit-b16", &options)?;
//! assert_eq!(work.parameters, 85_806_346);
//! assert_eq!(work.flops(Unit::TensorGemm) + work.flops(Unit::TensorConv), 26_917_682_282_496);
//! println!("{}", work.summary());
//! # Ok::<(), ergometer_model::workload::WorkloadError>(())
//! ```
//!
//! FLOPs of matrix products and convolutions follow PyTorch's `FlopCounterMode` (2 per multiply-add, nothing for
//! biases), so that they can be compared as integers.

pub mod block;
pub mod error;
pub mod features;
pub mod layer;
mod merge;
pub mod onnx;
pub mod op;
mod open;
pub mod optimizer;
pub mod preset;
pub mod profile;
pub mod recorder;
#[cfg(test)]
mod reference;
pub mod summary;
pub mod tensor;
pub mod toml_net;
pub mod work;

pub use error::WorkloadError;
pub use features::Features;
pub use op::{Op, OpClass, OpShape, Pass, Unit};
pub use open::{open, options_for};
pub use optimizer::{GradientStorage, Optimizer, OptimizerWork};
pub use profile::Workload;
pub use recorder::Recorder;
pub use summary::{Summary, SummaryRow};
pub use tensor::Tensor;
