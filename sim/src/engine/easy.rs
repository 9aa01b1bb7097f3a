//! Backfilling behind the first job in line that does not fit (EASY).

use super::decide::Ranked;
use super::state::{Engine, Job};
use crate::cluster::Free;
use crate::policy::Offer;
use crate::time::Time;
use std::collections::BinaryHeap;

/// What is promised to the first job in line.
struct Reservation {
    /// When it can start, by the predicted ends of the running jobs.
    from: Time,
    /// What is free then.
    free: Free,
    /// The placement that it then takes.
    offer: Offer,
}

impl Engine<'_> {
    /// Starts jobs behind the head of the queue that do not delay it; true if any started.
    pub(super) fn backfill(&mut self, head: usize, mut rest: BinaryHeap<Ranked>, usage: &[f64]) -> bool {
        let head = self.waiting[head];
        let Some(mut reservation) = self.reserve(&head) else { return false };
        let mut started = false;
        while let Some(next) = rest.pop() {
            if self.free.count() == 0 {
                break;
            }
            started |= self.start_beside(&mut reservation, next.position, usage);
        }
        started
    }

    /// The earliest time at which the head fits if running jobs end as predicted; those that are late end now.
    fn reserve(&self, head: &Job) -> Option<Reservation> {
        let offers = self.on_empty_cluster(head);
        let mut ends: Vec<(Time, usize)> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, entry)| entry.running.as_ref().map(|run| (run.expected_end.max(self.now), slot)))
            .collect();
        ends.sort_unstable();
        let mut free = self.free.clone();
        for (end, slot) in ends {
            if let Some(running) = &self.slots[slot].running {
                free.release(&running.allocation);
            }
            let fits = |offer: &Offer| free.fit(offer.configuration.hardware, offer.configuration.gpus).is_some();
            if let Some((_, offer)) = offers.iter().find(|(_, offer)| fits(offer)) {
                return Some(Reservation { from: end, offer: *offer, free });
            }
        }
        None
    }

    /// Starts one job if, on some free placement, it ends before the reservation or leaves room for it.
    fn start_beside(&mut self, reservation: &mut Reservation, position: usize, usage: &[f64]) -> bool {
        let job = self.waiting[position];
        let view = self.view(&job);
        for (index, offer) in self.on_empty_cluster(&job) {
            let (hardware, gpus) = (offer.configuration.hardware, offer.configuration.gpus);
            let Some(reach) = self.free.fit(hardware, gpus) else { continue };
            let offer = self.offer(&job, self.candidate(job.arrival.template, index), reach);
            if !self.setup.policy.admits(&view, &offer, &self.context(usage)) {
                continue;
            }
            let mut trial = self.free.clone();
            let Some(allocation) = trial.allocate(hardware, gpus, reach) else { continue };
            let ends_before = self.now.after(Time::from_seconds(offer.time_s)) <= reservation.from;
            if !ends_before {
                let mut then = reservation.free.clone();
                then.take(&allocation);
                let wanted = reservation.offer.configuration;
                if then.fit(wanted.hardware, wanted.gpus).is_none() {
                    continue;
                }
                reservation.free = then;
            }
            self.free = trial;
            self.start(position, index, reach, allocation);
            return true;
        }
        false
    }
}
