use super::*;
use ergometer_record::Size;
use ergometer_record::kernel::Pattern;

fn spec(kernel: Kernel, size: Size, precision: Precision) -> KernelSpec {
    KernelSpec::new(kernel, size, precision).unwrap()
}

fn pool(threads: usize) -> Arc<Pool> {
    Arc::new(Pool::unpinned(threads).unwrap())
}

const SIZES: [(Kernel, Size); 10] = [
    (Kernel::Gemm, Size::Gemm { m: 45, n: 70, k: 33 }),
    (Kernel::SpmvCsr, Size::Sparse { rows: 400, nnz: 9000, pattern: Pattern::PowerLaw }),
    (Kernel::SpmvCsr, Size::Sparse { rows: 100, nnz: 460, pattern: Pattern::Laplace5 }),
    (Kernel::SpmvCoo, Size::Sparse { rows: 64, nnz: 352, pattern: Pattern::Laplace7 }),
    (Kernel::Triad, Size::Vector { n: 70_001 }),
    (Kernel::Stencil, Size::Grid { nx: 40, ny: 11, nz: 9 }),
    (Kernel::MonteCarlo, Size::Samples { samples: 20_002 }),
    (Kernel::Dist, Size::Points { points: 1003, dim: 3 }),
    (Kernel::Dist, Size::Points { points: 77, dim: 100 }),
    (Kernel::Stencil, Size::Grid { nx: 2, ny: 2, nz: 2 }),
];

#[test]
fn every_kernel_passes_its_check_in_every_tier() {
    for &tier in crate::testing::tiers() {
        for threads in [1, 3] {
            let pool = pool(threads);
            for (kernel, size) in SIZES {
                for precision in [Precision::F32, Precision::F64] {
                    let spec = spec(kernel, size, precision);
                    let mut job = prepare(&spec, tier, &pool).unwrap();
                    assert_eq!((job.tier(), job.threads()), (tier, threads));
                    for _ in 0..2 {
                        let error = job.check().unwrap().unwrap();
                        assert!(error <= 1.0, "{spec} {tier} {threads}: {error}");
                        job.run(3).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn poison_is_found_when_nothing_runs() {
    let pool = pool(2);
    let size = Size::Vector { n: 1000 };
    let mut work = dense::Triad::<f32>::new(&spec(Kernel::Triad, size, Precision::F32), &pool).unwrap();
    work.poison(&pool).unwrap();
    assert_eq!(work.error(), Some(f64::INFINITY));
}

#[test]
fn probes_run_and_have_nothing_to_check() {
    let pool = pool(2);
    for kernel in Kernel::PROBES.into_iter().filter(|k| *k != Kernel::Idle) {
        let spec = spec(kernel, Size::Probe { count: 100_000 }, Precision::F64);
        let mut job = prepare(&spec, Tier::best(), &pool).unwrap();
        job.run(2).unwrap();
        assert_eq!(job.check(), Ok(None), "{kernel}");
        assert_eq!(job.threads(), if kernel == Kernel::ProbeChase { 1 } else { 2 });
    }
}

#[test]
fn what_the_cpu_has_not_is_refused() {
    let pool = pool(1);
    let refused = |kernel, size, precision| prepare(&spec(kernel, size, precision), Tier::Scalar, &pool).err().unwrap();
    let error = refused(Kernel::Gemm, Size::square(8), Precision::Bf16);
    assert!(error.to_string().contains("bf16"), "{error}");
    let error = refused(Kernel::Idle, Size::Probe { count: 0 }, Precision::F32);
    assert!(matches!(error, KernelError::Unsupported { .. }), "{error}");
    let error = refused(Kernel::MonteCarlo, Size::Samples { samples: 3 }, Precision::F32);
    assert!(error.to_string().contains("even number"), "{error}");
    for (kernel, size) in [
        (Kernel::Triad, Size::Vector { n: 1 << 58 }),
        (Kernel::Gemm, Size::Gemm { m: 1 << 28, n: 1 << 29, k: 1 }),
        (Kernel::Stencil, Size::cube(1 << 19)),
        (Kernel::Dist, Size::Points { points: 1 << 50, dim: 5 }),
        (Kernel::ProbeCopy, Size::Probe { count: 1 << 60 }),
    ] {
        let error = refused(kernel, size, Precision::F32);
        assert!(matches!(error, KernelError::Memory { .. }), "{kernel}: {error}");
    }
    let bad = KernelSpec { kernel: Kernel::Triad, size: Size::square(3), precision: Precision::F32 };
    assert!(matches!(prepare(&bad, Tier::Scalar, &pool), Err(KernelError::Spec(_))));
}

#[test]
fn empty_operands_are_no_error() {
    let pool = pool(2);
    for (kernel, size) in [
        (Kernel::Gemm, Size::Gemm { m: 0, n: 3, k: 2 }),
        (Kernel::Gemm, Size::Gemm { m: 2, n: 3, k: 0 }),
        (Kernel::Triad, Size::Vector { n: 0 }),
        (Kernel::Stencil, Size::Grid { nx: 0, ny: 5, nz: 1 }),
        (Kernel::MonteCarlo, Size::Samples { samples: 0 }),
        (Kernel::Dist, Size::Points { points: 3, dim: 0 }),
        (Kernel::SpmvCsr, Size::Sparse { rows: 0, nnz: 0, pattern: Pattern::PowerLaw }),
        (Kernel::SpmvCoo, Size::Sparse { rows: 5, nnz: 0, pattern: Pattern::PowerLaw }),
    ] {
        for &tier in crate::testing::tiers() {
            let mut job = prepare(&spec(kernel, size, Precision::F64), tier, &pool).unwrap();
            assert_eq!(job.check(), Ok(Some(0.0)), "{kernel} {size} {tier}");
        }
    }
}
