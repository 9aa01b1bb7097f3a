use super::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[test]
fn every_worker_runs_once() {
    let pool = Pool::unpinned(5).unwrap();
    let seen: Vec<AtomicUsize> = (0..5).map(|_| AtomicUsize::new(0)).collect();
    for _ in 0..20 {
        pool.run(|w| {
            assert_eq!(w.of, 5);
            seen[w.index].fetch_add(1, SeqCst);
        })
        .unwrap();
    }
    assert!(seen.iter().all(|s| s.load(SeqCst) == 20));
}

#[test]
fn the_barrier_separates_the_phases() {
    for threads in [1, 2, 3, 7] {
        let pool = Pool::unpinned(threads).unwrap();
        let come = AtomicUsize::new(0);
        pool.run(|w| {
            for phase in 1..=50 {
                come.fetch_add(1, SeqCst);
                w.barrier();
                assert_eq!(come.load(SeqCst), phase * threads);
                w.barrier();
            }
        })
        .unwrap();
    }
}

#[test]
fn nested_use_is_refused() {
    let pool = Pool::unpinned(2).unwrap();
    let other = Pool::unpinned(1).unwrap();
    let refused = AtomicUsize::new(0);
    pool.run(|_| {
        for inner in [&pool, &other] {
            refused.fetch_add(usize::from(inner.run(|_| ()) == Err(PoolError::Nested)), SeqCst);
        }
    })
    .unwrap();
    assert_eq!(refused.load(SeqCst), 4);
}

#[test]
fn a_panic_is_reported_and_nobody_hangs() {
    let pool = Pool::unpinned(3).unwrap();
    for _ in 0..5 {
        let result = pool.run(|w| {
            if w.index == 1 {
                panic!("worker fell over");
            }
            w.barrier();
        });
        assert_eq!(result, Err(PoolError::Panicked { worker: 1, message: "worker fell over".to_owned() }));
        pool.run(|w| w.barrier()).expect("the pool stays usable");
    }
}

#[test]
fn impossible_counts_are_refused() {
    let topology = Topology::detect().unwrap();
    assert_eq!(Pool::new(&topology, Some(0)).unwrap_err(), PoolError::NoThreads);
    let usable = topology.cpus.len();
    let error = Pool::new(&topology, Some(usable + 1)).unwrap_err();
    assert_eq!(error, PoolError::TooManyThreads { asked: usable + 1, usable });
}

#[test]
#[cfg(target_os = "linux")]
fn workers_sit_where_they_were_pinned() {
    let topology = Topology::detect().unwrap();
    let pool = match Pool::new(&topology, None) {
        Ok(pool) => pool,
        Err(PoolError::Pin { reason, .. }) => return println!("skipped: this sandbox refuses pinning ({reason})"),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(pool.threads(), topology.cores().len());
    let cpus = pool.cpus().unwrap().to_vec();
    let inside = Mutex::new(vec![None; pool.threads()]);
    pool.run(|w| {
        let mine = Topology::detect().map(|t| t.cpus.iter().map(|c| c.id).collect::<Vec<_>>()).ok();
        inside.lock().unwrap()[w.index] = mine;
    })
    .unwrap();
    for (cpu, mask) in cpus.iter().zip(inside.into_inner().unwrap()) {
        assert_eq!(mask, Some(vec![*cpu]));
    }
}

#[test]
fn callers_take_turns() {
    let pool = Pool::unpinned(2).unwrap();
    let total = AtomicUsize::new(0);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                for _ in 0..25 {
                    let count = |_: &Worker<'_>| {
                        total.fetch_add(1, SeqCst);
                    };
                    pool.run(count).unwrap();
                }
            });
        }
    });
    assert_eq!(total.load(SeqCst), 200);
}
