//! Laws that every schedule obeys, and scenarios from end to end.

use crate::common::{World, job, named, template};
use ergometer_record::Watts;
use ergometer_sim::cluster::file::uniform;
use ergometer_sim::engine::{Costs, Loss, simulate};
use ergometer_sim::experiment::run_one;
use ergometer_sim::job::{Arrival, TemplateId, UserId};
use ergometer_sim::oracle::{Noise, NoiseOn, constant::Constant};
use ergometer_sim::time::Time;
use ergometer_sim::validate::validate;
use ergometer_sim::{Overrides, Scenario, policy, preset, run};
use proptest::prelude::*;
use std::path::Path;

/// A scenario with a constant oracle on a small cluster, at a load that makes queues.
const SCENARIO: &str = "
    schema_version = 1
    name = 'small'
    cluster = 'CLUSTER'
    workload = 'thesis'
    arrival_rate_per_s = 0.006
    horizon_s = 20000.0
    seeds = 4
    report_cap_w = 3000.0
    [oracle]
    kind = 'constant'
    samples_per_s = 1500.0
    power_per_gpu_w = 300.0
    exponent = 0.8
    [noise]
    time = 0.1
    power = 0.1
    on = 'truth'
    clamp_to_tdp = true
    [preemption]
    loss = 'last-checkpoint'
    period_s = 120.0
    save_s = 5.0
    restart_s = 20.0
    [[policies]]
    name = 'sjf'
    [[policies]]
    name = 'edp_budget'
    options = { cap_w = 4500.0 }
    [[policies]]
    name = 'sjf'
    label = 'sjf_rigid'
    rigid = true
";

fn scenario(cluster: &str, overrides: &Overrides) -> Scenario {
    let text = SCENARIO.replace("CLUSTER", cluster);
    Scenario::parse(&text, "small.toml", Path::new(""), overrides).unwrap()
}

fn all_policies() -> Overrides {
    Overrides { policies: Some(policy::names().map(str::to_owned).collect()), ..Overrides::default() }
}

#[test]
fn every_schedule_of_every_policy_is_valid() {
    let mut scenario = scenario("thesis", &all_policies());
    for on in [NoiseOn::Truth, NoiseOn::Belief, NoiseOn::Both] {
        for loss in [Loss::LastIteration, Loss::LastCheckpoint { period_s: 100.0, save_s: 3.0 }, Loss::All] {
            scenario.noise.on = on;
            scenario.costs = Costs { loss, restart_s: 10.0 };
            for entry in &scenario.policies {
                let outcome = run_one(&scenario, entry, 3, true);
                validate(&scenario.cluster, outcome.log.as_ref().unwrap(), &outcome.metrics)
                    .unwrap_or_else(|error| panic!("{} with {on:?}, {loss:?}: {error}", entry.label));
                assert!(outcome.metrics.finished > 20, "{}", entry.label);
            }
        }
    }
}

#[test]
fn rows_are_equal_byte_by_byte_on_any_number_of_threads() {
    let scenario = scenario("thesis", &Overrides::default());
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&scenario, &|_, _| {}).to_csv().unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(3));
    assert_eq!(one, on(8));
    assert_eq!(one.lines().count(), 1 + 3 * 4);
    let other = Overrides { first_seed: Some(2), ..Overrides::default() };
    assert_ne!(one, run(&self::scenario("thesis", &other), &|_, _| {}).to_csv().unwrap());
}

#[test]
fn rigid_jobs_are_compared_on_the_same_arrivals() {
    let results = run(&scenario("thesis", &Overrides::default()), &|_, _| {});
    let summary = results.summary();
    for seed in 1..=4 {
        let arrived: Vec<u64> =
            results.rows.iter().filter(|row| row.seed == seed).map(|row| row.metrics.arrived).collect();
        assert!(arrived.windows(2).all(|pair| pair[0] == pair[1]), "{arrived:?}");
    }
    let rigid = &summary.policies[2];
    assert_eq!(rigid.head.title, "sjf_rigid (thesis: Pollux, rigid)");
    assert!(rigid.figure("energy_total_kwh").unwrap().difference.is_some());
    assert!(summary.policies[0].figure("energy_total_kwh").unwrap().difference.is_none(), "the baseline");
    assert!(summary.to_text().contains("sjf (thesis: Pollux)"));
}

