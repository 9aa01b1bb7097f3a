//! What each policy does, on cases small enough to be worked out by hand.

use crate::common::{World, job, named, spans, template};
use ergometer_record::{Setting, Watts};
use ergometer_sim::cluster::file::uniform;
use ergometer_sim::engine::{Costs, Loss};
use ergometer_sim::job::{Arrival, UserId};
use ergometer_sim::oracle::constant::Constant;
use ergometer_sim::oracle::table::{Table, TableRow};
use ergometer_sim::policy::build;
use ergometer_sim::time::Time;
use proptest::prelude::*;

fn seconds(value: f64) -> Time {
    Time::from_seconds(value)
}

#[test]
fn fifo_lets_nobody_pass() {
    let world = World::new(2, &[template("one", &[1]), template("two", &[2])]);
    let jobs = [job(0.0, 0, 10.0), job(1.0, 1, 8.0), job(2.0, 0, 3.0)];
    // The second waits for both GPUs until 10 and ends at 14; the third waits for it though a GPU is free.
    assert_eq!(spans(&world.run_named("fifo", &jobs)), [(0.0, 10.0), (10.0, 14.0), (14.0, 17.0)]);
}

#[test]
fn easy_backfills_what_does_not_delay_the_head() {
    let world = World::new(2, &[template("one", &[1]), template("two", &[2])]);
    let jobs = [job(0.0, 0, 10.0), job(1.0, 1, 8.0), job(2.0, 0, 20.0), job(2.0, 0, 3.0)];
    // The last ends at 5, before the head can start at 10; the third would not.
    let expected = [(0.0, 10.0), (10.0, 14.0), (14.0, 34.0), (2.0, 5.0)];
    assert_eq!(spans(&world.run_named("easy", &jobs)), expected);
}

#[test]
fn easy_backfills_beside_the_reservation() {
    let world = World::new(3, &[template("one", &[1]), template("two", &[2])]);
    let jobs = [job(0.0, 1, 20.0), job(1.0, 1, 8.0), job(2.0, 0, 50.0)];
    // Two GPUs end at 10 and suffice for the head; the third GPU is nobody's.
    assert_eq!(spans(&world.run_named("easy", &jobs)), [(0.0, 10.0), (10.0, 14.0), (2.0, 52.0)]);
}

#[test]
fn sjf_takes_the_short_one_and_aging_the_old_one() {
    let world = World::new(1, &[template("one", &[1])]);
    let jobs = [job(0.0, 0, 100.0), job(1.0, 0, 50.0), job(99.0, 0, 10.0)];
    let ends = |options| {
        let policy = build("sjf", &options).unwrap();
        spans(&world.run(policy.as_ref(), &jobs)).iter().map(|span| span.1).collect::<Vec<_>>()
    };
    assert_eq!(ends(toml::toml! { aging = 0.0 }), [100.0, 160.0, 110.0]);
    // 50 - 99 a < 10 - 1 a from a = 40/98 on.
    assert_eq!(ends(toml::toml! { aging = 0.41 }), [100.0, 150.0, 160.0]);
    assert_eq!(ends(toml::toml! { aging = 0.40 }), [100.0, 160.0, 110.0]);
}

#[test]
fn sjf_takes_what_is_free_and_fastest() {
    let world = World::new(8, &[template("any", &[1, 2, 4, 8])]);
    let jobs = [job(0.0, 0, 80.0), job(0.0, 0, 80.0)];
    assert_eq!(spans(&world.run_named("sjf", &jobs)), [(0.0, 10.0), (10.0, 20.0)]);
}

