//! What can be wrong with a description of a network.

use ergometer_record::Precision;

/// Why a workload could not be built.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// No preset has this name.
    #[error(
        "there is no preset network {found:?}: choose one of {known}, or give a layer file (.toml) or an ONNX file"
    )]
    UnknownNetwork {
        /// What was asked for.
        found: String,
        /// The names that exist.
        known: String,
    },
    /// An argument that the network can't take.
    #[error("{network}: {argument} = {found} is not possible: {allowed}")]
    Argument {
        /// The network.
        network: String,
        /// The argument's name.
        argument: &'static str,
        /// Its value.
        found: u64,
        /// What would be.
        allowed: String,
    },
    /// Training in this number format is not described.
    #[error("a training step in {0} is not described: choose f32, tf32, bf16 or f16")]
    Precision(Precision),
    /// A layer got a tensor that it can't take.
    #[error("layer {layer}: it takes {expected} but its input is {found}")]
    Shape {
        /// Path of the layer.
        layer: String,
        /// The shape that the layer asks for, `_` where any extent will do.
        expected: String,
        /// The shape that it got.
        found: String,
    },
    /// A layer whose own numbers contradict each other.
    #[error("layer {layer}: {why}")]
    Layer {
        /// Path of the layer.
        layer: String,
        /// What is wrong, and what would do.
        why: String,
    },
    /// A file that could not be read.
    #[error("{file} can't be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of a layer file that is not what its format allows.
    #[error("{file}, line {line}: {found}; {allowed}")]
    File {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What may.
        allowed: String,
    },
    /// An ONNX file that is damaged, or a node of it that can't be resolved.
    #[error("{file}: {place}: {why}")]
    Onnx {
        /// The file.
        file: String,
        /// The node, or the part of the file.
        place: String,
        /// What is wrong, and what would do.
        why: String,
    },
    /// An error of the layer that a line of a file describes.
    #[error("{file}, line {line}: {source}")]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<WorkloadError>,
    },
    /// Counts that do not fit 64 bits.
    #[error("layer {layer}: {what} exceeds what 64-bit counts hold: give a smaller batch, sequence or image")]
    TooLarge {
        /// Path of the layer.
        layer: String,
        /// What was counted.
        what: &'static str,
    },
}
