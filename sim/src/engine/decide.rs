//! The passes of a decision: which waiting job starts where.

use super::Setup;
use super::state::{Engine, Job};
use crate::cluster::Reach;
use crate::job::TemplateId;
use crate::oracle::NoiseOn;
use crate::policy::{Context, Discipline, JobView, Offer, Policy, Score};
use crate::time::Time;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What is computed once per run: the placements of each template in the policy's order.
#[derive(Debug)]
pub(super) struct Plan {
    /// Per template: candidates in order of cost, for other jobs and for urgent ones.
    orders: Vec<[Vec<u32>; 2]>,
    /// Whether the orders hold for every job: no noise on the belief, no slowdown across nodes.
    sorted: bool,
    /// Per template: least believed time per sample among the candidates that the policy may use.
    least: Vec<f64>,
    usage: Vec<f64>,
    ranked: Vec<Ranked>,
    memo: Vec<[Option<usize>; 2]>,
}

/// A waiting job with its score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked {
    pub(super) score: Score,
    pub(super) position: usize,
    pub(super) candidate: u32,
}

impl Ord for Ranked {
    /// Reversed, so that the lowest score leaves the heap first; then the order of arrival.
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.order(&self.score).then(other.position.cmp(&self.position))
    }
}
impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Ranked {}

impl Plan {
    pub(super) fn new(setup: &Setup<'_>) -> Self {
        let noisy_belief = setup.noise.on != NoiseOn::Truth && !setup.noise.is_none();
        let mut orders = Vec::new();
        let mut least = Vec::new();
        for index in 0..setup.book.templates() {
            let template = TemplateId(index as u16);
            let candidates = setup.book.candidates(template);
            let allowed = setup.book.allowed(template, setup.rigid, setup.policy.uses_settings());
            let order = |urgent: bool| {
                let cost = |index: &u32| {
                    let candidate = &candidates[*index as usize];
                    let offer = Offer {
                        configuration: candidate.configuration,
                        time_s: candidate.belief.seconds_per_sample,
                        power_w: candidate.belief.power_w,
                        added_w: candidate.belief.power_w - candidate.idle_w + candidate.host_w,
                    };
                    setup.policy.cost(&offer, urgent)
                };
                let mut order = allowed.clone();
                // Stable: the first in loop order among equals.
                order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
                order
            };
            let times = allowed.iter().map(|index| candidates[*index as usize].belief.seconds_per_sample);
            least.push(times.fold(f64::INFINITY, f64::min));
            orders.push([order(false), order(true)]);
        }
        Self {
            memo: vec![[None; 2]; orders.len()],
            orders,
            sorted: !noisy_belief && setup.cluster.span_slowdown.is_none(),
            least,
            usage: Vec::new(),
            ranked: Vec::new(),
        }
    }

    pub(super) fn least_seconds_per_sample(&self, template: TemplateId) -> f64 {
        self.least[usize::from(template.0)]
    }
}

