//! Hands cargo's optimisation level of this package to its source: no `cfg` tells it, and it decides whether the rungs
//! are scalar. It reads two variables, runs no tool and needs none.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OPT_LEVEL");
    let level = std::env::var("OPT_LEVEL").unwrap_or_else(|_| "unknown".to_owned());
    // Flags for the compiler come after the profile's and win.
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let overridden = flags.split('\u{1f}').any(|flag| flag.contains("opt-level") || flag == "-O");
    let level = if overridden { format!("{level}, overridden by RUSTFLAGS") } else { level };
    println!("cargo::rustc-env=ERGOMETER_SCALAR_OPT_LEVEL={level}");
}
