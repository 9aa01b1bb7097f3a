//! Where journals and locks live.

use super::LeaseError;
use std::env;
use std::path::PathBuf;

/// `$ERGOMETER_STATE_DIR`, else `$XDG_STATE_HOME/ergometer`, else `~/.local/state/ergometer` (XDG base directory
/// specification: a relative XDG_STATE_HOME is ignored). Not created here.
///
/// # Errors
/// None of the three is set.
pub fn state_dir() -> Result<PathBuf, LeaseError> {
    from(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn from(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, LeaseError> {
    variable("ERGOMETER_STATE_DIR")
        .or_else(|| variable("XDG_STATE_HOME").filter(|p| p.is_absolute()).map(|p| p.join("ergometer")))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state/ergometer")))
        .ok_or(LeaseError::NoStateDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_variable_wins() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
            from(move |name| set.iter().find(|(n, _)| n == name).map(|(_, v)| PathBuf::from(v)))
        };
        let all = [("ERGOMETER_STATE_DIR", "/a"), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(with(&all).unwrap(), PathBuf::from("/a"));
        assert_eq!(with(&all[1..]).unwrap(), PathBuf::from("/b/ergometer"));
        assert_eq!(with(&all[2..]).unwrap(), PathBuf::from("/c/.local/state/ergometer"));
        assert_eq!(
            with(&[("XDG_STATE_HOME", "b"), ("HOME", "/c")]).unwrap(),
            PathBuf::from("/c/.local/state/ergometer")
        );
        assert!(with(&[]).unwrap_err().to_string().contains("ERGOMETER_STATE_DIR"));
    }
}
