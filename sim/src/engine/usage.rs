//! What users have used so far, exact in integers and without a pass over running jobs.

use crate::job::UserId;
use crate::time::Time;

/// GPU time by user: what has ended, and what runs as (GPUs, sum of GPUs times start).
#[derive(Debug, Default)]
pub(super) struct Usage {
    ended: Vec<u128>,
    gpus: Vec<u64>,
    starts: Vec<u128>,
}

impl Usage {
    pub(super) fn see(&mut self, user: UserId) {
        let users = user.0 as usize + 1;
        if self.ended.len() < users {
            self.ended.resize(users, 0);
            self.gpus.resize(users, 0);
            self.starts.resize(users, 0);
        }
    }

    pub(super) fn start(&mut self, user: UserId, gpus: u32, now: Time) {
        self.gpus[user.0 as usize] += u64::from(gpus);
        self.starts[user.0 as usize] += u128::from(gpus) * u128::from(now.0);
    }

    pub(super) fn stop(&mut self, user: UserId, gpus: u32, started: Time, now: Time) {
        let user = user.0 as usize;
        self.gpus[user] -= u64::from(gpus);
        self.starts[user] -= u128::from(gpus) * u128::from(started.0);
        self.ended[user] += u128::from(gpus) * u128::from(now.since(started).0);
    }

    pub(super) fn gpu_seconds(&self, now: Time, into: &mut Vec<f64>) {
        into.clear();
        let users = self.ended.iter().zip(&self.gpus).zip(&self.starts);
        into.extend(
            users.map(|((ended, gpus), starts)| (ended + u128::from(*gpus) * u128::from(now.0) - starts) as f64 * 1e-9),
        );
    }
}
