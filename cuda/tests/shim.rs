//! The .cu texts against the oracles, on the CPU: each plan is executed as it would be on a GPU, with the launches and
//! arguments that the plan gives, by one fibre per CUDA thread. Texts with inline PTX run with the functions of
//! `ptx.cu` replaced by emulations of the fragment layouts, so that tiles, swizzles, fragment maps and tails are tested.

#[path = "common/shim.rs"]
mod shim;

use ergometer_cuda::kernels::Source;
use ergometer_cuda::oracle::verify;
use ergometer_cuda::plan::{Plan, plan};
use ergometer_record::kernel::Pattern;
use ergometer_record::{Kernel, KernelSpec, Precision, Size, philox};
use shim::{Aligned, Order, Shim, functions, small_device};
use std::collections::BTreeMap;

fn planned(kernel: Kernel, size: Size, precision: Precision) -> Plan {
    plan(&KernelSpec::new(kernel, size, precision).unwrap(), &small_device()).unwrap()
}

/// Runs plans in both orders; texts that come again are compiled once.
fn check(plans: impl IntoIterator<Item = Plan>) {
    let mut built = BTreeMap::new();
    for plan in plans {
        let key = format!("{:?}{:?}", plan.source, plan.defines);
        if !built.contains_key(&key) {
            let Some(shim) = Shim::build(plan.source, &plan.defines) else { return };
            built.insert(key.clone(), shim);
        }
        for order in [Order::Ascending, Order::Descending] {
            let outputs = built[&key].run(&plan, order);
            let error = verify(&plan, &outputs);
            assert!(error.is_some_and(|e| e <= 1.0), "{} ({}): {error:?} of its bound", plan.spec, plan.variant);
        }
    }
}

const PLAIN: [Precision; 2] = [Precision::F32, Precision::F64];

#[test]
fn triad_with_tails() {
    check(
        PLAIN
            .into_iter()
            .flat_map(|p| [1, 3, 4, 1023, 4096, 10_007].map(|n| planned(Kernel::Triad, Size::Vector { n }, p))),
    );
}

#[test]
fn dist_in_all_lane_counts() {
    let sizes = [(1, 1), (300, 5), (33, 64), (2, 4096), (1000, 2)];
    check(
        PLAIN
            .into_iter()
            .flat_map(|p| sizes.map(|(points, dim)| planned(Kernel::Dist, Size::Points { points, dim }, p))),
    );
}

#[test]
fn stencil_with_partial_tiles_and_cuts() {
    let sizes = [(3, 3, 3), (34, 10, 5), (35, 11, 40), (66, 18, 3), (3, 50, 20), (70, 3, 90)];
    check(
        PLAIN
            .into_iter()
            .flat_map(|p| sizes.map(|(nx, ny, nz)| planned(Kernel::Stencil, Size::Grid { nx, ny, nz }, p))),
    );
}

#[test]
fn spmv_in_both_formats() {
    let power = |rows, nnz| Size::Sparse { rows, nnz, pattern: Pattern::PowerLaw };
    let sizes = [
        Size::laplace5(1),
        Size::laplace5(23),
        Size::laplace7(9),
        power(1, 5),
        power(300, 300),
        power(500, 9000),
        power(40, 3000),
    ];
    for kernel in [Kernel::SpmvCsr, Kernel::SpmvCoo] {
        check(PLAIN.into_iter().flat_map(|p| sizes.map(|size| planned(kernel, size, p))));
    }
}

#[test]
fn monte_carlo_counts_like_the_cpu() {
    check(
        PLAIN.into_iter().flat_map(|p| {
            [2, 10, 2048, 40_000].map(|samples| planned(Kernel::MonteCarlo, Size::Samples { samples }, p))
        }),
    );
}

