//! Every kernel compiles for every supported architecture, within the budgets of `budgets.toml`.
//!
//! Needs NVRTC and no GPU. Without NVRTC it prints that it was skipped, and why.
//! `ERGOMETER_BUDGETS=write` prints the measured figures in the budget file's format.

mod common;

use common::variants;
use ergometer_cuda::Arch;
use ergometer_cuda::compile::compile;
use ergometer_cuda::nvrtc::{Nvrtc, Places, find};
use ergometer_cuda::resources::Resources;
use std::collections::BTreeMap;

fn nvrtc() -> Option<Nvrtc> {
    match find(&Places::here(), "pip install nvidia-cuda-nvrtc-cu12", |_| Ok(())) {
        Ok(nvrtc) => Some(nvrtc),
        Err(_) => {
            println!("skipped: no NVRTC (pip install nvidia-cuda-nvrtc-cu12)");
            None
        }
    }
}

/// registers, shared bytes and local bytes that a function may take at most.
type Budgets = BTreeMap<String, BTreeMap<String, [u64; 3]>>;

/// What is over its budget on one architecture; prints the figures instead where asked to.
fn over_budget(nvrtc: &Nvrtc, arch: Arch, budgets: &Budgets) -> Vec<String> {
    let write = std::env::var_os("ERGOMETER_BUDGETS").is_some_and(|v| v == "write");
    let mut over = Vec::new();
    for variant in variants() {
        let cubin = compile(nvrtc, variant.source, &variant.defines, arch).unwrap_or_else(|e| panic!("{e}"));
        for Resources { function, registers, shared_bytes, local_bytes } in cubin.resources {
            let name = variant.name_of(&function);
            let got = [u64::from(registers), shared_bytes, u64::from(local_bytes)];
            assert!(registers > 0, "{arch} {name}: no kernel works without registers");
            if write {
                println!("[{arch}] {name} = {got:?}");
                continue;
            }
            match budgets.get(&arch.to_string()).and_then(|b| b.get(&name)) {
                Some(most) if got.iter().zip(most).all(|(got, most)| got <= most) => {}
                most => over.push(format!("{arch} {name}: {got:?} over {most:?}")),
            }
        }
    }
    over
}

#[test]
fn compile_gate() {
    let Some(nvrtc) = nvrtc() else { return };
    let budgets: Budgets = toml::from_str(include_str!("../budgets.toml")).expect("budgets.toml is a table of tables");
    let (known, unknown): (Vec<_>, Vec<_>) = Arch::GATE.into_iter().partition(|a| nvrtc.knows(a.number()));
    for arch in unknown {
        println!("skipped: NVRTC {} has no {arch}, {} does", nvrtc.version(), arch.first_nvrtc());
    }
    let over = std::thread::scope(|scope| {
        let (nvrtc, budgets) = (&nvrtc, &budgets);
        let gates: Vec<_> = known.into_iter().map(|a| scope.spawn(move || over_budget(nvrtc, a, budgets))).collect();
        gates.into_iter().flat_map(|gate| gate.join().expect("a text does not compile")).collect::<Vec<_>>()
    });
    assert!(over.is_empty(), "[registers, shared bytes, local bytes]:\n{}", over.join("\n"));
}

#[test]
fn a_bad_parameter_is_refused_with_the_log() {
    let Some(nvrtc) = nvrtc() else { return };
    let defines = vec![("REAL", "nonsense".to_owned()), ("UNROLL", "4".to_owned())];
    let error = compile(&nvrtc, ergometer_cuda::kernels::Source::Triad, &defines, Arch::new(8, 0)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("triad.cu") && text.contains("nonsense"), "{text}");
}

#[test]
fn an_unknown_architecture_is_refused_before_compiling() {
    let Some(nvrtc) = nvrtc() else { return };
    let error = compile(&nvrtc, ergometer_cuda::kernels::Source::Clock, &Vec::new(), Arch::new(99, 0)).unwrap_err();
    assert!(error.to_string().contains("sm_990"), "{error}");
}

/// The gate can fail: a tile of 256 accumulators a thread can't live in 255 registers, and its frame is seen.
#[test]
fn spills_are_seen() {
    let Some(nvrtc) = nvrtc() else { return };
    let parameters = [("REAL", "float"), ("TM", "16"), ("TN", "16"), ("BK", "4")];
    let defines = parameters.map(|(name, value)| (name, value.to_owned())).into();
    let cubin = compile(&nvrtc, ergometer_cuda::kernels::Source::GemmSimt, &defines, Arch::new(9, 0)).unwrap();
    let [gemm] = cubin.resources.as_slice() else { panic!("{:?}", cubin.resources) };
    assert!(gemm.registers > 200 && gemm.local_bytes > 0, "{gemm:?}");
}

/// Equal text, parameters and architecture give equal machine code; another parameter gives other code.
#[test]
fn the_hash_tells_machine_code_apart() {
    let Some(nvrtc) = nvrtc() else { return };
    let with = |unroll: &str| {
        let defines = vec![("REAL", "float".to_owned()), ("UNROLL", unroll.to_owned())];
        compile(&nvrtc, ergometer_cuda::kernels::Source::Triad, &defines, Arch::new(8, 0)).unwrap().sha256
    };
    assert_eq!(with("4"), with("4"));
    assert_ne!(with("4"), with("2"));
}
