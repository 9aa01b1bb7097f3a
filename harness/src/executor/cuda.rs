//! Runs the CUDA kernels of `ergometer_cuda` on one NVIDIA card.

use super::{Executor, ExecutorError, Workload};
use ergometer_cuda::{Cuda, Prepared};
pub use ergometer_cuda::{CudaError, DeviceProperties, Selector};
use ergometer_record::{Hertz, KernelSpec, Seconds};
use std::time::{Duration, Instant};

/// How often the clock is taken while a kernel runs. Taking it lasts 0.1 ms, in which one multiprocessor works.
const CLOCK_EVERY: Duration = Duration::from_millis(100);

/// A card that is opened, with a compiler for it.
#[derive(Debug)]
pub struct CudaExecutor {
    cuda: Cuda,
}

impl CudaExecutor {
    /// Opens the selected card.
    ///
    /// # Errors
    /// Driver, card or compiler is missing or does not fit: which one, and the command that helps.
    pub fn open(selector: &Selector) -> Result<Self, CudaError> {
        Ok(Self { cuda: Cuda::open(selector)? })
    }

    /// What the driver says of the card.
    pub fn properties(&self) -> &DeviceProperties {
        self.cuda.properties()
    }

    /// Finds the same card in NVML ([`crate::sensor::nvml::of_card`]), which numbers cards otherwise than CUDA.
    pub fn uuid(&self) -> &str {
        &self.cuda.properties().uuid
    }
}

impl Executor for CudaExecutor {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn device(&self) -> String {
        self.cuda.properties().name.clone()
    }

    fn prepare(&mut self, spec: &KernelSpec) -> Result<Box<dyn Workload>, ExecutorError> {
        let prepared = self.cuda.prepare(spec).map_err(|error| refused(spec, error))?;
        Ok(Box::new(CudaWorkload { spec: *spec, prepared, clock: None }))
    }
}

fn refused(spec: &KernelSpec, error: CudaError) -> ExecutorError {
    let executor = "cuda".to_owned();
    match error {
        CudaError::Unsupported { spec, reason } => ExecutorError::Unsupported { executor, spec, reason },
        // As on the CPU: a size that does not fit leaves the other specifications runnable.
        error @ CudaError::OutOfMemory { .. } => {
            ExecutorError::Unsupported { executor, spec: *spec, reason: error.to_string() }
        }
        other => failed(spec, &other),
    }
}

fn failed(spec: &KernelSpec, error: &CudaError) -> ExecutorError {
    ExecutorError::Failed { executor: "cuda".into(), spec: *spec, reason: error.to_string() }
}

struct CudaWorkload {
    spec: KernelSpec,
    prepared: Prepared,
    /// The last clock taken, and when.
    clock: Option<(Instant, Option<Hertz>)>,
}

impl Workload for CudaWorkload {
    fn run(&mut self, iterations: u64) -> Result<Seconds, ExecutorError> {
        let time = self.prepared.run(iterations).map_err(|error| failed(&self.spec, &error))?;
        // At once, because an idle card changes its clock within milliseconds; not after every batch, because the
        // window in which power is measured should hold little else than the kernel.
        if self.clock.is_none_or(|(taken, _)| taken.elapsed() >= CLOCK_EVERY) {
            let clock = self.prepared.achieved_clock().map_err(|error| failed(&self.spec, &error))?;
            self.clock = Some((Instant::now(), clock));
        }
        Ok(time)
    }

    fn check(&mut self) -> Result<Option<f64>, ExecutorError> {
        self.prepared.check().map_err(|error| failed(&self.spec, &error))
    }

    fn tier(&self) -> String {
        self.prepared.info().variant.clone()
    }

    fn threads(&self) -> u32 {
        0
    }

    /// At most [`CLOCK_EVERY`] old, and taken at the end of a batch.
    fn achieved_clock(&self) -> Option<Hertz> {
        self.clock.and_then(|(_, clock)| clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::measurement::f32_spec;
    use ergometer_record::{Kernel, Size};

    fn spec() -> KernelSpec {
        f32_spec(Kernel::Triad, Size::Vector { n: 1 << 20 })
    }

    /// Where there is a card it runs a kernel; elsewhere the error is the sentence that the examination gives.
    #[test]
    fn a_card_works_or_what_is_missing_is_named() {
        let report = ergometer_cuda::doctor();
        match CudaExecutor::open(&Selector::default()) {
            Ok(mut executor) => {
                assert!(report.ready());
                assert!(!executor.device().contains("GPU-"), "{}", executor.device());
                let mut triad = executor.prepare(&spec()).unwrap();
                assert!(triad.check().unwrap().is_some_and(|error| error <= 1.0));
                assert!(triad.run(10).unwrap().0 > 0.0);
                assert!(triad.achieved_clock().is_some_and(|clock| (1e8..1e10).contains(&clock.0)));
            }
            Err(error) => {
                println!("skipped: {error}");
                assert_eq!(report.missing(), Some(error.to_string().as_str()));
                assert!(error.to_string().contains('`'), "no command that helps: {error}");
            }
        }
    }

    #[test]
    fn what_can_not_run_here_is_skipped_and_what_breaks_is_not() {
        let other = f32_spec(Kernel::Triad, Size::Vector { n: 64 });
        let unsupported = refused(&spec(), CudaError::Unsupported { spec: other, reason: "no such thing".into() });
        assert!(
            matches!(&unsupported, ExecutorError::Unsupported { spec, reason, .. } if *spec == other && reason == "no such thing")
        );
        let full = CudaError::OutOfMemory { spec: spec(), needed_bytes: 12, free_bytes: 3 };
        let full = refused(&spec(), full);
        assert!(
            matches!(&full, ExecutorError::Unsupported { reason, .. } if reason.contains("smaller size")),
            "{full}"
        );
        let lost = CudaError::Device { spec: spec(), at: "triad".into(), reason: "gone".into(), sticky: true };
        let lost = refused(&spec(), lost);
        assert!(matches!(&lost, ExecutorError::Failed { reason, .. } if reason.contains("sticky")), "{lost}");
    }
}
