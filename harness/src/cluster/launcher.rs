//! Rank, size and name of a job from the environment that its launcher gave it.

use std::ffi::OsString;
use std::path::PathBuf;

/// Set for a command whose wrapper measures it: a profiler inside measures alone.
pub const JOINED_VARIABLE: &str = "ERGOMETER_JOINED";

/// How this process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// By what.
    pub launcher: &'static str,
    /// This process, from 0.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// The same for all of them, and for nobody else.
    pub job: String,
    /// True when they are known to be on one machine.
    pub one_machine: bool,
}

struct Variables {
    launcher: &'static str,
    rank: &'static str,
    size: &'static str,
    /// Those that are there, joined, name the job.
    job: &'static [&'static str],
    /// Count of ranks here (equal to the size on one machine), or of nodes.
    local: Local,
}

enum Local {
    Ranks(&'static str),
    Nodes(&'static str),
}

/// From the most specific: `mpirun` within Slurm starts its daemons by `srun`, whose variables then say how many of those
/// there are. Slurm's own are those of a *step*, because a batch script has `SLURM_PROCID` and `SLURM_NTASKS` too and is
/// one process.
const LAUNCHERS: [Variables; 3] = [
    Variables {
        launcher: "Open MPI's mpirun",
        rank: "OMPI_COMM_WORLD_RANK",
        size: "OMPI_COMM_WORLD_SIZE",
        job: &["PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "SLURM_JOB_ID"],
        local: Local::Ranks("OMPI_COMM_WORLD_LOCAL_SIZE"),
    },
    Variables {
        launcher: "Slurm's srun",
        rank: "SLURM_PROCID",
        size: "SLURM_STEP_NUM_TASKS",
        job: &["SLURM_JOB_ID", "SLURM_STEP_ID"],
        local: Local::Nodes("SLURM_STEP_NUM_NODES"),
    },
    Variables {
        launcher: "Hydra's mpiexec (MPICH, Intel MPI)",
        rank: "PMI_RANK",
        size: "PMI_SIZE",
        job: &["HYDI_JOBID", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"],
        local: Local::Ranks("MPI_LOCALNRANKS"),
    },
];

impl Launch {
    /// Of this process; `None` when no launcher is known, or it started one process only, or a wrapper around this
    /// process measures already.
    pub fn from_environment() -> Option<Self> {
        Self::from(|name| std::env::var_os(name))
    }

    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let text = |name: &str| variable(name)?.into_string().ok().filter(|value| !value.is_empty());
        let number = |name: &str| text(name)?.parse::<usize>().ok();
        if text(JOINED_VARIABLE).is_some() {
            return None;
        }
        // Hydra started by Slurm's own process manager interface: both sets agree, and Slurm's name the step.
        let found = LAUNCHERS.iter().find(|l| number(l.rank).is_some() && number(l.size).is_some())?;
        let (rank, size) = (number(found.rank)?, number(found.size)?);
        let job: Vec<String> = found.job.iter().filter_map(|name| text(name)).collect();
        let one_machine = match found.local {
            Local::Ranks(name) => number(name) == Some(size),
            Local::Nodes(name) => number(name) == Some(1),
        };
        (size > 1 && rank < size).then(|| Self {
            launcher: found.launcher,
            rank,
            size,
            job: if job.is_empty() { "job".into() } else { job.join("-") },
            one_machine,
        })
    }

    /// Where the ranks meet when nobody says: temporary files of the one machine, or else the working folder, which
    /// launchers expect on every node.
    pub fn default_folder(&self) -> PathBuf {
        if self.one_machine { std::env::temp_dir() } else { PathBuf::from(".") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(variables: &[(&str, &str)]) -> Option<Launch> {
        Launch::from(|name| variables.iter().find(|v| v.0 == name).map(|v| v.1.into()))
    }

    #[test]
    fn mpirun_inside_slurm_is_mpirun() {
        let slurm =
            [("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2"), ("SLURM_JOB_ID", "77"), ("SLURM_STEP_ID", "0")];
        let found = launch(&slurm).unwrap();
        assert_eq!((found.rank, found.size, found.job.as_str(), found.one_machine), (1, 2, "77-0", false));
        let ompi = [("OMPI_COMM_WORLD_RANK", "3"), ("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "4")];
        let found = launch(&[&slurm[..], &ompi[..]].concat()).unwrap();
        assert_eq!((found.rank, found.size, found.job.as_str(), found.one_machine), (3, 4, "77", true));
    }

    #[test]
    fn a_batch_script_a_single_rank_and_a_wrapped_profiler_are_alone() {
        // What a batch script of four tasks sees.
        assert_eq!(launch(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4"), ("SLURM_JOB_ID", "77")]), None);
        assert_eq!(launch(&[("PMI_RANK", "0"), ("PMI_SIZE", "1")]), None);
        assert_eq!(launch(&[("PMI_RANK", "0"), ("PMI_SIZE", "2"), (JOINED_VARIABLE, "1")]), None);
        assert_eq!(launch(&[("PMI_RANK", "x"), ("PMI_SIZE", "2")]), None);
        assert_eq!(launch(&[]), None);
        assert_eq!(launch(&[("PMI_RANK", "1"), ("PMI_SIZE", "2")]).map(|l| l.rank), Some(1));
    }
}
