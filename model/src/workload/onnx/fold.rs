//! The integer arithmetic on shapes that exporters leave in a graph: it runs on the host, once, and costs nothing.

use super::graph::{Import, Step, Value};
use super::pointwise::broadcast;
use crate::workload::WorkloadError;

/// Most integers of one folded constant; shapes and index tables are far smaller.
const MOST: u64 = 1 << 20;

/// The result of a node whose inputs are all constants, `None` when they aren't or the operator is none of these.
pub(super) fn fold(import: &mut Import<'_>, step: &Step<'_>) -> Result<Option<Value>, WorkloadError> {
    let op = step.node.op.as_str();
    if op == "Constant" {
        return constant(step).map(Some);
    }
    if op == "Shape" {
        let dims: Vec<i64> = import.value(step, 0)?.dims().iter().map(|d| d.cast_signed()).collect();
        return Ok(Some(list(dims)));
    }
    let mut inputs = Vec::new();
    for index in 0..step.node.inputs.len() {
        match import.value(step, index)? {
            Value::Constant { dims, integers: Some(integers) } => inputs.push((dims, integers)),
            _ => return Ok(None),
        }
    }
    let Some((dims, integers)) = inputs.first().cloned() else { return Ok(None) };
    let second = inputs.get(1).map(|(_, integers)| integers.as_slice()).unwrap_or_default();
    let value = match op {
        "Identity" | "Cast" => Value::Constant { dims, integers: Some(integers) },
        // Rank one at most: as long a list under another shape.
        "Unsqueeze" if integers.len() == 1 => Value::Constant { dims: vec![1], integers: Some(integers) },
        "Squeeze" if integers.len() == 1 => Value::Constant { dims: vec![], integers: Some(integers) },
        "Reshape" => {
            let target = super::structure::reshape(step, &dims, second)?;
            Value::Constant { dims: target, integers: Some(integers) }
        }
        "Concat" => list(inputs.into_iter().flat_map(|(_, integers)| integers).collect()),
        "ConstantOfShape" => {
            let dims: Result<Vec<u64>, _> = integers.iter().map(|d| u64::try_from(*d)).collect();
            let dims = dims.map_err(|_| step.error("its shape has a negative extent"))?;
            let count = dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).filter(|n| *n <= MOST);
            let count = count.ok_or_else(|| step.error("its result is too large for a constant"))?;
            let fill = step.node.attributes.get("value").and_then(|a| a.tensor.as_ref()?.integers.as_ref()?.first());
            let integers = fill.map(|fill| std::iter::repeat_n(*fill, count as usize).collect());
            Value::Constant { dims, integers }
        }
        "Gather" => {
            let picked = second.iter().map(|index| {
                let wrapped = if *index < 0 { index + integers.len() as i64 } else { *index };
                usize::try_from(wrapped).ok().and_then(|i| integers.get(i).copied())
            });
            let picked: Option<Vec<i64>> = picked.collect();
            let picked = picked.ok_or_else(|| step.error("an index is out of range"))?;
            let dims = inputs.get(1).map(|(dims, _)| dims.clone()).unwrap_or_default();
            Value::Constant { dims, integers: Some(picked) }
        }
        "Slice" => {
            let bound = |index: usize| inputs.get(index).and_then(|(_, v)| v.first().copied());
            let length = integers.len() as i64;
            let clamp = |v: i64| (if v < 0 { v.saturating_add(length) } else { v }).clamp(0, length) as usize;
            let (Some(start), Some(end)) = (bound(1), bound(2)) else { return Ok(None) };
            if bound(4).is_some_and(|stride| stride != 1) {
                return Ok(None);
            }
            list(integers.get(clamp(start)..clamp(end)).unwrap_or_default().to_vec())
        }
        "Add" | "Sub" | "Mul" | "Div" | "Equal" | "Where" => return arithmetic(step, &inputs).map(Some),
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn list(integers: Vec<i64>) -> Value {
    Value::Constant { dims: vec![integers.len() as u64], integers: Some(integers) }
}

fn constant(step: &Step<'_>) -> Result<Value, WorkloadError> {
    let attributes = &step.node.attributes;
    if let Some(tensor) = attributes.get("value").and_then(|a| a.tensor.as_ref()) {
        let dims: Result<Vec<u64>, _> = tensor.dims.iter().map(|d| u64::try_from(*d)).collect();
        let dims = dims.map_err(|_| step.error("its value has a negative extent"))?;
        return Ok(Value::Constant { dims, integers: tensor.integers.clone() });
    }
    if let Some(single) = attributes.get("value_int").and_then(|a| a.integer) {
        return Ok(Value::Constant { dims: vec![], integers: Some(vec![single]) });
    }
    if let Some(several) = attributes.get("value_ints") {
        return Ok(list(several.integers.clone()));
    }
    if attributes.contains_key("value_float") {
        return Ok(Value::Constant { dims: vec![], integers: None });
    }
    Err(step.error("its value is of a kind that is not described (sparse, or text)"))
}

/// Element by element; each operand has one value or as many as the result.
fn arithmetic(step: &Step<'_>, inputs: &[(Vec<u64>, Vec<i64>)]) -> Result<Value, WorkloadError> {
    let dims = broadcast(step, inputs.iter().map(|(dims, _)| dims.as_slice()))?;
    let count = inputs.iter().map(|(_, integers)| integers.len()).max().unwrap_or(0);
    let at = |operand: usize, index: usize| -> Result<i64, WorkloadError> {
        let integers = inputs.get(operand).map(|(_, integers)| integers.as_slice()).unwrap_or_default();
        let place = if integers.len() == 1 { 0 } else { index };
        integers.get(place).copied().ok_or_else(|| step.error("its operands don't fit each other"))
    };
    let one = |index: usize| -> Result<i64, WorkloadError> {
        let (a, b) = (at(0, index)?, at(1, index)?);
        let result = match step.node.op.as_str() {
            "Add" => a.checked_add(b),
            "Sub" => a.checked_sub(b),
            "Mul" => a.checked_mul(b),
            "Div" => a.checked_div(b),
            "Equal" => Some(i64::from(a == b)),
            _ => Some(if a != 0 { b } else { at(2, index)? }),
        };
        result.ok_or_else(|| step.error(format!("{a} and {b} have no result in 64 bits")))
    };
    let integers: Result<Vec<i64>, _> = (0..count).map(one).collect();
    Ok(Value::Constant { dims, integers: Some(integers?) })
}
