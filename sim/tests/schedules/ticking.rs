//! With a quantum, schedules are those of a scheduler that ticks (5.3.2.4): against a naive ticking reference written
//! here, and, for every policy, against the engine woken at every tick.

use crate::common::{World, named, template};
use ergometer_record::Watts;
use ergometer_sim::cluster::file::uniform;
use ergometer_sim::cluster::{Allocation, Free};
use ergometer_sim::engine::{Costs, Loss, Outcome};
use ergometer_sim::job::generate::{exponential, uniform as draw};
use ergometer_sim::job::{Arrival, JobId, TemplateId, UserId};
use ergometer_sim::oracle::{Noise, NoiseOn, constant::Constant};
use ergometer_sim::policy::{self, Context, Discipline, JobView, Offer, Policy, Preemption, Score};
use ergometer_sim::time::Time;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SECOND: Time = Time(1_000_000_000);

fn jobs(seed: u64, count: usize) -> Vec<Arrival> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut now = 0.0;
    (0..count)
        .map(|_| {
            now += exponential(&mut random, 0.12);
            let work = 5.0 + exponential(&mut random, 1.0 / 60.0);
            let kind = u16::from(draw(&mut random) < 0.4);
            let user = UserId((draw(&mut random) * 3.0) as u32);
            let time = Time::from_seconds(now);
            let deadline = (draw(&mut random) < 0.3).then(|| time.after(Time::from_seconds(work)));
            Arrival { time, template: TemplateId(kind), user, samples: work * 50.0, deadline }
        })
        .collect()
}

fn world() -> World {
    let templates = [template("narrow", &[1, 2]), template("wide", &[2, 4, 8])];
    let oracle = Constant { samples_per_s: 50.0, power_per_gpu: Watts(200.0), exponent: 0.8 };
    World { quantum: SECOND, ..World::with(uniform("x", 2, 8), &templates, &oracle) }
}

/// (job, start, end, GPUs), by start and job: what a schedule is.
fn schedule(outcome: &Outcome) -> Vec<(u64, u64, u64, u32)> {
    let log = outcome.log.as_ref().unwrap();
    let mut runs: Vec<_> = log.segments.iter().map(|s| (s.job.0, s.start.0, s.end.0, s.configuration.gpus)).collect();
    runs.sort_unstable_by_key(|run| (run.1, run.0));
    runs
}

struct Held {
    id: u64,
    user: UserId,
    start: Time,
    end: Time,
    gpus: u32,
    power_w: f64,
    allocation: Allocation,
}

