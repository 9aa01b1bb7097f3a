//! Workloads as TOML: templates, users and urgent jobs.

use super::{Network, Rigid, Template};
use crate::error::SimError;
use crate::input::Input;
use serde::Deserialize;

/// A workload as it stands in its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFile {
    /// Layout of the file.
    pub schema_version: u32,
    /// Name.
    pub name: String,
    /// Submitters.
    pub users: UsersFile,
    /// Jobs with a deadline; absent: none.
    pub urgent: Option<UrgentFile>,
    /// Kinds of jobs.
    pub templates: Vec<TemplateFile>,
}

/// Submitters as they stand in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersFile {
    /// How many.
    pub count: Input<u32>,
    /// Share of all jobs that the first user submits; the others share the rest evenly. Absent: all are alike.
    pub majority: Option<Input<f64>>,
}

/// Urgent jobs as they stand in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrgentFile {
    /// Share of jobs that have a deadline.
    pub share: Input<f64>,
    /// Deadline as a multiple of the least predicted run time on this cluster, from submission.
    pub deadline_factor: Input<f64>,
}

/// A template as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFile {
    /// Name in results.
    pub name: String,
    /// Preset of the model crate; absent: only a table or constant oracle knows the job.
    pub network: Option<String>,
    /// Number format.
    pub precision: Option<Input<String>>,
    /// Sequence length.
    pub sequence: Option<Input<u64>>,
    /// Image side.
    pub image: Option<Input<u64>>,
    /// Classes.
    pub classes: Option<Input<u64>>,
    /// Work in samples.
    pub samples: Input<f64>,
    /// GPU counts.
    pub gpus: Input<Vec<u32>>,
    /// Batch sizes per GPU.
    pub batches: Input<Vec<u64>>,
    /// GPU types; absent: all.
    pub hardware: Option<Vec<String>>,
    /// GPUs of the rigid version.
    pub rigid_gpus: Option<Input<u32>>,
    /// Batch of the rigid version.
    pub rigid_batch: Option<Input<u64>>,
    /// GPU type of the rigid version; absent: any.
    pub rigid_hardware: Option<Input<String>>,
    /// Share of arrivals, relative to the others; 1 if absent.
    pub weight: Option<Input<f64>>,
}

/// A workload that has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Name.
    pub name: String,
    /// Kinds of jobs; never empty.
    pub templates: Vec<Template>,
    /// Share of each user; never empty, adds up to 1.
    pub users: Vec<f64>,
    /// Share of urgent jobs and the factor of their deadline.
    pub urgent: Option<(f64, f64)>,
}

impl WorkloadFile {
    /// Reads a workload file's text; `file` names it in errors.
    ///
    /// # Errors
    /// Syntax, unknown keys, wrong types, a newer layout.
    pub fn parse(text: &str, file: &str) -> Result<Self, SimError> {
        let parsed: Self = crate::scenario::parse_toml(text, file)?;
        crate::scenario::check_schema(parsed.schema_version, file)?;
        Ok(parsed)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Numbers out of range, empty lists, names that stand twice.
    pub fn resolve(&self, file: &str) -> Result<Workload, SimError> {
        let share = |key: &str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                Ok(value)
            } else {
                Err(SimError::value(file, key, value, "a share between 0 and 1 is needed"))
            }
        };
        let count = self.users.count.value;
        if !(1..=1_000_000).contains(&count) {
            return Err(SimError::value(file, "users.count", count, "1 to 1,000,000 users are allowed"));
        }
        let users = match &self.users.majority {
            Some(majority) if count > 1 => {
                let majority = share("users.majority", **majority)?;
                let rest = (1.0 - majority) / f64::from(count - 1);
                (0..count).map(|user| if user == 0 { majority } else { rest }).collect()
            }
            _ => vec![1.0 / f64::from(count); count as usize],
        };
        let urgent = match &self.urgent {
            Some(urgent) => {
                let factor = urgent.deadline_factor.value;
                if !(factor.is_finite() && factor > 0.0) {
                    return Err(SimError::value(file, "urgent.deadline_factor", factor, "a positive factor is needed"));
                }
                Some((share("urgent.share", *urgent.share)?, factor))
            }
            None => None,
        };
        if self.templates.is_empty() || self.templates.len() > 10_000 {
            return Err(SimError::value(file, "templates", self.templates.len(), "1 to 10,000 templates are needed"));
        }
        let templates = self.templates.iter().map(|entry| entry.resolve(file)).collect::<Result<Vec<_>, _>>()?;
        if let Some((index, _)) = self
            .templates
            .iter()
            .enumerate()
            .find(|(index, entry)| self.templates[..*index].iter().any(|other| other.name == entry.name))
        {
            let name = &self.templates[index].name;
            return Err(SimError::value(file, "templates.name", name, "each name may stand once"));
        }
        if templates.iter().all(|template| template.weight == 0.0) {
            return Err(SimError::value(file, "templates.weight", 0, "at least one template needs a positive weight"));
        }
        Ok(Workload { name: self.name.clone(), templates, users, urgent })
    }
}