/// The text's own generator, word for word, against Random123's published vectors.
#[test]
fn the_text_has_the_published_philox() {
    let wrapper = "KERNEL vector(u32* out, u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1)";
    let Some(shim) = Shim::build_text(
        Source::MonteCarlo,
        &[("REAL", "float".into())],
        &format!(
            "{wrapper} {{\n const Words w = philox4x32(c0, c1, c2, c3, k0, k1);\n for (u32 i = 0; i < 4; ++i) out[i] = w.w[i];\n}}\n"
        ),
    ) else {
        return;
    };
    for (counter, key, expected) in philox::VECTORS {
        use ergometer_cuda::plan::{Arg, Launch};
        let args = [vec![Arg::Buffer(0)], counter.into_iter().chain(key).map(Arg::U32).collect()].concat();
        let launch = Launch { function: "vector", grid: [1; 3], block: [1; 3], shared_bytes: 0, args };
        let mut buffers = [Aligned::new(&[0xff; 16])];
        shim.launch(&launch, &mut buffers, Order::Ascending);
        let words: Vec<u32> = buffers[0].bytes().as_chunks().0.iter().map(|c| u32::from_le_bytes(*c)).collect();
        assert_eq!(words, expected);
    }
}

#[test]
fn gemm_on_cuda_cores() {
    let sizes = [(1, 1, 1), (128, 128, 8), (129, 127, 33), (64, 200, 5), (3, 260, 70)];
    check(PLAIN.into_iter().flat_map(|p| sizes.map(|(m, n, k)| planned(Kernel::Gemm, Size::Gemm { m, n, k }, p))));
}

/// Several tiles each way, more k steps than stages, fewer k steps than stages, and extents that no tile divides.
#[test]
fn gemm_on_tensor_cores() {
    let sizes = [(1, 1, 1), (128, 128, 32), (130, 129, 200), (200, 70, 77), (16, 300, 33)];
    for precision in [Precision::Bf16, Precision::F16, Precision::Tf32] {
        check(sizes.map(|(m, n, k)| planned(Kernel::Gemm, Size::Gemm { m, n, k }, precision)));
    }
}

/// More rows of tiles than the sweep's group, so that the last group is short: every tile must be made exactly once.
#[test]
fn gemm_tiles_are_numbered_without_gaps() {
    check([planned(Kernel::Gemm, Size::Gemm { m: 9 * 128 + 1, n: 129, k: 8 }, Precision::Bf16)]);
}

/// alpha and beta, which plans leave at 1 and 0: C = 2 A B - 3 C with A B recomputed here.
#[test]
fn the_epilogue_scales_and_adds() {
    use ergometer_cuda::operand::widen;
    use ergometer_cuda::plan::Arg;
    for precision in [Precision::F32, Precision::F64, Precision::Bf16, Precision::F16, Precision::Tf32] {
        let (m, n, k) = (20, 16, 24);
        let mut plan = planned(Kernel::Gemm, Size::Gemm { m: 20, n: 16, k: 24 }, precision);
        let Some(shim) = Shim::build(plan.source, &plan.defines) else { return };
        let [.., alpha, beta] = plan.launches[0].args.as_mut_slice() else { unreachable!() };
        let scalar = |x: f64| if precision == Precision::F64 { Arg::F64(x) } else { Arg::F32(x as f32) };
        (*alpha, *beta) = (scalar(2.0), scalar(-3.0));
        // A of the right length serves as the old C: it is m x k, and n < k.
        let bytes: Vec<Vec<u8>> = plan.buffers.iter().map(|b| b.content.generate()).collect();
        let old_c = bytes[1][..bytes[0].len()].to_vec();
        let mut buffers = [&old_c, &bytes[1], &bytes[2]].map(|b| Aligned::new(b));
        shim.launch(&plan.launches[0], &mut buffers, Order::Ascending);
        let [old, a, b] = [&old_c, &bytes[1], &bytes[2]].map(|bytes| widen(bytes, precision));
        let got = widen(buffers[0].bytes(), precision);
        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let product: f64 = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
            let expected = 2.0 * product - 3.0 * old[i * n + j];
            let error = (got[i * n + j] - expected).abs();
            assert!(error <= ergometer_cuda::oracle::bound(precision) * 10.0, "{precision} ({i}, {j}): {error}");
        }
    }
}

