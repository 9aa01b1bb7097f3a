//! How work becomes time, and what is left of it when a job is stopped.
//!
//! A run of a job is: restart (only after a preemption), then useful work, with a pause of `save_s` after every
//! `period_s` of it where checkpoints are written; none after the last stretch.

use serde::Serialize;

/// What a preempted job loses. The thesis gives three statements: its last iteration (5.3.2.4), what it did since its
/// last checkpoint (5.2.3), everything (5.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The optimiser step that was interrupted.
    LastIteration,
    /// All since the last checkpoint. Checkpoints cost time, whether the job is preempted or not.
    LastCheckpoint {
        /// Useful time between checkpoints.
        period_s: f64,
        /// Time to write one.
        save_s: f64,
    },
    /// All work since submission.
    All,
}

/// What preemption costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Costs {
    /// What is lost.
    pub loss: Loss,
    /// Time to load the state and warm up, at the job's power, before work goes on.
    pub restart_s: f64,
}

impl Default for Costs {
    /// As 5.3.2.4: the last iteration, and nothing else.
    fn default() -> Self {
        Self { loss: Loss::LastIteration, restart_s: 0.0 }
    }
}

impl Costs {
    /// Wall time of a run of `samples` at `seconds_per_sample`.
    pub fn wall_s(&self, samples: f64, seconds_per_sample: f64, restarted: bool) -> f64 {
        let useful = samples * seconds_per_sample;
        let saves = match self.loss {
            Loss::LastCheckpoint { period_s, save_s } => ((useful / period_s).ceil() - 1.0).max(0.0) * save_s,
            Loss::LastIteration | Loss::All => 0.0,
        };
        useful + saves + if restarted { self.restart_s } else { 0.0 }
    }

    /// Work of a run of `wall_s` so far: (done, kept if it is stopped now), in samples, of the `samples` that it has.
    /// Under [`Loss::All`] nothing of this run is kept; the caller also takes back what earlier runs had done.
    pub fn done_and_kept(&self, wall_s: f64, run: &Pace) -> (f64, f64) {
        let elapsed = (wall_s - if run.restarted { self.restart_s } else { 0.0 }).max(0.0);
        let limit = |useful_s: f64| (useful_s / run.seconds_per_sample).clamp(0.0, run.samples);
        match self.loss {
            Loss::LastIteration => {
                let done = limit(elapsed);
                (done, (done / run.step_samples).floor() * run.step_samples)
            }
            Loss::LastCheckpoint { period_s, save_s } => {
                let cycle = period_s + save_s;
                let cycles = (elapsed / cycle).floor();
                let useful = cycles * period_s + (elapsed - cycles * cycle).min(period_s);
                (limit(useful), limit(cycles * period_s))
            }
            Loss::All => (limit(elapsed), 0.0),
        }
    }
}

/// How fast a run goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Work of the run.
    pub samples: f64,
    /// Time per sample.
    pub seconds_per_sample: f64,
    /// Samples of one optimiser step.
    pub step_samples: f64,
    /// Whether it began with a restart.
    pub restarted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { samples: 1000.0, seconds_per_sample: 0.1, step_samples: 64.0, restarted: true };

    #[test]
    fn the_three_losses_by_hand() {
        // 25 s of wall time, 5 s of them restart: 20 s of work are 200 samples, three steps of 64 are complete.
        let iteration = Costs { loss: Loss::LastIteration, restart_s: 5.0 };
        assert_eq!(iteration.done_and_kept(25.0, &PACE), (200.0, 192.0));
        // Cycles of 6 s + 1 s: two are complete (12 s of work), 6 s of a third: 18 s done, 12 s kept.
        let checkpoint = Costs { loss: Loss::LastCheckpoint { period_s: 6.0, save_s: 1.0 }, restart_s: 5.0 };
        let (done, kept) = checkpoint.done_and_kept(25.0, &PACE);
        assert!((done - 180.0).abs() < 1e-9 && (kept - 120.0).abs() < 1e-9, "{done} {kept}");
        let all = Costs { loss: Loss::All, restart_s: 5.0 };
        assert_eq!(all.done_and_kept(25.0, &PACE), (200.0, 0.0));
        assert_eq!(all.done_and_kept(3.0, &PACE), (0.0, 0.0), "still restarting");
    }

    #[test]
    fn a_whole_run_does_all_its_work() {
        for loss in [Loss::LastIteration, Loss::All, Loss::LastCheckpoint { period_s: 30.0, save_s: 2.0 }] {
            let costs = Costs { loss, restart_s: 5.0 };
            let wall = costs.wall_s(PACE.samples, PACE.seconds_per_sample, true);
            let (done, _) = costs.done_and_kept(wall, &PACE);
            assert!((done - 1000.0).abs() < 1e-6, "{loss:?}: {done}");
        }
        // 100 s of work, checkpoints at 30, 60 and 90 s.
        let costs = Costs { loss: Loss::LastCheckpoint { period_s: 30.0, save_s: 2.0 }, restart_s: 5.0 };
        assert!((costs.wall_s(1000.0, 0.1, true) - 111.0).abs() < 1e-9);
        assert!((costs.wall_s(900.0, 0.1, false) - 94.0).abs() < 1e-9, "none after the last stretch");
    }
}
