//! Small workloads and devices that the tests of this crate share.

use crate::device::DeviceModel;
use crate::workload::{GradientStorage, Op, OpClass, OpShape, Optimizer, OptimizerWork, Pass, Unit, Workload};
use ergometer_record::Precision;
use std::path::Path;

/// Eight linear layers with activations, forward and backward, in BF16.
pub(crate) fn toy_workload() -> Workload {
    let linear = |name: &str, pass, flops: u64, (m, n, k): (u64, u64, u64)| Op {
        name: name.to_owned(),
        class: OpClass::Linear,
        pass,
        unit: Unit::TensorGemm,
        shape: OpShape::Gemm { batch: 1, m, n, k },
        flops,
        bytes_read: 2 * (m * k + k * n),
        bytes_written: 2 * m * n,
        launches: 1,
        working_set: 2 * (m * k + k * n + m * n),
        count: 8,
    };
    let (m, n, k) = (8192, 3072, 1024);
    let pointwise = |pass| Op {
        name: "gelu".into(),
        class: OpClass::Activation,
        pass,
        unit: Unit::Alu,
        shape: OpShape::Elements(m * n),
        flops: 8 * m * n,
        bytes_read: 2 * m * n,
        bytes_written: 2 * m * n,
        launches: 1,
        working_set: 4 * m * n,
        count: 8,
    };
    Workload {
        name: "toy".into(),
        batch: 32,
        precision: Precision::Bf16,
        ops: vec![
            linear("fc", Pass::Forward, 2 * m * n * k, (m, n, k)),
            pointwise(Pass::Forward),
            pointwise(Pass::Backward),
            linear("fc.input", Pass::Backward, 2 * m * n * k, (m, k, n)),
            linear("fc.weight", Pass::Backward, 2 * m * n * k, (k, n, m)),
        ],
        parameters: 8 * n * k,
        trainable: 8 * n * k,
        buffers: 0,
        optimizer: Optimizer::AdamW,
        optimizer_work: OptimizerWork::new(Optimizer::AdamW, &[n * k; 8], GradientStorage::F32),
        activation_bytes: 8 * 4 * m * n,
    }
}

/// A CPU of which only rates are known.
pub(crate) fn cpu() -> DeviceModel {
    let text = r#"
name = "test-cpu"
title = "A processor of the tests"
kind = "cpu"
based_on = "cpu"
[specification]
compute_units = { value = 4, source = "test" }
clock_hz = { value = 3e9, source = "test" }
peak_f32_flop_per_s = { value = 4e11, source = "test" }
peak_f64_flop_per_s = { value = 2e11, source = "test" }
memory_bytes_per_s = { value = 3e10, source = "test" }
l2_bytes = { value = 3e7, source = "test" }
"#;
    DeviceModel::from_toml(text, Path::new("test-cpu.toml")).expect("the text above is a device")
}
