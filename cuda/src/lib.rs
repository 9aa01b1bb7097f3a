//! The CUDA kernels of ergometer as .cu text, compiled at run time by NVRTC to CUBIN for the card's own architecture.
//!
//! The way of one kernel through this crate:
//!
//! 1. [`Cuda::open`] finds driver, device and NVRTC, and says which of them is missing and what helps;
//! 2. [`plan::plan`] turns a `KernelSpec` and the device's properties into a [`plan::Plan`]: which text, which
//!    `-D` parameters, which operands, which launches with which arguments. It is plain data and needs no device;
//! 3. [`compile::compile`] makes a CUBIN of the text, [`resources`] reads registers and memory from it;
//! 4. [`Cuda::prepare`] uploads the operands: a [`Prepared`] runs (timed by events) and checks itself;
//! 5. [`oracle::verify`] compares the outputs with an f64 reference.
//!
//! Because a plan is data, the tests execute the same plans on the CPU: the .cu text is compiled as C++ over a small
//! shim and held against the same oracles, on machines without a GPU.

pub mod arch;
pub mod compile;
pub mod device;
pub mod doctor;
pub mod error;
pub mod kernels;
pub mod nvrtc;
mod open;
pub mod operand;
pub mod oracle;
pub mod plan;
mod prepared;
pub mod resources;

pub use arch::Arch;
pub use device::{DeviceProperties, Selector};
pub use doctor::{CudaReport, doctor};
pub use error::CudaError;
pub use open::Cuda;
pub use prepared::{KernelInfo, Prepared};
