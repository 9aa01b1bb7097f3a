//! A kernel with its operands on the device.

use crate::compile::Cubin;
use crate::device::DeviceProperties;
use crate::error::CudaError;
use crate::open::describe;
use crate::operand::Content;
use crate::oracle;
use crate::plan::{Arg, Launch, Plan};
use crate::resources::Resources;
use cudarc::driver::sys::{CUevent_flags, CUfunction_attribute_enum as FunctionAttribute, CUresult};
use cudarc::driver::{
    CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtrMut, DriverError, LaunchConfig, PushKernelArg, result,
};
use ergometer_record::{Hertz, KernelSpec, Seconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is recorded of a prepared kernel beside its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelInfo {
    /// The kernel variant, for the `tier` column.
    pub variant: String,
    /// SHA-256 of the CUBIN.
    pub cubin_sha256: String,
    /// Registers, shared and local memory of each launched function, by the CUBIN.
    pub functions: Vec<Resources>,
    /// Blocks of the last launch of one execution.
    pub grid: [u32; 3],
    /// Threads of a block.
    pub block: [u32; 3],
    /// Dynamic shared memory of a block.
    pub shared_bytes: u32,
    /// Resident threads over the most that a multiprocessor holds, as the driver computes it.
    pub occupancy: f64,
    /// Bytes of device memory of all operands.
    pub operand_bytes: u64,
}

/// A kernel that is ready to run, and can be run any number of times.
pub struct Prepared {
    plan: Plan,
    info: KernelInfo,
    stream: Arc<CudaStream>,
    functions: Vec<CudaFunction>,
    buffers: Vec<CudaSlice<u8>>,
    clock: CudaFunction,
    clock_result: CudaSlice<u8>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("spec", &self.plan.spec).field("info", &self.info).finish_non_exhaustive()
    }
}

