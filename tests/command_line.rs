//! The command line as a user meets it: help, exit codes, errors, and the main job.

use assert_cmd::Command;
use ergometer::record::Manifest;
use ergometer::record::format::json;
use predicates::prelude::*;
use std::fs;
use std::path::Path;

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    // Leases keep their journals inside the test's own folder.
    command.current_dir(folder).env("ERGOMETER_STATE_DIR", folder.join("state"));
    command
}

const SUBCOMMANDS: [&str; 14] = [
    "pipeline",
    "doctor",
    "run",
    "bench",
    "sweep",
    "restore",
    "table",
    "compare",
    "advise",
    "workload",
    "calibrate",
    "predict",
    "simulate",
    "report",
];

#[test]
fn every_subcommand_has_a_help_page_that_says_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let top = ergometer(folder.path()).arg("--help").assert().success().get_output().stdout.clone();
    let top = String::from_utf8(top).unwrap();
    assert!(!top.contains("__guardian"), "internal commands stay out of the help:\n{top}");
    for name in SUBCOMMANDS {
        assert!(top.contains(name), "{name} is missing in the help:\n{top}");
        ergometer(folder.path()).args([name, "--help"]).assert().success().stdout(predicate::str::contains("Usage:"));
    }
}

#[test]
fn wrong_usage_exits_with_two_and_says_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (vec!["bench", "gem"], "gemm"),
        (vec!["bench", "--isa", "neon"], "avx2"),
        (vec!["workload", "lenet"], "resnet50"),
        (vec!["sweep"], "table-3.18"),
        (vec!["compare", "a.csv", "b.csv", "--fail-over", "lots"], "3%"),
        (vec!["simulate", "thesis", "--device", "x"], "TYPE=DEVICE"),
        (vec!["frobnicate"], "unrecognized"),
    ] {
        let assert = ergometer(folder.path()).args(&arguments).assert().code(2);
        assert.stderr(predicate::str::contains(expected));
    }
}

#[test]
fn missing_files_are_named_and_exit_with_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["table", "nowhere.csv"],
        vec!["calibrate", "nowhere.csv"],
        vec!["compare", "nowhere.csv", "nowhere.csv"],
        vec!["advise", "nowhere.csv"],
        vec!["simulate", "nowhere.toml"],
        vec!["sweep", "nowhere.toml"],
    ] {
        ergometer(folder.path()).args(&arguments).assert().code(1).stderr(predicate::str::contains("nowhere"));
    }
}

#[test]
fn run_passes_the_exit_code_on_and_leaves_standard_output_to_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ergometer(folder.path());
    command.args(["run", "--", "sh", "-c", "echo out; exit 7"]).assert().code(7).stdout("out\n");
    ergometer(folder.path()).args(["run", "--", "/no/such/program"]).assert().code(1);
}

#[test]
fn doctor_speaks_json() {
    let folder = tempfile::tempdir().unwrap();
    let output = ergometer(folder.path()).args(["doctor", "--json"]).assert().success().get_output().stdout.clone();
    let doctor: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert!(doctor["cpu"].is_object() && doctor["sensors"].is_array(), "{doctor}");
    assert!(!folder.path().join("runs").exists(), "doctor writes nothing");
}

#[test]
fn a_foreign_sweep_becomes_an_edp_table_and_a_hole_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mapping = "workload = [\"net\"]\nsetting = \"cap\"\ntechnique = \"power_cap\"\nunit = \"W\"\nbaseline = \"max\"\ntime = \"t\"\npower = \"p\"\n";
    fs::write(at("map.toml"), mapping).unwrap();
    // EDP = P T^2: 250 W gives 250, 200 W gives 190 * 1.1^2 = 229.9 (8.0 % less), 100 W gives 95 * 4 = 380.
    fs::write(at("sweep.csv"), "net,cap,t,p\nresnet,250,1.0,250\nresnet,200,1.1,190\nresnet,100,2.0,95\n").unwrap();
    let table = ["table", "sweep.csv", "--mapping", "map.toml"];
    ergometer(folder.path()).args(table).assert().success().stdout(
        predicate::str::contains("+8.0%").and(predicate::str::contains("200")).and(predicate::str::contains("n = 1")),
    );
    fs::write(at("sweep.csv"), "net,cap,t,p\nresnet,250,1.0,250\nresnet,200,,190\n").unwrap();
    ergometer(folder.path())
        .args(table)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("sweep.csv, line 3, field t"));
}

