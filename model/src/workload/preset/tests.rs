//! Parameters, buffers and GEMM and convolution FLOPs against PyTorch's, as integers.

use super::*;

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

/// PyTorch 2.4.1's FlopCounterMode on the meta device, transformers 4.45.2 and torchvision 0.19.1.
#[test]
fn the_four_reference_cases_are_equal_as_integers() {
    let cases: [(&str, fn(&mut Options), [u64; 4]); 4] = [
        ("albert-base-v2", |o| o.batch = 128, [11_685_122, 1024, 5_882_109_100_032, 17_646_327_300_096]),
        ("distilbert-base", |o| o.batch = 128, [66_955_010, 512, 2_937_909_018_624, 8_813_727_055_872]),
        (
            "resnet50",
            |o| (o.batch, o.image, o.classes) = (256, 32, 10),
            [23_528_522, 53_173, 42_716_889_088, 126_917_541_888],
        ),
        ("vit-b16", |o| (o.batch, o.classes) = (256, 10), [85_806_346, 0, 8_992_290_766_848, 26_917_682_282_496]),
    ];
    for (name, change, expected) in cases {
        let work = build(name, &options(name, change)).unwrap();
        assert_eq!(counts(&work), expected, "{name}");
    }
}
