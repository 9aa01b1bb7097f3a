//! Device descriptions: what is known about a GPU or a CPU, and from where.
//!
//! A description is a TOML file with data-sheet facts (each with its citation), assumed values (each with a range and
//! a reason), and values fitted to records (with their posterior spread). Where a key stands in more than one section,
//! the fitted value is used, then the fact, then the assumption. The keys are those of [`parameters`].

mod allowed;
mod builtin;
mod draw;
mod file;
pub mod parameters;
mod posterior;
mod quantity;
#[cfg(test)]
mod tests;

pub(crate) use builtin::common;

pub use allowed::{Allowed, Limits, Range};
pub use builtin::NAMES as BUILTIN_NAMES;
pub(crate) use draw::{Draws, normal};
pub use posterior::Posterior;
pub use quantity::{Assumed, Fitted, Origin, Prior, Quantity, Specified, Z95};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// GPU or CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A graphics card; work arrives by kernel launches.
    Gpu,
    /// The cores of a processor; work arrives by fork and join.
    Cpu,
}

/// What a fit was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitRecord {
    /// The records: device and executor as they name themselves, manifest ids.
    pub data: String,
    /// Calendar date of the fit (ISO 8601), where the caller gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Rows that entered.
    pub rows: usize,
    /// `measured` or `virtual`: where the energies (or, without energies, the times) come from.
    pub provenance: String,
}

/// A device description that is complete enough to be read and internally consistent.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceModel {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) kind: DeviceKind,
    pub(crate) configuration: Option<String>,
    pub(crate) allowed: Allowed,
    pub(crate) specification: BTreeMap<String, Specified>,
    pub(crate) assumed: BTreeMap<String, Assumed>,
    pub(crate) fit: Option<FitRecord>,
    pub(crate) fitted: BTreeMap<String, Fitted>,
    pub(crate) posterior: Option<Posterior>,
}

/// A description that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// No such name.
    #[error("there is no device {name:?}: the known ones are {}; a path of a device file (.toml) works too", BUILTIN_NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] ergometer_record::files::FileError),
    /// Not TOML, or not of this layout.
    #[error("{}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the reader found, with line and column.
        problem: String,
    },
    /// A key that is not in the vocabulary, or not allowed in its section.
    #[error("{}: the key {key} is not allowed under [{section}]: {allowed}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The section.
        section: String,
        /// The key found.
        key: String,
        /// What is allowed.
        allowed: String,
    },
    /// A value out of its range.
    #[error("{}: {section}.{key} is {found}, but {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// What stood there.
        found: String,
        /// What is allowed, as the end of a sentence.
        expected: String,
    },
}

impl DeviceModel {
    /// A description that ships with ergometer, by name; see [`BUILTIN_NAMES`].
    ///
    /// # Errors
    /// An unknown name: the error lists the known ones.
    pub fn builtin(name: &str) -> Result<Self, DeviceError> {
        builtin::load(name)
    }

    /// Reads a device file.
    ///
    /// # Errors
    /// The file can't be read, or something in it is not allowed: with file, section and key.
    pub fn read(path: &Path) -> Result<Self, DeviceError> {
        Self::from_toml(&ergometer_record::files::read_text(path)?, path)
    }

    /// A name of [`BUILTIN_NAMES`], or a path that ends in `.toml`.
    ///
    /// # Errors
    /// As [`Self::builtin`] and [`Self::read`].
    pub fn find(name_or_path: &str) -> Result<Self, DeviceError> {
        if name_or_path.ends_with(".toml") { Self::read(Path::new(name_or_path)) } else { Self::builtin(name_or_path) }
    }

