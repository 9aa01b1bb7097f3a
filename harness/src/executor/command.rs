//! Runs a user's command as the kernel: any program that does the work of a specification can be swept.

use super::{Executor, ExecutorError, Workload};
use crate::clock::{Clock, RealClock};
use ergometer_record::{Hertz, KernelSpec, Seconds};
use std::process::{Command, Stdio};

/// A command with `{kernel}`, `{size}` and `{precision}` as placeholders in its arguments. One execution of the kernel
/// is one run of the command, start-up included.
#[derive(Debug, Clone)]
pub struct CommandExecutor {
    program: String,
    arguments: Vec<String>,
}

impl CommandExecutor {
    /// An executor for `program arguments…`.
    pub fn new(program: impl Into<String>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().collect() }
    }
}

impl Executor for CommandExecutor {
    fn name(&self) -> &'static str {
        "command"
    }

    fn device(&self) -> String {
        // The program's name without its folder, which could name a person.
        self.program.rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn prepare(&mut self, spec: &KernelSpec) -> Result<Box<dyn Workload>, ExecutorError> {
        let fill = |text: &String| {
            text.replace("{kernel}", spec.kernel.name())
                .replace("{size}", &spec.size.to_string())
                .replace("{precision}", spec.precision.name())
        };
        Ok(Box::new(CommandWorkload {
            spec: *spec,
            program: self.program.clone(),
            arguments: self.arguments.iter().map(fill).collect(),
            clock: RealClock::new(),
        }))
    }
}

struct CommandWorkload {
    spec: KernelSpec,
    program: String,
    arguments: Vec<String>,
    clock: RealClock,
}

impl Workload for CommandWorkload {
    fn run(&mut self, iterations: u64) -> Result<Seconds, ExecutorError> {
        let failed = |reason: String| ExecutorError::Failed { executor: "command".into(), spec: self.spec, reason };
        let start = self.clock.now();
        for _ in 0..iterations {
            let status = Command::new(&self.program)
                .args(&self.arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
                .map_err(|error| {
                    failed(format!(
                        "{} could not be started: {error}; check its name and that it is executable",
                        self.program
                    ))
                })?;
            if !status.success() {
                return Err(failed(format!(
                    "{} ended with {status}; run it by hand with the same arguments: {}",
                    self.program,
                    self.arguments.join(" ")
                )));
            }
        }
        Ok(self.clock.now() - start)
    }

    fn check(&mut self) -> Result<Option<f64>, ExecutorError> {
        // The command's results are its own.
        Ok(None)
    }

    fn tier(&self) -> String {
        "command".into()
    }

    fn threads(&self) -> u32 {
        0
    }

    fn achieved_clock(&self) -> Option<Hertz> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::{Kernel, Precision, Size};

    fn spec() -> KernelSpec {
        KernelSpec::new(Kernel::Gemm, Size::square(8), Precision::F32).unwrap()
    }

    #[test]
    fn placeholders_are_filled_and_each_iteration_is_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!("echo {{kernel}} {{size}} {{precision}} >> {}", log.display());
        let mut executor = CommandExecutor::new("sh", ["-c".to_owned(), script]);
        let time = executor.prepare(&spec()).unwrap().run(3).unwrap();
        assert!(time.0 > 0.0);
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "gemm m=8,n=8,k=8 f32\n".repeat(3));
    }

    #[test]
    fn failures_say_what_to_try() {
        let run = |program: &str, args: &[&str]| {
            let mut executor = CommandExecutor::new(program, args.iter().map(|a| (*a).to_owned()));
            executor.prepare(&spec()).unwrap().run(1).unwrap_err().to_string()
        };
        assert!(run("/nonexistent/program", &[]).contains("check its name"));
        assert!(run("sh", &["-c", "exit 3"]).contains("run it by hand"));
    }
}
