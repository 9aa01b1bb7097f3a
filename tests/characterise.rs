//! `ergometer doctor --characterise`, `--memory-model` and `ergometer run --intervals` as a user meets them.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use std::path::Path;

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    command.current_dir(folder).env("ERGOMETER_STATE_DIR", folder.join("state"));
    command
}

#[test]
fn a_virtual_card_stands_beside_its_truth_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let found = ergometer(folder.path()).args(["doctor", "--characterise", "--vnode", "a100"]).assert().success();
    let found = found.stdout(contains("window 25.000 ms").and(contains("say nothing about real hardware")));
    let text = String::from_utf8(found.get_output().stdout.clone()).unwrap();
    let windows =
        text.lines().filter_map(|line| line.trim().strip_prefix("averaging window")?.trim().split_once(" ms ["));
    let windows: Vec<f64> = windows.map(|(estimate, _)| estimate.parse().unwrap()).collect();
    assert!(windows.len() == 1 && (windows[0] - 25.0).abs() < 0.5, "{text}");
    assert!(!folder.path().join("state").exists());
    ergometer(folder.path()).args(["doctor", "--characterise", "--vnode", "k80"]).assert().failure();
    ergometer(folder.path()).args(["doctor", "--vnode", "a100"]).assert().code(2);
}

#[test]
fn a_command_runs_once_an_interval_and_its_failure_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    ergometer(folder.path())
        .args(["run", "--quiet", "--intervals", "0.1,0.01", "--repeat", "2", "--out", "study", "--", "true"])
        .assert()
        .success()
        // Quiet leaves the result, and the command's standard output to the command.
        .stdout("")
        .stderr(contains("against the sampling interval").and(contains("run 1 of").not()));
    let table = std::fs::read_to_string(folder.path().join("study/intervals.csv")).unwrap();
    let mut runs: Vec<&str> = table.lines().skip(1).filter_map(|line| line.rsplit_once(',')).map(|(l, _)| l).collect();
    runs.iter_mut().for_each(|line| *line = line.split(',').next().unwrap());
    runs.sort_unstable();
    runs.dedup();
    assert_eq!(runs, ["0.01", "0.1"], "{table}");
    assert!(folder.path().join("study/time.svg").exists());
    ergometer(folder.path()).args(["run", "--intervals", "0.1", "--", "sh", "-c", "exit 7"]).assert().code(7);
    ergometer(folder.path()).args(["run", "--intervals", "0", "--", "true"]).assert().code(2);
}

#[test]
fn more_memory_than_may_be_risked_is_refused_as_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    ergometer(folder.path())
        .args(["doctor", "--memory-model", "--most", "900T"])
        .assert()
        .code(2)
        .stderr(contains("--most"));
}
