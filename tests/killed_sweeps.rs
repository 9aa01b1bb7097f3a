//! A sweep that is killed anywhere: settings come back, and the resumed sweep ends with the rows of an uninterrupted one.
#![cfg(unix)]

use assert_cmd::cargo::CommandCargoExt;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

const PLAN: &str = r#"
name = "killed"
devices = ["vnode-xeon"]
seed = 1
blocks = 2
[window]
least_s = 0.1
longest_warm_up_s = 2.0
[idle]
times_s = [1.0, 2.0]
[[kernels]]
kernel = "triad"
sizes = ["n=1048576"]
precisions = ["f32"]
[[settings]]
cpu_max_mhz = [1500]
governor = ["powersave"]
[[settings]]
cpu_cap_w = [120]
cpu_cap_short_w = [150]
"#;

fn ergometer(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    command.current_dir(folder).env("ERGOMETER_STATE_DIR", folder.join("state")).args(arguments);
    command
}

fn run(command: &mut Command) -> (Output, String) {
    // Standard error closes with the last of sweep and guardian.
    let output = command.output().expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

/// What the virtual device is set to.
fn settings(folder: &Path, run: &str) -> String {
    let text = fs::read_to_string(folder.join(run).join("vnode-state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    state["settings"].to_string()
}

#[test]
fn a_sweep_killed_at_any_point_is_restored_and_resumes_to_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("plan.toml"), PLAN).unwrap();
    let (whole, text) = run(&mut ergometer(folder, &["sweep", "plan.toml", "--out", "whole"]));
    assert!(whole.status.success(), "{text}");
    let rows = fs::read_to_string(folder.join("whole/sweep.csv")).unwrap();
    let before = settings(folder, "whole");
    // In the first block, and in the middle of the second. (The last slots are the machine as found: nothing is left to
    // put back at the end. Kills while it is put back are in the tests of the lease.)
    let points = [
        "after-journal:1",
        "before-write:3",
        "during-write:2",
        "after-write:4",
        "after-write:7",
        "before-write:9",
        "during-write:9",
        "after-journal:12",
    ];
    let mut changed = 0;
    for (i, point) in points.into_iter().enumerate() {
        let out = format!("killed-{i}");
        let mut sweep = ergometer(folder, &["sweep", "plan.toml", "--out", &out]);
        let (killed, text) = run(sweep.env("ERGOMETER_KILL_AT", point));
        assert_eq!(killed.status.signal(), Some(libc_sigkill()), "{point}: {text}");
        changed += usize::from(text.contains("this was done for it"));
        // The guardian's work; a value that was found is as good as none asked for.
        for (lever, value) in [("cpu_cap_w", 250.0), ("cpu_cap_short_w", 250.0), ("cpu_max_hz", 3.4e9)] {
            let state: serde_json::Value = serde_json::from_str(&settings(folder, &out)).unwrap();
            assert!(state[lever].is_null() || state[lever] == value, "{point}: {state}");
        }
        let (resumed, text) = run(&mut ergometer(folder, &["sweep", "--resume", &out]));
        assert!(resumed.status.success(), "{point}: {text}");
        assert_eq!(fs::read_to_string(folder.join(&out).join("sweep.csv")).unwrap(), rows, "{point}");
        assert_eq!(settings(folder, &out), before, "{point}");
        let left = fs::read_dir(folder.join("state/leases")).unwrap().count();
        assert_eq!(left, 0, "{point}: journals are left");
    }
    assert!(changed >= 5, "the guardian had something to do {changed} times only");
}

fn libc_sigkill() -> i32 {
    9
}

#[test]
fn a_dry_run_prints_every_point_with_time_and_energy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    let (output, text) = run(&mut ergometer(folder.path(), &["sweep", "plan.toml", "--dry-run"]));
    assert!(output.status.success(), "{text}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let points: Vec<&str> = stdout.lines().filter(|line| line.trim_start().starts_with(char::is_numeric)).collect();
    // Idle before and after, and two blocks of three settings; the sum is a line too.
    assert_eq!(points.len(), 2 + 2 * 3 + 2 + 1, "{stdout}");
    assert!(
        points[..10].iter().all(|line| (line.contains(" s ") || line.contains(" ms ")) && line.contains("<=")),
        "{stdout}"
    );
    assert!(stdout.contains("Energies are bounds"), "{stdout}");
    // Changing real hardware takes more than naming it.
    let (refused, text) = run(&mut ergometer(folder.path(), &["sweep", "plan.toml", "--device", "cuda"]));
    assert!(refused.status.code() == Some(2) && text.contains("--allow-control"), "{text}");
}
