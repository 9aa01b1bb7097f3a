//! The walk over the nodes of a graph, and the values that they hand on.

use super::schema::{Attribute, Graph, Node};
use super::{fold, layers, pointwise, structure};
use crate::workload::preset::Options;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::{Workload, WorkloadError};
use std::collections::{HashMap, HashSet};

/// What a name of the graph stands for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Known when the graph is exported; its values only if they are integers, as in shape arithmetic.
    Constant { dims: Vec<u64>, integers: Option<Vec<i64>> },
    /// A trained parameter that no operation has used yet under this shape.
    Parameter { path: String, dims: Vec<u64> },
    /// Data, or the result of an operation.
    Activation(Tensor),
}

impl Value {
    pub(super) fn dims(&self) -> &[u64] {
        match self {
            Self::Constant { dims, .. } | Self::Parameter { dims, .. } => dims,
            Self::Activation(tensor) => tensor.shape(),
        }
    }
}

/// The state of an import.
pub(super) struct Import<'a> {
    file: &'a str,
    pub(super) rec: Recorder,
    values: HashMap<String, Value>,
    /// Results of products with a weight, to which a bias may be added in the same kernel.
    pub(super) products: HashSet<usize>,
}

/// One node with its place, for errors.
pub(super) struct Step<'a> {
    pub(super) node: &'a Node,
    file: &'a str,
    place: String,
}

impl Step<'_> {
    /// The error of this node.
    pub(super) fn error(&self, why: impl Into<String>) -> WorkloadError {
        WorkloadError::Onnx { file: self.file.to_owned(), place: self.place.clone(), why: why.into() }
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.get(name)
    }

    /// An integer attribute, or its default.
    pub(super) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.integer).unwrap_or(default)
    }

    /// A list of extents among the attributes, if it is there.
    pub(super) fn extents(&self, name: &str) -> Result<Option<Vec<u64>>, WorkloadError> {
        let Some(list) = self.attribute(name).map(|a| &a.integers) else { return Ok(None) };
        let extents: Result<_, _> = list.iter().map(|v| u64::try_from(*v)).collect();
        extents.map(Some).map_err(|_| self.error(format!("its attribute {name} = {list:?} has a negative extent")))
    }

    /// A text attribute.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|a| a.text.as_deref())
    }

    /// An axis, counted from the end when negative.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, WorkloadError> {
        let wrapped = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
        wrapped
            .and_then(|a| usize::try_from(a).ok())
            .filter(|a| *a < rank)
            .ok_or_else(|| self.error(format!("axis {axis} is not one of a tensor of rank {rank}")))
    }

    /// Path of this node's operations.
    pub(super) fn path(&self) -> String {
        let path = self.node.name.trim_matches('/').replace('/', ".");
        if path.is_empty() { self.node.op.to_lowercase() } else { path }
    }
}

impl Import<'_> {
    /// The value of an input that must be there.
    pub(super) fn value(&self, step: &Step<'_>, index: usize) -> Result<Value, WorkloadError> {
        let name = step.node.inputs.get(index).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| step.error(format!("its input {index} is missing")))?;
        let known = self.values.get(name).cloned();
        known.ok_or_else(|| step.error(format!("its input {name:?} is produced by no node before it")))
    }

    /// The integers of an input that must be known.
    pub(super) fn integers(&self, step: &Step<'_>, index: usize) -> Result<Vec<i64>, WorkloadError> {
        match self.value(step, index)? {
            Value::Constant { integers: Some(integers), .. } => Ok(integers),
            _ => Err(step.error(format!(
                "its input {index} decides a shape but is not known without running the network: export with fixed shapes"
            ))),
        }
    }

    /// An input as an activation; a parameter becomes one.
    pub(super) fn tensor(&mut self, step: &Step<'_>, index: usize) -> Result<Tensor, WorkloadError> {
        match self.value(step, index)? {
            Value::Activation(tensor) => Ok(tensor),
            Value::Parameter { path, dims } => {
                let (scope, name) = path.rsplit_once('.').unwrap_or(("", &path));
                self.rec.scope(scope, |rec| rec.parameter_tensor(name, &dims))
            }
            Value::Constant { dims, .. } => self.rec.data(&dims),
        }
    }

    /// An input that must be a parameter: the path of its layer, and its extents.
    pub(super) fn parameter(&self, step: &Step<'_>, index: usize) -> Result<(String, Vec<u64>), WorkloadError> {
        match self.value(step, index)? {
            Value::Parameter { path, dims } => {
                Ok((path.strip_suffix(".weight").map_or_else(|| path.clone(), str::to_owned), dims))
            }
            _ => Err(step.error(format!("its input {index} should be a parameter"))),
        }
    }
}

