//! Stopping running jobs for waiting ones.

use super::log::Ending;
use super::state::{Engine, Job};
use crate::cluster::{NodeId, Reach};
use crate::policy::{Preemption, RunningView, Score};

/// Where a job goes and who must make room.
struct Eviction {
    cost: f64,
    candidate: u32,
    node: NodeId,
    gpus: u32,
    slots: Vec<usize>,
}

impl Engine<'_> {
    /// Makes room for entitled jobs that no free placement helps, the most urgent first; true if any started.
    pub(super) fn preempt(&mut self, rule: &dyn Preemption, usage: &[f64]) -> bool {
        let mut entitled: Vec<(Score, Job)> = Vec::new();
        for job in &self.waiting {
            let view = self.view(job);
            if rule.entitled(&view, self.now)
                && let Some((_, best)) = self.on_empty_cluster(job).first()
            {
                entitled.push((self.setup.policy.score(&view, best, &self.context(usage)), *job));
            }
        }
        entitled.sort_by(|(a, x), (b, y)| a.order(b).then(x.id.cmp(&y.id)));
        let mut any = false;
        for (_, job) in entitled {
            let Some(eviction) = self.eviction(rule, &job, usage) else { continue };
            for &slot in &eviction.slots {
                self.stop(slot, Ending::Preempted);
            }
            // Victims have gone back into the queue: the position is looked up now.
            let position = self.waiting.partition_point(|other| other.id < job.id);
            if let Some(allocation) = self.free.allocate_in(eviction.node, eviction.gpus) {
                self.start(position, eviction.candidate, Reach::Within, allocation);
                any = true;
            }
        }
        any
    }

    /// The cheapest way to make room; `None` if a free placement helps already, or none can be had.
    fn eviction(&self, rule: &dyn Preemption, job: &Job, usage: &[f64]) -> Option<Eviction> {
        let view = self.view(job);
        let context = self.context(usage);
        let mut offers = self.on_empty_cluster(job);
        offers.retain(|(_, offer)| {
            rule.worthwhile(&view, offer, &context) && self.setup.policy.admits(&view, offer, &context)
        });
        let has_room = |gpus, hardware| self.free.fit(hardware, gpus).is_some();
        if offers.iter().any(|(_, offer)| has_room(offer.configuration.gpus, offer.configuration.hardware)) {
            return None;
        }
        // Who could be stopped, cheapest first. A run that has just begun can't: an instant ends.
        let mut victims: Vec<(f64, usize, RunningView)> = Vec::new();
        for (slot, entry) in self.slots.iter().enumerate() {
            if let Some(running) = entry.running.as_ref().filter(|running| running.started < self.now) {
                let running = self.running_view(running);
                if let Some(cost) = rule.victim_cost(&view, &running, &context) {
                    victims.push((cost, slot, running));
                }
            }
        }
        victims.sort_by(|(a, _, x), (b, _, y)| a.total_cmp(b).then(x.job.id.cmp(&y.job.id)));
        let mut best: Option<Eviction> = None;
        for (candidate, offer) in offers {
            let gpus = offer.configuration.gpus;
            for &node in self.free.nodes_of(offer.configuration.hardware) {
                let Some((cost, slots)) = self.clear(node, gpus, &victims) else { continue };
                if best.as_ref().is_none_or(|best| cost < best.cost) {
                    best = Some(Eviction { cost, candidate, node, gpus, slots });
                }
            }
        }
        best
    }

    /// The victims that free `gpus` GPUs of a node, and their cost: cheapest first, then without those that turn out not
    /// to be needed, dearest first.
    fn clear(&self, node: NodeId, gpus: u32, victims: &[(f64, usize, RunningView)]) -> Option<(f64, Vec<usize>)> {
        let mut room = self.free.mask(node).count_ones();
        let mut chosen: Vec<(f64, usize, u32)> = Vec::new();
        for (cost, slot, _) in victims {
            if room >= gpus {
                break;
            }
            let Some(running) = &self.slots[*slot].running else { continue };
            let here: u32 =
                running.allocation.parts.iter().filter(|(at, _)| *at == node).map(|(_, mask)| mask.count_ones()).sum();
            if here > 0 {
                room += here;
                chosen.push((*cost, *slot, here));
            }
        }
        if room < gpus {
            return None;
        }
        for index in (0..chosen.len()).rev() {
            if room - chosen[index].2 >= gpus {
                room -= chosen[index].2;
                chosen.remove(index);
            }
        }
        Some((chosen.iter().map(|(cost, _, _)| cost).sum(), chosen.iter().map(|(_, slot, _)| *slot).collect()))
    }
}
