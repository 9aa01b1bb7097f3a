//! Operators on each element, with ONNX's broadcasting.

use super::graph::{Import, Step, Value};
use crate::workload::WorkloadError;
use crate::workload::layer::{add_bias, pass_back};
use crate::workload::op::OpClass;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// How gradients pass an operator.
#[derive(Clone, Copy, PartialEq)]
enum Gradient {
    /// Unchanged to each operand.
    Passes,
    /// Through a kernel per operand that also reads what was kept.
    Kernel,
    /// Not at all: comparisons and conversions of masks.
    Stops,
}

/// The result of a node, `None` when its operator is none of these.
pub(super) fn apply(import: &mut Import<'_>, step: &Step<'_>) -> Result<Option<Value>, WorkloadError> {
    let (flops, gradient) = match step.node.op.as_str() {
        "Add" | "Sub" => (1, Gradient::Passes),
        "Mul" | "Div" | "Pow" | "Sqrt" | "Erf" | "Exp" | "Log" | "Neg" | "Reciprocal" | "Min" | "Max" | "Abs" => {
            (1, Gradient::Kernel)
        }
        "Where" => (0, Gradient::Kernel),
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "Not" | "And" | "Or" => (1, Gradient::Stops),
        // Under mixed precision casts are decided here, not by the file; a cast of a float is none.
        "Cast" => match import.value(step, 0)? {
            Value::Activation(x) if x.requires_grad() => return Ok(Some(Value::Activation(x))),
            _ => (0, Gradient::Stops),
        },
        _ => return Ok(None),
    };
    if let Some(biased) = bias(import, step)? {
        return Ok(Some(biased));
    }
    let mut operands: Vec<Tensor> = Vec::new();
    for index in 0..step.node.inputs.len() {
        operands.push(import.tensor(step, index)?);
    }
    let shape = broadcast(step, operands.iter().map(Tensor::shape))?;
    // Scalars and masks do not widen the result; trained operands do.
    let halves = operands.iter().any(|x| x.dtype() == DType::Half);
    let wide = operands.iter().any(|x| x.dtype() == DType::Single && (x.requires_grad() || !halves));
    let dtype = if wide { DType::Single } else { DType::Half };
    let trained = gradient != Gradient::Stops && operands.iter().any(Tensor::requires_grad);
    let y = import.rec.scope(&step.path(), |rec| {
        let y = rec.tensor(shape, dtype, trained)?;
        let read: u64 = operands.iter().map(Tensor::bytes).sum();
        rec.forward("", Work::pointwise(OpClass::Elementwise, y.elements(), flops, read, y.bytes()))?;
        for x in operands.iter().filter(|_| trained) {
            rec.consume(x);
            if !x.requires_grad() {
                continue;
            }
            if gradient == Gradient::Kernel {
                for kept in &operands {
                    rec.save(kept);
                }
                let others: u64 = operands.iter().filter(|o| o.identity() != x.identity()).map(Tensor::bytes).sum();
                let kept = if operands.len() == 1 { x.bytes() } else { others };
                let work = Work::pointwise(OpClass::Elementwise, y.elements(), 1, y.bytes() + kept, y.bytes());
                rec.backward("grad", work)?;
            }
            pass_back(rec, x, &y)?;
        }
        Ok(y)
    })?;
    Ok(Some(Value::Activation(y)))
}

/// A vector added to the product that was just computed with a weight is its bias, and costs no kernel.
fn bias(import: &mut Import<'_>, step: &Step<'_>) -> Result<Option<Value>, WorkloadError> {
    if step.node.op != "Add" || step.node.inputs.len() != 2 {
        return Ok(None);
    }
    let (x, path) = match (import.value(step, 0)?, import.value(step, 1)?) {
        (Value::Activation(x), Value::Parameter { path, dims })
        | (Value::Parameter { path, dims }, Value::Activation(x))
            if dims == [x.width()] && import.products.contains(&x.identity()) =>
        {
            (x, path)
        }
        _ => return Ok(None),
    };
    let scope = path.strip_suffix(".bias").unwrap_or(&path).to_owned();
    import.products.remove(&x.identity());
    import.rec.scope(&scope, |rec| add_bias(rec, &x))?;
    Ok(Some(Value::Activation(x)))
}

/// The common shape of operands: aligned at the last axis, an extent of 1 stretches.
pub(super) fn broadcast<'s>(
    step: &Step<'_>,
    shapes: impl Iterator<Item = &'s [u64]>,
) -> Result<Vec<u64>, WorkloadError> {
    let mut common: Vec<u64> = Vec::new();
    for shape in shapes {
        let missing = shape.len().saturating_sub(common.len());
        common.splice(0..0, std::iter::repeat_n(1, missing));
        let lead = common.len() - shape.len();
        for (known, extent) in common.iter_mut().skip(lead).zip(shape) {
            match (*known, *extent) {
                (a, b) if a == b || b == 1 => {}
                (1, b) => *known = b,
                (a, b) => return Err(step.error(format!("extents {a} and {b} of its operands don't fit"))),
            }
        }
    }
    Ok(common)
}
