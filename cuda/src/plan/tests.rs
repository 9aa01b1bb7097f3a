use super::*;
use proptest::prelude::*;

/// An H200 by its data sheet and the CUDA programming guide's table of compute capability 9.0.
pub(crate) fn h200() -> DeviceProperties {
    DeviceProperties {
        index: 0,
        name: "NVIDIA H200".into(),
        uuid: "GPU-0123abcd-0000-0000-0000-000000000000".into(),
        pci_address: "0000:65:00.0".into(),
        compute_capability: (9, 0),
        sm_count: 132,
        threads_per_sm: 2048,
        shared_per_block_bytes: 227 * 1024,
        l2_bytes: 60 << 20,
        memory_bytes: 141_000_000_000,
    }
}

fn planned(kernel: Kernel, size: Size, precision: Precision) -> Plan {
    plan(&KernelSpec { kernel, size, precision }, &h200()).unwrap()
}

#[test]
fn launches_cover_the_work() {
    let gemm = planned(Kernel::Gemm, Size::Gemm { m: 129, n: 1000, k: 77 }, Precision::Bf16);
    assert_eq!(gemm.launches[0].grid, [2 * 8, 1, 1]);
    // 77 is padded to a multiple of 16 bytes.
    assert_eq!(gemm.buffers[1].content.bytes(), 129 * 80 * 2);
    let triad = planned(Kernel::Triad, Size::Vector { n: 1 << 20 }, Precision::F32);
    assert_eq!(triad.launches[0].grid, [(1 << 20) / 4 / 1024, 1, 1]);
    let stencil = planned(Kernel::Stencil, Size::cube(512), Precision::F32);
    let [x, y, z] = stencil.launches[0].grid;
    assert_eq!([x, y], [16, 64]);
    assert!(x * y * z >= 8 * 132, "{z}");
    let pi = planned(Kernel::MonteCarlo, Size::Samples { samples: 1 << 30 }, Precision::F32);
    assert_eq!(pi.launches[0].grid, [132 * 8, 1, 1]);
}

#[test]
fn operands_are_about_the_least_bytes() {
    for kernel in Kernel::ALL.into_iter().filter(|k| *k != Kernel::MonteCarlo) {
        let size = KernelSpec::size_for(kernel, Precision::F32, 1 << 22);
        let plan = planned(kernel, size, Precision::F32);
        let ratio = plan.bytes() as f64 / plan.spec.least_bytes();
        assert!((0.99..1.05).contains(&ratio), "{kernel}: {ratio}");
    }
}

#[test]
fn refusals_say_why() {
    let refuse =
        |kernel, size, precision| plan(&KernelSpec { kernel, size, precision }, &h200()).unwrap_err().to_string();
    let cases = [
        (refuse(Kernel::MonteCarlo, Size::Samples { samples: 3 }, Precision::F32), "even number"),
        (refuse(Kernel::Stencil, Size::cube(2), Precision::F32), "no interior"),
        (refuse(Kernel::Triad, Size::Vector { n: 0 }, Precision::F32), "1 to"),
        (refuse(Kernel::Triad, Size::Vector { n: 4 }, Precision::Bf16), "bf16"),
        (refuse(Kernel::Gemm, Size::Vector { n: 4 }, Precision::F32), "not a size of gemm"),
        (refuse(Kernel::Idle, Size::Probe { count: 0 }, Precision::F32), "sensors"),
        (refuse(Kernel::ProbeFma, Size::Probe { count: 100 }, Precision::Bf16), "ask for 2048"),
        (refuse(Kernel::ProbeChase, Size::Probe { count: 100 }, Precision::F64), "two nodes"),
    ];
    for (text, part) in cases {
        assert!(text.contains(part), "{text}");
    }
    let old = DeviceProperties { compute_capability: (7, 5), ..h200() };
    let spec = KernelSpec { kernel: Kernel::Triad, size: Size::Vector { n: 64 }, precision: Precision::F32 };
    assert!(plan(&spec, &old).unwrap_err().to_string().contains("7.5"));
}

#[test]
fn small_shared_memory_gets_fewer_stages() {
    let spec = KernelSpec { kernel: Kernel::Gemm, size: Size::square(512), precision: Precision::Bf16 };
    let consumer = DeviceProperties { compute_capability: (12, 0), shared_per_block_bytes: 99 * 1024, ..h200() };
    let plans = [plan(&spec, &h200()).unwrap(), plan(&spec, &consumer).unwrap()];
    assert_eq!(plans.each_ref().map(|p| p.launches[0].shared_bytes), [64 * 1024, 48 * 1024]);
    assert_eq!(plans[1].variant, "mma-128x128-s3");
}

proptest! {
    /// No size makes planning panic or launch an impossible grid. Extents stay small enough to allocate index arrays.
    #[test]
    fn any_size_is_planned_or_refused(
        kernel in 0usize..13, precision in 0usize..5, a in 0u64..70, b in 0u64..70, c in 0u64..70, huge in any::<u64>()
    ) {
        let kernel = Kernel::ALL.into_iter().chain(Kernel::PROBES).nth(kernel).unwrap();
        let sizes = [
            Size::Gemm { m: a, n: b, k: c }, Size::Gemm { m: huge, n: b, k: c },
            Size::laplace5(a.max(1)), Size::Sparse { rows: a, nnz: b, pattern: ergometer_record::kernel::Pattern::PowerLaw },
            Size::Vector { n: a }, Size::Vector { n: huge },
            Size::Grid { nx: a, ny: b, nz: c }, Size::Grid { nx: huge, ny: b, nz: c },
            Size::Samples { samples: a }, Size::Samples { samples: huge },
            Size::Points { points: a, dim: b }, Size::Points { points: huge, dim: b }, Size::Points { points: a, dim: huge },
            Size::Probe { count: a * b * c },
        ];
        for size in sizes {
            let spec = KernelSpec { kernel, size, precision: Precision::ALL[precision] };
            if let Ok(plan) = plan(&spec, &h200()) {
                for launch in &plan.launches {
                    prop_assert!(launch.grid.iter().all(|&n| n > 0) && launch.grid[1].max(launch.grid[2]) <= 65_535);
                    prop_assert!(launch.block.iter().product::<u32>() <= 1024);
                    for arg in &launch.args {
                        prop_assert!(!matches!(arg, Arg::Buffer(i) if *i >= plan.buffers.len()));
                    }
                }
            }
        }
    }
}
