//! Time and throughput of kernel x tier x threads at an in-cache and a DRAM size.
//!
//! `cargo bench -p ergometer-kernels -- --quick` takes about a minute on two cores; a name such as `gemm/avx512`
//! selects. Compute kernels report elements as FLOPs, the others bytes as least bytes; Monte Carlo counts samples.

use criterion::{BenchmarkId, Criterion, Throughput};
use ergometer_kernels::{Pool, Tier, Topology, prepare};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sizes that take milliseconds: operands in L2, and four times a large last-level cache.
const SMALL_BYTES: u64 = 512 << 10;
const LARGE_BYTES: u64 = 256 << 20;

fn sizes(kernel: Kernel, precision: Precision) -> Vec<Size> {
    match kernel {
        Kernel::Gemm => vec![Size::square(512), Size::square(1024)],
        Kernel::MonteCarlo => vec![Size::Samples { samples: 1 << 22 }],
        Kernel::ProbeFma => vec![Size::Probe { count: 1 << 26 }],
        Kernel::ProbeEmpty => vec![Size::Probe { count: 0 }],
        _ => [SMALL_BYTES, LARGE_BYTES].map(|bytes| KernelSpec::size_for(kernel, precision, bytes)).into(),
    }
}

fn throughput(spec: &KernelSpec) -> Option<Throughput> {
    let count = match spec.size {
        Size::Samples { samples } => samples,
        _ if spec.flops() > 2.0 * spec.least_bytes() => spec.flops() as u64,
        _ => return Some(spec.least_bytes() as u64).filter(|b| *b > 0).map(Throughput::Bytes),
    };
    Some(Throughput::Elements(count))
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    let topology = match Topology::detect() {
        Ok(topology) => topology,
        Err(error) => return eprintln!("no bench: {error}"),
    };
    let cores = topology.cores().len();
    let mut counts = vec![1, cores];
    counts.dedup();
    for threads in counts {
        let pool = match Pool::new(&topology, Some(threads)) {
            Ok(pool) => Arc::new(pool),
            Err(error) => return eprintln!("no bench: {error}"),
        };
        for kernel in Kernel::PROBES.into_iter().chain(Kernel::ALL) {
            for precision in [Precision::F32, Precision::F64] {
                for size in sizes(kernel, precision) {
                    bench(&mut criterion, &pool, KernelSpec { kernel, size, precision });
                }
            }
        }
    }
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, pool: &Arc<Pool>, spec: KernelSpec) {
    if spec.kernel == Kernel::Idle {
        return;
    }
    for &tier in Tier::available() {
        let mut group =
            criterion.benchmark_group(format!("{}/{tier}/{}/t{}", spec.kernel, spec.precision, pool.threads()));
        if let Some(throughput) = throughput(&spec) {
            group.throughput(throughput);
        }
        // Prepared only when the filter selects it.
        let mut job = None;
        group.bench_function(BenchmarkId::from_parameter(spec.size), |b| {
            b.iter_custom(|iterations| {
                let job = job.get_or_insert_with(|| prepare(&spec, tier, pool));
                match job {
                    Ok(job) => {
                        let start = Instant::now();
                        if let Err(error) = job.run(iterations) {
                            eprintln!("{spec}: {error}");
                        }
                        start.elapsed()
                    }
                    Err(error) => panic!("{error}"),
                }
            });
        });
        group.finish();
    }
}
