//! The five saturation functions of thesis sections 4.3.5.2 and 4.3.7.2, each rising from its value at 0 to 1.

use ergometer_record::provenance::UnknownName;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// S_sat of eq. 4.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Saturation {
    /// 1 / (1 + e^-x) (eq. 4.12). Never below one half for x >= 0: a product of three never costs more than a factor
    /// of eight, and a reference R far above every dimension only says "one half".
    #[default]
    Sigmoid,
    /// (2 / pi) arctan x.
    Arctan,
    /// x / (1 + |x|).
    Softsign,
    /// x / sqrt(1 + x^2).
    Algebraic,
    /// tanh x.
    Tanh,
}

impl Saturation {
    /// All variants; the thesis' choice first.
    pub const ALL: [Self; 5] = [Self::Sigmoid, Self::Arctan, Self::Softsign, Self::Algebraic, Self::Tanh];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Arctan => "arctan",
            Self::Softsign => "softsign",
            Self::Algebraic => "algebraic",
            Self::Tanh => "tanh",
        }
    }

    /// The value at `x` = dimension over reference, x >= 0.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Arctan => x.atan() / std::f64::consts::FRAC_PI_2,
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Algebraic => x / (1.0 + x * x).sqrt(),
            Self::Tanh => x.tanh(),
        }
    }
}

impl FromStr for Saturation {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|f| f.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_hand() {
        let at_one = [0.731_058_578_630_004_9, 0.5, 0.5, 0.5f64.sqrt(), 0.761_594_155_955_764_9];
        for (function, expected) in Saturation::ALL.into_iter().zip(at_one) {
            assert!((function.at(1.0) - expected).abs() < 1e-15, "{}", function.name());
            assert!((function.at(1e9) - 1.0).abs() < 1e-8);
            assert_eq!(function.name().parse::<Saturation>(), Ok(function));
        }
    }

    #[test]
    fn only_the_sigmoid_begins_at_one_half() {
        for function in Saturation::ALL {
            let expected = if function == Saturation::Sigmoid { 0.5 } else { 0.0 };
            assert_eq!(function.at(0.0), expected, "{}", function.name());
        }
    }
}
