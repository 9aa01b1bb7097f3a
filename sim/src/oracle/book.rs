//! Every answer for every template, asked once before a run.
//!
//! A run then reads arrays only. Belief and truth stand side by side, so that a placement is one index.

use super::noise::mix;
use super::{Oracle, Query};
use crate::cluster::{Cluster, HardwareId};
use crate::error::SimError;
use crate::job::{Configuration, Template, TemplateId};
use rayon::prelude::*;

/// Speed and power of a job on a placement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Performance {
    /// Time per sample, whole job.
    pub seconds_per_sample: f64,
    /// Power of all GPUs of the job.
    pub power_w: f64,
}

/// A placement of a template with what is believed and what is true of it, before noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where and how.
    pub configuration: Configuration,
    /// What the scheduler thinks.
    pub belief: Performance,
    /// What happens.
    pub truth: Performance,
    /// Power that the hardware can't exceed: TDP or cap, times GPUs.
    pub limit_w: f64,
    /// Power of the same GPUs when idle.
    pub idle_w: f64,
    /// Further host power for them; where nodes of a type differ, the highest.
    pub host_w: f64,
    /// Part of the key of the noise; a hash of names, so that the order of a file does not matter.
    pub key: u64,
}

impl Candidate {
    /// Samples of one optimiser step, the grain in which work is lost.
    pub fn step_samples(&self) -> f64 {
        f64::from(self.configuration.gpus) * self.configuration.batch as f64
    }
}

/// All candidates of all templates, in the loop order of algorithm 3: k, then b, then h, then setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    candidates: Vec<Vec<Candidate>>,
    rigid: Vec<Vec<bool>>,
}

impl Book {
    /// Asks both oracles about every placement that fits the cluster.
    ///
    /// # Errors
    /// An oracle fails; the truth does not know a placement that the belief knows; a template has no placement.
    pub fn new(
        cluster: &Cluster,
        templates: &[Template],
        belief: &dyn Oracle,
        truth: &dyn Oracle,
    ) -> Result<Self, SimError> {
        let mut book = Self { candidates: Vec::new(), rigid: Vec::new() };
        for template in templates {
            for name in &template.hardware {
                if cluster.hardware_named(name).is_none() {
                    let allowed = cluster.hardware.iter().map(|hardware| hardware.name.as_str());
                    return Err(SimError::unknown("hardware type", name, allowed));
                }
            }
            let configurations: Vec<Configuration> = configurations(cluster, template).collect();
            let answers: Vec<Option<Candidate>> = configurations
                .par_iter()
                .map(|&configuration| ask(cluster, template, configuration, belief, truth))
                .collect::<Result<_, _>>()?;
            let candidates: Vec<Candidate> = answers.into_iter().flatten().collect();
            if candidates.is_empty() {
                let (template, cluster) = (template.name.clone(), cluster.name.clone());
                return Err(SimError::NoPlacement { template, cluster });
            }
            let rigid = candidates.iter().map(|candidate| is_rigid(cluster, template, candidate)).collect();
            book.candidates.push(candidates);
            book.rigid.push(rigid);
        }
        Ok(book)
    }

    /// Candidates of a template.
    pub fn candidates(&self, template: TemplateId) -> &[Candidate] {
        &self.candidates[usize::from(template.0)]
    }

    /// How many templates.
    pub fn templates(&self) -> usize {
        self.candidates.len()
    }

    /// Indices of the candidates that a policy may use: all or only the rigid request, with or without the settings.
    pub fn allowed(&self, template: TemplateId, rigid: bool, settings: bool) -> Vec<u32> {
        let index = usize::from(template.0);
        (0u32..)
            .zip(self.candidates[index].iter().zip(&self.rigid[index]))
            .filter(|(_, (candidate, is_rigid))| {
                (!rigid || **is_rigid) && (settings || candidate.configuration.setting == 0)
            })
            .map(|(position, _)| position)
            .collect()
    }

    /// The least believed time per sample of each template at the baseline setting, on the whole cluster: what
    /// deadlines (5.5.1) and slowdowns refer to.
    pub fn least_seconds_per_sample(&self) -> Vec<f64> {
        self.candidates
            .iter()
            .map(|candidates| {
                candidates
                    .iter()
                    .filter(|candidate| candidate.configuration.setting == 0)
                    .map(|candidate| candidate.belief.seconds_per_sample)
                    .fold(f64::INFINITY, f64::min)
            })
            .collect()
    }
}