proptest! {
    /// P T^2 with power proportional to k: doubling pays when e^2 > 1/2.
    #[test]
    fn edp_doubles_k_exactly_when_the_doubling_efficiency_exceeds_0_707(exponent in 0.0..1.0f64) {
        prop_assume!((exponent - 0.5).abs() > 1e-6);
        let oracle = Constant { samples_per_s: 1.0, power_per_gpu: Watts(100.0), exponent };
        let world = World::with(uniform("x", 1, 8), &[template("any", &[1, 2, 4, 8])], &oracle);
        let outcome = world.run_named("edp", &[job(0.0, 0, 100.0)]);
        let gpus = outcome.log.unwrap().segments[0].configuration.gpus;
        let efficiency = 2f64.powf(exponent - 1.0);
        prop_assert_eq!(gpus, if efficiency > 0.5f64.sqrt() { 8 } else { 1 });
    }
}

#[test]
fn edp_cap_takes_the_setting_with_the_least_edp_and_edp_the_baseline() {
    let mut cluster = uniform("x", 1, 1);
    let cap = Setting { gpu_cap_w: Some(Watts(200.0)), ..Setting::default() };
    cluster.hardware[0].settings.push(cap.clone());
    let mut table = Table::default();
    // 300 W at 10 /s against 200 W at 9 /s: P T^2 3.00 against 2.47.
    for (setting, samples_per_s, power_w) in [(Setting::default(), 10.0, 300.0), (cap, 9.0, 200.0)] {
        let (template, hardware, setting) = ("one".into(), "x".into(), setting.to_string());
        assert!(table.insert(TableRow { template, hardware, gpus: 1, batch: 1, setting, samples_per_s, power_w }));
    }
    let world = World::with(cluster, &[template("one", &[1])], &table);
    let power = |name| world.run_named(name, &[job(0.0, 0, 90.0)]).metrics.jobs_j;
    assert!((power("edp_cap") - 2000.0).abs() < 1e-6);
    assert!((power("edp") - 2700.0).abs() < 1e-6);
}

#[test]
fn fair_makes_the_heavy_user_wait_and_as_printed_lets_it_go_first() {
    let world = World::new(1, &[template("one", &[1])]);
    let user = |id, job: Arrival| Arrival { user: UserId(id), ..job };
    let jobs = [user(0, job(0.0, 0, 10.0)), user(0, job(1.0, 0, 5.0)), user(1, job(2.0, 0, 5.0))];
    for name in ["fair", "edp_fair"] {
        let start = |options| {
            let policy = build(name, &options).unwrap();
            spans(&world.run(policy.as_ref(), &jobs))[1].0
        };
        assert_eq!(start(toml::Table::new()), 15.0, "{name}");
        assert_eq!(start(toml::toml! { as_printed = true }), 10.0, "{name}");
    }
}

#[test]
fn slack_puts_urgent_jobs_first_and_the_tightest_of_them() {
    let world = World::new(1, &[template("one", &[1])]);
    let urgent = |deadline, job: Arrival| Arrival { deadline: Some(seconds(deadline)), ..job };
    let jobs = [job(0.0, 0, 10.0), job(1.0, 0, 1.0), urgent(90.0, job(2.0, 0, 5.0)), urgent(60.0, job(3.0, 0, 5.0))];
    let starts: Vec<f64> = spans(&world.run_named("slack", &jobs)).iter().map(|span| span.0).collect();
    assert_eq!(starts, [0.0, 20.0, 15.0, 10.0]);
}

#[test]
fn an_urgent_job_at_risk_preempts_the_cheapest_victim_in_time() {
    let world =
        World { costs: Costs { loss: Loss::LastIteration, restart_s: 2.0 }, ..World::new(2, &[template("one", &[1])]) };
    let urgent = Arrival { deadline: Some(seconds(30.0)), ..job(5.0, 0, 8.0) };
    let jobs = [job(0.0, 0, 100.0), job(0.5, 0, 100.0), urgent];
    let outcome = world.run_named("edp_slack_preempt", &jobs);
    // At risk from 30 - 1.25 * 8 = 20 on. The first job is at an iteration's end then and loses nothing, the second
    // half a second. The victim goes on with 80 s of work and a restart once the urgent job is done.
    assert_eq!(outcome.metrics.preemptions, 1);
    assert_eq!(spans(&outcome), [(0.0, 28.0 + 2.0 + 80.0), (0.5, 100.5), (20.0, 28.0)]);
    assert_eq!(outcome.metrics.deadlines_missed, 0);
    assert_eq!(world.run_named("slack", &jobs).metrics.deadlines_missed, 1);
}

