//! Files that ship with the simulator. Every input in them is marked `printed` or `assumed`.

use crate::error::SimError;

/// Name and text of each preset: `cluster-*`, `workload-*`, `scenario-*`.
const PRESETS: &[(&str, &str)] = &[
    ("cluster-thesis", include_str!("../presets/cluster-thesis.toml")),
    ("cluster-calibrated", include_str!("../presets/cluster-calibrated.toml")),
    ("workload-thesis", include_str!("../presets/workload-thesis.toml")),
    ("workload-thesis-majority", include_str!("../presets/workload-thesis-majority.toml")),
    ("scenario-thesis", include_str!("../presets/scenario-thesis.toml")),
    ("scenario-thesis-fit", include_str!("../presets/scenario-thesis-fit.toml")),
    ("scenario-calibrated", include_str!("../presets/scenario-calibrated.toml")),
];

/// The text of a preset; the prefix may be left out: `thesis` is the scenario `scenario-thesis` where scenarios are
/// asked for.
///
/// # Errors
/// No such preset; the error lists those of this kind.
pub fn text(kind: &'static str, name: &str) -> Result<&'static str, SimError> {
    let full = format!("{kind}-{name}");
    PRESETS
        .iter()
        .find(|(known, _)| *known == full || (*known == name && known.starts_with(kind)))
        .map(|(_, text)| *text)
        .ok_or_else(|| SimError::unknown("preset file (a path ends in .toml)", name, names(kind)))
}

/// The names of the presets of a kind (`cluster`, `workload`, `scenario`), prefix included.
pub fn names(kind: &'static str) -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name).filter(move |name| name.split('-').next() == Some(kind))
}

/// All presets, with their texts.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    PRESETS.iter().copied()
}
