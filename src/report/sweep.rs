//! Section: energy-delay products over settings, the best gain per technique, and EDP against time.

use super::value::{Estimate, Origin};
use ergometer_record::{Setting, Technique, Verdict};
use serde::{Deserialize, Serialize};

/// One sweep of kernels over the settings of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The device, such as "vnode-a100".
    pub device: String,
    /// Where the energies come from.
    pub origin: Origin,
    /// Complete randomised blocks behind the estimates.
    pub blocks: usize,
    /// The fitted idle model, where one was measured.
    pub idle: Option<IdleModel>,
    /// The kernels, each with its points and its gains.
    pub kernels: Vec<SweptKernel>,
    /// Sentences shown under the table: what was left out, and why.
    pub notes: Vec<String>,
}

/// E_idle(t) = alpha + beta t (thesis eq. 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IdleModel {
    /// alpha, joules.
    pub alpha_j: Estimate,
    /// beta, watts.
    pub beta_w: Estimate,
    /// Coefficient of determination of the fit.
    pub r2: f64,
}

/// One kernel of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweptKernel {
    /// Kernel and size, such as "gemm m=4096,n=4096,k=4096 f32".
    pub name: String,
    /// One point per setting, the baseline among them.
    pub points: Vec<SweepPoint>,
    /// The best setting of each technique.
    pub gains: Vec<Gain>,
}

/// One setting of one kernel, averaged over the blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepPoint {
    /// The setting.
    pub setting: Setting,
    /// Whether it held.
    pub verdict: Verdict,
    /// Seconds per execution.
    pub time_s: Estimate,
    /// Joules per execution.
    pub energy_j: Estimate,
    /// Joule-seconds per execution.
    pub edp_js: Estimate,
}

/// What one technique gains for one kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The lever.
    pub technique: Technique,
    /// EDP saved against the baseline in percent, positive is better; from blocks that did not choose the setting.
    pub edp_gain_pct: Estimate,
    /// Change of time against the baseline in percent, positive is slower.
    pub time_change_pct: Estimate,
    /// The chosen setting; the baseline when nothing was better.
    pub setting: Setting,
    /// Settings that can't be told apart from the chosen one, without it.
    pub tied: Vec<Setting>,
}