/// All configurations that the cluster has room for.
fn configurations<'a>(cluster: &'a Cluster, template: &'a Template) -> impl Iterator<Item = Configuration> + 'a {
    let room = |id: HardwareId| match cluster.span_slowdown {
        Some(_) => cluster.gpus_of(id),
        None => cluster.nodes.iter().filter(|node| node.hardware == id).map(|node| node.gpus).max().unwrap_or(0),
    };
    let types: Vec<(HardwareId, u32)> = cluster
        .hardware_ids()
        .filter(|&id| template.hardware.is_empty() || template.hardware.contains(&cluster.hardware(id).name))
        .map(|id| (id, room(id)))
        .collect();
    template.gpus.iter().flat_map(move |&gpus| {
        let types = types.clone();
        template.batches.iter().flat_map(move |&batch| {
            types.clone().into_iter().filter(move |(_, room)| *room >= gpus).flat_map(move |(hardware, _)| {
                let settings = cluster.hardware(hardware).settings.len() as u16;
                (0..settings).map(move |setting| Configuration { gpus, batch, hardware, setting })
            })
        })
    })
}

fn ask(
    cluster: &Cluster,
    template: &Template,
    configuration: Configuration,
    belief: &dyn Oracle,
    truth: &dyn Oracle,
) -> Result<Option<Candidate>, SimError> {
    let hardware = cluster.hardware(configuration.hardware);
    let setting = &hardware.settings[usize::from(configuration.setting)];
    let (gpus, batch) = (configuration.gpus, configuration.batch);
    let query = Query { template, hardware, gpus, batch, setting };
    let described = || format!("{} on {gpus} {} at batch {batch}, {setting}", template.name, hardware.name);
    let answer = |oracle: &dyn Oracle| -> Result<Option<Performance>, SimError> {
        let Some(prediction) = oracle.predict(&query)? else { return Ok(None) };
        let (time, power) = (prediction.time.0, prediction.power.0);
        if !(time.is_finite() && time > 0.0 && power.is_finite() && power > 0.0) {
            let problem = format!("{} takes {time} s at {power} W, which is not possible", described());
            return Err(SimError::Oracle { oracle: oracle.name(), problem });
        }
        Ok(Some(Performance { seconds_per_sample: time / template.samples, power_w: power }))
    };
    let Some(belief) = answer(belief)? else { return Ok(None) };
    let Some(truth_performance) = answer(truth)? else {
        let problem = format!("the scheduler may choose {}, but the truth does not know it", described());
        return Err(SimError::Oracle { oracle: truth.name(), problem });
    };
    let per_gpu_w = setting.gpu_cap_w.map_or(hardware.tdp.0, |cap| cap.0.min(hardware.tdp.0));
    let nodes = cluster.nodes.iter().filter(|node| node.hardware == configuration.hardware);
    let host_per_gpu_w = nodes.map(|node| node.host_per_busy_gpu.0).fold(0.0, f64::max);
    let text = format!("{}|{gpus}|{batch}|{setting}", hardware.name);
    Ok(Some(Candidate {
        configuration,
        belief,
        truth: truth_performance,
        limit_w: per_gpu_w * f64::from(gpus),
        idle_w: hardware.idle.0 * f64::from(gpus),
        host_w: host_per_gpu_w * f64::from(gpus),
        key: text.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte))),
    }))
}

fn is_rigid(cluster: &Cluster, template: &Template, candidate: &Candidate) -> bool {
    let configuration = candidate.configuration;
    template.rigid.as_ref().is_some_and(|rigid| {
        rigid.gpus == configuration.gpus
            && rigid.batch == configuration.batch
            && rigid.hardware.as_ref().is_none_or(|name| *name == cluster.hardware(configuration.hardware).name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::file::uniform;
    use crate::oracle::constant::Constant;
    use crate::oracle::table::Table;
    use ergometer_record::Watts;

    fn template() -> Template {
        Template {
            name: "t".into(),
            network: crate::job::Network::default(),
            samples: 100.0,
            gpus: vec![1, 2, 16],
            batches: vec![4, 8],
            hardware: vec![],
            rigid: Some(crate::job::Rigid { gpus: 2, batch: 8, hardware: None }),
            weight: 1.0,
        }
    }

    #[test]
    fn candidates_stand_in_loop_order_and_fit_a_node() {
        let oracle = Constant::new(10.0, Watts(100.0));
        let book = Book::new(&uniform("x", 2, 8), &[template()], &oracle, &oracle).unwrap();
        let candidates = book.candidates(TemplateId(0));
        let order: Vec<_> = candidates.iter().map(|c| (c.configuration.gpus, c.configuration.batch)).collect();
        assert_eq!(order, [(1, 4), (1, 8), (2, 4), (2, 8)], "16 GPUs fit no node");
        assert_eq!(book.allowed(TemplateId(0), true, false), [3]);
        assert_eq!(book.least_seconds_per_sample(), [0.05]);
    }

    #[test]
    fn what_only_the_belief_knows_is_an_error() {
        let oracle = Constant::new(10.0, Watts(100.0));
        let error = Book::new(&uniform("x", 1, 8), &[template()], &oracle, &Table::default()).unwrap_err();
        assert!(error.to_string().contains("truth does not know"), "{error}");
        let error = Book::new(&uniform("x", 1, 8), &[template()], &Table::default(), &oracle).unwrap_err();
        assert!(matches!(error, SimError::NoPlacement { .. }), "{error}");
    }
}