/// Ticks every second: ends, arrivals, one pass. Everything is recomputed from lists; exact belief, one GPU type, no
/// preemption.
fn reference(world: &World, policy: &dyn Policy, arrivals: &[Arrival]) -> Vec<(u64, u64, u64, u32)> {
    let mut free = Free::new(&world.cluster);
    let (mut waiting, mut running, mut done) = (Vec::<usize>::new(), Vec::<Held>::new(), Vec::new());
    let (mut next, mut now) = (0, Time::ZERO);
    let mut past = [0.0; 3];
    while next < arrivals.len() || !waiting.is_empty() || !running.is_empty() {
        for held in running.extract_if(.., |held| held.end <= now) {
            free.release(&held.allocation);
            past[held.user.0 as usize] += f64::from(held.gpus) * held.end.since(held.start).seconds();
            done.push((held.id, held.start.0, held.end.0, held.gpus));
        }
        while next < arrivals.len() && arrivals[next].time <= now {
            waiting.push(next);
            next += 1;
        }
        let mut usage = past;
        for held in &running {
            usage[held.user.0 as usize] += f64::from(held.gpus) * now.since(held.start).seconds();
        }
        let power = |free: &Free, running: &[Held]| {
            50.0 * f64::from(free.count()) + running.iter().map(|held| held.power_w).sum::<f64>()
        };
        let view = |index: usize| {
            let arrival = &arrivals[index];
            let candidates = world.book.candidates(arrival.template).iter();
            let least = candidates.map(|c| c.belief.seconds_per_sample).fold(f64::INFINITY, f64::min);
            JobView {
                id: JobId(index as u64),
                template: arrival.template,
                user: arrival.user,
                submitted: arrival.time,
                deadline: arrival.deadline,
                samples: arrival.samples,
                least_time_s: arrival.samples * least,
            }
        };
        let offers = |index: usize| {
            let arrival = &arrivals[index];
            world.book.candidates(arrival.template).iter().map(move |candidate| Offer {
                configuration: candidate.configuration,
                time_s: arrival.samples * candidate.belief.seconds_per_sample,
                power_w: candidate.belief.power_w,
                added_w: candidate.belief.power_w - candidate.idle_w,
            })
        };
        let best = |index: usize, free: &Free, power_w: f64| {
            let context = Context { now, free, power_w, usage_gpu_s: &usage };
            let urgent = arrivals[index].deadline.is_some();
            let mut best: Option<Offer> = None;
            for offer in offers(index) {
                let fits = free.fit(offer.configuration.hardware, offer.configuration.gpus).is_some();
                let lower = best.is_none_or(|best| policy.cost(&offer, urgent) < policy.cost(&best, urgent));
                if fits && lower && policy.admits(&view(index), &offer, &context) {
                    best = Some(offer);
                }
            }
            best.map(|offer| (offer, policy.score(&view(index), &offer, &context)))
        };
        let power_now = power(&free, &running);
        let mut ranked: Vec<(usize, Offer, Score)> = Vec::new();
        for &index in &waiting {
            match policy.discipline() {
                Discipline::Strict => ranked.push((index, offers(index).next().unwrap(), Score::of(index as f64))),
                _ => ranked.extend(best(index, &free, power_now).map(|(offer, score)| (index, offer, score))),
            }
        }
        ranked.sort_by(|(_, _, a), (_, _, b)| a.order(b));
        for (index, mut offer, _) in ranked {
            if policy.discipline() == Discipline::Strict {
                match best(index, &free, power_now) {
                    Some((now_best, _)) => offer = now_best,
                    None => break,
                }
            }
            let (hardware, gpus) = (offer.configuration.hardware, offer.configuration.gpus);
            let Some(reach) = free.fit(hardware, gpus) else { continue };
            let power_w = power(&free, &running);
            let context = Context { now, free: &free, power_w, usage_gpu_s: &usage };
            if !policy.admits(&view(index), &offer, &context) {
                continue;
            }
            let allocation = free.allocate(hardware, gpus, reach).unwrap();
            waiting.retain(|other| *other != index);
            let end = now.after(Time::from_seconds(offer.time_s));
            let (id, user, power_w) = (index as u64, arrivals[index].user, offer.power_w);
            running.push(Held { id, user, start: now, end, gpus, power_w, allocation });
        }
        now = now.after(SECOND);
    }
    done.sort_unstable_by_key(|run| (run.1, run.0));
    done
}

#[test]
fn schedules_equal_those_of_a_naive_ticking_scheduler() {
    let world = world();
    for name in ["fifo", "sjf", "fair", "slack", "edp", "edp_fair", "edp_budget", "edp_cap"] {
        for seed in 0..3 {
            let jobs = jobs(seed, 150);
            let policy = named(name);
            let expected = reference(&world, policy.as_ref(), &jobs);
            assert_eq!(expected.len(), jobs.len());
            assert_eq!(schedule(&world.run(policy.as_ref(), &jobs)), expected, "{name}, seed {seed}");
        }
    }
}

/// A policy that asks to be woken a second later, always.
#[derive(Debug)]
struct Restless(Box<dyn Policy>);

impl Policy for Restless {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn discipline(&self) -> Discipline {
        self.0.discipline()
    }
    fn uses_settings(&self) -> bool {
        self.0.uses_settings()
    }
    fn cost(&self, offer: &Offer, urgent: bool) -> f64 {
        self.0.cost(offer, urgent)
    }
    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        self.0.score(job, offer, context)
    }
    fn admits(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> bool {
        self.0.admits(job, offer, context)
    }
    fn admits_late(&self) -> bool {
        self.0.admits_late()
    }
    fn next_wake(&self, _job: &JobView, now: Time) -> Option<Time> {
        Some(now.after(SECOND))
    }
    fn preemption(&self) -> Option<&dyn Preemption> {
        self.0.preemption()
    }
}

#[test]
fn idle_ticks_change_nothing_for_any_policy() {
    let noise = Noise { time: 0.1, power: 0.1, on: NoiseOn::Truth, clamp_to_tdp: true };
    let costs = Costs { loss: Loss::LastCheckpoint { period_s: 20.0, save_s: 1.0 }, restart_s: 3.0 };
    let world = World { noise, costs, ..world() };
    for name in policy::names() {
        for seed in 0..4 {
            let jobs = jobs(seed, 150);
            let quiet = schedule(&world.run_named(name, &jobs));
            let restless = schedule(&world.run(&Restless(named(name)), &jobs));
            assert_eq!(quiet, restless, "{name}, seed {seed}");
        }
    }
}