/// The workload of a graph.
pub(super) fn import(file: &str, graph: &Graph, options: &Options) -> Result<Workload, WorkloadError> {
    let rec = Recorder::new(options.precision)?;
    let mut import = Import { file, rec, values: HashMap::new(), products: HashSet::new() };
    let batch = import.inputs(graph)?;
    for node in &graph.nodes {
        import.run(node)?;
    }
    let name = std::path::Path::new(file).file_stem().map_or(file.into(), |stem| stem.to_string_lossy());
    import.rec.finish(name.into_owned(), batch, options.optimizer, options.gradients)
}

impl<'a> Import<'a> {
    /// Sorts the inputs into data and parameters; gives the batch.
    fn inputs(&mut self, graph: &Graph) -> Result<u64, WorkloadError> {
        let file = self.file;
        let error = |name: &str, why: &str| WorkloadError::Onnx {
            file: file.to_owned(),
            place: format!("input {name:?}"),
            why: why.to_owned(),
        };
        let extents = |name: &str, dims: &[Option<i64>]| -> Result<Vec<u64>, WorkloadError> {
            let known = dims.iter().map(|dim| dim.and_then(|d| u64::try_from(d).ok())).collect::<Option<_>>();
            known.ok_or_else(|| error(name, "an extent is unknown: export with fixed shapes"))
        };
        for constant in &graph.initializers {
            let dims = extents(&constant.name, &constant.dims.iter().copied().map(Some).collect::<Vec<_>>())?;
            let value = match &constant.integers {
                Some(_) => Value::Constant { dims, integers: constant.integers.clone() },
                None => Value::Parameter { path: constant.name.clone(), dims },
            };
            self.values.insert(constant.name.clone(), value);
        }
        let mut batch = None;
        for input in &graph.inputs {
            if self.values.contains_key(&input.name) {
                continue;
            }
            let dims = input.dims.as_deref().ok_or_else(|| error(&input.name, "it has no shape"))?;
            let dims = extents(&input.name, dims)?;
            let value = if input.name.contains('.') {
                Value::Parameter { path: input.name.clone(), dims }
            } else {
                batch = batch.or_else(|| dims.first().copied());
                Value::Activation(self.rec.scope(&input.name, |rec| rec.data(&dims))?)
            };
            self.values.insert(input.name.clone(), value);
        }
        batch.ok_or_else(|| error("", "none is data with a batch: the names of data have no dot"))
    }

    fn run(&mut self, node: &'a Node) -> Result<(), WorkloadError> {
        let place = format!("node {:?} ({})", node.name, node.op);
        let step = Step { node, file: self.file, place };
        let result = match fold::fold(self, &step)? {
            Some(constant) => Some(constant),
            None => match structure::apply(self, &step)? {
                Some(value) => Some(value),
                None => match layers::apply(self, &step)? {
                    Some(value) => Some(value),
                    None => pointwise::apply(self, &step)?,
                },
            },
        };
        let result = result.ok_or_else(|| {
            step.error("this operator is not described: replace it in the network, or describe the network as TOML")
        })?;
        let output = node.outputs.first().ok_or_else(|| step.error("it has no output"))?;
        self.values.insert(output.clone(), result);
        Ok(())
    }
}
