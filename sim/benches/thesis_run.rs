//! Time of one run of one policy on the thesis' cluster (10 simulated hours), with the oracle's answers at hand.
//!
//! `cargo bench -p ergometer-sim`

use criterion::{Criterion, criterion_group, criterion_main};
use ergometer_sim::experiment::run_one;
use ergometer_sim::{Overrides, Scenario};
use std::hint::black_box;

fn thesis_run(criterion: &mut Criterion) {
    let names = ergometer_sim::policy::names().filter(|name| *name != "edp_budget").map(str::to_owned).collect();
    let overrides = Overrides { policies: Some(names), ..Overrides::default() };
    let scenario = match Scenario::load("thesis", &overrides) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("skipped: {error}");
            return;
        }
    };
    let mut group = criterion.benchmark_group("thesis_run");
    for entry in &scenario.policies {
        group.bench_function(&entry.label, |bencher| {
            let mut seed = 0;
            bencher.iter(|| {
                seed += 1;
                black_box(run_one(&scenario, entry, seed, false))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, thesis_run);
criterion_main!(benches);
