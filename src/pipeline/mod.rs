//! The joins between the stages, one file each, and the loop that runs them all.
//!
//! A join takes what one crate gives and hands it to the next: it decides nothing about measuring, modelling or
//! scheduling. [`full::run`] is `ergometer pipeline`.

pub mod bench;
pub mod calibrate;
pub mod characterise;
pub mod device;
pub mod examine;
pub mod figures;
pub mod full;
pub mod interference;
pub mod intervals;
pub mod memory_model;
pub mod nodes;
pub mod sensor_character;
pub mod sensors;
pub mod simulate;
pub mod summary;
pub mod sweep;
pub mod tables;

use crate::record::Seconds;

/// What a long stage tells, and asks, its caller.
pub trait Observer: Sync {
    /// A stage begins.
    fn stage(&self, name: &str);
    /// `done` of `total` steps of the stage are done.
    fn progress(&self, done: u64, total: u64, message: &str);
    /// The stage knows better than its steps so far how long the rest takes. Told before [`Observer::progress`].
    fn remaining(&self, _: Seconds) {}
    /// True when the user wants to stop (Ctrl-C): a stage ends soon, leaving whole files only.
    fn interrupted(&self) -> bool;
    /// Something that the user should know now, in a sentence.
    fn remark(&self, _: &str) {}
}

/// An observer that says nothing and never stops, for tests and for embedding.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn stage(&self, _: &str) {}
    fn progress(&self, _: u64, _: u64, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// The user stopped a stage; what was finished is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped by request during {stage}; {kept}")]
pub struct Interrupted {
    /// Which stage.
    pub stage: String,
    /// What is kept and how to go on.
    pub kept: String,
}
