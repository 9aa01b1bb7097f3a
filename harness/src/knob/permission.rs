//! Whether real hardware may be changed. Asked at every write, not once at the start.

use super::KnobError;

/// Set to anything but `0` or nothing, this environment variable refuses every write to real hardware.
pub const NO_CONTROL: &str = "ERGOMETER_NO_CONTROL";

/// What the user allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permission {
    /// Nothing is written.
    #[default]
    ReadOnly,
    /// `--allow-control` was given.
    AllowControl,
}

/// Lets a write to the real knob `id` pass. Virtual knobs are not asked.
///
/// # Errors
/// [`KnobError::NotPermitted`] with what would allow it.
pub fn check(id: &str, permission: Permission) -> Result<(), KnobError> {
    let refuse = |reason: &str, remedy: &str| {
        Err(KnobError::NotPermitted { id: id.to_owned(), reason: reason.to_owned(), remedy: remedy.to_owned() })
    };
    if is_forbidden() {
        return refuse(
            "ERGOMETER_NO_CONTROL is set, which refuses every change of real hardware",
            "unset ERGOMETER_NO_CONTROL",
        );
    }
    match permission {
        Permission::AllowControl => Ok(()),
        Permission::ReadOnly => refuse(
            "settings of real hardware are changed only when asked to",
            "repeat the command with --allow-control",
        ),
    }
}

/// True when the environment refuses every change of real hardware.
pub fn is_forbidden() -> bool {
    std::env::var_os(NO_CONTROL).is_some_and(|value| !value.is_empty() && value != "0")
}
