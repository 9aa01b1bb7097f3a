//! The stages of table 4.2: nested sets of targeted scalars.

use crate::adept::{Scalar, Term};
use ergometer_record::Precision;
use ergometer_record::provenance::UnknownName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stage; each holds the scalars of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Global parameters only.
    S1,
    /// + ALBERT GEMM.
    S2,
    /// + ALBERT ALU.
    S3,
    /// + ALBERT memory.
    S4,
    /// + BF16 GEMM.
    S5,
    /// + BF16 convolution.
    S6,
    /// + BF16 ALU.
    S7,
}

/// Table 4.2, in the order in which the scalars come in.
const ADDED: [(&str, Option<Precision>, Term); 6] = [
    ("albert", None, Term::Gemm),
    ("albert", None, Term::Alu),
    ("albert", None, Term::Memory),
    ("", Some(Precision::Bf16), Term::Gemm),
    ("", Some(Precision::Bf16), Term::Conv),
    ("", Some(Precision::Bf16), Term::Alu),
];

impl Stage {
    /// All stages, each containing those before it.
    pub const ALL: [Self; 7] = [Self::S1, Self::S2, Self::S3, Self::S4, Self::S5, Self::S6, Self::S7];

    /// `S1` to `S7`.
    pub fn name(self) -> &'static str {
        ["S1", "S2", "S3", "S4", "S5", "S6", "S7"][self as usize]
    }

    /// The row's name in table 4.2.
    pub fn title(self) -> &'static str {
        [
            "Base model (global parameters only)",
            "+ ALBERT GEMM",
            "+ ALBERT ALU",
            "+ ALBERT memory",
            "+ BF16 GEMM",
            "+ BF16 GEMM + conv",
            "+ BF16 GEMM + conv + ALU",
        ][self as usize]
    }

    /// The scalars of this stage, all at 1, which changes nothing.
    pub fn scalars(self) -> Vec<Scalar> {
        let added = ADDED.iter().take(self as usize);
        added
            .map(|(architecture, precision, term)| Scalar {
                architecture: (*architecture).to_owned(),
                precision: *precision,
                term: *term,
                factor: 1.0,
            })
            .collect()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Stage {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|stage| stage.name().eq_ignore_ascii_case(s));
        found.ok_or_else(|| UnknownName::new(s, Self::ALL.map(Self::name)))
    }
}
