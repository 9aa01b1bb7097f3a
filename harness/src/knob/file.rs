//! A knob that is one file of sysfs: the primitive of cpufreq, turbo, powercap and hwmon.

use super::{Allowed, Knob, KnobError, Lever, permission, permission::Permission};
use crate::lease::failpoint::{self, Point};
use crate::sensor::roots::{is_refusal, read_trimmed};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the driver's default is.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultValue {
    /// This text.
    Text(String),
    /// What this file holds.
    File(PathBuf),
    /// The driver states none.
    Unstated,
}

/// A setting that is read and written as the text of one file.
#[derive(Debug, Clone)]
pub struct FileKnob {
    /// Journal id.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// The field of a setting that it realises.
    pub lever: Lever,
    /// Accepted values, as the driver stated them when the knob was opened.
    pub allowed: Allowed,
    /// What [`Knob::reset`] writes.
    pub default: DefaultValue,
    /// Whether it may be written.
    pub permission: Permission,
}

impl Knob for FileKnob {
    fn id(&self) -> &str {
        &self.id
    }

    fn lever(&self) -> Lever {
        self.lever
    }

    fn allowed(&self) -> Result<Allowed, KnobError> {
        Ok(self.allowed.clone())
    }

    fn read(&self) -> Result<Option<String>, KnobError> {
        read_trimmed(&self.path).map(Some).map_err(|error| read_error(&self.id, &self.path, &error))
    }

    fn write(&mut self, value: &str) -> Result<(), KnobError> {
        permission::check(&self.id, self.permission)?;
        // The value found before is always taken back, also where it lies outside the stated range (a firmware's own
        // power limit can): the hardware has the last word on it.
        write_file(&self.id, &self.path, value)
    }

    fn reset(&mut self) -> Result<(), KnobError> {
        let value = match &self.default {
            DefaultValue::Text(text) => text.clone(),
            DefaultValue::File(path) => read_trimmed(path).map_err(|error| read_error(&self.id, path, &error))?,
            DefaultValue::Unstated => {
                return Err(KnobError::Failed {
                    id: self.id.clone(),
                    reason: "its driver states no default; write the value that you want instead".into(),
                });
            }
        };
        self.write(&value)
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// The error of a file that could not be read.
pub(crate) fn read_error(id: &str, path: &Path, error: &io::Error) -> KnobError {
    let id = id.to_owned();
    if error.kind() == io::ErrorKind::NotFound {
        KnobError::Missing { id, reason: format!("there is no {}", path.display()) }
    } else if is_refusal(error) {
        KnobError::NotPermitted {
            id,
            reason: format!("{} can't be read ({error})", path.display()),
            remedy: format!("sudo chmod a+r {}", path.display()),
        }
    } else {
        KnobError::Failed { id, reason: format!("reading {}: {error}", path.display()) }
    }
}

fn write_file(id: &str, path: &Path, value: &str) -> Result<(), KnobError> {
    let result = OpenOptions::new().write(true).open(path).and_then(|mut file| {
        failpoint::pass(Point::DuringWrite);
        file.write_all(value.as_bytes())?;
        // A file of sysfs takes each write as one value and has no end to cut; one of a fixture tree has.
        let _ = file.set_len(value.len() as u64);
        Ok(())
    });
    result.map_err(|error| {
        let id = id.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => KnobError::Missing { id, reason: format!("there is no {}", path.display()) },
            io::ErrorKind::ReadOnlyFilesystem => KnobError::NotPermitted {
                id,
                reason: format!("{} is mounted read-only, as in a container", path.display()),
                remedy: "run on the host, or mount /sys writable: docker run --privileged …".into(),
            },
            _ if is_refusal(&error) => KnobError::NotPermitted {
                id,
                reason: format!("{} can't be written ({error})", path.display()),
                remedy: "run ergometer as root: sudo ergometer … --allow-control".into(),
            },
            io::ErrorKind::InvalidInput => {
                KnobError::Failed { id, reason: format!("the driver refused {value:?} for {}", path.display()) }
            }
            _ => KnobError::Failed { id, reason: format!("writing {value:?} to {}: {error}", path.display()) },
        }
    })
}
