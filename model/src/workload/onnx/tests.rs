use super::*;
use crate::workload::preset::{build, default_options};
use crate::workload::reference;

fn options() -> Options {
    default_options("vgg16").unwrap()
}

/// FLOPs per sample by PyTorch's FlopCounterMode (forward; forward and backward at 128 or 256 samples).
#[test]
fn exported_networks_equal_pytorchs_counts() {
    let cases: [(&str, u64, u64, [u64; 2]); 3] = [
        ("distilbert-base_seq256.onnx", 66_955_010, 0, [2_937_909_018_624 / 64, 8_813_727_055_872 / 64]),
        ("resnet50_cifar_32.onnx", 23_528_522, 53_173, [42_716_889_088 / 128, 126_917_541_888 / 128]),
        ("vit-b16_224.onnx", 85_806_346, 0, [8_992_290_766_848 / 128, 26_917_682_282_496 / 128]),
    ];
    for (file, parameters, buffers, flops) in cases {
        let Some(bytes) = reference::bytes(&format!("workloads/{file}")) else { return };
        let work = parse(file, &bytes, &options()).unwrap();
        assert_eq!(work.batch, 2);
        assert_eq!((work.parameters, work.buffers), (parameters, buffers), "{file}");
        assert_eq!([work.tensor_flops_forward(), work.tensor_flops()], flops, "{file}");
    }
}

#[test]
fn an_exported_convolutional_network_is_the_preset_without_its_loss() {
    let Some(bytes) = reference::bytes("workloads/resnet50_cifar_32.onnx") else { return };
    let exported = parse("resnet50.onnx", &bytes, &options()).unwrap();
    let mut arguments = default_options("resnet50").unwrap();
    (arguments.batch, arguments.image, arguments.classes) = (2, 32, 10);
    let preset = build("resnet50", &arguments).unwrap();
    let loss = |value: fn(&crate::workload::Op) -> u64| -> u64 {
        preset.ops.iter().filter(|op| op.class == crate::workload::OpClass::Loss).map(value).sum()
    };
    assert_eq!(exported.bytes(), preset.bytes() - loss(|op| op.total_bytes()));
    assert_eq!(exported.launches(), preset.launches() - loss(|op| op.total_launches()));
}

/// One field of a message: its number, and its bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(content);
    bytes
}

fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut body: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    body.extend(field(2, output.as_bytes()));
    body.extend(field(3, format!("/{op}").as_bytes()));
    body.extend(field(4, op.as_bytes()));
    field(1, &body)
}

fn input(name: &str, dims: &[Option<u8>]) -> Vec<u8> {
    let shape: Vec<u8> =
        dims.iter().flat_map(|dim| field(1, &dim.map_or_else(|| field(2, b"N"), |d| vec![0x08, d]))).collect();
    let tensor = [vec![0x08, 1], field(2, &shape)].concat();
    field(11, &[field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat())
}

fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    field(7, &parts.concat())
}

#[test]
fn a_small_graph_gives_its_closed_form() {
    let file = model(&[
        node("MatMul", &["x", "fc.weight"], "a"),
        node("Add", &["a", "fc.bias"], "b"),
        node("Relu", &["b"], "y"),
        input("x", &[Some(3), Some(5)]),
        input("fc.weight", &[Some(5), Some(7)]),
        input("fc.bias", &[Some(7)]),
    ]);
    let work = parse("small.onnx", &file, &options()).unwrap();
    assert_eq!((work.batch, work.parameters), (3, 5 * 7 + 7));
    // The input needs no gradient: only the weight's product is added.
    assert_eq!((work.tensor_flops_forward(), work.tensor_flops_backward()), (2 * 3 * 5 * 7, 2 * 3 * 5 * 7));
    assert_eq!(work.launches(), 1 + 1 + 1 + 2);
}

#[test]
fn what_cannot_be_resolved_is_an_error_that_names_the_node() {
    let error = |file: &[u8]| parse("net.onnx", file, &options()).unwrap_err().to_string();
    let unknown = error(&model(&[node("Einsum", &["x"], "y"), input("x", &[Some(3), Some(5)])]));
    assert!(unknown.contains("net.onnx: node \"/Einsum\" (Einsum): this operator is not described"), "{unknown}");
    let symbolic = error(&model(&[node("Relu", &["x"], "y"), input("x", &[None, Some(5)])]));
    assert!(symbolic.contains("input \"x\": an extent is unknown"), "{symbolic}");
    let unfit = error(&model(&[
        node("MatMul", &["x", "fc.weight"], "y"),
        input("x", &[Some(3), Some(4)]),
        input("fc.weight", &[Some(5), Some(7)]),
    ]));
    assert!(unfit.contains("fc") && unfit.contains("[.., 5]") && unfit.contains("[3, 4]"), "{unfit}");
    assert!(error(b"not onnx").contains("not an ONNX model"));
    assert!(error(&[]).contains("no graph"));
    let lost = error(&model(&[node("Relu", &["nobody"], "y"), input("x", &[Some(3)])]));
    assert!(lost.contains("produced by no node"), "{lost}");
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let file = model(&[
        node("MatMul", &["x", "fc.weight"], "a"),
        node("Softmax", &["a"], "y"),
        input("x", &[Some(3), Some(5)]),
        input("fc.weight", &[Some(5), Some(7)]),
    ]);
    for cut in 0..file.len() {
        let _ = parse("cut.onnx", &file[..cut], &options());
    }
    for place in 0..file.len() {
        let mut bytes = file.clone();
        bytes[place] ^= 0x15;
        let _ = parse("flipped.onnx", &bytes, &options());
    }
}
