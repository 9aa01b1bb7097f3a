//! Parameters and buffers: which exist, by path, and how layers see them.

use super::Recorder;
use crate::workload::WorkloadError;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// A parameter tensor of the network.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) elements: u64,
    pub(super) uses: u64,
    /// Bytes of one value of its gradient where uses are summed.
    pub(super) grad_bytes: u64,
    /// Place of its first use in the forward pass.
    pub(super) step: usize,
    pub(super) path: String,
}

/// A parameter as a layer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// Values.
    pub elements: u64,
    /// Number format in which the layer reads it.
    pub dtype: DType,
}

impl Weight {
    /// Bytes that the layer reads.
    pub fn bytes(&self) -> u64 {
        self.elements * self.dtype.bytes()
    }
}

impl Recorder {
    /// A trained parameter that the layer reads as it is stored, in FP32.
    ///
    /// # Errors
    /// When the same path was used with another number of values.
    pub fn parameter(&mut self, name: &str, shape: &[u64]) -> Result<Weight, WorkloadError> {
        self.register(name, shape, DType::Single)
    }

    /// A trained parameter of a product or convolution: under mixed precision its two-byte copy, made once in a pass.
    ///
    /// # Errors
    /// When the same path was used with another number of values.
    pub fn compute_parameter(&mut self, name: &str, shape: &[u64]) -> Result<Weight, WorkloadError> {
        self.register(name, shape, self.compute_dtype())
    }

    /// A trained parameter that enters the network as an activation does: a class token, a position table.
    ///
    /// # Errors
    /// When the same path was used with another number of values.
    pub fn parameter_tensor(&mut self, name: &str, shape: &[u64]) -> Result<Tensor, WorkloadError> {
        self.parameter(name, shape)?;
        self.scope(name, |rec| rec.tensor(shape.to_vec(), DType::Single, true))
    }

    fn register(&mut self, name: &str, shape: &[u64], dtype: DType) -> Result<Weight, WorkloadError> {
        let elements = self.elements_of(shape)?;
        let path = if self.scope.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path()) };
        let weight = Weight { elements, dtype };
        if let Some(known) = self.by_path.get(&path).and_then(|index| self.parameters.get_mut(*index)) {
            if known.elements != elements {
                let why = format!("the shared parameter {path} has {} values, not {elements}", known.elements);
                return Err(self.layer_error(why));
            }
            known.uses += 1;
            return Ok(weight);
        }
        self.by_path.insert(path.clone(), self.parameters.len());
        let step = self.forward.len();
        self.parameters.push(Parameter { elements, uses: 1, grad_bytes: dtype.bytes(), step, path });
        if dtype == DType::Half {
            self.scope(&format!("{name}.cast"), |rec| {
                rec.forward("", Work::copy(elements, 4 * elements, 2 * elements))?;
                rec.save_bytes(2 * elements);
                rec.backward("grad", Work::copy(elements, 2 * elements, 4 * elements))
            })?;
        }
        Ok(weight)
    }

    /// Values that are kept with the network but not trained.
    pub fn buffer(&mut self, name: &str, elements: u64) {
        let path = format!("{}.{name}", self.path());
        if self.buffer_paths.insert(path, elements).is_none() {
            self.buffers = self.buffers.saturating_add(elements);
        }
    }
}