#[test]
fn nothing_is_overwritten_without_force() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/notes.txt"), "precious").unwrap();
    let simulate = ["simulate", "thesis", "--seeds", "1", "--hours", "0.1", "--quiet", "--out", "mine"];
    ergometer(folder.path()).args(simulate).assert().code(2).stderr(predicate::str::contains("--force"));
    ergometer(folder.path()).args(simulate).arg("--force").assert().success();
    assert_eq!(fs::read_to_string(folder.path().join("mine/notes.txt")).unwrap(), "precious");
}

#[test]
fn the_main_job_writes_one_report_twice_and_respects_foreign_files() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = ["pipeline", "--quick", "--quiet", "--seeds", "2"];
    let first = ergometer(folder.path()).args(pipeline).assert().success().get_output().stdout.clone();
    let first = String::from_utf8(first).unwrap();
    assert!((6..=16).contains(&first.lines().count()), "about ten lines:\n{first}");
    let page = folder.path().join("report/index.html");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("VIRTUAL") || html.contains("virtual"), "what is virtual says so");
    assert!(!html.contains("src=\"http") && !html.contains("<script"), "the page fetches nothing");
    ergometer(folder.path()).args(pipeline).assert().success();
    assert_eq!(fs::read_dir(folder.path().join("runs")).unwrap().count(), 2, "a second run is a second folder");
    fs::write(&page, "my own page").unwrap();
    ergometer(folder.path()).args(pipeline).assert().code(1).stderr(predicate::str::contains("--force"));
    assert_eq!(fs::read_to_string(&page).unwrap(), "my own page");
}

#[test]
fn the_stages_read_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = ergometer(folder.path()).args(arguments).arg("--quiet").assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    fs::write(folder.path().join("plan.toml"), PLAN.replace("seed = 1\n", "seed = 7\n")).unwrap();
    run(&["sweep", "plan.toml", "--out", "swept"]);
    let manifest: Manifest = json::read(&folder.path().join("swept/manifest.json")).unwrap();
    assert_eq!(manifest.identity.seed, 7, "the plan's own seed counts where none is asked for");
    // The revision is known exactly where this is a repository with git.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if root.join(".git").exists() {
        let revision = manifest.circumstances.get("git_revision").expect("a repository has a revision");
        assert!(revision.split(',').next().unwrap().chars().all(|c| c.is_ascii_hexdigit()), "{revision}");
    }
    let table = run(&["table", "swept/sweep.csv"]);
    assert!(table.contains("VIRTUAL") && table.contains("gemm"), "{table}");
    run(&["advise", "swept/sweep.csv", "--slowdown", "5%"]);
    run(&["compare", "swept/sweep.csv", "swept/sweep.csv", "--fail-over", "0%"]);
    run(&["calibrate", "swept/sweep.csv", "--out", "fitted"]);
    let device = "fitted/vnode-a100.toml";
    assert!(folder.path().join(device).exists());
    let predicted = run(&["predict", "vit-b16", "--device", device, "--precision", "bf16", "--batch", "64"]);
    assert!(predicted.to_lowercase().contains("virtual"), "a prediction from a virtual device says so:\n{predicted}");
    let calibrated = format!("calibrated={device}");
    let simulated = run(&["simulate", "calibrated", "--seeds", "2", "--hours", "1", "--device", &calibrated]);
    assert!(simulated.contains("thesis: Pollux"), "{simulated}");
}

const PLAN: &str = include_str!("plans/small.toml");
