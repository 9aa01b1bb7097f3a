//! Small clusters and jobs for tests.

use ergometer_record::Watts;
use ergometer_sim::cluster::{Cluster, file::uniform};
use ergometer_sim::engine::{Costs, Outcome, Setup, simulate};
use ergometer_sim::job::{Arrival, Network, Rigid, Template, TemplateId, UserId};
use ergometer_sim::oracle::{Book, Noise, Oracle, constant::Constant};
use ergometer_sim::policy::{self, Policy};
use ergometer_sim::time::Time;
use ergometer_sim::validate::validate;

/// A job kind that runs on any of `gpus` GPUs, in steps of one sample per GPU.
pub(crate) fn template(name: &str, gpus: &[u32]) -> Template {
    Template {
        name: name.to_owned(),
        network: Network::default(),
        samples: 1.0,
        gpus: gpus.to_vec(),
        batches: vec![1],
        hardware: vec![],
        rigid: Some(Rigid { gpus: gpus[0], batch: 1, hardware: None }),
        weight: 1.0,
    }
}

/// A job of the `template`-th kind: `work` seconds on one GPU of [`World::new`].
pub(crate) fn job(time_s: f64, template: u16, work: f64) -> Arrival {
    let time = Time::from_seconds(time_s);
    Arrival { time, template: TemplateId(template), user: UserId(0), samples: work, deadline: None }
}

/// A cluster with what the oracles say of some job kinds.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) book: Book,
    pub(crate) noise: Noise,
    pub(crate) costs: Costs,
    pub(crate) horizon: Option<Time>,
    pub(crate) quantum: Time,
    pub(crate) report_cap_w: Option<f64>,
}

impl World {
    /// One node of `gpus` GPUs at one sample a second and 100 W each, and perfect scaling.
    pub(crate) fn new(gpus: u32, templates: &[Template]) -> Self {
        Self::with(uniform("x", 1, gpus), templates, &Constant::new(1.0, Watts(100.0)))
    }

    pub(crate) fn with(cluster: Cluster, templates: &[Template], oracle: &dyn Oracle) -> Self {
        let book = Book::new(&cluster, templates, oracle, oracle).unwrap();
        let costs = Costs::default();
        Self { cluster, book, noise: Noise::NONE, costs, horizon: None, quantum: Time::ZERO, report_cap_w: None }
    }

    pub(crate) fn setup<'a>(&'a self, policy: &'a dyn Policy, keep_log: bool) -> Setup<'a> {
        Setup {
            cluster: &self.cluster,
            book: &self.book,
            policy,
            rigid: false,
            noise: self.noise,
            seed: 1,
            horizon: self.horizon,
            quantum: self.quantum,
            costs: self.costs,
            report_cap_w: self.report_cap_w,
            keep_log,
        }
    }

    /// Runs a policy with a log, and validates the schedule.
    pub(crate) fn run(&self, policy: &dyn Policy, jobs: &[Arrival]) -> Outcome {
        let outcome = simulate(&self.setup(policy, true), jobs.iter().copied());
        validate(&self.cluster, outcome.log.as_ref().unwrap(), &outcome.metrics).unwrap();
        outcome
    }

    /// Runs a policy by name, with default options.
    pub(crate) fn run_named(&self, name: &str, jobs: &[Arrival]) -> Outcome {
        self.run(named(name).as_ref(), jobs)
    }
}

/// A policy with default options; a budget of 1500 W for the one that needs one.
pub(crate) fn named(name: &str) -> Box<dyn Policy> {
    let options = if name == "edp_budget" {
        toml::toml! { cap_w = 1500.0 }
    } else {
        toml::Table::new()
    };
    policy::build(name, &options).unwrap()
}

/// Start of the first run and end of the last of each job, in seconds, by id.
pub(crate) fn spans(outcome: &Outcome) -> Vec<(f64, f64)> {
    let log = outcome.log.as_ref().unwrap();
    let mut spans = vec![(f64::NAN, f64::NAN); log.arrivals.len()];
    for segment in &log.segments {
        let span = &mut spans[segment.job.0 as usize];
        if span.0.is_nan() {
            span.0 = segment.start.seconds();
        }
        span.1 = segment.end.seconds();
    }
    spans
}
