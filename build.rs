//! Hands the revision that a binary is built from to its manifests. Without git, or outside a repository (a source
//! archive), there is none and manifests leave it out.

use std::process::Command;

/// What decides the binary; a change in one of them asks again whether the tree is that of its commit.
const SOURCES: [&str; 11] =
    ["build.rs", "Cargo.toml", "Cargo.lock", "src", "record", "kernels", "cuda", "harness", "model", "sim", "plans"];

fn main() {
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    // Written at each commit, checkout and rebase. A file that does not exist would ask anew at every build.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| std::path::Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
    if let Some(revision) = revision() {
        println!("cargo::rustc-env=ERGOMETER_REVISION={revision}");
    }
}

/// The commit, marked where the sources are not those of it.
fn revision() -> Option<String> {
    // A repository that merely contains this folder (vendored sources) is not ours.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::fs::canonicalize(std::env::var_os("CARGO_MANIFEST_DIR")?).ok()?;
    if std::fs::canonicalize(top).ok()? != here {
        return None;
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    let changed = git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat()).is_none_or(|files| !files.is_empty());
    Some(if changed { format!("{commit}, with changes") } else { commit })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
