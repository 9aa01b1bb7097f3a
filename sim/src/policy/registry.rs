//! All policies by name. A new policy is one file and one line here.

use super::Policy;
use crate::error::SimError;
use serde::de::DeserializeOwned;

/// How a policy is made from its options.
type Build = fn(&toml::Table) -> Result<Box<dyn Policy>, String>;

/// Names, what the thesis calls them, and how they are made.
const POLICIES: &[(&str, &str, Build)] = &[
    ("fifo", "", make::<super::fifo::Fifo>),
    ("easy", "", make::<super::easy::Easy>),
    ("sjf", "Pollux", make::<super::sjf::Sjf>),
    ("srtf", "", make::<super::srtf::Srtf>),
    ("fair", "Themis", make::<super::fair::Fair>),
    ("slack", "Chronos", make::<super::slack::Slack>),
    ("edp", "Zeus", make::<super::edp::Edp>),
    ("edp_fair", "Hades", make::<super::edp_fair::EdpFair>),
    ("edp_slack_preempt", "AuraChronos", make::<super::edp_slack_preempt::EdpSlackPreempt>),
    ("edp_budget", "Charon", make::<super::edp_budget::EdpBudget>),
    ("edp_cap", "", make::<super::edp_cap::EdpCap>),
];

/// The names of all policies.
pub fn names() -> impl Iterator<Item = &'static str> {
    POLICIES.iter().map(|(name, _, _)| *name)
}

/// A policy's name as it is shown: `sjf (thesis: Pollux)`.
pub fn title(name: &str) -> String {
    match POLICIES.iter().find(|(known, _, _)| *known == name) {
        Some((_, thesis, _)) if !thesis.is_empty() => format!("{name} (thesis: {thesis})"),
        _ => name.to_owned(),
    }
}

/// Makes a policy from its name and options; options that are left out take their documented defaults.
///
/// # Errors
/// An unknown name, an unknown option, an option out of range.
pub fn build(name: &str, options: &toml::Table) -> Result<Box<dyn Policy>, SimError> {
    let (name, _, build) = POLICIES
        .iter()
        .find(|(known, _, _)| *known == name)
        .ok_or_else(|| SimError::unknown("policy", name, names()))?;
    build(options).map_err(|problem| SimError::Policy { policy: (*name).to_owned(), problem })
}

/// What the registry asks of a policy's type.
pub(super) trait Options: Policy + DeserializeOwned + 'static {
    /// Checks the ranges of the options.
    fn check(&self) -> Result<(), String>;
}

fn make<P: Options>(options: &toml::Table) -> Result<Box<dyn Policy>, String> {
    let policy: P = options.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    policy.check()?;
    Ok(Box::new(policy))
}

/// For options that must be finite and not negative.
pub(super) fn not_negative(key: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(format!("option {key} is {value}, but a finite number that is not negative is needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_built_by_the_name_that_it_bears() {
        for name in names() {
            let options = match name {
                "edp_budget" => toml::toml! { cap_w = 4500.0 },
                _ => toml::Table::new(),
            };
            let policy = build(name, &options).unwrap();
            assert_eq!(policy.name(), name);
            let expected = policy.thesis_name().map_or(name.to_owned(), |thesis| format!("{name} (thesis: {thesis})"));
            assert_eq!(title(name), expected);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = build("zeus", &toml::Table::new()).unwrap_err().to_string();
        assert!(unknown.contains("zeus") && unknown.contains("edp_budget"), "{unknown}");
        let option = build("sjf", &toml::toml! { agin = 1.0 }).unwrap_err().to_string();
        assert!(option.contains("policy sjf") && option.contains("agin"), "{option}");
        let range = build("sjf", &toml::toml! { aging = -1.0 }).unwrap_err().to_string();
        assert!(range.contains("aging is -1"), "{range}");
        let absent = build("edp_budget", &toml::Table::new()).unwrap_err().to_string();
        assert!(absent.contains("cap_w"), "{absent}");
    }
}
