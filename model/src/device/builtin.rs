//! The descriptions that ship with ergometer, from data sheets.

use super::{Assumed, DeviceError, DeviceKind, DeviceModel, file};
use std::collections::BTreeMap;
use std::path::Path;

macro_rules! devices {
    ($($name:literal),* $(,)?) => {
        /// The names, oldest generation last.
        pub const NAMES: &[&str] = &[$($name),*];

        fn text(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some(include_str!(concat!("../../devices/", $name, ".toml"))),)*
                _ => None,
            }
        }
    };
}

devices!["h200-sxm", "h100-sxm5-80gb", "a100-sxm4-40gb", "a40", "rtx6000", "t4", "v100"];

pub(super) fn load(name: &str) -> Result<DeviceModel, DeviceError> {
    // Short names that people type for the generations of which there is one description.
    let full = match name {
        "h200" => "h200-sxm",
        "h100" => "h100-sxm5-80gb",
        "a100" => "a100-sxm4-40gb",
        other => other,
    };
    let text = text(full).ok_or_else(|| DeviceError::Unknown { name: name.to_owned() })?;
    DeviceModel::from_toml(text, Path::new(&format!("{full}.toml")))
}

/// What is believed of any GPU or any CPU before it is measured: `based_on` in a device file.
pub(crate) fn common(kind: DeviceKind) -> Result<BTreeMap<String, Assumed>, DeviceError> {
    let (text, name) = match kind {
        DeviceKind::Gpu => (include_str!("../../devices/common/gpu.toml"), "common/gpu.toml"),
        DeviceKind::Cpu => (include_str!("../../devices/common/cpu.toml"), "common/cpu.toml"),
    };
    file::parse_assumed(text, Path::new(name))
}