#[test]
fn what_preemption_loses_follows_the_rule() {
    let urgent = Arrival { deadline: Some(seconds(30.25)), ..job(5.0, 0, 8.0) };
    let jobs = [job(0.0, 0, 100.0), urgent];
    let end = |loss| {
        let world = World { costs: Costs { loss, restart_s: 0.0 }, ..World::new(1, &[template("one", &[1])]) };
        let outcome = world.run_named("edp_slack_preempt", &jobs);
        (spans(&outcome)[0].1, outcome.metrics.lost_gpu_s)
    };
    // Stopped at 20.25 for 8 s.
    assert_eq!(end(Loss::LastIteration), (28.25 + 80.0, 0.25));
    assert_eq!(end(Loss::LastCheckpoint { period_s: 15.0, save_s: 0.0 }), (28.25 + 85.0, 5.25));
    assert_eq!(end(Loss::All), (28.25 + 100.0, 20.25));
}

#[test]
fn the_budget_is_never_exceeded_under_exact_belief_and_smaller_placements_fit_under_it() {
    // 8 GPUs, 50 W idle, 100 W busy: 400 W at rest; a cap of 700 W leaves room for 6 busy GPUs.
    let templates = [template("any", &[1, 2, 4, 8])];
    let world = World { report_cap_w: Some(700.0), ..World::new(8, &templates) };
    let jobs: Vec<Arrival> = (0..40).map(|index| job(f64::from(index), 0, 20.0)).collect();
    let budget = build("edp_budget", &toml::toml! { cap_w = 700.0 }).unwrap();
    let outcome = world.run(budget.as_ref(), &jobs);
    assert_eq!((outcome.metrics.over_cap_ws, outcome.metrics.finished), (Some(0.0), 40));
    assert_eq!(outcome.metrics.peak_w, 700.0);
    assert!(world.run_named("edp", &jobs).metrics.over_cap_ws.unwrap() > 0.0);
    // As printed the best placement, 8 GPUs at 800 W, never fits and everything waits for ever.
    let options = toml::from_str("cap_w = 700.0\nas_printed = true").unwrap();
    let printed = build("edp_budget", &options).unwrap();
    assert_eq!(world.run(printed.as_ref(), &jobs).metrics.finished, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Schrage (1968): on one machine no schedule has a lower mean completion time.
    #[test]
    fn srtf_is_best_on_one_machine(raw in prop::collection::vec((0.0..200.0f64, 1.0..40.0f64), 1..30)) {
        let mut jobs: Vec<Arrival> = raw.iter().map(|(time, work)| job(*time, 0, work * 1000.0)).collect();
        jobs.sort_by_key(|job| job.time);
        // Steps of a millisecond, so that what preemption loses does not matter.
        let oracle = Constant::new(1000.0, Watts(100.0));
        let world = World::with(uniform("x", 1, 1), &[template("one", &[1])], &oracle);
        let mean = |name| world.run_named(name, &jobs).metrics.jct_mean_s.unwrap();
        let best = mean("srtf");
        for other in ["fifo", "sjf", "edp", "easy", "fair"] {
            prop_assert!(best <= mean(other) + 0.05, "{}", other);
        }
    }
}

#[test]
fn every_policy_finishes_all_jobs_that_it_may_start() {
    let templates = [template("any", &[1, 2, 4, 8]), template("wide", &[4, 8])];
    let world = World::new(8, &templates);
    let jobs: Vec<Arrival> =
        (0..60).map(|i| job(f64::from(i) * 2.0, (i % 2) as u16, f64::from(5 + i * 13 % 37))).collect();
    for name in ergometer_sim::policy::names() {
        assert_eq!(world.run(named(name).as_ref(), &jobs).metrics.finished, 60, "{name}");
    }
}
