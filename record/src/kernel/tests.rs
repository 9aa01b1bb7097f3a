use super::*;
use proptest::prelude::*;

fn spec(kernel: Kernel, size: Size) -> KernelSpec {
    KernelSpec::new(kernel, size, Precision::F32).unwrap()
}

#[test]
fn counts_by_hand() {
    let gemm = spec(Kernel::Gemm, Size::Gemm { m: 2, n: 3, k: 4 });
    assert_eq!((gemm.flops(), gemm.least_bytes()), (48.0, 4.0 * (8.0 + 12.0 + 6.0)));
    let triad = spec(Kernel::Triad, Size::Vector { n: 10 });
    assert_eq!((triad.flops(), triad.least_bytes()), (20.0, 120.0));
    let stencil = spec(Kernel::Stencil, Size::cube(4));
    assert_eq!((stencil.flops(), stencil.least_bytes()), (64.0, 4.0 * (64.0 + 8.0)));
    let dist = spec(Kernel::Dist, Size::Points { points: 5, dim: 3 });
    assert_eq!((dist.flops(), dist.least_bytes()), (30.0, 4.0 * 20.0));
    let csr = spec(Kernel::SpmvCsr, Size::laplace5(2));
    assert_eq!((csr.flops(), csr.least_bytes()), (24.0, 12.0 * 8.0 + 4.0 * 5.0 + 4.0 * 8.0));
    let pi = spec(Kernel::MonteCarlo, Size::Samples { samples: 10 });
    assert_eq!((pi.flops(), pi.least_bytes(), pi.arithmetic_intensity()), (50.0, 0.0, None));
}

#[test]
fn laplacians_count_their_boundary() {
    // 2 x 2 grid: every point has itself and two neighbours.
    assert!(matches!(Size::laplace5(2), Size::Sparse { rows: 4, nnz: 12, .. }));
    // 2 x 2 x 2: itself and three neighbours.
    assert!(matches!(Size::laplace7(2), Size::Sparse { rows: 8, nnz: 32, .. }));
}

#[test]
fn contradictions_are_refused() {
    let wrong = KernelSpec::new(Kernel::Gemm, Size::Vector { n: 4 }, Precision::F32);
    assert!(matches!(wrong, Err(SpecError::WrongSize { .. })));
    let half = KernelSpec::new(Kernel::Triad, Size::Vector { n: 4 }, Precision::Bf16);
    assert!(matches!(half, Err(SpecError::Precision { .. })));
    let huge = KernelSpec::new(Kernel::Gemm, Size::square(u64::MAX), Precision::F32);
    assert!(matches!(huge, Err(SpecError::Overflow { .. })));
}

#[test]
fn bad_sizes_say_what_is_wrong() {
    let error = "m=4,n=x,k=2".parse::<Size>().unwrap_err().to_string();
    assert!(error.contains("\"x\" is not a whole number"), "{error}");
    assert!("rows=4,nnz=9,pattern=star".parse::<Size>().is_err());
    assert!("".parse::<Size>().is_err());
}

#[test]
fn sizes_fill_about_the_bytes_asked_for() {
    for kernel in Kernel::ALL.into_iter().filter(|k| *k != Kernel::MonteCarlo) {
        for bytes in [1 << 20, 1 << 26, 1 << 30] {
            let size = KernelSpec::size_for(kernel, Precision::F64, bytes);
            let filled = KernelSpec::new(kernel, size, Precision::F64).unwrap().least_bytes();
            assert!((0.8..=1.05).contains(&(filled / bytes as f64)), "{kernel} {size}: {filled} of {bytes}");
        }
    }
}

proptest! {
    /// From half of a first-level cache to memory: never more than asked for, and not much less.
    #[test]
    fn sizes_for_a_level_fit_it(exponent in 13.0f64..33.0, single: bool) {
        let bytes = exponent.exp2() as u64;
        let precision = if single { Precision::F32 } else { Precision::F64 };
        for kernel in Kernel::ALL.into_iter().filter(|k| *k != Kernel::MonteCarlo) {
            let size = KernelSpec::size_for(kernel, precision, bytes);
            let filled = KernelSpec::new(kernel, size, precision).unwrap().least_bytes() / bytes as f64;
            // Extents are whole, those of GEMM multiples of 8: coarse where they are small.
            let least = if bytes >= 1 << 20 { 0.8 } else { 0.4 };
            prop_assert!((least..=1.0).contains(&filled), "{} {}: {} of {}", kernel, size, filled, bytes);
        }
    }

    /// More bytes never mean a smaller size.
    #[test]
    fn sizes_grow_with_the_bytes(bytes in 1u64 << 13..1 << 33, more in 1u64..1 << 30) {
        for kernel in Kernel::ALL {
            let flops = |bytes| {
                let size = KernelSpec::size_for(kernel, Precision::F32, bytes);
                KernelSpec::new(kernel, size, Precision::F32).unwrap().flops()
            };
            prop_assert!(flops(bytes) <= flops(bytes + more), "{}", kernel);
        }
    }

    #[test]
    fn sizes_round_trip(a in 0u64.., b in 0u64.., c in 0u64..) {
        for size in [
            Size::Gemm { m: a, n: b, k: c },
            Size::Sparse { rows: a, nnz: b, pattern: Pattern::PowerLaw },
            Size::Vector { n: a },
            Size::Grid { nx: a, ny: b, nz: c },
            Size::Samples { samples: a },
            Size::Points { points: a, dim: b },
            Size::Probe { count: a },
        ] {
            prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        }
    }

    #[test]
    fn reading_a_size_never_panics(text in ".*") {
        let _ = text.parse::<Size>();
    }
}