    /// Reads a description from text; `path` stands in the errors.
    ///
    /// # Errors
    /// As [`Self::read`], without the file errors.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, DeviceError> {
        file::parse(text, path)
    }

    /// The description as a device file that [`Self::read`] reads back to an equal value.
    pub fn to_toml(&self) -> String {
        file::write(self)
    }

    /// The name used on the command line and in records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// GPU or CPU.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// What the fitted values hold for beside the device itself (instruction set, threads), where that matters.
    pub fn configuration(&self) -> Option<&str> {
        self.configuration.as_deref()
    }

    /// The clocks and caps that may be set.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// What the fitted values were fitted to; `None` for a description from documents alone.
    pub fn fit(&self) -> Option<&FitRecord> {
        self.fit.as_ref()
    }

    /// How the fitted values hang together and what the model can't describe; `None` where no fit told.
    pub fn posterior(&self) -> Option<&Posterior> {
        self.posterior.as_ref()
    }

    /// True when the fitted values come from the virtual node: predictions must be labelled so.
    pub fn is_virtual(&self) -> bool {
        self.fit.as_ref().is_some_and(|fit| fit.provenance == "virtual")
    }

    /// The value in use of a key, with its origin; `None` where the description says nothing.
    pub fn quantity(&self, key: &str) -> Option<Quantity> {
        if let Some(fitted) = self.fitted.get(key) {
            let origin = Origin::Fitted { sd_log: fitted.sd_log, identified: fitted.identified };
            return Some(Quantity { value: fitted.value, origin });
        }
        if let Some(fact) = self.specification.get(key) {
            return Some(Quantity { value: fact.value, origin: Origin::Specification { source: fact.source.clone() } });
        }
        self.assumed.get(key).map(|assumed| Quantity {
            value: assumed.value,
            origin: Origin::Assumed {
                prior: Prior::from_range(assumed.value, assumed.low, assumed.high),
                reason: assumed.reason.clone(),
            },
        })
    }

    /// The number in use of a key.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.fitted.get(key).map(|fitted| fitted.value).or_else(|| self.prior_value(key))
    }

    /// All quantities in use, in the order of the vocabulary.
    pub fn quantities(&self) -> Vec<(&'static str, Quantity)> {
        parameters::PARAMETERS.iter().filter_map(|p| Some((p.key, self.quantity(p.key)?))).collect()
    }

    /// True when every parameter that a power prediction needs is there.
    pub fn has_power(&self) -> bool {
        let tensor = ["peak_tf32_flop_per_s", "peak_bf16_flop_per_s", "peak_f16_flop_per_s"];
        let needs_tensor = tensor.iter().any(|key| self.value(key).is_some());
        parameters::POWER_KEYS
            .iter()
            .filter(|key| needs_tensor || **key != "tensor_w")
            .all(|key| self.value(key).is_some())
    }

    /// The same device with one value replaced (a what-if); the replaced value counts as assumed without spread.
    ///
    /// # Errors
    /// The key is not in the vocabulary or the value is out of its range.
    pub fn with_value(&self, key: &str, value: f64) -> Result<Self, DeviceError> {
        let path = Path::new("what-if");
        file::check_key(path, "what-if", key)?;
        file::check_value(path, "what-if", key, value)?;
        let mut changed = self.clone();
        changed.fitted.remove(key);
        changed.posterior = changed.posterior.map(|posterior| posterior.without(key));
        changed.specification.remove(key);
        let reason = "what-if".to_owned();
        changed.assumed.insert(key.to_owned(), Assumed { value, low: value, high: value, reason });
        Ok(changed)
    }
}

impl DeviceModel {
    /// The prior of a key: its assumed range. Fitted values don't count, so that fitting the same records twice does
    /// not count them twice.
    pub(crate) fn prior(&self, key: &str) -> Option<Prior> {
        if self.specification.contains_key(key) {
            return None;
        }
        self.assumed.get(key).map(|a| Prior::from_range(a.value, a.low, a.high))
    }

    /// The value in use before any fit.
    pub(crate) fn prior_value(&self, key: &str) -> Option<f64> {
        self.specification.get(key).map(|fact| fact.value).or_else(|| self.assumed.get(key).map(|a| a.value))
    }
}

impl Serialize for DeviceModel {
    /// As the text of its file.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_toml())
    }
}

impl<'de> Deserialize<'de> for DeviceModel {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_toml(&text, Path::new("a device description")).map_err(serde::de::Error::custom)
    }
}
