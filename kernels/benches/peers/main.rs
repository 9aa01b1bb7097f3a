//! The kernels beside their peers: interleaved rounds, ratios with intervals.
//!
//! `cargo bench -p ergometer-kernels --bench peers -- [--smoke] [--record] [--long] [--mkl-as-is] [--seconds S] [--threads N] [WORD…]`
//!
//! Every contest runs all its entrants in turn, round after round, and compares within a round only; a word selects the
//! contests whose label has it. A round in which other processes took more than [`load::MOST_CORES`] of a core is thrown
//! away; where too few rounds are left, all are kept and the line says so. `--record` writes
//! `benches/record/<cpu>/<date>.csv`. `--smoke` takes seconds and shows only that everything runs.
//!
//! Peers are what the machine has: OpenBLAS, BLIS and MKL by their C interface, opened at run time; loops of
//! `loops.c`, compiled by the system's C compiler into a temporary folder and run on our own pool, so that only the code
//! differs; and the crates gemm, matrixmultiply, sprs and rand. `faer` is left out: its products are those of `gemm`.
//! All operands are on huge pages where allowed, ours and theirs.

mod blas;
mod contest;
mod dense;
mod load;
mod loops;
mod memory;
mod mkl;
mod record;
mod samples;
mod sparse;

use contest::{Contest, Rounds};
use ergometer_kernels::{Pool, Tier, Topology};
use std::sync::Arc;

/// What the command line asks for.
#[derive(Debug, Clone)]
struct Options {
    smoke: bool,
    long: bool,
    record: bool,
    /// MKL chooses its kernels by the maker of the CPU.
    mkl_as_is: bool,
    /// Time of one entrant in one round.
    seconds: f64,
    /// Only this number of threads.
    threads: Option<usize>,
    words: Vec<String>,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut o = Self {
            smoke: false,
            long: false,
            record: false,
            mkl_as_is: false,
            seconds: 0.03,
            threads: None,
            words: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--smoke" => o.smoke = true,
                "--long" => o.long = true,
                "--record" => o.record = true,
                "--mkl-as-is" => o.mkl_as_is = true,
                // Given by `cargo bench` and `cargo test` to every target.
                "--bench" | "--test" => {}
                "--seconds" => {
                    let value = arguments.next().and_then(|v| v.parse().ok()).filter(|s: &f64| *s > 0.0);
                    o.seconds = value.ok_or("--seconds needs a positive number")?;
                }
                "--threads" => {
                    let value = arguments.next().and_then(|v| v.parse().ok()).filter(|n: &usize| *n > 0);
                    o.threads = Some(value.ok_or("--threads needs a positive number")?);
                }
                other if other.starts_with('-') => {
                    return Err(format!(
                        "{other} is unknown: use --smoke, --long, --record, --mkl-as-is, --seconds S, --threads N or words"
                    ));
                }
                word => o.words.push(word.to_owned()),
            }
        }
        Ok(o)
    }

    fn selects(&self, label: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|w| label.contains(w.as_str()))
    }
}

/// What contests are made of.
struct Field<'a> {
    pool: Arc<Pool>,
    tier: Tier,
    blas: &'a [blas::Blas],
    loops: &'a [loops::Loops],
    rounds: Rounds<'a>,
    smoke: bool,
    long: bool,
}

fn main() {
    // `cargo test --benches` runs this program too: nothing to measure there.
    let tested = std::env::args().any(|a| a == "--test");
    let outcome = Options::parse().and_then(|o| run(&Options { smoke: o.smoke || tested, ..o }));
    if let Err(error) = outcome {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<(), String> {
    // Before any library is opened and any thread started: they read the environment when they are loaded.
    blas::set_environment();
    let topology = Topology::detect().map_err(|e| e.to_string())?;
    let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
    let cpus = topology.placement();
    let one_a_core = cpus.get(..topology.cores().len()).unwrap_or(&cpus);
    let blas = blas::open_all(one_a_core, folder.path(), options.mkl_as_is);
    let loops = loops::compile(folder.path());
    dense::start_rayon(&topology)?;
    let cores = topology.cores().len();
    let mut counts = vec![1, cores];
    counts.dedup();
    if let Some(threads) = options.threads {
        counts = vec![threads];
    }
    let mut lines = Vec::new();
    for threads in counts {
        let pool = Arc::new(Pool::new(&topology, Some(threads)).map_err(|e| e.to_string())?);
        // One thread: the caller runs the peers where our worker runs. More: peers place their own.
        load::pin_main(if threads == 1 { pool.cpus().unwrap_or(&cpus) } else { &cpus });
        for library in &blas {
            library.set_threads(threads);
        }
        let rounds = Rounds::new(options);
        let field = Field {
            pool,
            tier: Tier::best(),
            blas: &blas,
            loops: &loops,
            rounds,
            smoke: options.smoke,
            long: options.long,
        };
        for part in [dense::run, sparse::run, samples::run] {
            part(&field, &mut lines)?;
        }
    }
    record::summary(&lines);
    if options.record {
        let path = record::write(&lines).map_err(|e| format!("the record was not written: {e}"))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

impl Field<'_> {
    fn contest<'c>(&self, kernel: &'static str, precision: &'static str, size: impl Into<String>) -> Contest<'c> {
        Contest::new(kernel, precision, size.into(), self.pool.threads(), self.tier)
    }
}
