//! The calibrated models of the model crate as an oracle: one step model per GPU type.

use super::{Oracle, Prediction, Query};
use crate::cluster::file::DeviceFacts;
use crate::cluster::{Cluster, Hardware};
use crate::error::SimError;
use crate::job::{Network, Template};
use ergometer_model::step::{ModelError, RunConfig, StepModel};
use ergometer_model::workload::{Workload, preset};
use ergometer_model::{DeviceModel, PerOp};
use ergometer_record::{Precision, Watts};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Makes a step model of a device.
type Make = fn(DeviceModel) -> Result<Arc<dyn StepModel>, ModelError>;

/// The kinds of model.
const MODELS: &[(&str, Make)] = &[("per-op", |device| Ok(Arc::new(PerOp::new(device)?)))];

/// Names of the kinds of model.
pub fn model_names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// A step model per GPU type, with the workloads that have been asked about.
#[derive(Default)]
pub struct ModelOracle {
    models: BTreeMap<String, Arc<dyn StepModel>>,
    workloads: Mutex<HashMap<(String, u64), Arc<Workload>>>,
}

impl ModelOracle {
    /// No types yet; see [`ModelOracle::with`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the model of a GPU type.
    #[must_use]
    pub fn with(mut self, hardware: &str, model: Arc<dyn StepModel>) -> Self {
        self.models.insert(hardware.to_owned(), model);
        self
    }

    /// The models of all types of a cluster, from the devices that it names. `kind` is one of [`model_names`].
    ///
    /// # Errors
    /// An unknown kind; a type without device; a device that can't be read or lacks what the model needs.
    pub fn for_cluster(cluster: &Cluster, kind: &str) -> Result<Self, SimError> {
        let (name, make) = MODELS
            .iter()
            .find(|(name, _)| *name == kind)
            .ok_or_else(|| SimError::unknown("model", kind, model_names()))?;
        let mut oracle = Self::new();
        for hardware in &cluster.hardware {
            let fail = |problem: String| SimError::Oracle { oracle: (*name).to_owned(), problem };
            let device = device_of(hardware)?;
            let model = make(device).map_err(|error| fail(error.to_string()))?;
            oracle = oracle.with(&hardware.name, model);
        }
        Ok(oracle)
    }

    fn workload(&self, template: &Template, batch: u64) -> Result<Arc<Workload>, SimError> {
        let key = (template.name.clone(), batch);
        // A panic of another thread leaves a map that is still valid.
        let known = self.workloads.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(workload) = known {
            return Ok(workload);
        }
        let workload = Arc::new(build(&template.network, batch)?);
        self.workloads.lock().unwrap_or_else(PoisonError::into_inner).insert(key, workload.clone());
        Ok(workload)
    }
}

/// What a device model says about powers that a cluster file leaves out.
///
/// # Errors
/// The device can't be read.
pub fn device_facts(device: &str) -> Result<DeviceFacts, SimError> {
    let model = DeviceModel::find(device)
        .map_err(|error| SimError::Oracle { oracle: "device".to_owned(), problem: error.to_string() })?;
    let watts = |key| model.value(key).map(Watts);
    Ok(DeviceFacts { tdp: watts("tdp_w"), idle: watts("idle_w"), is_virtual: model.is_virtual() })
}

fn device_of(hardware: &Hardware) -> Result<DeviceModel, SimError> {
    let fail = |problem: String| SimError::Oracle { oracle: "device".to_owned(), problem };
    let name = hardware.device.as_deref().ok_or_else(|| {
        let problem = format!(
            "GPU type {} names no device: write `device = \"...\"` in the cluster file or give one for this run",
            hardware.name
        );
        fail(problem)
    })?;
    DeviceModel::find(name).map_err(|error| fail(error.to_string()))
}

fn build(network: &Network, batch: u64) -> Result<Workload, SimError> {
    let fail = |problem: String| SimError::Oracle { oracle: "workload".to_owned(), problem };
    let mut options = preset::default_options(&network.preset)
        .ok_or_else(|| SimError::unknown("network", &network.preset, preset::NAMES))?;
    options.batch = batch;
    if let Some(precision) = &network.precision {
        options.precision = precision
            .parse::<Precision>()
            .map_err(|error| fail(format!("precision of {}: {error}", network.preset)))?;
    }
    options.sequence = network.sequence.unwrap_or(options.sequence);
    options.image = network.image.unwrap_or(options.image);
    options.classes = network.classes.unwrap_or(options.classes);
    preset::build(&network.preset, &options).map_err(|error| fail(error.to_string()))
}

impl Oracle for ModelOracle {
    fn name(&self) -> String {
        self.models.values().next().map_or_else(|| "model".to_owned(), |model| model.name().to_owned())
    }

    fn predict(&self, query: &Query<'_>) -> Result<Option<Prediction>, SimError> {
        let fail = |problem: String| SimError::Oracle { oracle: self.name(), problem };
        let model = self
            .models
            .get(&query.hardware.name)
            .ok_or_else(|| fail(format!("it has no model of GPU type {}", query.hardware.name)))?;
        let workload = self.workload(query.template, query.batch)?;
        let run = RunConfig { gpus: query.gpus, accumulation: 1, setting: query.setting.clone() };
        match model.step(&workload, &run) {
            Ok(step) => {
                let steps = query.template.samples / (f64::from(query.gpus) * query.batch as f64);
                Ok(Some(Prediction { time: step.time * steps, power: step.power }))
            }
            // The job does not run there; the scheduler has other placements, or the book says that there is none.
            Err(ModelError::Memory { .. } | ModelError::Precision { .. }) => Ok(None),
            Err(error) => Err(fail(format!("{} on {}: {error}", query.template.name, query.hardware.name))),
        }
    }
}