impl Engine<'_> {
    /// One decision: passes until nothing more starts, or one pass if there is a quantum; then asks to be woken.
    pub(super) fn decide(&mut self) {
        if self.setup.quantum == Time::ZERO {
            while self.pass() {}
        } else if self.pass() {
            self.events.decide_at(self.now.after(self.setup.quantum));
        }
        let policy = self.setup.policy;
        let wake = self.waiting.iter().filter_map(|job| policy.next_wake(&self.view(job), self.now)).min();
        if let Some(wake) = wake {
            self.events.decide_at(wake.round_up(self.setup.quantum));
        }
    }

    /// One pass over the queue; true if anything started.
    fn pass(&mut self) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let mut usage = std::mem::take(&mut self.plan.usage);
        self.usage(&mut usage);
        let policy = self.setup.policy;
        let preempted = policy.preemption().is_some_and(|rule| self.preempt(rule, &usage));
        let started = self.free.count() > 0
            && match policy.discipline() {
                Discipline::Pack => self.pack(&usage),
                Discipline::Strict => self.in_order(&usage, false),
                Discipline::Easy => self.in_order(&usage, true),
            };
        self.plan.usage = usage;
        if started || preempted {
            self.waiting.retain(|job| !job.taken);
        }
        started || preempted
    }

    pub(super) fn context<'c>(&'c self, usage: &'c [f64]) -> Context<'c> {
        Context { now: self.now, free: &self.free, power_w: self.believed_power_w(), usage_gpu_s: usage }
    }

    /// The batch packer of 5.3.2.4: scores on what is free at the start of the pass, then starts in order of score what
    /// still fits. A job whose placement was taken by another waits for the next pass.
    fn pack(&mut self, usage: &[f64]) -> bool {
        let mut ranked = std::mem::take(&mut self.plan.ranked);
        let mut memo = std::mem::take(&mut self.plan.memo);
        ranked.clear();
        memo.fill([None; 2]);
        let context = self.context(usage);
        let policy = self.setup.policy;
        for (position, job) in self.waiting.iter().enumerate().filter(|(_, job)| !job.taken) {
            let view = self.view(job);
            if let Some((candidate, offer)) = self.best(job, &view, &context, &mut memo) {
                ranked.push(Ranked { score: policy.score(&view, &offer, &context), position, candidate });
            }
        }
        let mut heap = BinaryHeap::from(ranked);
        let mut started = false;
        while let Some(next) = heap.pop() {
            let job = self.waiting[next.position];
            let candidate = self.candidate(job.arrival.template, next.candidate);
            let (hardware, gpus) = (candidate.configuration.hardware, candidate.configuration.gpus);
            let Some(reach) = self.free.fit(hardware, gpus) else { continue };
            let offer = self.offer(&job, candidate, reach);
            if !policy.admits(&self.view(&job), &offer, &self.context(usage)) {
                continue;
            }
            if let Some(allocation) = self.free.allocate(hardware, gpus, reach) {
                self.start(next.position, next.candidate, reach, allocation);
                started = true;
            }
            if self.free.count() == 0 {
                break;
            }
        }
        self.plan.ranked = heap.into_vec();
        self.plan.memo = memo;
        started
    }

    /// The best placement that is free now and admitted. `memo` holds, per template, where in the order the first free
    /// one stands: jobs of a template share it within a pass.
    fn best(
        &self,
        job: &Job,
        view: &JobView,
        context: &Context<'_>,
        memo: &mut [[Option<usize>; 2]],
    ) -> Option<(u32, Offer)> {
        let policy = self.setup.policy;
        let template = usize::from(job.arrival.template.0);
        let urgent = job.arrival.deadline.is_some();
        let order = self.plan.orders.get(template)?.get(usize::from(urgent))?;
        let late = policy.admits_late();
        let free_offer = |index: u32| {
            let candidate = self.candidate(job.arrival.template, index);
            let reach = self.free.fit(candidate.configuration.hardware, candidate.configuration.gpus)?;
            Some((index, self.offer(job, candidate, reach)))
        };
        if !self.plan.sorted {
            return best_of(order.iter().copied(), policy, urgent, |index| {
                free_offer(index).filter(|(_, offer)| late || policy.admits(view, offer, context))
            });
        }
        let first = match memo[template][usize::from(urgent)] {
            Some(first) => first,
            None => {
                let fits = |index: &u32| free_offer(*index).is_some();
                let first = order.iter().position(fits).unwrap_or(order.len());
                memo[template][usize::from(urgent)] = Some(first);
                first
            }
        };
        order[first..]
            .iter()
            .filter_map(|&index| free_offer(index))
            .find(|(_, offer)| late || policy.admits(view, offer, context))
    }

    /// Candidates of a job, best first, each as if the cluster were empty.
    pub(super) fn on_empty_cluster(&self, job: &Job) -> Vec<(u32, Offer)> {
        let urgent = job.arrival.deadline.is_some();
        let order = &self.plan.orders[usize::from(job.arrival.template.0)][usize::from(urgent)];
        let mut offers: Vec<(u32, Offer)> = order
            .iter()
            .map(|&index| (index, self.offer(job, self.candidate(job.arrival.template, index), Reach::Within)))
            .collect();
        if !self.plan.sorted {
            let policy = self.setup.policy;
            offers.sort_by(|(a, x), (b, y)| policy.cost(x, urgent).total_cmp(&policy.cost(y, urgent)).then(a.cmp(b)));
        }
        offers
    }

    /// The best placement of a job that is free now, for the disciplines that keep an order.
    pub(super) fn best_now(&self, job: &Job, usage: &[f64]) -> Option<(u32, Offer)> {
        let context = self.context(usage);
        let mut memo = vec![[None; 2]; self.plan.orders.len()];
        self.best(job, &self.view(job), &context, &mut memo)
    }

    /// The queue in order of score on the empty cluster, as a heap.
    fn ranked_on_empty(&self, usage: &[f64]) -> BinaryHeap<Ranked> {
        let context = self.context(usage);
        let rank = |(position, job): (usize, &Job)| {
            let view = self.view(job);
            let order = &self.plan.orders[usize::from(job.arrival.template.0)];
            let best = *order[usize::from(view.deadline.is_some())].first()?;
            let offer = self.offer(job, self.candidate(job.arrival.template, best), Reach::Within);
            Some(Ranked { score: self.setup.policy.score(&view, &offer, &context), position, candidate: best })
        };
        self.waiting.iter().enumerate().filter_map(rank).collect::<Vec<_>>().into()
    }

    /// Starts jobs strictly in order until one does not fit; then, if asked for, backfills behind it.
    fn in_order(&mut self, usage: &[f64], backfill: bool) -> bool {
        let mut heap = self.ranked_on_empty(usage);
        let mut started = false;
        while let Some(next) = heap.pop() {
            let job = self.waiting[next.position];
            let Some((index, offer)) = self.best_now(&job, usage) else {
                return (backfill && self.backfill(next.position, heap, usage)) || started;
            };
            let Some(reach) = self.free.fit(offer.configuration.hardware, offer.configuration.gpus) else { break };
            let Some(allocation) = self.free.allocate(offer.configuration.hardware, offer.configuration.gpus, reach)
            else {
                break;
            };
            self.start(next.position, index, reach, allocation);
            started = true;
        }
        started
    }
}

fn best_of(
    order: impl Iterator<Item = u32>,
    policy: &dyn Policy,
    urgent: bool,
    offer: impl Fn(u32) -> Option<(u32, Offer)>,
) -> Option<(u32, Offer)> {
    let cost = |offer: &Offer| policy.cost(offer, urgent);
    order.filter_map(offer).min_by(|(a, x), (b, y)| cost(x).total_cmp(&cost(y)).then(a.cmp(b)))
}
