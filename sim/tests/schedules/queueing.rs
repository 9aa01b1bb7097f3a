//! Closed forms of queueing theory, within 1 % on long runs (Gross and Harris, Fundamentals of Queueing Theory).

use crate::common::{World, named, template};
use ergometer_sim::Metrics;
use ergometer_sim::engine::simulate;
use ergometer_sim::job::generate::{exponential, uniform};
use ergometer_sim::job::{Arrival, TemplateId, UserId};
use ergometer_sim::time::Time;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// First in, first out on `servers` GPUs with Poisson arrivals at `rate`, and service by `service`.
fn queue(servers: u32, rate: f64, jobs: usize, service: impl Fn(&mut ChaCha8Rng) -> f64) -> Metrics {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let mut now = 0.0;
    let arrivals = (0..jobs).map(|_| {
        now += exponential(&mut random, rate);
        let samples = service(&mut random);
        Arrival { time: Time::from_seconds(now), template: TemplateId(0), user: UserId(0), samples, deadline: None }
    });
    let world = World::new(servers, &[template("t", &[1])]);
    let metrics = simulate(&world.setup(named("fifo").as_ref(), false), arrivals).metrics;
    assert_eq!(metrics.finished, jobs as u64);
    metrics
}

fn near(got: f64, expected: f64) {
    assert!((got / expected - 1.0).abs() < 0.01, "{got}, not {expected}");
}

#[test]
fn m_m_1_waits_rho_over_mu_minus_lambda() {
    let metrics = queue(1, 0.4, 1_500_000, |random| exponential(random, 1.0));
    near(metrics.wait_mean_s.unwrap(), 0.4 / 0.6);
    near(metrics.utilisation, 0.4);
    // The completion time is exponential with rate mu - lambda.
    near(metrics.jct_p99_s.unwrap(), 100f64.ln() / 0.6);
}

#[test]
fn m_d_1_waits_half_as_long() {
    let metrics = queue(1, 0.5, 1_000_000, |_| 1.0);
    near(metrics.wait_mean_s.unwrap(), 0.5 / (2.0 * 0.5));
}

#[test]
fn m_m_c_waits_by_erlang_c() {
    let (servers, offered) = (2, 1.0f64);
    let last = offered.powi(2) / 2.0 / (1.0 - offered / 2.0);
    let erlang_c = last / (1.0 + offered + last);
    let metrics = queue(servers, offered, 2_000_000, |random| exponential(random, 1.0));
    near(metrics.wait_mean_s.unwrap(), erlang_c / (2.0 - offered));
}

#[test]
fn littles_law_holds_to_rounding() {
    let metrics = queue(3, 2.0, 20_000, |random| uniform(random) + 0.5);
    let rate = metrics.finished as f64 / metrics.simulated_s;
    let product = rate * metrics.jct_mean_s.unwrap();
    assert!((metrics.in_system_mean / product - 1.0).abs() < 1e-9, "{} {product}", metrics.in_system_mean);
    let waiting = rate * metrics.wait_mean_s.unwrap();
    assert!((metrics.queue_mean / waiting - 1.0).abs() < 1e-9);
}