impl TemplateFile {
    fn resolve(&self, file: &str) -> Result<Template, SimError> {
        let key = |name: &str| format!("templates.{}.{name}", self.name);
        let samples = self.samples.value;
        if !(samples.is_finite() && samples >= 1.0) {
            return Err(SimError::value(file, key("samples"), samples, "at least one sample is needed"));
        }
        let mut gpus = self.gpus.value.clone();
        let mut batches = self.batches.value.clone();
        gpus.sort_unstable();
        gpus.dedup();
        batches.sort_unstable();
        batches.dedup();
        if gpus.is_empty() || gpus.first() == Some(&0) || gpus.len() > 1000 {
            return Err(SimError::value(file, key("gpus"), format!("{gpus:?}"), "positive GPU counts are needed"));
        }
        if batches.is_empty() || batches.first() == Some(&0) || batches.len() > 1000 {
            return Err(SimError::value(file, key("batches"), format!("{batches:?}"), "positive batches are needed"));
        }
        let rigid = match (&self.rigid_gpus, &self.rigid_batch) {
            (Some(k), Some(b)) if gpus.contains(&k.value) && batches.contains(&b.value) => Some(Rigid {
                gpus: k.value,
                batch: b.value,
                hardware: self.rigid_hardware.as_ref().map(|hardware| hardware.value.clone()),
            }),
            (Some(k), Some(b)) => {
                let found = format!("{} and {}", k.value, b.value);
                let expected = "`rigid_gpus` and `rigid_batch` must stand in `gpus` and `batches`";
                return Err(SimError::value(file, key("rigid_gpus"), found, expected));
            }
            (None, None) => None,
            _ => {
                let expected = "`rigid_gpus` and `rigid_batch` are needed together";
                return Err(SimError::value(file, key("rigid_gpus"), "one of the two", expected));
            }
        };
        let weight = self.weight.as_ref().map_or(1.0, |weight| weight.value);
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(SimError::value(file, key("weight"), weight, "a weight is not negative"));
        }
        Ok(Template {
            name: self.name.clone(),
            network: Network {
                preset: self.network.clone().unwrap_or_default(),
                precision: self.precision.as_ref().map(|input| input.value.clone()),
                sequence: self.sequence.as_ref().map(|input| input.value),
                image: self.image.as_ref().map(|input| input.value),
                classes: self.classes.as_ref().map(|input| input.value),
            },
            samples,
            gpus,
            batches,
            hardware: self.hardware.clone().unwrap_or_default(),
            rigid,
            weight,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        schema_version = 1
        name = 'w'
        [users]
        count = 5
        majority = 0.5
        [[templates]]
        name = 't'
        samples = 100.0
        gpus = [2, 1]
        batches = [8]
    ";

    #[test]
    fn a_majority_user_takes_its_share_and_the_rest_is_even() {
        let workload = WorkloadFile::parse(TEXT, "w.toml").unwrap().resolve("w.toml").unwrap();
        assert_eq!(workload.users[0], 0.5);
        assert!((workload.users.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(workload.templates[0].gpus, [1, 2]);
    }

    #[test]
    fn mistakes_name_file_and_key() {
        for (from, to, key) in [
            ("[2, 1]", "[0]", "templates.t.gpus"),
            ("100.0", "0.0", "templates.t.samples"),
            ("= 0.5", "= 1.5", "users.majority"),
            ("[8]", "[8]\nrigid_gpus = 2", "templates.t.rigid_gpus"),
        ] {
            let file = WorkloadFile::parse(&TEXT.replace(from, to), "w.toml").unwrap();
            let error = file.resolve("w.toml").unwrap_err().to_string();
            assert!(error.contains("w.toml") && error.contains(key), "{error}");
        }
    }
}
