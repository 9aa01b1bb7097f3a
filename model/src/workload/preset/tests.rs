//! Parameters, buffers and GEMM and convolution FLOPs against PyTorch's, as integers.

use super::*;
use crate::workload::OpClass;
use ergometer_record::Precision;
use proptest::prelude::*;

fn options(name: &str, change: impl FnOnce(&mut Options)) -> Options {
    let mut options = default_options(name).unwrap();
    change(&mut options);
    options
}

/// Parameters, buffers, FLOPs forward, FLOPs forward and backward.
fn counts(work: &Workload) -> [u64; 4] {
    assert_eq!(work.parameters, work.trainable);
    [work.parameters, work.buffers, work.tensor_flops_forward(), work.tensor_flops()]
}

/// Network, batch, sequence or image, classes, counts.
type Case = (&'static str, u64, u64, u64, [u64; 4]);

/// PyTorch 2.4.1's FlopCounterMode on the meta device, transformers 4.45.2 (eager attention), torchvision 0.19.1.
const PYTORCH: [Case; 13] = [
    ("albert-base-v2", 128, 256, 2, [11_685_122, 1024, 5_882_109_100_032, 17_646_327_300_096]),
    ("albert-base-v2", 3, 77, 2, [11_685_122, 1024, 39_944_475_648, 119_833_426_944]),
    ("distilbert-base", 128, 256, 2, [66_955_010, 512, 2_937_909_018_624, 8_813_727_055_872]),
    ("bert-base", 128, 256, 2, [109_483_778, 1024, 5_875_666_649_088, 17_626_999_947_264]),
    ("bert-base", 7, 384, 5, [109_486_085, 1024, 494_667_747_840, 1_484_003_243_520]),
    ("resnet50", 256, 32, 10, [23_528_522, 53_173, 42_716_889_088, 126_917_541_888]),
    ("resnet50", 16, 224, 1000, [25_557_032, 53_173, 130_853_896_192, 388_785_242_112]),
    ("resnet50", 3, 97, 7, [23_522_375, 53_173, 5_966_912_640, 17_765_206_272]),
    ("vgg16", 16, 224, 1000, [138_357_544, 0, 495_048_458_240, 1_482_370_842_624]),
    ("vgg16", 16, 32, 10, [134_301_514, 0, 13_848_805_376, 41_489_793_024]),
    ("vgg16", 5, 97, 7, [134_289_223, 0, 29_457_834_880, 88_210_917_120]),
    ("vit-b16", 256, 224, 10, [85_806_346, 0, 8_992_290_766_848, 26_917_682_282_496]),
    ("vit-b16", 5, 100, 3, [85_678_083, 0, 31_890_516_480, 95_459_212_800]),
];

#[test]
fn counts_equal_pytorchs_as_integers() {
    for (name, batch, extent, classes, expected) in PYTORCH {
        let options = options(name, |o| (o.batch, o.sequence, o.image, o.classes) = (batch, extent, extent, classes));
        assert_eq!(counts(&build(name, &options).unwrap()), expected, "{name} {batch} x {extent}");
    }
}

/// The same against the reference file itself, where it is at hand.
#[test]
fn counts_equal_the_reference_file() {
    let Some(text) = crate::workload::reference::read("workloads/flops_torch241.json") else { return };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (key, name, extent, classes) in [
        ("albert-base-v2/seq256", "albert-base-v2", 256, 2),
        ("distilbert-base/seq256", "distilbert-base", 256, 2),
        ("resnet50/32", "resnet50", 32, 10),
        ("vit-b16-hf/224", "vit-b16", 224, 10),
    ] {
        let case = &file[key];
        let number = |field: &str| case[field].as_u64().unwrap();
        let options = options(name, |o| {
            (o.batch, o.sequence, o.image, o.classes) = (number("batch"), extent, extent, classes);
        });
        let work = build(name, &options).unwrap();
        let expected = ["params", "buffers", "fwd_flops", "fwdbwd_flops"].map(number);
        assert_eq!(counts(&work), expected, "{key}");
        assert_eq!(work.trainable, number("trainable"), "{key}");
    }
}

/// TinyLlama with T = batch x sequence tokens, L = 22 layers, width h = 2048, key-value width 256, gate g = 5632 and
/// vocabulary V: forward 2 T (L (2 h^2 + 2 h 256 + 3 h g) + h V) + 4 L batch sequence^2 h, backward twice that,
/// parameters L (2 h^2 + 2 h 256 + 3 h g + 2 h) + 2 V h + h.
#[test]
fn tinyllama_equals_its_closed_form() {
    for (batch, sequence, vocabulary) in [(2, 512, 32_000), (1, 2048, 32_000), (5, 77, 1000)] {
        let options =
            options("tinyllama-1.1b", |o| (o.batch, o.sequence, o.vocabulary) = (batch, sequence, vocabulary));
        let work = build("tinyllama-1.1b", &options).unwrap();
        let (layers, h, g) = (22, 2048, 5632);
        let weights = layers * (2 * h * h + 2 * h * 256 + 3 * h * g);
        let forward = 2 * batch * sequence * (weights + h * vocabulary) + 4 * layers * batch * sequence * sequence * h;
        assert_eq!(work.tensor_flops_forward(), forward);
        assert_eq!(work.tensor_flops_backward(), 2 * forward);
        assert_eq!(work.parameters, weights + layers * 2 * h + 2 * vocabulary * h + h);
        assert_eq!(work.buffers, 23 * 32);
    }
    // FlopCounterMode has 2212981932032 and 6638945730560 at 2 x 512: it also counts the rotary angles, once.
    let work = build("tinyllama-1.1b", &options("tinyllama-1.1b", |o| (o.batch, o.sequence) = (2, 512))).unwrap();
    assert_eq!(work.parameters, 1_100_048_384);
    assert_eq!(work.tensor_flops_forward() + 64 * 512, 2_212_981_932_032);
    assert_eq!(work.tensor_flops() + 64 * 512, 6_638_945_730_560);
}

/// Operators that are not views, dispatched by eager PyTorch 2.4.1 on the CPU for one pass with a padding mask and a
/// loss (`TorchDispatchMode`), and by how many kernels the operators differ from them on a GPU:
/// one more for each gradient of a layer normalisation, convolution with an input gradient or bias, embedding, slice,
/// selection and choice of targets, which are two kernels each; two fewer for each dropout, which is one there and
/// three here; fewer for masks and labels that are prepared once per pass, which are not counted.
#[test]
fn launches_equal_the_operators_that_pytorch_dispatches() {
    let cases: [(&str, i64, i64); 7] = [
        ("bert-base", 368 + 475, 25 + 3 + 2 + 1 - 2 * 38 - 3),
        ("albert-base-v2", 342 + 737, 25 + 3 + 2 + 1 - 2 - 3),
        ("distilbert-base", 177 + 246, 13 + 2 + 2 + 1 - 2 * 14),
        ("resnet50", 229 + 179, 52 + 1),
        ("vgg16", 45 + 48, 13 + 12 + 13 + 1 - 2 * 2),
        ("vit-b16", 235 + 433, 25 + 1 + 1 + 3 + 1),
        ("tinyllama-1.1b", 949 + 1873, 269 + 1 + 1 - 7 - 1),
    ];
    for (name, dispatched, difference) in cases {
        let launches = build(name, &default_options(name).unwrap()).unwrap().launches();
        assert_eq!(i64::try_from(launches).unwrap(), dispatched + difference, "{name}");
    }
}

#[test]
fn the_first_layer_has_no_input_gradient() {
    let work = build("resnet50", &default_options("resnet50").unwrap()).unwrap();
    assert!(work.ops.iter().any(|op| op.name == "conv1.weight_grad"));
    assert!(!work.ops.iter().any(|op| op.name == "conv1.input_grad"));
    let first = work.ops.iter().find(|op| op.name == "conv1").unwrap();
    assert_eq!(work.tensor_flops_backward(), 2 * work.tensor_flops_forward() - first.flops);
}

#[test]
fn albert_shares_its_layer_and_sums_its_gradients() {
    let work = build("albert-base-v2", &default_options("albert-base-v2").unwrap()).unwrap();
    let op = |end: &str| work.ops.iter().find(|op| op.name.ends_with(end)).unwrap();
    assert_eq!(op("albert_layers.0.ffn").count, 12);
    assert_eq!(op("albert_layers.0.ffn.weight.grad_sum").count, 11);
}

#[test]
fn fused_attention_moves_fewer_bytes_and_recomputes_the_scores() {
    for name in ["bert-base", "vit-b16"] {
        let eager = build(name, &default_options(name).unwrap()).unwrap();
        let fused = build(name, &options(name, |o| o.attention = Attention::Fused)).unwrap();
        assert!(fused.bytes() < eager.bytes() && fused.activation_bytes < eager.activation_bytes);
        assert!(fused.launches() < eager.launches());
        assert_eq!(fused.tensor_flops_forward(), eager.tensor_flops_forward());
        let scores: u64 = eager.ops.iter().filter(|o| o.name.ends_with("self.scores")).map(|o| o.total_flops()).sum();
        if name == "bert-base" {
            assert_eq!(fused.tensor_flops_backward(), eager.tensor_flops_backward() + scores);
        }
    }
}

#[test]
fn mixed_precision_keeps_flops_and_moves_fewer_bytes() {
    for name in NAMES {
        let at = |precision| build(name, &options(name, |o| o.precision = precision)).unwrap();
        let (single, tf32, bf16, f16) =
            (at(Precision::F32), at(Precision::Tf32), at(Precision::Bf16), at(Precision::F16));
        assert_eq!(single.bytes(), tf32.bytes(), "{name}");
        assert_eq!(single.tensor_flops(), bf16.tensor_flops(), "{name}");
        assert_eq!(bf16.ops, f16.ops, "{name}");
        assert!(bf16.bytes() < single.bytes(), "{name}: {} and {}", bf16.bytes(), single.bytes());
        assert_eq!(single.optimizer_work, bf16.optimizer_work, "{name}: AMP keeps FP32 gradients");
        assert_eq!(f16.optimizer_work.bytes_read, bf16.optimizer_work.bytes_read + 4 * f16.trainable, "{name}");
    }
}

#[test]
fn impossible_arguments_are_refused_by_name() {
    let error = |name: &str, change: fn(&mut Options)| build(name, &options(name, change)).unwrap_err().to_string();
    assert!(build("alexnet", &default_options("vgg16").unwrap()).unwrap_err().to_string().contains("tinyllama-1.1b"));
    assert!(error("bert-base", |o| o.sequence = 513).contains("sequence = 513"));
    assert!(error("vgg16", |o| o.image = 31).contains("image = 31"));
    assert!(error("resnet50", |o| o.batch = 0).contains("batch = 0"));
    assert!(error("vit-b16", |o| o.precision = Precision::F64).contains("f64"));
    for name in NAMES {
        for huge in [1 << 40, u64::MAX] {
            let built = build(name, &options(name, |o| o.batch = huge));
            assert!(matches!(built, Err(WorkloadError::TooLarge { .. })), "{name} at batch {huge}");
        }
        assert!(build(name, &options(name, |o| (o.classes, o.vocabulary) = (u64::MAX, u64::MAX))).is_err());
    }
    assert!(build("resnet50", &options("resnet50", |o| o.image = u64::MAX)).is_err());
    assert!(build("tinyllama-1.1b", &options("tinyllama-1.1b", |o| o.sequence = 1 << 30)).is_err());
}

fn without_parameters(work: &Workload) -> u64 {
    work.ops.iter().filter(|op| op.class == OpClass::Activation).map(|op| op.total_bytes()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn work_scales_with_the_batch(which in 0usize..7, batch in 2u64..9, times in 2u64..5) {
        let name = NAMES[which];
        let at = |batch| build(name, &options(name, |o| (o.batch, o.sequence, o.image) = (batch, 64, 64))).unwrap();
        let (one, many) = (at(batch), at(batch * times));
        prop_assert_eq!(many.tensor_flops(), one.tensor_flops() * times);
        prop_assert_eq!(without_parameters(&many), without_parameters(&one) * times);
        prop_assert_eq!(many.parameters, one.parameters);
        prop_assert_eq!(many.launches(), one.launches());
        prop_assert!(many.bytes() > one.bytes() && many.bytes() < one.bytes() * times);
        prop_assert!(many.activation_bytes > one.activation_bytes);
    }

    #[test]
    fn every_operation_is_plausible(which in 0usize..7, batch in 1u64..5, half in any::<bool>(), fused in any::<bool>()) {
        let name = NAMES[which];
        let work = build(name, &options(name, |o| {
            (o.batch, o.sequence, o.image) = (batch, 33, 80);
            o.precision = if half { Precision::Bf16 } else { Precision::F32 };
            o.attention = if fused { Attention::Fused } else { Attention::Eager };
        })).unwrap();
        for op in &work.ops {
            prop_assert!(op.count > 0 && !op.name.is_empty());
            prop_assert!(op.launches == 0 || op.bytes() > 0, "{op:?}");
            prop_assert!(op.working_set <= op.bytes(), "{op:?}");
        }
        let backward = |end: &str| work.ops.iter().find(|op| op.name.ends_with(end));
        for op in work.ops.iter().filter(|op| op.class == OpClass::Linear && op.launches == 1) {
            if let (Some(dx), Some(dw)) =
                (backward(&format!("{}.input_grad", op.name)), backward(&format!("{}.weight_grad", op.name)))
            {
                prop_assert_eq!(dx.flops + dw.flops, 2 * op.flops);
            }
        }
        let sum: u64 = crate::workload::Unit::ALL.iter().map(|unit| work.flops(*unit)).sum();
        prop_assert_eq!(sum, work.forward_flops() + work.backward_flops());
        let table = work.summary();
        prop_assert_eq!(table.total.forward_flops + table.total.backward_flops, sum + work.optimizer_work.flops);
        prop_assert_eq!(table.total.launches, work.launches() + u64::from(work.optimizer_work.launches));
        let shares: f64 = table.rows.iter().map(|row| row.bytes_share).sum();
        prop_assert!((shares - 1.0).abs() < 1e-9);
    }
}