#[test]
fn names_of_users_and_gpus_change_nothing() {
    let jobs: Vec<Arrival> = (0u32..120)
        .map(|index| {
            let user = UserId(index * 7 % 5);
            Arrival { user, ..job(f64::from(index) * 3.0, (index % 2) as u16, f64::from(10 + index * 31 % 90)) }
        })
        .collect();
    let renamed: Vec<Arrival> = jobs.iter().map(|job| Arrival { user: UserId(4 - job.user.0), ..*job }).collect();
    let templates = [template("any", &[1, 2, 4]), template("wide", &[2, 4])];
    let mut cluster = uniform("x", 2, 4);
    cluster.nodes[1].gpus = 8;
    let mut mirrored = cluster.clone();
    mirrored.nodes.reverse();
    let oracle = Constant { samples_per_s: 1.0, power_per_gpu: Watts(100.0), exponent: 0.7 };
    let (here, there) = (World::with(cluster, &templates, &oracle), World::with(mirrored, &templates, &oracle));
    for name in policy::names() {
        let runs = |world: &World, jobs: &[Arrival]| {
            let log = world.run(named(name).as_ref(), jobs).log.unwrap();
            log.segments.iter().map(|s| (s.job, s.start, s.end, s.configuration)).collect::<Vec<_>>()
        };
        let expected = runs(&here, &jobs);
        assert_eq!(expected, runs(&here, &renamed), "{name}, users");
        // Ends of one instant may be logged in another order only if jobs run elsewhere in time: they do not.
        assert_eq!(expected, runs(&there, &jobs), "{name}, nodes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// One class, one GPU each: with more or faster GPUs every job ends no later.
    #[test]
    fn a_better_cluster_is_never_slower_for_fifo(
        gaps in prop::collection::vec(0.0..10.0f64, 1..60), gpus in 1u32..6, faster in 1.0..2.0f64, more in 0u32..3,
    ) {
        let mut now = 0.0;
        let jobs: Vec<Arrival> = gaps.iter().map(|gap| { now += gap; job(now, 0, 12.0) }).collect();
        let ends = |gpus, speed| {
            let world = World::with(uniform("x", 1, gpus), &[template("t", &[1])], &Constant::new(speed, Watts(100.0)));
            crate::common::spans(&world.run_named("fifo", &jobs)).iter().map(|span| span.1).collect::<Vec<_>>()
        };
        for (base, better) in ends(gpus, 1.0).iter().zip(ends(gpus + more, faster)) {
            prop_assert!(better <= base + 1e-9);
        }
    }

    /// Any jobs, any policy, any noise: valid, and energy is what the power series says.
    #[test]
    fn random_schedules_are_valid(
        raw in prop::collection::vec((0.0..300.0f64, 0u16..2, 1.0..80.0f64, 0u32..4, prop::option::of(1.0..200.0f64)), 0..50),
        policy in 0usize..11, time in 0.0..0.9f64, horizon in prop::option::of(1.0..500.0f64), quantum in prop::option::of(0.1..5.0f64),
    ) {
        let mut jobs: Vec<Arrival> = raw
            .iter()
            .map(|&(at, template, samples, user, deadline)| {
                let time = Time::from_seconds(at);
                let deadline = deadline.map(|after| time.after(Time::from_seconds(after)));
                Arrival { time, template: TemplateId(template), user: UserId(user), samples, deadline }
            })
            .collect();
        jobs.sort_by_key(|job| job.time);
        let mut cluster = uniform("x", 3, 4);
        cluster.nodes[1].host = Watts(100.0);
        cluster.nodes[2].host_per_busy_gpu = Watts(7.0);
        cluster.span_slowdown = Some(1.3);
        let templates = [template("any", &[1, 2, 4, 8]), template("wide", &[3, 6])];
        let oracle = Constant { samples_per_s: 1.0, power_per_gpu: Watts(390.0), exponent: 0.6 };
        let mut world = World::with(cluster, &templates, &oracle);
        world.noise = Noise { time, power: 0.2, on: NoiseOn::Both, clamp_to_tdp: true };
        world.horizon = horizon.map(Time::from_seconds);
        world.quantum = quantum.map_or(Time::ZERO, Time::from_seconds);
        let name = policy::names().nth(policy).unwrap();
        let outcome = world.run(named(name).as_ref(), &jobs);
        prop_assert!(outcome.metrics.arrived <= jobs.len() as u64);
        // A log changes no figure.
        let quiet = simulate(&world.setup(named(name).as_ref(), false), jobs.iter().copied());
        prop_assert_eq!(quiet.metrics, outcome.metrics);
    }

    /// Scenario files with a line dropped, doubled or garbled are read or refused, and never panic.
    #[test]
    fn broken_scenario_files_never_panic(line in 0usize..60, what in 0u8..4, junk in "[ -~]{0,24}") {
        for (name, text) in preset::all().chain([("small", SCENARIO)]) {
            let text = text.replace("CLUSTER", "thesis");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let index = line % lines.len();
            match what {
                0 => { lines.remove(index); }
                1 => lines.insert(index, lines[index].clone()),
                2 => lines[index] = junk.clone(),
                _ => { let cut = lines[index].len() / 2; lines[index] = format!("{}{junk}", lines[index].get(..cut).unwrap_or("")); }
            }
            let text = lines.join("\n");
            if name.starts_with("cluster") {
                if let Ok(file) = ergometer_sim::cluster::file::ClusterFile::parse(&text, name) {
                    let _ = file.resolve(name, &|_| Ok(ergometer_sim::cluster::file::DeviceFacts::default()));
                }
            } else if name.starts_with("workload") {
                if let Ok(file) = ergometer_sim::job::file::WorkloadFile::parse(&text, name) {
                    let _ = file.resolve(name);
                }
            } else {
                let text = text.replace("kind = \"model\"\nmodel = \"per-op\"", "kind = 'constant'\nsamples_per_s = 1.0\npower_per_gpu_w = 9.0");
                let _ = Scenario::parse(&text, name, Path::new(""), &Overrides::default());
            }
        }
    }
}

#[test]
fn unknown_keys_are_refused_with_file_and_key() {
    let refuse = |from: &str, to: &str| {
        let text = SCENARIO.replace("CLUSTER", "thesis").replace(from, to);
        Scenario::parse(&text, "small.toml", Path::new(""), &Overrides::default()).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        ("horizon_s", "horizon", "horizon"),
        ("exponent = 0.8", "exponents = 0.8", "exponents"),
        ("clamp_to_tdp", "clamp", "clamp"),
        ("label = ", "lable = ", "lable"),
    ] {
        let error = refuse(from, to);
        assert!(error.contains("small.toml") && error.contains(expected), "{error}");
    }
    assert!(refuse("'last-checkpoint'", "'last-check'").contains("last-iteration, last-checkpoint, all"));
    assert!(refuse("name = 'sjf'\n    [[", "name = 'zeus'\n    [[").contains("edp_slack_preempt"));
    assert!(refuse("horizon_s = 20000.0", "horizon_s = -1.0").contains("small.toml, key horizon_s: found -1"));
}

#[test]
fn every_number_of_a_preset_says_where_it_comes_from() {
    for (name, text) in preset::all() {
        let mut section = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            if line.starts_with('[') {
                section = line.to_owned();
            } else if !line.starts_with("schema_version") {
                let (_, value) = line.split_once('=').unwrap();
                let is_name = value.trim().starts_with('"');
                let is_marked = value.contains("printed = \"") || value.contains("assumed = \"");
                assert!(is_name || is_marked, "{name} {section}: {line}");
            }
        }
    }
}

#[test]
fn a_vit_job_on_eight_a100_takes_the_printed_five_to_ten_minutes() {
    let scenario = Scenario::load("thesis", &Overrides::default()).unwrap();
    let samples = scenario.workload.templates[0].samples;
    let a100 = scenario.cluster.hardware_named("a100").unwrap();
    let times = scenario.book.candidates(TemplateId(0)).iter().filter(|candidate| {
        let configuration = candidate.configuration;
        (configuration.hardware, configuration.gpus, configuration.setting) == (a100, 8, 0)
    });
    let least = times.map(|c| c.belief.seconds_per_sample * samples).fold(f64::INFINITY, f64::min);
    assert!((300.0..600.0).contains(&least), "{least} s");
}

#[test]
fn a_faster_device_file_changes_the_schedule_and_no_device_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let device = ergometer_model::DeviceModel::builtin("a100-sxm4-40gb").unwrap();
    let tf32 = device.value("peak_tf32_flop_per_s").unwrap();
    let jct = |factor: f64| {
        let path = folder.path().join("device.toml");
        let changed = device.with_value("peak_tf32_flop_per_s", factor * tf32).unwrap();
        std::fs::write(&path, changed.to_toml()).unwrap();
        let devices = [("calibrated".to_owned(), path.display().to_string())].into();
        let overrides = Overrides { devices, seeds: Some(2), ..Overrides::default() };
        let scenario = Scenario::load("calibrated", &overrides).unwrap();
        run(&scenario, &|_, _| {}).rows[0].metrics.jct_mean_s.unwrap()
    };
    assert!(jct(3.0) < 0.95 * jct(1.0));
    let error = Scenario::load("calibrated", &Overrides::default()).unwrap_err().to_string();
    assert!(error.contains("calibrated"), "{error}");
}

#[test]
fn a_validator_that_is_lied_to_notices() {
    let world = World::new(2, &[template("t", &[1])]);
    let outcome = world.run_named("fifo", &[job(0.0, 0, 5.0), job(1.0, 0, 5.0)]);
    let (log, metrics) = (outcome.log.unwrap(), outcome.metrics);
    let broken = |change: &dyn Fn(&mut ergometer_sim::engine::Log)| {
        let mut log = log.clone();
        change(&mut log);
        validate(&world.cluster, &log, &metrics).unwrap_err().to_string()
    };
    assert!(broken(&|log| log.segments[1].allocation = log.segments[0].allocation.clone()).contains("held"));
    assert!(broken(&|log| log.segments[0].samples_done -= 1.0).contains("samples"));
    assert!(broken(&|log| log.power[1].jobs_w += 1.0).contains("energy of jobs"));
    assert!(broken(&|log| log.segments[1].start = Time::ZERO).contains("submitted"));
}
