//! Operators that change shapes: views, copies, look-ups.

use super::graph::{Import, Step, Value};
use super::pointwise::broadcast;
use crate::workload::WorkloadError;
use crate::workload::layer::{Contiguous, Embedding, pass_back};
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// The result of a node, `None` when its operator is none of these.
pub(super) fn apply(import: &mut Import<'_>, step: &Step<'_>) -> Result<Option<Value>, WorkloadError> {
    let value = match step.node.op.as_str() {
        "Identity" => match (import.value(step, 0)?, step.node.outputs.first()) {
            (Value::Parameter { dims, .. }, Some(alias)) if alias.contains('.') => {
                Value::Parameter { path: alias.clone(), dims }
            }
            (other, _) => other,
        },
        "Reshape" => {
            let (x, target) = (import.value(step, 0)?, import.integers(step, 1)?);
            let shape = reshape(step, x.dims(), &target)?;
            view(import, x, shape)?
        }
        "Flatten" => {
            let x = import.value(step, 0)?;
            let axis = step.integer("axis", 1);
            let axis = if axis == x.dims().len() as i64 { x.dims().len() } else { step.axis(axis, x.dims().len())? };
            let (before, after) = x.dims().split_at(axis);
            let product = |part: &[u64]| part.iter().fold(1u64, |n, d| n.saturating_mul(*d));
            let shape = vec![product(before), product(after)];
            view(import, x, shape)?
        }
        "Unsqueeze" | "Squeeze" => {
            let x = import.value(step, 0)?;
            let shape = squeeze(import, step, x.dims())?;
            view(import, x, shape)?
        }
        "Transpose" => transpose(import, step)?,
        "Gather" => gather(import, step)?,
        "Slice" => slice(import, step)?,
        "Concat" => concat(import, step)?,
        "Expand" => {
            let target: Vec<u64> = import.integers(step, 1)?.iter().map(|d| u64::try_from(*d).unwrap_or(1)).collect();
            let x = import.tensor(step, 0)?;
            let shape = broadcast(step, [x.shape(), &target].into_iter())?;
            let y = copy(import, step, &[&x], shape)?;
            import.rec.scope(&step.path(), |rec| pass_back(rec, &x, &y))?;
            Value::Activation(y)
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// A copy kernel from `parts` to a new tensor; the parts' gradients are the caller's.
fn copy(import: &mut Import<'_>, step: &Step<'_>, parts: &[&Tensor], shape: Vec<u64>) -> Result<Tensor, WorkloadError> {
    let wide = parts.iter().any(|part| part.dtype() == DType::Single);
    let dtype = if wide { DType::Single } else { DType::Half };
    import.rec.scope(&step.path(), |rec| {
        let y = rec.tensor(shape, dtype, parts.iter().any(|part| part.requires_grad()))?;
        let read: u64 = parts.iter().map(|part| part.bytes().min(y.bytes())).sum();
        rec.forward("", Work::copy(y.elements(), read, y.bytes()))?;
        for part in parts {
            rec.consume(part);
        }
        Ok(y)
    })
}

fn view(import: &Import<'_>, x: Value, shape: Vec<u64>) -> Result<Value, WorkloadError> {
    Ok(match x {
        Value::Activation(tensor) => Value::Activation(import.rec.view(&tensor, shape)?),
        Value::Parameter { path, .. } => Value::Parameter { path, dims: shape },
        Value::Constant { integers, .. } => Value::Constant { dims: shape, integers },
    })
}

/// The target of a reshape: 0 keeps an extent, -1 takes what is left.
pub(super) fn reshape(step: &Step<'_>, from: &[u64], target: &[i64]) -> Result<Vec<u64>, WorkloadError> {
    let error = || step.error(format!("{from:?} can't be reshaped to {target:?}"));
    let mut shape = Vec::new();
    for (index, extent) in target.iter().enumerate() {
        shape.push(match extent {
            0 => *from.get(index).ok_or_else(error)?,
            -1 => 0,
            other => u64::try_from(*other).map_err(|_| error())?,
        });
    }
    let total = |shape: &[u64]| shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).ok_or_else(error);
    if let Some(open) = target.iter().position(|extent| *extent == -1) {
        let known: Vec<u64> = shape.iter().enumerate().filter(|(i, _)| *i != open).map(|(_, d)| *d).collect();
        let rest = total(from)?.checked_div(total(&known)?).ok_or_else(error)?;
        if let Some(extent) = shape.get_mut(open) {
            *extent = rest;
        }
    }
    if total(&shape)? == total(from)? { Ok(shape) } else { Err(error()) }
}

fn squeeze(import: &Import<'_>, step: &Step<'_>, from: &[u64]) -> Result<Vec<u64>, WorkloadError> {
    let attribute = step.node.attributes.get("axes").map(|a| a.integers.clone());
    let axes = match attribute {
        Some(axes) => axes,
        None if step.node.inputs.len() > 1 => import.integers(step, 1)?,
        None => return Ok(from.iter().copied().filter(|d| *d != 1).collect()),
    };
    let mut shape = from.to_vec();
    if step.node.op == "Squeeze" {
        let axes: Result<Vec<usize>, _> = axes.iter().map(|axis| step.axis(*axis, from.len())).collect();
        let axes = axes?;
        let kept = from.iter().enumerate().filter(|(index, _)| !axes.contains(index));
        return Ok(kept.map(|(_, extent)| *extent).collect());
    }
    let rank = from.len() + axes.len();
    let mut places: Vec<usize> = axes.iter().map(|axis| step.axis(*axis, rank)).collect::<Result<_, _>>()?;
    places.sort_unstable();
    for place in places {
        shape.insert(place.min(shape.len()), 1);
    }
    Ok(shape)
}

fn transpose(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let x = import.value(step, 0)?;
    let order = step.extents("perm")?.unwrap_or_else(|| (0..x.dims().len() as u64).rev().collect());
    let picked: Option<Vec<u64>> =
        order.iter().map(|axis| x.dims().get(usize::try_from(*axis).ok()?).copied()).collect();
    let shape = picked.filter(|shape| shape.len() == x.dims().len());
    let shape = shape.ok_or_else(|| step.error(format!("its perm {order:?} is none of {:?}", x.dims())))?;
    match x {
        Value::Activation(tensor) => {
            let copy = Contiguous { shape };
            import.rec.layer(&step.path(), &copy, &tensor).map(Value::Activation)
        }
        // A transposed weight is only read in another order.
        Value::Parameter { path, .. } => Ok(Value::Parameter { path, dims: shape }),
        Value::Constant { .. } => Ok(Value::Constant { dims: shape, integers: None }),
    }
}

fn gather(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let (x, indices) = (import.value(step, 0)?, import.value(step, 1)?);
    let axis = step.axis(step.integer("axis", 0), x.dims().len())?;
    if let (Value::Parameter { .. }, 0, &[entries, width]) = (&x, axis, x.dims()) {
        let (scope, _) = import.parameter(step, 0)?;
        let indices = import.tensor(step, 1)?;
        return import.rec.layer(&scope, &Embedding { entries, width }, &indices).map(Value::Activation);
    }
    let (before, after) = x.dims().split_at(axis);
    let shape = [before, indices.dims(), after.get(1..).unwrap_or_default()].concat();
    select(import, step, shape)
}

/// A part of input 0 is copied; backward the whole gradient is zeroed and the part set.
fn select(import: &mut Import<'_>, step: &Step<'_>, shape: Vec<u64>) -> Result<Value, WorkloadError> {
    let x = import.tensor(step, 0)?;
    let y = copy(import, step, &[&x], shape)?;
    if x.requires_grad() {
        let work = Work::copy(x.elements(), y.bytes(), x.bytes() + y.bytes()).launches(2);
        import.rec.scope(&step.path(), |rec| rec.backward("grad", work.working_set(x.bytes() + y.bytes())))?;
    }
    Ok(Value::Activation(y))
}

fn slice(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let mut shape = import.value(step, 0)?.dims().to_vec();
    let (starts, ends) = (import.integers(step, 1)?, import.integers(step, 2)?);
    let count = starts.len() as i64;
    let axes = if step.node.inputs.len() > 3 { import.integers(step, 3)? } else { (0..count).collect() };
    let strides = if step.node.inputs.len() > 4 { import.integers(step, 4)? } else { vec![1; starts.len()] };
    for (((start, end), axis), stride) in starts.iter().zip(&ends).zip(&axes).zip(&strides) {
        let axis = step.axis(*axis, shape.len())?;
        let Some(extent) = shape.get_mut(axis) else { continue };
        let length = extent.cast_signed();
        let clamp = |v: i64| (if v < 0 { v.saturating_add(length) } else { v }).clamp(0, length);
        let stride = u64::try_from(*stride).ok().filter(|stride| *stride > 0);
        let stride = stride.ok_or_else(|| step.error("a slice backwards is not described"))?;
        *extent = u64::try_from(clamp(*end) - clamp(*start)).unwrap_or(0).div_ceil(stride);
    }
    select(import, step, shape)
}

fn concat(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let mut parts = Vec::new();
    for index in 0..step.node.inputs.len() {
        parts.push(import.tensor(step, index)?);
    }
    let Some(first) = parts.first() else { return Err(step.error("it has no inputs")) };
    let axis = step.axis(step.integer("axis", 0), first.shape().len())?;
    let mut shape = first.shape().to_vec();
    let mut along = 0u64;
    for part in &parts {
        let fits = part.shape().len() == shape.len()
            && part.shape().iter().zip(&shape).enumerate().all(|(index, (a, b))| index == axis || a == b);
        if !fits {
            return Err(step.error(format!("{:?} does not fit {:?} but for axis {axis}", part.shape(), first.shape())));
        }
        along = along.saturating_add(part.shape().get(axis).copied().unwrap_or(0));
    }
    if let Some(extent) = shape.get_mut(axis) {
        *extent = along;
    }
    copy(import, step, &parts.iter().collect::<Vec<_>>(), shape).map(Value::Activation)
}
