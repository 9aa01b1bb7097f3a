//! `ergometer run` as a user meets it, on a machine whose sensors are files (`ERGOMETER_SYS`).
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A machine with one package whose counter stands at 5 J; its counter.
fn machine(folder: &Path) -> PathBuf {
    let zone = folder.join("sys/class/powercap/intel-rapl:0");
    fs::create_dir_all(&zone).unwrap();
    for (file, text) in [("name", "package-0"), ("energy_uj", "5000000"), ("max_energy_range_uj", "262143328850")] {
        fs::write(zone.join(file), format!("{text}\n")).unwrap();
    }
    zone.join("energy_uj")
}

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ergometer"));
    command.current_dir(folder).env("ERGOMETER_SYS", folder.join("sys"));
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    ergometer(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn children_are_included_and_standard_output_is_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let counter = machine(folder.path());
    // A grandchild in the background does the work.
    let script = format!("(sleep 0.05; echo 5250000 > '{}') & wait; echo out; exit 7", counter.display());
    let output = run(folder.path(), &["run", "--", "sh", "-c", &script]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(7), "out\n"));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("0.250 J") && stderr.contains("(counter, powercap:intel-rapl:0)"), "{stderr}");
    assert!(stderr.contains("energy of the machine during the command"), "{stderr}");
    assert!(stderr.contains("ended with exit code 7") && stderr.contains("of one core"), "{stderr}");
    // The report is a result: quiet leaves it.
    let quiet = run(folder.path(), &["--quiet", "run", "--", "true"]);
    assert!(text(&quiet.stderr).contains("ended with exit code 0"), "{}", text(&quiet.stderr));
}

#[test]
fn json_holds_what_the_text_says() {
    let folder = tempfile::tempdir().unwrap();
    let counter = machine(folder.path());
    let script = format!("sleep 0.02; echo 5500000 > '{}'", counter.display());
    let output = run(folder.path(), &["--json", "run", "--samples", "s.jsonl", "--", "sh", "-c", &script]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["window"]["components"][0]["component"], "package:0");
    assert!((report["window"]["total"]["energy_j"].as_f64().unwrap() - 0.5).abs() < 1e-9, "{report}");
    assert_eq!(report["exit"]["code"], 0);
    let rows = fs::read_to_string(folder.path().join("s.jsonl")).unwrap().lines().count();
    assert_eq!(report["outputs"][0]["count"].as_u64(), Some(rows as u64));
}

#[test]
fn a_signal_to_the_profiler_reaches_the_command() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let script = "trap 'exit 9' TERM; echo > ready; while :; do sleep 0.01; done";
    let mut child = ergometer(folder.path()).args(["--quiet", "run", "--", "sh", "-c", script]).spawn().unwrap();
    let start = Instant::now();
    while !folder.path().join("ready").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "the command did not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(9), "the command decided how to end");
}

#[test]
fn files_that_can_not_be_are_refused_before_the_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    fs::write(folder.path().join("mine.csv"), "precious").unwrap();
    for (option, file, expected) in [
        ("--samples", "mine.csv", "--force"),
        ("--samples", "s.txt", ".jsonl"),
        ("--prometheus", "metrics.txt", ".prom"),
        ("--nodes", "mine.csv", "--force"),
    ] {
        let output = run(folder.path(), &["run", option, file, "--", "touch", "ran"]);
        assert_eq!(output.status.code(), Some(2), "{option} {file}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    let both = run(folder.path(), &["run", "--samples", "s.csv", "--intervals", "10,20", "--", "touch", "ran"]);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));
    assert!(!folder.path().join("ran").exists());
    assert_eq!(fs::read_to_string(folder.path().join("mine.csv")).unwrap(), "precious");
}

#[test]
fn one_machine_writes_the_rows_of_a_node_too() {
    let folder = tempfile::tempdir().unwrap();
    let counter = machine(folder.path());
    let script = format!("sleep 0.02; echo 5750000 > '{}'", counter.display());
    let arguments = ["run", "--nodes", "n.csv", "--node-name", "alpha", "--", "sh", "-c", &script];
    assert!(run(folder.path(), &arguments).status.success());
    let table = text(&run(folder.path(), &["table", "--layout", "nodes", "n.csv", "--format", "csv"]).stdout);
    let line = table.lines().find(|line| line.starts_with("alpha,")).unwrap();
    assert!(line.starts_with("alpha,0.75,-,"), "{table}");
    let json = run(folder.path(), &["--json", "table", "--layout", "nodes", "n.csv"]).stdout;
    let rows: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert!((rows[0]["energy_j"].as_f64().unwrap() - 0.75).abs() < 1e-9 && rows[0]["node"] == "alpha", "{rows}");
    let wrong = run(folder.path(), &["table", "--layout", "nodes", "sys/class/powercap/intel-rapl:0/name"]);
    assert!(wrong.status.code() == Some(1) && text(&wrong.stderr).contains("--nodes"), "{}", text(&wrong.stderr));
}
