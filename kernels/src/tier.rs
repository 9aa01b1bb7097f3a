//! Instruction-set tiers: detected once, forcible, named in every result.

use crate::error::KernelError;
use ergometer_record::provenance::UnknownName;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

/// An instruction-set tier, in rising order of vector width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Plain loops built without vectorisation, on any architecture.
    Scalar,
    /// SSE2, the baseline of x86-64: 128-bit vectors, separate multiply and add.
    Sse,
    /// AVX2 with FMA: 256-bit vectors, fused multiply-add.
    Avx2,
    /// AVX-512 F, VL, DQ and BW: 512-bit vectors, masks.
    Avx512,
}

impl Tier {
    /// All tiers, in rising order.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Sse, Self::Avx2, Self::Avx512];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse => "sse",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The tiers that this CPU (and operating system) can run, in rising order; never empty. Detected once.
    pub fn available() -> &'static [Self] {
        static TIERS: OnceLock<Vec<Tier>> = OnceLock::new();
        TIERS.get_or_init(|| Self::ALL.into_iter().filter(|t| t.detect()).collect())
    }

    /// The widest tier that this CPU can run.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Scalar)
    }

    /// Whether this CPU can run the tier.
    pub fn is_available(self) -> bool {
        Self::available().contains(&self)
    }

    /// The CPU features that the tier needs, as the kernel names them in `/proc/cpuinfo`.
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Scalar => &[],
            Self::Sse => &["sse2"],
            Self::Avx2 => &["avx2", "fma"],
            Self::Avx512 => &["avx512f", "avx512vl", "avx512dq", "avx512bw", "avx2", "fma"],
        }
    }

    /// Why a processor with `flags`, as `/proc/cpuinfo` lists them, can't run the tier in this build; `None` where it can.
    pub fn lacking(self, flags: &[&str]) -> Option<String> {
        if self != Self::Scalar && !cfg!(target_arch = "x86_64") {
            return Some(format!("it is of x86-64, and this program was built for {}", std::env::consts::ARCH));
        }
        let missing: Vec<&str> = self.features().iter().copied().filter(|feature| !flags.contains(feature)).collect();
        (!missing.is_empty()).then(|| format!("the CPU lacks {}", missing.join(", ")))
    }

    /// What a report must say beside the tier's name because this build can't vouch for it: `unverified` for scalar rungs
    /// that were not built at the level at which the vectorisers are off. `None` where there is nothing to say.
    pub fn caveat(self) -> Option<String> {
        let level = ergometer_kernels_scalar::OPT_LEVEL;
        (self == Self::Scalar && !ergometer_kernels_scalar::profile_verified())
            .then(|| format!("unverified: built at opt-level {level} instead of 1, so that loops may be vectorised"))
    }

    pub(crate) fn list_available() -> String {
        Self::available().iter().map(|t| t.name()).collect::<Vec<_>>().join(", ")
    }

    #[cfg(target_arch = "x86_64")]
    fn detect(self) -> bool {
        let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match self {
            Self::Scalar | Self::Sse => true,
            Self::Avx2 => avx2(),
            Self::Avx512 => {
                avx2()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect(self) -> bool {
        self == Self::Scalar
    }

    /// The proof, needed to call into a tier's code, that the CPU has it.
    pub(crate) fn level(self) -> Result<Level, KernelError> {
        if !self.is_available() {
            return Err(KernelError::TierUnavailable { tier: self });
        }
        Ok(match self {
            #[cfg(target_arch = "x86_64")]
            Self::Sse => Level::Sse,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Level::Avx2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Level::Avx512,
            _ => Level::Scalar,
        })
    }
}

/// A tier that this CPU was seen to have: [`Tier::level`] is the only place that makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Sse,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Calls the function of one name in the module of the tier at hand; `scalar` is the expression of the scalar tier.
macro_rules! dispatch {
    ($level:expr, scalar: $scalar:expr, $name:ident :: <$T:ty> ($($arg:expr),* $(,)?)) => {
        match $level {
            $crate::tier::Level::Scalar => $scalar,
            // SAFETY: a `Level` is made only after the CPU reported the tier's features; the rest of the
            // function's contract is the enclosing function's own, or checked by it.
            #[cfg(target_arch = "x86_64")]
            $crate::tier::Level::Sse => unsafe { sse::$name::<$T>($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::tier::Level::Avx2 => unsafe { avx2::$name::<$T>($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::tier::Level::Avx512 => unsafe { avx512::$name::<$T>($($arg),*) },
        }
    };
}
pub(crate) use dispatch;

impl FromStr for Tier {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|t| t.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|t| t.name())))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_bad_ones_list_the_allowed() {
        for tier in Tier::ALL {
            assert_eq!(tier.to_string().parse(), Ok(tier));
        }
        let error = "avx3".parse::<Tier>().unwrap_err().to_string();
        assert!(error.contains("scalar, sse, avx2, avx512"), "{error}");
    }

    #[test]
    fn scalar_is_everywhere_and_best_is_available() {
        assert_eq!(Tier::available().first(), Some(&Tier::Scalar));
        assert!(Tier::best().is_available());
        assert!(Tier::available().is_sorted());
    }

    #[test]
    fn only_an_unverified_scalar_build_has_a_caveat() {
        assert_eq!(Tier::Scalar.caveat().is_none(), ergometer_kernels_scalar::profile_verified());
        assert!(Tier::ALL[1..].iter().all(|t| t.caveat().is_none()));
    }

    #[test]
    fn a_tier_that_can_not_run_names_what_is_missing() {
        assert_eq!(Tier::Scalar.lacking(&[]), None);
        let haswell = ["sse2", "avx2", "fma"];
        let [sse, avx2, avx512] = [Tier::Sse, Tier::Avx2, Tier::Avx512].map(|tier| tier.lacking(&haswell));
        if cfg!(target_arch = "x86_64") {
            assert_eq!((sse, avx2), (None, None));
            assert_eq!(avx512.unwrap(), "the CPU lacks avx512f, avx512vl, avx512dq, avx512bw");
        } else {
            assert!([sse, avx2, avx512].iter().all(|why| why.as_ref().is_some_and(|why| why.contains("x86-64"))));
            assert_eq!(Tier::available(), [Tier::Scalar]);
        }
    }

    #[test]
    fn a_missing_tier_is_refused_by_name() {
        for tier in Tier::ALL {
            match tier.level() {
                Ok(_) => assert!(tier.is_available()),
                Err(error) => assert!(error.to_string().contains(tier.name()), "{error}"),
            }
        }
    }
}
