//! Schedules against closed forms, laws and cases worked out by hand.

mod common;
mod laws;
mod policies;
mod queueing;
mod ticking;
