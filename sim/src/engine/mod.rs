//! The discrete-event engine.
//!
//! Time is integer nanoseconds; events are ordered by (time, class, sequence). Completions come before arrivals and
//! arrivals before decisions of the same instant, so that a decision sees everything that has happened by then. The
//! policy is asked when something has changed and when it asked to be ([`crate::policy::Policy::next_wake`]). With a
//! quantum, decisions wait for its next multiple and make one pass each, which gives the schedules of a scheduler that
//! ticks (the thesis' one second, 5.3.2.4) without the idle ticks.
//!
//! - `events`: the heap; `state`: waiting and running jobs; [`progress`]: work done, kept and lost;
//! - `decide`, `easy`, `preempt`: the passes of a decision; `belief`: what it is made on;
//! - `meter`, `usage`: energy and GPU time, exact in integers; [`log`]: what happened, on request.

mod belief;
mod decide;
mod easy;
mod events;
pub mod log;
mod meter;
mod preempt;
pub mod progress;
mod state;
mod usage;

pub use log::{Ending, Log, PowerStep, Segment};
pub use progress::{Costs, Loss};

use crate::cluster::Cluster;
use crate::job::Arrival;
use crate::metrics::Metrics;
use crate::oracle::{Book, Noise};
use crate::policy::Policy;
use crate::time::Time;
use events::{Class, Event};
use state::Engine;

/// Everything that a run is a function of, beside the arrivals.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The machines.
    pub cluster: &'a Cluster,
    /// What the oracles say; made for this cluster.
    pub book: &'a Book,
    /// The rule.
    pub policy: &'a dyn Policy,
    /// Jobs run only as their template's rigid request says.
    pub rigid: bool,
    /// How belief and truth differ.
    pub noise: Noise,
    /// Key of the noise.
    pub seed: u64,
    /// The end; `None`: when all jobs are done.
    pub horizon: Option<Time>,
    /// Decisions wait for multiples of it; zero: none.
    pub quantum: Time,
    /// What preemption costs.
    pub costs: Costs,
    /// A power that is reported when exceeded. It binds no policy.
    pub report_cap_w: Option<f64>,
    /// Keep a log, whose memory grows with finished jobs.
    pub keep_log: bool,
}

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The figures.
    pub metrics: Metrics,
    /// What happened, if it was asked for.
    pub log: Option<Log>,
}

/// Runs one policy over arrivals in order of time. An arrival that is out of order counts as submitted when the one
/// before it was. Memory grows with running and waiting jobs, and with finished ones only for a log.
pub fn simulate(setup: &Setup<'_>, arrivals: impl IntoIterator<Item = Arrival>) -> Outcome {
    let mut engine = Engine::new(setup);
    let mut arrivals = arrivals.into_iter().peekable();
    let end = setup.horizon.unwrap_or(Time::MAX);
    loop {
        let arrival = arrivals.peek().map(|arrival| (arrival.time.max(engine.now), Class::Arrival));
        let event = engine.events.peek().map(|event| (event.time, event.class));
        let (time, class) = match (arrival, event) {
            (Some(arrival), Some(event)) => arrival.min(event),
            (Some(next), None) | (None, Some(next)) => next,
            (None, None) => break,
        };
        if time > end || (time == end && class == Class::Decision) {
            break;
        }
        engine.advance(time);
        match class {
            Class::Arrival => {
                if let Some(arrival) = arrivals.next() {
                    engine.arrive(&arrival);
                }
            }
            Class::Completion => {
                if let Some(Event { slot, epoch, .. }) = engine.events.pop() {
                    engine.complete(slot, epoch);
                }
            }
            Class::Decision => {
                engine.events.pop();
                engine.decide();
            }
        }
    }
    if let Some(horizon) = setup.horizon {
        engine.advance(horizon);
    }
    engine.finish()
}
