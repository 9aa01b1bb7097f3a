//! The parts of ONNX's schema (onnx.proto, IR version 8) that describe shapes and structure.

use super::wire::{Field, Malformed, fields, integers, message, text};
use std::collections::HashMap;

/// `TensorProto.DataType` values that occur in shape arithmetic.
pub(super) const INT64: i64 = 7;
const INT32: i64 = 6;

/// A tensor in the file: its extents, and its values if they are integers.
#[derive(Debug, Clone, Default)]
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) dims: Vec<i64>,
    pub(super) integers: Option<Vec<i64>>,
}

/// One operation of the graph.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) attributes: HashMap<String, Attribute>,
}

/// An attribute of an operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Attribute {
    pub(super) integer: Option<i64>,
    pub(super) integers: Vec<i64>,
    pub(super) text: Option<String>,
    pub(super) tensor: Option<Constant>,
}

/// A graph input; an extent is `None` where it is symbolic.
#[derive(Debug, Clone, Default)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) dims: Option<Vec<Option<i64>>>,
}

/// The graph of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) inputs: Vec<Input>,
    pub(super) initializers: Vec<Constant>,
}

/// Reads a `ModelProto`; `None` when it has no graph.
pub(super) fn model(bytes: &[u8]) -> Result<Option<Graph>, Malformed> {
    for (number, field) in fields(bytes)? {
        if number == 7 {
            return graph(field).map(Some);
        }
    }
    Ok(None)
}

fn graph(field: Field<'_>) -> Result<Graph, Malformed> {
    let mut graph = Graph::default();
    for (number, field) in message(field)? {
        match number {
            1 => graph.nodes.push(node(field)?),
            5 => graph.initializers.push(constant(field)?),
            11 => graph.inputs.push(input(field)?),
            _ => {}
        }
    }
    Ok(graph)
}

fn node(field: Field<'_>) -> Result<Node, Malformed> {
    let mut node = Node::default();
    for (number, field) in message(field)? {
        match number {
            1 => node.inputs.push(text(field)?),
            2 => node.outputs.push(text(field)?),
            3 => node.name = text(field)?,
            4 => node.op = text(field)?,
            5 => {
                let (name, attribute) = attribute(field)?;
                node.attributes.insert(name, attribute);
            }
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(field: Field<'_>) -> Result<(String, Attribute), Malformed> {
    let (mut name, mut attribute) = (String::new(), Attribute::default());
    for (number, field) in message(field)? {
        match (number, field) {
            (1, field) => name = text(field)?,
            (3, Field::Varint(value)) => attribute.integer = Some(value.cast_signed()),
            (4, field) => attribute.text = text(field).ok(),
            (5, field) => attribute.tensor = Some(constant(field)?),
            (8, field) => integers(&mut attribute.integers, field)?,
            _ => {}
        }
    }
    Ok((name, attribute))
}

fn constant(field: Field<'_>) -> Result<Constant, Malformed> {
    let mut constant = Constant::default();
    let (mut kind, mut values, mut raw) = (0, Vec::new(), None);
    for (number, field) in message(field)? {
        match (number, field) {
            (1, field) => integers(&mut constant.dims, field)?,
            (2, Field::Varint(value)) => kind = value.cast_signed(),
            (5 | 7, field) => integers(&mut values, field)?,
            (8, field) => constant.name = text(field)?,
            (9, Field::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    if let Some(raw) = raw {
        let (words, rest) = raw.as_chunks::<8>();
        let (halves, odd) = raw.as_chunks::<4>();
        match kind {
            INT64 if rest.is_empty() => values = words.iter().map(|w| i64::from_le_bytes(*w)).collect(),
            INT32 if odd.is_empty() => values = halves.iter().map(|w| i64::from(i32::from_le_bytes(*w))).collect(),
            INT64 | INT32 => return Err(Malformed),
            _ => {}
        }
    }
    constant.integers = matches!(kind, INT64 | INT32).then_some(values);
    Ok(constant)
}

/// A `ValueInfoProto` of a tensor.
fn input(field: Field<'_>) -> Result<Input, Malformed> {
    let mut input = Input::default();
    for (number, field) in message(field)? {
        match number {
            1 => input.name = text(field)?,
            2 => {
                for (_, tensor_type) in message(field)?.into_iter().filter(|(number, _)| *number == 1) {
                    for (_, shape) in message(tensor_type)?.into_iter().filter(|(number, _)| *number == 2) {
                        input.dims = Some(dims(shape)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(input)
}

fn dims(field: Field<'_>) -> Result<Vec<Option<i64>>, Malformed> {
    let mut dims = Vec::new();
    for (_, dim) in message(field)?.into_iter().filter(|(number, _)| *number == 1) {
        let value = message(dim)?.into_iter().find_map(|(number, field)| match (number, field) {
            (1, Field::Varint(value)) => Some(value.cast_signed()),
            _ => None,
        });
        dims.push(value);
    }
    Ok(dims)
}
