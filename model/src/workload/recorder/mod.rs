//! The recorder: layers are applied to it, and it turns them into a [`Workload`](super::Workload).
//!
//! It keeps what the layers can't know alone: which parameters exist (by path, so that a layer applied twice under one
//! path shares them), which tensors are used more than once (their gradients are summed), which tensors are kept for
//! the backward pass, and where automatic mixed precision changes a number format.
//!
//! Mixed precision follows PyTorch's autocast: products and convolutions take two-byte operands, so that FP32
//! activations are copied at every use and FP32 weights once in a pass; normalisation, softmax and loss work in FP32;
//! everything else works in the wider of its operands' formats.

mod finish;
mod parameters;

pub use parameters::Weight;

use super::WorkloadError;
use super::layer::Layer;
use super::op::{Op, Pass};
use super::tensor::{DType, Shown, Tensor};
use super::work::Work;
use ergometer_record::Precision;
use parameters::Parameter;
use std::collections::HashMap;

/// Most elements of one tensor: products of three such extents with small factors still fit the counts' checks.
const MOST_ELEMENTS: u64 = 1 << 50;
/// What is known of a tensor's storage, which views share.
#[derive(Debug)]
struct Storage {
    bytes: u64,
    elements: u64,
    consumers: u64,
    saved: bool,
    step: usize,
    path: String,
}

/// Collects the operations of a network while its layers are applied.
#[derive(Debug)]
pub struct Recorder {
    precision: Precision,
    scope: Vec<String>,
    forward: Vec<Op>,
    backward: Vec<(usize, Op)>,
    parameters: Vec<Parameter>,
    by_path: HashMap<String, usize>,
    storages: Vec<Storage>,
    buffers: u64,
    buffer_paths: HashMap<String, u64>,
    saved_bytes: u128,
}

impl Recorder {
    /// A recorder for one number format.
    ///
    /// # Errors
    /// For `f64`, in which training is not described.
    pub fn new(precision: Precision) -> Result<Self, WorkloadError> {
        if precision == Precision::F64 {
            return Err(WorkloadError::Precision(precision));
        }
        Ok(Self {
            precision,
            scope: Vec::new(),
            forward: Vec::new(),
            backward: Vec::new(),
            parameters: Vec::new(),
            by_path: HashMap::new(),
            storages: Vec::new(),
            buffers: 0,
            buffer_paths: HashMap::new(),
            saved_bytes: 0,
        })
    }

    /// Format of the operands of products and convolutions.
    pub fn compute_dtype(&self) -> DType {
        match self.precision {
            Precision::Bf16 | Precision::F16 => DType::Half,
            Precision::F64 | Precision::F32 | Precision::Tf32 => DType::Single,
        }
    }

