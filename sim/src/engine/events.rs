//! The event heap.

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What kind of event, in the order in which events of one instant happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Completion,
    Arrival,
    Decision,
}

/// Something that will happen. Field order is event order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) time: Time,
    pub(super) class: Class,
    pub(super) sequence: u64,
    /// Of a completion: which running job, and which of the runs that used this slot.
    pub(super) slot: u32,
    pub(super) epoch: u32,
}

/// Events in order of (time, class, sequence).
#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<Event>>,
    sequence: u64,
    /// The earliest decision that has been asked for and not been made.
    decision: Option<Time>,
}

impl Events {
    pub(super) fn peek(&self) -> Option<&Event> {
        self.heap.peek().map(|Reverse(event)| event)
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        let Reverse(event) = self.heap.pop()?;
        if event.class == Class::Decision && self.decision.is_some_and(|time| time <= event.time) {
            self.decision = None;
        }
        Some(event)
    }

    pub(super) fn complete_at(&mut self, time: Time, slot: u32, epoch: u32) {
        self.push(time, Class::Completion, slot, epoch);
    }

    /// Asks for a decision; one that is due no later serves as well.
    pub(super) fn decide_at(&mut self, time: Time) {
        if time < Time::MAX && self.decision.is_none_or(|due| time < due) {
            self.decision = Some(time);
            self.push(time, Class::Decision, 0, 0);
        }
    }

    fn push(&mut self, time: Time, class: Class, slot: u32, epoch: u32) {
        self.heap.push(Reverse(Event { time, class, sequence: self.sequence, slot, epoch }));
        self.sequence += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_instant_are_ordered_by_class_then_sequence() {
        let mut events = Events::default();
        events.decide_at(Time(5));
        events.complete_at(Time(5), 1, 0);
        events.complete_at(Time(5), 0, 0);
        events.complete_at(Time(4), 2, 0);
        let order: Vec<_> = std::iter::from_fn(|| events.pop()).map(|event| (event.class, event.slot)).collect();
        assert_eq!(
            order,
            [(Class::Completion, 2), (Class::Completion, 1), (Class::Completion, 0), (Class::Decision, 0)]
        );
    }

    #[test]
    fn an_earlier_decision_is_added_and_a_later_one_is_not() {
        let mut events = Events::default();
        events.decide_at(Time(5));
        events.decide_at(Time(9));
        events.decide_at(Time(3));
        let times: Vec<_> = std::iter::from_fn(|| events.pop()).map(|event| event.time.0).collect();
        assert_eq!(times, [3, 5]);
    }
}
