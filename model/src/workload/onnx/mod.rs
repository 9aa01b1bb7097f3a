//! Own networks as ONNX graphs, with or without their weights.
//!
//! Shapes are derived from the graph's inputs, and from the integer arithmetic that exporters leave in it; weights are
//! never needed. The batch is the first extent of the data that the file was exported with.
//!
//! Which inputs are data and which parameters: exporters name a parameter by its module path, with a dot
//! (`layer1.0.conv1.weight`), and initialisers are parameters whatever their name. An exporter that keeps no weights
//! merges parameters of equal *initial values* through `Identity`; each such alias is a parameter of its own.
//!
//! The graph is trained as it stands: normalisations in training mode, no loss but the gradient of the outputs, and
//! kernels as the graph has them (a GELU that is written out is five). An operator that is not described here is an
//! error, never a silent zero.

mod fold;
mod graph;
mod layers;
mod pointwise;
mod schema;
mod structure;
mod wire;

use super::preset::Options;
use super::{Workload, WorkloadError};
use std::path::Path;

/// The workload of the ONNX file at `path`. Of the options, precision, optimiser and its gradients apply.
///
/// # Errors
/// When the file can't be read, is damaged, has data of unknown shape, or a node that is not described here.
pub fn read(path: &Path, options: &Options) -> Result<Workload, WorkloadError> {
    let file = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => parse(&file, &bytes, options),
        Err(source) => Err(WorkloadError::Read { file, source }),
    }
}

/// The same from the bytes of a file; `file` is its name in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(file: &str, bytes: &[u8], options: &Options) -> Result<Workload, WorkloadError> {
    let damaged =
        |why: &str| WorkloadError::Onnx { file: file.to_owned(), place: "the file".to_owned(), why: why.to_owned() };
    let graph = schema::model(bytes)
        .map_err(|_| damaged("it is not an ONNX model, or cut short: export it again"))?
        .ok_or_else(|| damaged("it has no graph: export it again"))?;
    graph::import(file, &graph, options)
}

#[cfg(test)]
mod tests;
