//! A matrix multiplication with MPI that measures itself, as in tables 3.7 and 3.8 of the thesis: rank 0 broadcasts B and
//! the rows of A, every rank multiplies its rows, rank 0 gathers C. Rank 0 prints the energy of every node.
//!
//! ```sh
//! cargo build --release --features mpi --example mpi_matmul
//! mpirun -np 4 target/release/examples/mpi_matmul 2048
//! ```
//!
//! The same program is profiled from outside, without its own meter or the feature, by
//! `mpirun -np 4 ergometer run -- target/release/examples/mpi_matmul 2048 --no-meter`.

use ergometer::harness::cluster::Meter;
use ergometer::harness::cluster::mpi::MpiRanks;
use ergometer::harness::cluster::mpi::rsmpi::traits::{Communicator, Root};
use ergometer::harness::meter::DEFAULT_PERIOD;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let n: usize = arguments.next().map_or(Ok(256), |n| n.parse())?;
    let unmetered = arguments.next().is_some_and(|option| option == "--no-meter");
    let universe = ergometer::harness::cluster::mpi::rsmpi::initialize().ok_or("MPI was initialised already")?;
    let world = universe.world();
    if unmetered {
        return multiply(&world, n);
    }
    let ranks = MpiRanks::new(&world);
    let meter = Meter::system(&ranks, DEFAULT_PERIOD)?;
    let window = meter.start(format!("a matrix multiplication, n = {n}"))?;
    multiply(&world, n)?;
    if let Some(report) = meter.stop(window)? {
        println!("{report}");
    }
    Ok(())
}

/// C = A B with A(i, j) = i + j and B twice the identity, in bands of rows.
fn multiply(world: &impl Communicator, n: usize) -> Result<(), Box<dyn Error>> {
    let (rank, size) = (usize::try_from(world.rank())?, usize::try_from(world.size())?);
    let rows = n.div_ceil(size);
    let root = world.process_at_rank(0);
    let mut b = vec![0.0; n * n];
    let mut a = vec![0.0; rows * size * n];
    if rank == 0 {
        (0..n).for_each(|i| b[i * n + i] = 2.0);
        a.iter_mut().take(n * n).enumerate().for_each(|(at, x)| *x = (at / n + at % n) as f64);
    }
    root.broadcast_into(&mut b[..]);
    root.broadcast_into(&mut a[..]);
    let mut band = vec![0.0; rows * n];
    for (row, out) in band.chunks_mut(n).enumerate() {
        for k in 0..n {
            let left = a[(rank * rows + row) * n + k];
            for (c, right) in out.iter_mut().zip(&b[k * n..(k + 1) * n]) {
                *c += left * right;
            }
        }
    }
    if rank != 0 {
        root.gather_into(&band[..]);
        return Ok(());
    }
    let mut c = vec![0.0; rows * size * n];
    root.gather_into_root(&band[..], &mut c[..]);
    let right = c.iter().take(n * n).enumerate().all(|(at, x)| *x == 2.0 * (at / n + at % n) as f64);
    if right { Ok(()) } else { Err("the product is wrong".into()) }
}
