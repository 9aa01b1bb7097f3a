//! Operators that are layers: products, convolutions, normalisations, pooling.

use super::graph::{Import, Step, Value};
use crate::workload::WorkloadError;
use crate::workload::layer::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, Dropout, Layer, LayerNorm, Linear, MaxPool2d,
    Softmax, batched_product,
};
use crate::workload::tensor::Tensor;

/// The result of a node, `None` when its operator is none of these.
pub(super) fn apply(import: &mut Import<'_>, step: &Step<'_>) -> Result<Option<Value>, WorkloadError> {
    let op = step.node.op.as_str();
    let last_axis = |import: &Import<'_>, default| -> Result<bool, WorkloadError> {
        let rank = import.value(step, 0)?.dims().len();
        Ok(step.axis(step.integer("axis", default), rank)? + 1 == rank)
    };
    let layer: Box<dyn Layer> = match op {
        "MatMul" => return matmul(import, step).map(Some),
        "Gemm" => return gemm(import, step).map(Some),
        "Conv" => return conv(import, step).map(Some),
        "BatchNormalization" => {
            let (path, dims) = import.parameter(step, 1)?;
            let x = import.tensor(step, 0)?;
            let layer = BatchNorm2d { channels: dims.first().copied().unwrap_or(0) };
            return import.rec.layer(&path, &layer, &x).map(|y| Some(Value::Activation(y)));
        }
        "LayerNormalization" => {
            if !last_axis(import, -1)? || step.node.inputs.len() < 3 {
                return Err(step.error("only a normalisation of the last axis with scale and shift is described"));
            }
            let (path, dims) = import.parameter(step, 1)?;
            let x = import.tensor(step, 0)?;
            let layer = LayerNorm { width: dims.first().copied().unwrap_or(0) };
            return import.rec.layer(&path, &layer, &x).map(|y| Some(Value::Activation(y)));
        }
        "Softmax" if last_axis(import, -1)? => Box::new(Softmax),
        "Softmax" => return Err(step.error("only a softmax of the last axis is described")),
        "Relu" => Box::new(Activation::Relu),
        "Sigmoid" => Box::new(Activation::Sigmoid),
        "Tanh" => Box::new(Activation::Tanh),
        "Gelu" => Box::new(Activation::Gelu),
        "Dropout" => Box::new(Dropout),
        "GlobalAveragePool" => Box::new(AdaptiveAvgPool2d { output: [1, 1] }),
        "MaxPool" => {
            let (kernel, stride, padding) = window(step)?;
            Box::new(MaxPool2d { kernel, stride, padding })
        }
        "AveragePool" => {
            let (kernel, stride, padding) = window(step)?;
            Box::new(AvgPool2d { kernel, stride, padding })
        }
        _ => return Ok(None),
    };
    let x = import.tensor(step, 0)?;
    import.rec.layer(&step.path(), layer.as_ref(), &x).map(|y| Some(Value::Activation(y)))
}

/// A product with a weight, whose result may still be given a bias.
fn weighted(import: &mut Import<'_>, path: &str, layer: Linear, x: &Tensor) -> Result<Value, WorkloadError> {
    let y = import.rec.layer(path, &layer, x)?;
    import.products.insert(y.identity());
    Ok(Value::Activation(y))
}

fn matmul(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let (a, b) = (import.value(step, 0)?, import.value(step, 1)?);
    let unfit = || step.error(format!("{:?} times {:?} is not a product that is described", a.dims(), b.dims()));
    if let (Value::Activation(x), Value::Parameter { .. }) = (&a, &b) {
        let (path, dims) = import.parameter(step, 1)?;
        let &[in_features, out_features] = dims.as_slice() else { return Err(unfit()) };
        return weighted(import, &path, Linear { in_features, out_features, bias: false }, &x.clone());
    }
    let (Value::Activation(x), Value::Activation(y)) = (&a, &b) else { return Err(unfit()) };
    let ([lead @ .., m, k], [lead_y @ .., k_y, n]) = (x.shape(), y.shape()) else { return Err(unfit()) };
    if lead != lead_y || k != k_y {
        return Err(unfit());
    }
    let shape = [lead, &[*m, *n]].concat();
    let extents = [lead.iter().product(), *m, *n, *k];
    import.rec.scope(&step.path(), |rec| {
        let (x, y) = (rec.to_compute(x)?, rec.to_compute(y)?);
        let product = batched_product(rec, "product", &x, &y, extents)?;
        rec.view(&product, shape).map(Value::Activation)
    })
}

fn gemm(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let (path, dims) = import.parameter(step, 1)?;
    let &[rows, columns] = dims.as_slice() else { return Err(step.error("its weight is not a matrix")) };
    if step.integer("transA", 0) != 0 {
        return Err(step.error("a transposed input is not described"));
    }
    let transposed = step.integer("transB", 0) != 0;
    let (in_features, out_features) = if transposed { (columns, rows) } else { (rows, columns) };
    let x = import.tensor(step, 0)?;
    let layer = Linear { in_features, out_features, bias: step.node.inputs.len() > 2 };
    import.rec.layer(&path, &layer, &x).map(Value::Activation)
}

fn conv(import: &mut Import<'_>, step: &Step<'_>) -> Result<Value, WorkloadError> {
    let (path, dims) = import.parameter(step, 1)?;
    let &[out_channels, per_group, kh, kw] = dims.as_slice() else {
        return Err(step.error("only 2-D convolutions are described"));
    };
    let x = import.tensor(step, 0)?;
    let groups = u64::try_from(step.integer("group", 1)).unwrap_or(0);
    let in_channels = per_group.checked_mul(groups).ok_or_else(|| step.error("its groups are too many"))?;
    let layer = Conv2d {
        in_channels,
        out_channels,
        kernel: [kh, kw],
        stride: pair(step, "strides")?,
        padding: padding(step)?,
        dilation: pair(step, "dilations")?,
        groups,
        bias: step.node.inputs.len() > 2,
    };
    import.rec.layer(&path, &layer, &x).map(Value::Activation)
}

fn pair(step: &Step<'_>, name: &str) -> Result<[u64; 2], WorkloadError> {
    match step.extents(name)?.as_deref() {
        None => Ok([1, 1]),
        Some(&[rows, columns]) => Ok([rows, columns]),
        Some(other) => Err(step.error(format!("its {name} {other:?} are not two"))),
    }
}

fn padding(step: &Step<'_>) -> Result<[u64; 2], WorkloadError> {
    if step.text("auto_pad").is_some_and(|pad| pad != "NOTSET") {
        return Err(step.error("auto_pad is not described: export with explicit pads"));
    }
    match step.extents("pads")?.as_deref() {
        None => Ok([0, 0]),
        Some(&[top, left, bottom, right]) if top == bottom && left == right => Ok([top, left]),
        Some(other) => Err(step.error(format!("its pads {other:?} are not the same on both sides"))),
    }
}

/// Kernel, stride and padding of a square window.
fn window(step: &Step<'_>) -> Result<(u64, u64, u64), WorkloadError> {
    let plain = step.integer("ceil_mode", 0) == 0 && pair(step, "dilations")? == [1, 1];
    match (pair(step, "kernel_shape")?, pair(step, "strides")?, padding(step)?) {
        ([kernel, k], [stride, s], [padding, p]) if kernel == k && stride == s && padding == p && plain => {
            Ok((kernel, stride, padding))
        }
        _ => Err(step.error("only square windows without ceil_mode and dilation are described")),
    }
}