#[test]
fn probes_that_can_be_checked() {
    let count = |kernel, count| planned(kernel, Size::Probe { count }, Precision::F32);
    check([1, 15, 16, 100, 4096, 70_001].map(|n| count(Kernel::ProbeRead, n)));
    check([1, 15, 16, 100, 4096, 70_001].map(|n| count(Kernel::ProbeCopy, n)));
    check([256, 1280, 12_900].map(|n| count(Kernel::ProbeChase, n)));
}

/// The arithmetic probes do exactly the operations asked for: with factor 1 and addend 1 a chain counts its own.
#[test]
fn the_arithmetic_probe_counts_exactly() {
    use ergometer_cuda::operand::widen;
    use ergometer_cuda::plan::Arg;
    let plan = planned(Kernel::ProbeFma, Size::Probe { count: 1 }, Precision::F64);
    let Some(shim) = Shim::build(plan.source, &plan.defines) else { return };
    for count in [1, 1023, 300_001] {
        let mut plan = planned(Kernel::ProbeFma, Size::Probe { count }, Precision::F64);
        for arg in &mut plan.launches[0].args {
            if let Arg::F64(x) = arg {
                *x = 1.0;
            }
        }
        let sums = widen(&shim.run(&plan, Order::Ascending)[0], Precision::F64);
        // Each thread starts with 0 + 1 + ... + 15.
        let done: f64 = sums.iter().map(|sum| sum - 120.0).sum();
        assert_eq!(done, count as f64);
    }
}

#[test]
fn the_tensor_probe_writes_finite_sums_for_every_thread() {
    use ergometer_cuda::operand::widen;
    for (precision, per_mma) in [(Precision::Bf16, 2048), (Precision::F16, 2048), (Precision::Tf32, 1024)] {
        let plan = planned(Kernel::ProbeFma, Size::Probe { count: 100 * per_mma }, precision);
        let Some(shim) = Shim::build(plan.source, &plan.defines) else { return };
        let sums = widen(&shim.run(&plan, Order::Ascending)[0], Precision::F32);
        assert!(sums.iter().all(|x| x.is_finite()) && sums.iter().any(|&x| x != 0.0));
        assert_eq!(verify(&plan, &[]), Some(f64::INFINITY));
    }
}

/// The registry's functions are those of the texts: a plan can't name one that is missing.
#[test]
fn every_text_has_kernels() {
    for source in Source::ALL {
        assert!(!functions(source.body()).is_empty(), "{}", source.name());
        assert_eq!(source.parts().len(), 2 + usize::from(source.needs_ptx()));
        assert_eq!(source.needs_ptx(), source == Source::Clock || source.body().contains("mma_"), "{}", source.name());
        assert!(!source.body().contains("#include") && !source.body().contains("asm"), "{}", source.name());
    }
}

#[test]
fn the_clock_is_cycles_over_nanoseconds() {
    use ergometer_cuda::plan::{Arg, Launch};
    let Some(shim) = Shim::build(Source::Clock, &[]) else { return };
    let args = vec![Arg::Buffer(0), Arg::U64(10_000)];
    let launch = Launch { function: "sm_clock", grid: [1; 3], block: [1; 3], shared_bytes: 0, args };
    let mut buffers = [Aligned::new(&[0xff; 16])];
    shim.launch(&launch, &mut buffers, Order::Ascending);
    let words: Vec<u64> = buffers[0].bytes().as_chunks().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    assert!(words[1] >= 10_000 && (words[0] as f64 / words[1] as f64 - 2.0).abs() < 0.3, "{words:?}");
}
