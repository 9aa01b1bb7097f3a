use super::*;
use crate::workload::preset::{build, default_options};

fn options(batch: u64, extent: u64, classes: u64) -> Options {
    let mut options = default_options("vgg16").unwrap();
    (options.batch, options.sequence, options.image, options.classes) = (batch, extent, extent, classes);
    options
}

fn error(text: &str) -> String {
    parse("net.toml", text, &options(2, 32, 10)).unwrap_err().to_string()
}

#[test]
fn vgg16_as_a_layer_file_is_the_preset() {
    let mut text = String::from("name = 'vgg'\nimage = [3, 64, 64]\n");
    let mut layer = |body: &str| text.push_str(&format!("[[layer]]\nkind = {body}\n"));
    for group in [&[64, 64][..], &[128, 128], &[256; 3], &[512; 3], &[512; 3]] {
        for out in group {
            layer(&format!("'conv'\nout = {out}\nkernel = 3\npadding = 1"));
            layer("'relu'");
        }
        layer("'max_pool'\nkernel = 2");
    }
    layer("'adaptive_avg_pool'\nout = 7");
    layer("'flatten'");
    for _ in 0..2 {
        layer("'linear'\nout = 4096");
        layer("'relu'");
        layer("'dropout'");
    }
    layer("'linear'\nout = 10");
    layer("'cross_entropy'");
    let own = parse("vgg.toml", &text, &options(3, 0, 0)).unwrap();
    let preset = build("vgg16", &options(3, 64, 10)).unwrap();
    assert_eq!(own.parameters, preset.parameters);
    assert_eq!(own.tensor_flops(), preset.tensor_flops());
    assert_eq!(own.bytes(), preset.bytes());
    assert_eq!(own.launches(), preset.launches());
    assert_eq!(own.activation_bytes, preset.activation_bytes);
}

#[test]
fn a_small_transformer_equals_its_closed_form() {
    let text = "name = 't'\ntokens = 16\n[[layer]]\nkind = 'embedding'\nentries = 50\nwidth = 32\n\
                [[layer]]\nkind = 'positions'\nentries = 20\n\
                [[layer]]\nkind = 'encoder'\nrepeat = 3\nheads = 4\nintermediate = 64\n\
                [[layer]]\nkind = 'first_token'\n[[layer]]\nkind = 'linear'\nout = 5\n[[layer]]\nkind = 'cross_entropy'\n";
    let work = parse("t.toml", text, &options(2, 0, 0)).unwrap();
    let (tokens, h, g) = (2 * 16, 32, 64);
    let layer = 2 * tokens * (4 * h * h + 2 * h * g) + 4 * 2 * 16 * 16 * h;
    assert_eq!(work.tensor_flops_forward(), 3 * layer + 2 * 2 * h * 5);
    let layer = 4 * (h * h + h) + (h * g + g) + (g * h + h) + 4 * h;
    assert_eq!(work.parameters, 50 * h + 20 * h + 3 * layer + h * 5 + 5);
}

#[test]
fn a_residual_is_summed_forward_and_its_gradients_backward() {
    let text = "name = 'r'\nfeatures = [8]\n[[layer]]\nkind = 'linear'\nname = 'a'\nout = 8\n\
                [[layer]]\nkind = 'relu'\n[[layer]]\nkind = 'add'\nwith = 'a'\n";
    let work = parse("r.toml", text, &options(4, 0, 0)).unwrap();
    assert!(work.ops.iter().any(|op| op.name == "add_2.sum"));
    assert!(work.ops.iter().any(|op| op.name == "a.grad_sum" && op.flops == 32));
}

#[test]
fn errors_name_file_line_key_and_what_is_allowed() {
    let head = "name = 'x'\nimage = [3, 32, 32]\n[[layer]]\n";
    let conv = error(&format!("{head}kind = 'conv'\nout = 'many'\nkernel = 3\n"));
    assert!(conv.starts_with("net.toml, line 5: out = a TOML string; give a whole number"), "{conv}");
    let unknown = error(&format!("{head}kind = 'conv'\nout = 8\nkernel = 3\nstrides = 2\n"));
    assert!(unknown.contains("line 7: unknown key strides") && unknown.contains("dilation"), "{unknown}");
    let kind = error(&format!("{head}kind = 'convolution'\n"));
    assert!(kind.contains("line 4") && kind.contains("batch_norm"), "{kind}");
    let missing = error(&format!("{head}kind = 'conv'\nout = 8\n"));
    assert!(missing.contains("line 3: the key kernel is missing"), "{missing}");
    let shape = error(&format!("{head}kind = 'conv'\nname = 'big'\nout = 8\nkernel = 40\n"));
    assert!(shape.contains("line 3: layer big") && shape.contains("[2, 3, 32, 32]"), "{shape}");
    let with = error(&format!("{head}kind = 'add'\nwith = 'nobody'\n"));
    assert!(with.contains("line 5: with = \"nobody\""), "{with}");
    assert!(error("name = 'x'\n[[layer]]\nkind = 'relu'\n").contains("input is not described"));
    assert!(error("name = 'x'\nimage = [3, 4, 5]\n").contains("layer is missing"));
    assert!(error("name = \n").contains("line 1"));
    assert!(error(&format!("{head}kind = 'bottleneck'\nwidth = 4294967296\n")).contains("line 3"));
    assert!(error(&format!("{head}kind = 'relu'\nrepeat = 0\n")).contains("repeat = 0"));
    assert!(error(&format!("{head}kind = 'encoder'\nheads = 5\nintermediate = 4\n")).contains("[batch, tokens"));
}
