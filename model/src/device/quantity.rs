//! One number of a device description, and what is known about where it comes from.

use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution: a 95 % range is the median times or over exp(Z sd).
pub const Z95: f64 = 1.959_963_984_540_054;

/// A fact from a data sheet or another document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Specified {
    /// In the unit that the key's suffix names.
    pub value: f64,
    /// Document and place in it.
    pub source: String,
}

/// A value that nobody measured on this device, with the range in which it is believed to lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assumed {
    /// Median.
    pub value: f64,
    /// Lower end of the central 95 %.
    pub low: f64,
    /// Upper end of the central 95 %.
    pub high: f64,
    /// Why this range.
    pub reason: String,
}

/// A value that records determined, or left at its prior (`identified` tells).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// The posterior mode.
    pub value: f64,
    /// Posterior standard deviation of ln(value) (Laplace approximation).
    pub sd_log: f64,
    /// Whether the records narrowed the prior at least by half.
    pub identified: bool,
}

/// A log-normal prior: ln(value) is normal about ln(`median`) with `sd_log`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// exp of the mean of ln(value).
    pub median: f64,
    /// Standard deviation of ln(value).
    pub sd_log: f64,
}

impl Prior {
    /// The prior whose central 95 % is as wide, on the log scale, as `low` to `high`.
    pub fn from_range(median: f64, low: f64, high: f64) -> Self {
        Self { median, sd_log: (high / low).ln() / (2.0 * Z95) }
    }

    /// Ends of the central 95 %.
    pub fn range(&self) -> (f64, f64) {
        let factor = (Z95 * self.sd_log).exp();
        (self.median / factor, self.median * factor)
    }
}

/// Where the number in use comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "origin")]
pub enum Origin {
    /// A document says so.
    Specification {
        /// Which.
        source: String,
    },
    /// Believed, within a range.
    Assumed {
        /// Its range as a prior.
        prior: Prior,
        /// Why.
        reason: String,
    },
    /// Fitted to records.
    Fitted {
        /// Posterior standard deviation of ln(value).
        sd_log: f64,
        /// Whether the records determined it.
        identified: bool,
    },
}

/// A number in use, with its origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantity {
    /// In the unit that the key's suffix names.
    pub value: f64,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prior_from_a_symmetric_range_gives_the_range_back() {
        let (low, high) = Prior::from_range(2.0, 1.0, 4.0).range();
        assert!((low - 1.0).abs() < 1e-12 && (high - 4.0).abs() < 1e-12, "{low} {high}");
    }
}