impl Prepared {
    pub(crate) fn new(
        plan: Plan,
        cubin: &Cubin,
        [module, clock]: [Arc<CudaModule>; 2],
        stream: &Arc<CudaStream>,
        device: &DeviceProperties,
    ) -> Result<Self, CudaError> {
        let spec = plan.spec;
        let context = stream.context();
        let clock = clock.load_function("sm_clock").map_err(|e| device_error(&spec, "sm_clock", e))?;
        let mut functions = Vec::new();
        for launch in &plan.launches {
            let function =
                module.load_function(launch.function).map_err(|e| device_error(&spec, launch.function, e))?;
            if launch.shared_bytes > 0 {
                // A block gets more than 48 KB only after this.
                let most = FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
                let bytes = i32::try_from(launch.shared_bytes).unwrap_or(i32::MAX);
                function.set_attribute(most, bytes).map_err(|e| device_error(&spec, "cuFuncSetAttribute", e))?;
            }
            functions.push(function);
        }
        let needed = plan.bytes();
        // Memory that was freed before goes back to the device at the next synchronisation.
        stream.synchronize().map_err(|e| device_error(&spec, "cuStreamSynchronize", e))?;
        let (free, _) = context.mem_get_info().map_err(|e| device_error(&spec, "cuMemGetInfo", e))?;
        let full = || CudaError::OutOfMemory { spec, needed_bytes: needed, free_bytes: free as u64 };
        if needed > free as u64 {
            return Err(full());
        }
        let buffers = plan
            .buffers
            .iter()
            .map(|buffer| match &buffer.content {
                Content::Output { .. } => poisoned(stream, buffer.content.bytes()),
                content => stream.clone_htod(&content.generate()),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| match e.0 {
                CUresult::CUDA_ERROR_OUT_OF_MEMORY => full(),
                _ => device_error(&spec, "the upload of the operands", e),
            })?;
        let clock_result = stream.clone_htod(&[0u8; 16]).map_err(|e| device_error(&spec, "cuMemAlloc", e))?;
        stream.synchronize().map_err(|e| device_error(&spec, "cuStreamSynchronize", e))?;
        let info = info(&plan, &cubin.sha256, &cubin.resources, &functions, device)
            .map_err(|e| device_error(&spec, "cuOccupancyMaxActiveBlocksPerMultiprocessor", e))?;
        Ok(Self { plan, info, stream: stream.clone(), functions, buffers, clock, clock_result })
    }

    /// What it computes.
    pub fn spec(&self) -> &KernelSpec {
        &self.plan.spec
    }

    /// What is recorded beside the results.
    pub fn info(&self) -> &KernelInfo {
        &self.info
    }

    /// Executes `iterations` times back to back; the time between an event before and one after, on the device's clock
    /// (resolution about 0.5 microseconds). No warm-up: the caller decides about that.
    ///
    /// # Errors
    /// The device failed; the error says whether it can be used further.
    pub fn run(&mut self, iterations: u64) -> Result<Seconds, CudaError> {
        let spec = self.plan.spec;
        let record = |stream: &CudaStream| {
            let event = stream.record_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
            event.map_err(|e| device_error(&spec, "cuEventRecord", e))
        };
        let start = record(&self.stream)?;
        for _ in 0..iterations {
            self.execute()?;
        }
        let end = record(&self.stream)?;
        let ms = start.elapsed_ms(&end).map_err(|e| device_error(&spec, self.last_function(), e))?;
        Ok(Seconds(f64::from(ms) / 1e3))
    }

    /// Executes once into poisoned outputs and compares with the reference: the largest error over the bound (at most 1
    /// passes), or `None` for probes that have nothing to compare. See [`oracle::verify`].
    ///
    /// # Errors
    /// The device failed.
    pub fn check(&mut self) -> Result<Option<f64>, CudaError> {
        let spec = self.plan.spec;
        for (buffer, slice) in self.plan.buffers.iter().zip(&mut self.buffers) {
            if buffer.content.is_output() {
                poison(&self.stream, slice).map_err(|e| device_error(&spec, "cuMemsetD8Async", e))?;
            }
        }
        self.execute()?;
        let mut outputs = Vec::new();
        for (buffer, slice) in self.plan.buffers.iter().zip(&self.buffers) {
            if buffer.content.is_output() {
                let bytes = self.stream.clone_dtoh(slice).map_err(|e| device_error(&spec, self.last_function(), e))?;
                outputs.push(bytes);
            }
        }
        self.stream.synchronize().map_err(|e| device_error(&spec, self.last_function(), e))?;
        Ok(oracle::verify(&self.plan, &outputs))
    }

    /// The multiprocessor clock right now, as the device counts it: cycles over nanoseconds of a 100 microsecond wait,
    /// to about 1 % (the timer may tick in microseconds).
    /// Called right after [`Self::run`] it is the clock at which that batch ended. `None` when the device's
    /// nanosecond timer did not advance.
    ///
    /// # Errors
    /// The device failed.
    pub fn achieved_clock(&mut self) -> Result<Option<Hertz>, CudaError> {
        let spec = self.plan.spec;
        let at = |e| device_error(&spec, "sm_clock", e);
        let nanoseconds = 100_000u64;
        let mut builder = self.stream.launch_builder(&self.clock);
        builder.arg(&mut self.clock_result).arg(&nanoseconds);
        let config = LaunchConfig { grid_dim: (1, 1, 1), block_dim: (1, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: sm_clock takes a pointer to two u64, which the 16-byte buffer holds, and a u64.
        unsafe { builder.launch(config) }.map_err(at)?;
        let bytes = self.stream.clone_dtoh(&self.clock_result).map_err(at)?;
        self.stream.synchronize().map_err(at)?;
        let word = |i: usize| bytes.as_chunks().0.get(i).map_or(0, |c| u64::from_le_bytes(*c));
        Ok((word(1) > 0).then(|| Hertz(word(0) as f64 / word(1) as f64 * 1e9)))
    }

    fn last_function(&self) -> &'static str {
        self.plan.launches.last().map_or("no launch", |l| l.function)
    }

    fn execute(&mut self) -> Result<(), CudaError> {
        for (launch, function) in self.plan.launches.iter().zip(&self.functions) {
            let mut builder = self.stream.launch_builder(function);
            for arg in &launch.args {
                match arg {
                    Arg::Buffer(i) => match self.buffers.get(*i) {
                        Some(buffer) => builder.arg(buffer),
                        None => return Err(bad_plan(&self.plan.spec, launch)),
                    },
                    Arg::U32(x) => builder.arg(x),
                    Arg::U64(x) => builder.arg(x),
                    Arg::F32(x) => builder.arg(x),
                    Arg::F64(x) => builder.arg(x),
                };
            }
            let triple = |[x, y, z]: [u32; 3]| (x, y, z);
            let config = LaunchConfig {
                grid_dim: triple(launch.grid),
                block_dim: triple(launch.block),
                shared_mem_bytes: launch.shared_bytes,
            };
            // SAFETY: number, order and types of the arguments are the plan's, which the shim tests hold against the
            // parameter lists of the same .cu texts (they refuse to launch on a mismatch); the extents among them are
            // those by which the plan sized the buffers, and the buffers live in self.
            unsafe { builder.launch(config) }.map_err(|e| device_error(&self.plan.spec, launch.function, e))?;
        }
        Ok(())
    }
}

/// Memory for an output, poisoned so that nothing uninitialised is ever read.
fn poisoned(stream: &Arc<CudaStream>, bytes: usize) -> Result<CudaSlice<u8>, DriverError> {
    // SAFETY: the memory is written before anything reads it, by the next line.
    let mut slice = unsafe { stream.alloc::<u8>(bytes) }?;
    poison(stream, &mut slice)?;
    Ok(slice)
}

/// Fills with 0xff: NaN in every format used here.
fn poison(stream: &Arc<CudaStream>, slice: &mut CudaSlice<u8>) -> Result<(), DriverError> {
    stream.context().bind_to_thread()?;
    let bytes = slice.num_bytes();
    let (pointer, _guard) = slice.device_ptr_mut(stream);
    // SAFETY: the allocation is `bytes` long and borrowed; the stream belongs to the same context, bound above.
    unsafe { result::memset_d8_async(pointer, 0xff, bytes, stream.cu_stream()) }
}

fn bad_plan(spec: &KernelSpec, launch: &Launch) -> CudaError {
    let reason = "its plan names a buffer that it does not have; please report this".to_owned();
    CudaError::Device { spec: *spec, at: launch.function.to_owned(), reason, sticky: false }
}

fn info(
    plan: &Plan,
    sha256: &str,
    resources: &[Resources],
    functions: &[CudaFunction],
    device: &DeviceProperties,
) -> Result<KernelInfo, DriverError> {
    let launched = |r: &&Resources| plan.launches.iter().any(|l| l.function == r.function);
    let (grid, block, shared_bytes) =
        plan.launches.last().map_or(([0; 3], [0; 3], 0), |l| (l.grid, l.block, l.shared_bytes));
    let threads: u32 = block.iter().product();
    let resident = match functions.last() {
        Some(f) => f.occupancy_max_active_blocks_per_multiprocessor(threads, shared_bytes as usize, None)?,
        None => 0,
    };
    Ok(KernelInfo {
        variant: plan.variant.clone(),
        cubin_sha256: sha256.to_owned(),
        functions: resources.iter().filter(launched).cloned().collect(),
        grid,
        block,
        shared_bytes,
        occupancy: f64::from(resident * threads) / f64::from(device.threads_per_sm.max(1)),
        operand_bytes: plan.bytes(),
    })
}

/// Errors after which the driver refuses everything else in this process (CUDA driver API, CUresult).
fn is_sticky(code: CUresult) -> bool {
    matches!(
        code,
        CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
            | CUresult::CUDA_ERROR_LAUNCH_FAILED
            | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
            | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS
            | CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | CUresult::CUDA_ERROR_INVALID_PC
            | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
            | CUresult::CUDA_ERROR_ASSERT
            | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED
    )
}

fn device_error(spec: &KernelSpec, at: &str, error: DriverError) -> CudaError {
    CudaError::Device { spec: *spec, at: at.to_owned(), reason: describe(error), sticky: is_sticky(error.0) }
}
