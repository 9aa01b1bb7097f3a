//! A number of a scenario with where it comes from: printed in the thesis, assumed by us, or given by the user.
//!
//! ```toml
//! arrival_rate_per_s = { value = 0.005, printed = "5.5.1" }
//! restart_s          = { value = 30.0, assumed = "checkpoint of a few GB over 10 GB/s", range = [5.0, 120.0] }
//! horizon_s          = 36000.0                                   # given: a user's own file need not say more
//! ```

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::Deref;

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It stands in the thesis, in this section.
    Printed(String),
    /// The thesis does not say: the reason for our value, and the range over which a claim should hold.
    Assumed {
        /// Why this value.
        reason: String,
        /// Lowest and highest plausible value.
        range: Option<[f64; 2]>,
    },
    /// The user's own.
    Given,
}

/// A value with its source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Input<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

impl<T> Input<T> {
    /// A value that a user or a program gives.
    pub fn given(value: T) -> Self {
        Self { value, source: Source::Given }
    }
}

impl<T> Deref for Input<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    value: toml::Value,
    printed: Option<String>,
    assumed: Option<String>,
    range: Option<[f64; 2]>,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = toml::Value::deserialize(deserializer)?;
        let is_marked = found.as_table().is_some_and(|table| table.contains_key("value"));
        if !is_marked {
            return T::deserialize(found).map(Self::given).map_err(D::Error::custom);
        }
        let marked = Marked::deserialize(found).map_err(D::Error::custom)?;
        let source = match (marked.printed, marked.assumed) {
            (Some(section), None) => Source::Printed(section),
            (None, Some(reason)) => Source::Assumed { reason, range: marked.range },
            (None, None) => Source::Given,
            (Some(_), Some(_)) => return Err(D::Error::custom("a value is either `printed` or `assumed`, not both")),
        };
        let value = T::deserialize(marked.value).map_err(D::Error::custom)?;
        Ok(Self { value, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        rate: Input<f64>,
    }

    fn read(text: &str) -> Result<Input<f64>, String> {
        toml::from_str::<File>(text).map(|file| file.rate).map_err(|error| error.to_string())
    }

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(read("rate = 0.5").unwrap(), Input::given(0.5));
        let printed = read("rate = { value = 0.005, printed = '5.5.1' }").unwrap();
        assert_eq!(printed.source, Source::Printed("5.5.1".into()));
        let assumed = read("rate = { value = 1.0, assumed = 'why', range = [0.5, 2.0] }").unwrap();
        assert_eq!(assumed.source, Source::Assumed { reason: "why".into(), range: Some([0.5, 2.0]) });
    }

    #[test]
    fn mistakes_are_named() {
        assert!(read("rate = { value = 1.0, assumd = 'why' }").unwrap_err().contains("assumd"));
        assert!(read("rate = { value = 1.0, assumed = 'a', printed = 'b' }").unwrap_err().contains("not both"));
        assert!(read("rate = 'fast'").unwrap_err().contains("line 1"));
    }
}