    /// Runs `body` with `name` appended to the path of layers.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn scope<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self) -> Result<T, WorkloadError>,
    ) -> Result<T, WorkloadError> {
        self.scope.push(name.to_owned());
        let result = body(self);
        self.scope.pop();
        result
    }

    /// Applies `layer` to `input` under `name`.
    ///
    /// # Errors
    /// When the layer can't take the input.
    pub fn layer(&mut self, name: &str, layer: &dyn Layer, input: &Tensor) -> Result<Tensor, WorkloadError> {
        self.scope(name, |rec| layer.apply(rec, input))
    }

    /// Path of the layer being applied.
    pub fn path(&self) -> String {
        self.scope.join(".")
    }

    /// The network's data: FP32, no gradient.
    ///
    /// # Errors
    /// When the extents' product is too large.
    pub fn data(&mut self, shape: &[u64]) -> Result<Tensor, WorkloadError> {
        self.tensor(shape.to_vec(), DType::Single, false)
    }

    /// A new tensor, the result of a layer.
    ///
    /// # Errors
    /// When an extent is 0 or their product is too large.
    pub fn tensor(&mut self, shape: Vec<u64>, dtype: DType, requires_grad: bool) -> Result<Tensor, WorkloadError> {
        let elements = self.elements_of(&shape)?;
        let id = self.storages.len();
        self.storages.push(Storage {
            bytes: elements * dtype.bytes(),
            elements,
            consumers: 0,
            saved: false,
            step: self.forward.len(),
            path: self.path(),
        });
        Ok(Tensor { id, shape, elements, dtype, requires_grad })
    }

    /// The same elements under another shape, without a copy.
    ///
    /// # Errors
    /// When the numbers of elements differ.
    pub fn view(&self, tensor: &Tensor, shape: Vec<u64>) -> Result<Tensor, WorkloadError> {
        if self.elements_of(&shape)? != tensor.elements {
            return Err(self.shape_error(&format!("as many elements as {}", Shown(&shape)), tensor));
        }
        Ok(Tensor { shape, ..tensor.clone() })
    }

    fn elements_of(&self, shape: &[u64]) -> Result<u64, WorkloadError> {
        if shape.contains(&0) {
            let why = format!("its result {} is empty: give a larger input", Shown(shape));
            return Err(WorkloadError::Layer { layer: self.path(), why });
        }
        shape
            .iter()
            .try_fold(1u64, |product, extent| product.checked_mul(*extent))
            .filter(|product| *product <= MOST_ELEMENTS)
            .ok_or_else(|| self.too_large("the number of elements of its result"))
    }

    /// The error of a layer that can't take `found`.
    pub fn shape_error(&self, expected: &str, found: &Tensor) -> WorkloadError {
        WorkloadError::Shape {
            layer: self.path(),
            expected: expected.to_owned(),
            found: Shown(found.shape()).to_string(),
        }
    }

    /// The error of a layer whose own numbers contradict each other.
    pub fn layer_error(&self, why: impl Into<String>) -> WorkloadError {
        WorkloadError::Layer { layer: self.path(), why: why.into() }
    }

    fn too_large(&self, what: &'static str) -> WorkloadError {
        WorkloadError::TooLarge { layer: self.path(), what }
    }

    /// Says that a layer uses `tensor` and will hand back a gradient for it if it needs one.
    pub fn consume(&mut self, tensor: &Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.id) {
            storage.consumers += u64::from(tensor.requires_grad);
        }
    }

    /// Says that `tensor` is kept for the backward pass; a tensor counts once.
    pub fn save(&mut self, tensor: &Tensor) {
        if let Some(storage) = self.storages.get_mut(tensor.id)
            && !storage.saved
        {
            storage.saved = true;
            self.saved_bytes += u128::from(storage.bytes);
        }
    }

    /// Says that `bytes` beside the activations (masks, statistics) are kept for the backward pass.
    pub fn save_bytes(&mut self, bytes: u64) {
        self.saved_bytes += u128::from(bytes);
    }

    /// `tensor` in the format of products and convolutions, copied if it has another.
    ///
    /// # Errors
    /// When counts get too large.
    pub fn to_compute(&mut self, tensor: &Tensor) -> Result<Tensor, WorkloadError> {
        self.cast(tensor, self.compute_dtype())
    }

    /// `tensor` in `dtype`, copied if it has another.
    ///
    /// # Errors
    /// When counts get too large.
    pub fn cast(&mut self, tensor: &Tensor, dtype: DType) -> Result<Tensor, WorkloadError> {
        if tensor.dtype == dtype {
            return Ok(tensor.clone());
        }
        self.scope("cast", |rec| {
            rec.consume(tensor);
            let result = rec.tensor(tensor.shape.clone(), dtype, tensor.requires_grad)?;
            rec.forward("", Work::copy(tensor.elements, tensor.bytes(), result.bytes()))?;
            if tensor.requires_grad {
                rec.backward("grad", Work::copy(tensor.elements, result.bytes(), tensor.bytes()))?;
            }
            Ok(result)
        })
    }

    /// Records a kernel of the forward pass; `part` names it among those of its layer, empty for the only one.
    ///
    /// # Errors
    /// When its FLOPs exceed 64 bits.
    pub fn forward(&mut self, part: &str, work: Work) -> Result<(), WorkloadError> {
        let op = self.op(part, Pass::Forward, work)?;
        self.forward.push(op);
        Ok(())
    }

    /// Records a kernel of the backward pass. The passes run in opposite order; the kernels of one layer in the order
    /// in which they are recorded.
    ///
    /// # Errors
    /// When its FLOPs exceed 64 bits.
    pub fn backward(&mut self, part: &str, work: Work) -> Result<(), WorkloadError> {
        let op = self.op(part, Pass::Backward, work)?;
        self.backward.push((self.forward.len(), op));
        Ok(())
    }

    fn op(&self, part: &str, pass: Pass, work: Work) -> Result<Op, WorkloadError> {
        let path = self.path();
        let name = match (path.is_empty(), part.is_empty()) {
            (true, _) => part.to_owned(),
            (false, true) => path,
            (false, false) => format!("{path}.{part}"),
        };
        let flops = u64::try_from(work.flops).map_err(|_| self.too_large("the number of its FLOPs"))?;
        Ok(Op {
            name,
            class: work.class,
            pass,
            unit: work.unit,
            shape: work.shape,
            flops,
            bytes_read: work.read,
            bytes_written: work.written,
            launches: work.launches,
            working_set: work.working_set,
            count: 1,
        })
    }
}
