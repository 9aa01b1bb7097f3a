//! Ranks on several nodes: threads and sockets, windows that begin and end together, and the profiler on top.

use crate::trees::Tree;
use ergometer_harness::clock::{Clock, RealClock};
use ergometer_harness::cluster::socket::SocketRanks;
use ergometer_harness::cluster::threads::{self, ThreadRank};
use ergometer_harness::cluster::{
    ClusterReport, Launch, Meter, NodeId, NodeRow, Outcome, RankError, RankRun, Ranks, rows, run_command,
};
use ergometer_harness::meter::{DEFAULT_PERIOD, OutputOptions, RunError, RunOptions};
use ergometer_harness::sensor::{Quantity, Reading, Selection, Sensor, SensorError, SensorInfo};
use ergometer_harness::table::nodes;
use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Joules, Provenance, Seconds};
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs `work` on every rank in a thread of its own.
fn on_each<R: Ranks + Send, T: Send>(ranks: Vec<R>, work: impl Fn(R) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranks.into_iter().map(|rank| scope.spawn(move || work(rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Ranks joined by sockets, as a launcher's processes would be.
fn sockets(folder: &Path, nodes: &[&str]) -> Vec<SocketRanks> {
    let join = |rank: usize| {
        let launch = Launch { launcher: "a test", rank, size: nodes.len(), job: "job/1".into(), one_machine: true };
        SocketRanks::join(&launch, folder, NodeId::named(nodes[rank]), Duration::from_secs(20)).unwrap()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..nodes.len()).map(|rank| scope.spawn(move || join(rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// What holds for every kind of ranks.
fn contract<R: Ranks + Send>(ranks: Vec<R>) {
    let size = ranks.len();
    let gathered = on_each(ranks, |rank| {
        assert_eq!(rank.size(), size);
        let mut seen = Vec::new();
        for round in 0..20_u8 {
            // Of different lengths, none among them.
            let bytes = vec![round; rank.rank() * usize::from(round % 3)];
            seen.push(rank.gather(&bytes).unwrap());
            rank.barrier().unwrap();
            let told = rank.broadcast(&[rank.rank() as u8, round]).unwrap();
            assert_eq!(told, [0, round]);
        }
        seen
    });
    for (rank, seen) in gathered.iter().enumerate() {
        for (round, parts) in seen.iter().enumerate() {
            let expected: Vec<Vec<u8>> = (0..size).map(|from| vec![round as u8; from * (round % 3)]).collect();
            assert_eq!(*parts, (rank == 0).then_some(expected));
        }
    }
}

#[test]
fn threads_and_sockets_keep_the_contract_of_ranks() {
    contract(threads::ranks(&["a", "b", "a"]));
    let folder = tempfile::tempdir().unwrap();
    // What a killed job left behind is in nobody's way.
    std::fs::write(folder.path().join(".ergometer-rendezvous-job_1"), "{\"host\":\"gone\"").unwrap();
    contract(sockets(folder.path(), &["a", "b", "a", "b"]));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the ranks have met: nothing is left");
}

#[test]
fn a_rank_that_leaves_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    fn check<R: Ranks + Send>(ranks: Vec<R>) {
        let results = on_each(ranks, |rank| {
            if rank.rank() == 1 {
                rank.abort("the disk is full");
                return None;
            }
            Some(rank.barrier().and_then(|()| rank.barrier()))
        });
        for result in results.into_iter().flatten() {
            let error = result.unwrap_err();
            assert_eq!(error.to_string(), "rank 1 left early: the disk is full");
        }
    }
    check(threads::ranks(&["a", "b", "c"]));
    check(sockets(folder.path(), &["a", "b", "c"]));
}

#[test]
fn ranks_that_do_not_meet_say_who_is_missing_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let join = |rank| {
        let launch = Launch { launcher: "a test", rank, size: 2, job: "1".into(), one_machine: true };
        SocketRanks::join(&launch, folder.path(), NodeId::named("a"), Duration::from_millis(50))
            .unwrap_err()
            .to_string()
    };
    let (host, guest) = (join(0), join(1));
    assert!(host.contains("rank(s) 1 did not come") && host.contains("--rendezvous"), "{host}");
    assert!(guest.contains("did not appear") && guest.contains("--alone"), "{guest}");
}

/// A counter of 100 W that notes when it is read.
struct Watched(SensorInfo, Arc<Mutex<Vec<Seconds>>>);

impl Sensor for Watched {
    fn info(&self) -> &SensorInfo {
        &self.0
    }
    fn read(&mut self, clock: &dyn Clock) -> Result<Reading, SensorError> {
        let time = clock.now();
        self.1.lock().unwrap().push(time);
        Ok(Reading { time, quantity: Quantity::Energy(Joules(100.0 * time.0)) })
    }
}

fn watched(log: &Arc<Mutex<Vec<Seconds>>>) -> Selection {
    let info = SensorInfo {
        id: "package".into(),
        component: Component::new(Domain::Package, 0),
        provenance: Provenance::Counter,
        period: Seconds(1e-6),
        resolution: 1e-9,
        wrap: None,
        gain_u: 0.01,
        characterised: None,
    };
    Selection { sensors: vec![Box::new(Watched(info, log.clone()))], ..Selection::default() }
}

/// Measures `work` on thread ranks that share one clock; the times of all readings by node.
fn measure(names: &[&str], work: impl Fn(usize) + Sync) -> (ClusterReport, Vec<Vec<Seconds>>) {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let opened = Mutex::new(Vec::<(usize, Arc<Mutex<Vec<Seconds>>>)>::new());
    let reports = on_each(threads::ranks(names), |rank: ThreadRank| {
        let sensors = || {
            let log = Arc::new(Mutex::new(Vec::new()));
            opened.lock().unwrap().push((rank.rank(), log.clone()));
            watched(&log)
        };
        let meter = Meter::new(&rank, sensors, clock.clone(), DEFAULT_PERIOD).unwrap();
        let window = meter.start("w").unwrap();
        work(rank.rank());
        meter.stop(window).unwrap()
    });
    assert!(reports[1..].iter().all(Option::is_none), "rank 0 alone has the report");
    let mut opened = opened.into_inner().unwrap();
    opened.sort_by_key(|(rank, _)| *rank);
    let logs = opened.iter().map(|(_, log)| log.lock().unwrap().clone()).collect();
    (reports.into_iter().next().unwrap().unwrap(), logs)
}

#[test]
fn one_rank_a_node_measures_and_no_joule_is_counted_twice() {
    let (report, logs) = measure(&["a", "b", "b", "a", "b"], |_| std::thread::sleep(Duration::from_millis(2)));
    assert_eq!(logs.len(), 2, "sensors are opened once a node");
    let who: Vec<_> = report.nodes.iter().map(|node| (node.node.as_str(), node.ranks.clone())).collect();
    assert_eq!(who, [("a", vec![0, 3]), ("b", vec![1, 2, 4])]);
    // The sensor gives 100 W: each node's energy is that times its own readings' span, and the total is their sum.
    let span = |log: &Vec<Seconds>| log[log.len() - 1].0 - log[0].0;
    for (node, log) in report.nodes.iter().zip(&logs) {
        let energy = node.window.total.unwrap().energy_j.0;
        assert!((energy - 100.0 * span(log)).abs() < 1e-6, "{energy}");
    }
    let total = report.total.unwrap().energy_j.0;
    assert!((total - 100.0 * logs.iter().map(span).sum::<f64>()).abs() < 1e-6);
}

#[test]
fn the_skew_that_is_reported_bounds_the_real_one() {
    for round in 0..20 {
        // Ranks come to the start and to the end at different times.
        let (report, logs) = measure(&["a", "b", "c"], |rank| {
            std::thread::sleep(Duration::from_micros(((rank * 7 + round * 3) % 5) as u64 * 200));
        });
        let spread = |times: Vec<f64>| {
            times.iter().fold(f64::MIN, |a, b| a.max(*b)) - times.iter().fold(f64::MAX, |a, b| a.min(*b))
        };
        let first = spread(logs.iter().map(|log| log[0].0).collect());
        let last = spread(logs.iter().map(|log| log[log.len() - 1].0).collect());
        assert!(first <= report.start_skew_s.0, "began {first} s apart, {} s reported", report.start_skew_s.0);
        assert!(last <= report.stop_skew_s.0, "ended {last} s apart, {} s reported", report.stop_skew_s.0);
    }
}

/// Runs one script a rank; each node has the tree of its name.
fn profile<R: Ranks + Send>(
    ranks: Vec<R>,
    trees: &[(&str, &Tree)],
    outputs: &OutputOptions,
    script: impl Fn(usize) -> String + Sync,
) -> Vec<Result<RankRun, RankError>> {
    on_each(ranks, |rank| {
        let name = rank.node().name;
        let tree = trees.iter().find(|(node, _)| *node == name).unwrap().1;
        let options = RunOptions { roots: tree.roots(), outputs: outputs.clone(), ..RunOptions::default() };
        run_command(&rank, &["sh".into(), "-c".into(), OsString::from(script(rank.rank()))], &options)
    })
}

fn bump(tree: &Tree, microjoules: u64) -> String {
    let counter = tree.path().join("sys/class/powercap/intel-rapl:0/energy_uj");
    format!("echo {microjoules} > '{}'", counter.display())
}

#[test]
fn every_node_measures_from_before_the_first_command_until_after_the_last() {
    let (a, b, folder) = (Tree::intel_server(), Tree::intel_server(), tempfile::tempdir().unwrap());
    let trees = [("a", &a), ("b", &b)];
    // Rank 0's command works on the *other* node's counter at once, and rank 3's on node a's as its last act, when the
    // commands of node a have long ended.
    let script = |rank: usize| match rank {
        0 => bump(&b, 5_010_000),
        3 => format!("sleep 0.05; {}", bump(&a, 5_020_000)),
        _ => "true".into(),
    };
    let ranks = sockets(folder.path(), &["a", "a", "b", "b"]);
    let runs = profile(ranks, &trees, &OutputOptions::default(), script);
    let mut runs: Vec<RankRun> = runs.into_iter().map(Result::unwrap).collect();
    assert!(runs.iter().all(|run| run.exit.code() == 0));
    assert!(runs[1..].iter().all(|run| matches!(&run.outcome, Outcome::Told(failures) if failures.is_empty())));
    let Outcome::Report(report) = runs.remove(0).outcome else { panic!("rank 0 has the report") };
    let energy = |at: usize| report.cluster.nodes[at].window.component(Component::new(Domain::Package, 0));
    assert!((energy(0).unwrap().energy_j.unwrap().0 - 0.02).abs() < 1e-9);
    assert!((energy(1).unwrap().energy_j.unwrap().0 - 0.01).abs() < 1e-9);
    assert!((report.cluster.total.unwrap().energy_j.0 - 0.03).abs() < 1e-9);
    assert_eq!(report.ranks.len(), 4);
    // The table: two nodes and a total; the second packages stood still, which leaves a hole.
    let rows: Vec<NodeRow> = report.cluster.rows();
    let path = folder.path().join("nodes.csv");
    rows::write(&path, &rows).unwrap();
    assert_eq!(rows::read(&path).unwrap(), rows);
    let grid = &nodes::tables(&rows)[0];
    let column: Vec<&str> = grid.rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(column, ["a", "b", "Total"]);
    let text = report.to_string();
    assert!(text.contains("during the command") && text.contains("of one another"), "{text}");
}

#[test]
fn a_command_that_fails_does_not_wait_and_takes_its_code_with_it() {
    let (a, b, folder) = (Tree::intel_server(), Tree::intel_server(), tempfile::tempdir().unwrap());
    let script = |rank: usize| match rank {
        1 => format!("{}; exit 3", bump(&b, 5_010_000)),
        _ => "true".into(),
    };
    let ranks = sockets(folder.path(), &["a", "b"]);
    let runs = profile(ranks, &[("a", &a), ("b", &b)], &OutputOptions::default(), script);
    let runs: Vec<RankRun> = runs.into_iter().map(Result::unwrap).collect();
    assert_eq!((runs[0].exit.code(), runs[1].exit.code()), (0, 3));
    for run in &runs {
        let Outcome::Partial { lost, report } = &run.outcome else { panic!("no report of the whole") };
        assert!(lost.to_string().contains("ended with exit code 3"), "{lost}");
        // What its own node was measured to use is still there.
        assert!(report.is_some());
    }
}

#[test]
fn a_command_that_does_not_start_ends_the_job_of_all() {
    let tree = Tree::virtual_machine();
    let runs = on_each(threads::ranks(&["a", "b"]), |rank| {
        let program = if rank.rank() == 1 { "/no/such/program" } else { "true" };
        let options = RunOptions { roots: tree.roots(), ..RunOptions::default() };
        run_command(&rank, &[program.into()], &options)
    });
    assert!(matches!(runs[1], Err(RankError::Run(RunError::Start { .. }))));
    let Ok(RankRun { outcome: Outcome::Partial { lost, .. }, .. }) = &runs[0] else { panic!("rank 0 was told") };
    assert!(lost.to_string().contains("/no/such/program"), "{lost}");
}

#[test]
fn files_are_written_by_node_and_have_to_be_named_so() {
    let (a, b) = (Tree::intel_server(), Tree::intel_server());
    let (trees, names) = ([("a", &a), ("b", &b)], ["a", "a", "b", "b"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| OutputOptions { samples: Some(folder.path().join(name)), ..OutputOptions::default() };
    let runs = profile(threads::ranks(&names), &trees, &file("s-{node}.csv"), |_| "sleep 0.01".into());
    assert!(runs.iter().all(Result::is_ok));
    let mut written: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    written.sort();
    assert_eq!(written, ["s-a.csv", "s-b.csv"]);
    let runs = profile(threads::ranks(&names), &trees, &file("one.csv"), |_| "true".into());
    assert!(runs.iter().all(|run| run.is_err()));
    let said = runs.iter().filter(|run| run.as_ref().unwrap_err().to_string().contains("{node}")).count();
    assert!(said >= 1, "{runs:?}");
}
