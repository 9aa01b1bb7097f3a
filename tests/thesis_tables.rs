//! Tables 3.13 to 3.16 as a user gets them: rows by `ergometer bench --paradigms`, tables by `ergometer table`.

use assert_cmd::Command;
use ergometer::record::format::rows;
use ergometer::record::measurement::{f32_spec, point_id};
use ergometer::record::{Counts, Kernel, Row, Seconds, Size};
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use std::path::Path;

fn ergometer(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("ergometer").expect("the binary is built with its tests");
    command.current_dir(folder);
    command
}

#[test]
fn the_virtual_nodes_idle_windows_give_tables_3_13_and_3_14_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ["bench", "triad", "--device", "vnode-xeon", "--paradigms", "--repeats", "2", "--out", "v"];
    ergometer(folder.path()).args(bench).assert().success();
    let table = ergometer(folder.path()).args(["table", "--layout", "idle", "v/bench.csv"]).assert().success();
    let text = String::from_utf8(table.get_output().stdout.clone()).unwrap();
    let titles: Vec<&str> = text.lines().filter(|line| line.contains(" of vnode-xeon")).collect();
    // Packages, memory, and both by sleeping threads.
    assert_eq!(titles.len(), 3, "{text}");
    assert!(titles.iter().all(|title| title.starts_with("VIRTUAL: ")), "{text}");
    assert!(titles[2].ends_with("by sleeping threads") && text.contains("E_idle(t) = "), "{text}");
    // The virtual node has one code version.
    let versions = ergometer(folder.path()).args(["table", "--layout", "paradigms", "v/bench.csv"]).assert().failure();
    versions.stderr(contains("bench --paradigms"));
    let sizes = ["bench", "--device", "vnode-xeon", "--thesis-sizes", "--out", "w"];
    ergometer(folder.path()).args(sizes).assert().code(2).stderr(contains("for the CPU"));
}

#[test]
fn versions_come_before_threads_and_unknown_energies_read_so() {
    let folder = tempfile::tempdir().unwrap();
    let spec = f32_spec(Kernel::Triad, Size::Vector { n: 1000 });
    let row = |tier: &str, threads: u32, seconds: f64| {
        let timed = Row::timed(spec, "cpu", "a CPU", Seconds(seconds));
        Row { tier: tier.into(), threads, point_id: point_id(&spec, tier, threads, &timed.setting), ..timed }
    };
    let counted = Row { counts: Counts { cycles: Some(3e9), ..Counts::default() }, ..row("avx2", 2, 1.0) };
    let all = [row("scalar", 1, 8.0), row("sse", 1, 4.0), row("avx2", 1, 2.0), counted];
    rows::write(&folder.path().join("bench.csv"), &all).unwrap();
    let table = ergometer(folder.path()).args(["table", "--layout", "paradigms", "bench.csv"]).assert().success();
    let text = String::from_utf8(table.get_output().stdout.clone()).unwrap();
    let (versions, threads) = text.split_once("time and energy by threads").expect("two tables");
    assert!(starts_with("time and energy by code version").eval(versions));
    let line = |text: &str, first: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(first));
        line.expect(first).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(line(versions, "avx2"), ["avx2", "2.000", "4.00", "unknown", "unknown", "-", "-"]);
    assert_eq!(line(threads, "2"), ["2", "1.000", "2.00", "unknown", "unknown", "-", "-"]);
    assert!(!versions.contains("2 threads") && text.contains("gcc -O0"), "{text}");
    // Nothing was asleep.
    let idle = ergometer(folder.path()).args(["table", "--layout", "idle", "bench.csv"]).assert().failure();
    idle.stderr(contains("idle energy is unknown"));
}
