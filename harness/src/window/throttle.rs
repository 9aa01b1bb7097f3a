//! How often during a window something held the device back. Such a window is kept, and labelled.

use crate::sensor::throttle::Throttle;
use std::collections::BTreeMap;
use std::fmt;

/// Asks what holds the device back right now; `None` where it does not tell.
pub type ThrottleReader = Box<dyn FnMut() -> Option<Vec<Throttle>>>;

/// The answers of one window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Throttling {
    /// How often the device answered.
    pub samples: u32,
    /// How often each reason was among the answers.
    pub reasons: BTreeMap<Throttle, u32>,
}

impl Throttling {
    pub(super) fn take(&mut self, reader: &mut ThrottleReader) {
        let Some(reasons) = reader() else { return };
        self.samples += 1;
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.samples += other.samples;
        for (reason, n) in &other.reasons {
            *self.reasons.entry(*reason).or_default() += n;
        }
    }

    /// Share of the samples in which the power limit held the device back.
    pub fn by_power_limit(&self) -> f64 {
        let n = self.reasons.get(&Throttle::PowerLimit).copied().unwrap_or(0);
        f64::from(n) / f64::from(self.samples.max(1))
    }

    /// The answers without those about the power limit, which is what a power cap is for; `None` when nothing is left.
    pub fn foreign(&self) -> Option<Self> {
        let reasons: BTreeMap<Throttle, u32> =
            self.reasons.iter().filter(|(reason, _)| **reason != Throttle::PowerLimit).map(|(r, n)| (*r, *n)).collect();
        (!reasons.is_empty()).then_some(Self { samples: self.samples, reasons })
    }
}

impl fmt::Display for Throttling {
    /// `held back by the power limit (12 of 12 samples)`; nothing where nothing held it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |(reason, n): (&Throttle, &u32)| format!("{reason} ({n} of {} samples)", self.samples);
        let reasons: Vec<String> = self.reasons.iter().map(of).collect();
        if reasons.is_empty() { Ok(()) } else { write!(f, "held back by {}", reasons.join(" and ")) }
    }
}
